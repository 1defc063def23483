"""Files that make a reader or writer wait: pipes, FIFOs, and what the monitor was started with (terminals, pipes).

The monitor is one thread and must never block, and a description that it shares
with the user's shell must not become O_NONBLOCK, for the shell would find it so.
Three ways to have both:

- Our own pipes, and FIFOs opened for the guest, are O_NONBLOCK from the start: :class:`Stream`.
- A pipe or terminal we were given is opened once more through /proc/self/fd with O_NONBLOCK. That makes a new
  description of the same pipe or terminal: also a :class:`Stream`, one host call a transfer.
- Where that is impossible (no /proc, a terminal of another user, a pseudo-terminal's master, which cannot be opened
  again), :class:`SharedStream` asks poll(2) first and writes at most PIPE_BUF bytes at a time: a pipe that is
  writable has room for that many. Somebody else who drains or fills it between the two calls can make us wait.
- Sockets take MSG_DONTWAIT with each call: :class:`SocketStream`.
"""
from __future__ import annotations

import os
from errno import EAGAIN, EINVAL, ENXIO, EPERM
from fcntl import ioctl as host_ioctl
from select import POLLIN, POLLOUT, poll

from skete.abi.fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ, IOV_MAX, PIPE_BUF
from skete.abi.ioctls import FIONREAD
from skete.abi.stat import PIPEFS_MAGIC, S_IFCHR, S_IFMT, ST_VALID
from skete.kernel.files.description import Description

__all__ = ["Fifo", "SharedStream", "SocketStream", "Stream", "bad"]

_BAD = None
_BAD_SIZE = 1 << 20


def bad(count: int) -> list:
    """``count`` bytes that nobody can access, for the host to find out; of many, as many as matter."""
    global _BAD
    if _BAD is None:
        from skete.kernel.files.hostcall import nothing
        _BAD = nothing(_BAD_SIZE)
    return [_BAD[:min(count - at, _BAD_SIZE)] for at in range(0, min(count, 16 * _BAD_SIZE), _BAD_SIZE)]


class Stream(Description):
    """A host descriptor in non-blocking mode that nobody else's program shares the mode of."""
    __slots__ = ()

    def __init__(self, host_fd: int, flags: int, path: bytes):
        super().__init__(flags, path, host_fd, host_fd)

    def release(self) -> None:
        os.close(self.host_fd)

    def read(self, buffers: list) -> int:
        return os.readv(self.host_fd, buffers if len(buffers) <= IOV_MAX else buffers[:IOV_MAX])

    def write(self, buffers: list) -> int:
        return os.writev(self.host_fd, buffers if len(buffers) <= IOV_MAX else buffers[:IOV_MAX])

    def stat(self):
        return os.fstat(self.host_fd)

    def statfs(self) -> tuple:
        return (PIPEFS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)

    def ioctl(self, task, request: int, arg: int) -> int:
        if request == FIONREAD:
            task.mm.write(arg, host_ioctl(self.host_fd, FIONREAD, bytes(4)))
            return 0
        return super().ioctl(task, request, arg)

    def fcntl(self, command: int, arg):
        from fcntl import fcntl
        if command in (F_GETPIPE_SZ, F_SETPIPE_SZ):
            return fcntl(self.host_fd, command, arg)
        raise OSError(EINVAL, f"fcntl {command}")

    def chmod(self, mode: int) -> None:
        self._ours()
        os.fchmod(self.host_fd, mode)

    def _ours(self) -> None:
        if self.stat().st_mode & S_IFMT == S_IFCHR:
            raise OSError(EPERM, "a device of the host's")

    def utime(self, times: tuple | None) -> None:
        self._ours()
        os.utime(self.host_fd, ns=times) if times else os.utime(self.host_fd)


class Fifo(Stream):
    """A pipe that is the host's in all it does: nobody here looks at what is moved."""
    __slots__ = ()
    tells = True
    shows_bad = True


class SharedStream(Stream):
    """A pipe or terminal whose blocking mode is somebody else's."""
    __slots__ = ("poller",)

    def __init__(self, host_fd: int, flags: int, path: bytes):
        super().__init__(host_fd, flags, path)
        self.poller = poll()

    def _ready(self, event: int) -> None:
        self.poller.register(self.host_fd, event)
        if not self.poller.poll(0):
            raise OSError(EAGAIN, "not ready")

    def read(self, buffers: list) -> int:
        self._ready(POLLIN)
        return super().read(buffers)

    def write(self, buffers: list) -> int:
        self._ready(POLLOUT)
        return super().write(head(buffers, PIPE_BUF))


class SocketStream(Stream):
    """A socket we were given."""
    __slots__ = ("socket",)

    def __init__(self, host_fd: int, flags: int, path: bytes):
        from _socket import socket
        super().__init__(host_fd, flags, path)
        self.socket = socket(fileno=host_fd)

    def release(self) -> None:
        self.socket.close()

    def read(self, buffers: list) -> int:
        from _socket import MSG_DONTWAIT
        return self.socket.recvmsg_into(buffers, 0, MSG_DONTWAIT)[0]

    def write(self, buffers: list) -> int:
        from _socket import MSG_DONTWAIT
        return self.socket.sendmsg(buffers, [], MSG_DONTWAIT)

    def reopen(self, flags: int) -> Description:
        raise OSError(ENXIO, "a socket")


def head(buffers: list, most: int) -> list:
    """The first ``most`` bytes of buffers."""
    out = []
    for view in buffers:
        if most <= 0:
            break
        out.append(view[:most])
        most -= len(view)
    return out
