"""A terminal that the user granted, by starting the monitor on it.

Only the requests named here reach the host. TIOCSTI is not among them: it would
type commands into the user's shell.
"""
from __future__ import annotations

from errno import ENOTTY, EPERM
from fcntl import ioctl as host_ioctl

from skete.abi.ioctls import FIONREAD, TCFLSH, TCGETA, TCGETS, TCGETS2, TCSBRK, TCSBRKP, TCSETA, TCSETAF, TCSETAW, \
    TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TCXONC, TERMIO_SIZE, TERMIOS2_SIZE, TERMIOS_SIZE, \
    TIOCGPGRP, TIOCGSID, TIOCGWINSZ, TIOCNOTTY, TIOCOUTQ, TIOCSCTTY, TIOCSPGRP, TIOCSTI, TIOCSWINSZ, WINSIZE_SIZE
from skete.kernel.files.stream import SharedStream, Stream

__all__ = ["SharedTerminal", "Terminal"]

#: What the host answers into guest memory: request -> bytes
_READS = {TCGETS: TERMIOS_SIZE, TCGETS2: TERMIOS2_SIZE, TCGETA: TERMIO_SIZE, TIOCGWINSZ: WINSIZE_SIZE,
          TIOCOUTQ: 4, FIONREAD: 4}
#: What the host takes from guest memory
_WRITES = {TCSETS: TERMIOS_SIZE, TCSETSW: TERMIOS_SIZE, TCSETSF: TERMIOS_SIZE, TCSETS2: TERMIOS2_SIZE,
           TCSETSW2: TERMIOS2_SIZE, TCSETSF2: TERMIOS2_SIZE, TCSETA: TERMIO_SIZE, TCSETAW: TERMIO_SIZE,
           TCSETAF: TERMIO_SIZE, TIOCSWINSZ: WINSIZE_SIZE}
#: What takes a small number in place of a pointer. TCSBRK 1 is tcdrain(3).
_NUMBERS = (TCSBRK, TCSBRKP, TCXONC, TCFLSH)


def tty_ioctl(terminal: Stream, task, request: int, arg: int) -> int:
    """One request to a terminal. ENOTTY for those not served, EFAULT, EPERM"""
    size = _READS.get(request)
    if size is not None:
        views = task.mm.views(arg, size, True)
        if len(views) == 1 and len(views[0]) == size:
            host_ioctl(terminal.host_fd, request, views[0])     # straight into guest memory
        else:
            task.mm.write(arg, host_ioctl(terminal.host_fd, request, bytes(size)))
        return 0
    size = _WRITES.get(request)
    if size is not None:
        host_ioctl(terminal.host_fd, request, task.mm.read(arg, size))
        return 0
    if request in _NUMBERS:
        host_ioctl(terminal.host_fd, request, arg & 0xffff)
        return 0
    process = task.process
    if request == TIOCGPGRP:
        # Groups are the guest's own. Until it moves the terminal, its first group is in the foreground.
        task.mm.write_u32(arg, terminal.foreground or process.pgid)
        return 0
    if request == TIOCSPGRP:
        group = task.mm.read_u32(arg)
        if group not in {p.pgid for p in task.kernel.processes.values()}:
            raise OSError(EPERM, f"no process group {group}")
        terminal.foreground = group
        return 0
    if request == TIOCGSID:
        task.mm.write_u32(arg, process.sid)
        return 0
    if request in (TIOCSCTTY, TIOCSTI):
        raise OSError(EPERM, f"ioctl {request:#x}")
    if request == TIOCNOTTY:
        return 0
    raise OSError(ENOTTY, f"ioctl {request:#x}")


class Terminal(Stream):
    """foreground: the process group that TIOCSPGRP has named, or 0"""
    __slots__ = ("foreground",)

    def __init__(self, host_fd: int, flags: int, path: bytes):
        super().__init__(host_fd, flags, path)
        self.foreground = 0

    ioctl = tty_ioctl


class SharedTerminal(SharedStream):
    """The same, where the terminal cannot be opened once more."""
    __slots__ = ("foreground",)

    def __init__(self, host_fd: int, flags: int, path: bytes):
        super().__init__(host_fd, flags, path)
        self.foreground = 0

    ioctl = tty_ioctl
