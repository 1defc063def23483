"""The descriptors that the monitor was started with, as the guest's 0, 1 and 2."""
from __future__ import annotations

import os
from errno import EBADF, EPERM
from fcntl import F_GETFL, fcntl

from skete.abi.fcntl import F_DUPFD_CLOEXEC, O_ACCMODE, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, SETFL_MASK
from skete.abi.stat import S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from skete.kernel.files.host import HostFile
from skete.kernel.files.stream import Fifo, SharedStream, SocketStream

__all__ = ["stdio"]

#: A pseudo-terminal's master: opening it again would make another terminal.
_PTMX = os.makedev(5, 2)
#: Major number of the devices that never wait: null, zero, full, random
_MEM = 1


class HostDevice(HostFile):
    """A device of the host. It belongs to the host, whoever the monitor runs as."""
    __slots__ = ()

    def chmod(self, mode: int) -> None:
        raise OSError(EPERM, "a device of the host's")

    def chown(self, uid: int, gid: int) -> None:
        if uid == gid == -1:
            return      # nothing is to change
        raise OSError(EPERM, "a device of the host's")

    def utime(self, times: tuple | None) -> None:
        if times is None and self.writable:
            return      # now: a device keeps no time that anybody asks for
        raise OSError(EPERM, "a device of the host's")


def stdio(fds: tuple = (0, 1, 2)) -> list:
    """A description for each host descriptor, None for one that is closed. Ours stay open; nothing about them changes.

    Each is wrapped by what it is: file and null device, pipe, terminal, socket.
    """
    return [_wrap(fd) for fd in fds]


def _wrap(fd: int):
    try:
        kept = fcntl(fd, F_DUPFD_CLOEXEC, 3)
    except OSError as e:
        if e.errno == EBADF:
            return None
        raise
    st = os.fstat(kept)
    kind = st.st_mode & S_IFMT
    host_flags = fcntl(kept, F_GETFL)
    flags = host_flags & (O_ACCMODE | SETFL_MASK)
    if kind == S_IFSOCK:
        return SocketStream(kept, flags, b"socket:[%d]" % st.st_ino)
    if kind == S_IFIFO:
        again = _open_again(kept, flags)
        path = b"pipe:[%d]" % st.st_ino
        return SharedStream(kept, flags, path) if again < 0 else Fifo(again, flags, path)
    if kind == S_IFCHR and os.isatty(kept):
        from skete.kernel.files.terminal import SharedTerminal, Terminal
        again = -1 if st.st_rdev == _PTMX else _open_again(kept, flags)
        return SharedTerminal(kept, flags, b"/dev/tty") if again < 0 else Terminal(again, flags, b"/dev/tty")
    if kind == S_IFREG:
        # Its host path is no path of the guest's, and nothing that a guest should read.
        return HostFile(kept, flags, b"file:[%d]" % st.st_ino)
    if kind == S_IFCHR and os.major(st.st_rdev) == _MEM:
        return HostDevice(kept, flags, b"/dev/null" if os.minor(st.st_rdev) == 3 else b"device:[%d]" % st.st_rdev)
    return SharedStream(kept, flags, b"anon_inode:[%d]" % st.st_ino)    # eventfd, some device: it may have to wait


def _open_again(fd: int, flags: int) -> int:
    """A new description of the same pipe or terminal, non-blocking, in place of fd; -1 where there is no way."""
    try:
        again = os.open(f"/proc/self/fd/{fd}", flags & O_ACCMODE | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    except OSError:
        return -1
    os.close(fd)
    return again
