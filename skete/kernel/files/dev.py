"""/dev: the devices that programs expect, none of them the host's."""
from __future__ import annotations

import os
from errno import EIO, ENOSPC, ENXIO

from skete.abi.fcntl import O_NOCTTY
from skete.abi.stat import S_IFCHR, ST_VALID, TMPFS_MAGIC
from skete.kernel.files.description import Description
from skete.kernel.files.pseudo import Entry, Folder, Link

__all__ = ["dev"]

_CHUNK = bytes(1 << 16)


class _Device(Description):
    """A character device without offset: lseek answers 0, writes are swallowed."""
    __slots__ = ("_stat",)

    def __init__(self, flags: int, path: tuple, stat):
        super().__init__(flags, b"/" + b"/".join(path))
        self._stat = stat

    def read(self, buffers: list) -> int:
        return 0

    def write(self, buffers: list) -> int:
        return sum(map(len, buffers))

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self.read(buffers)

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self.write(buffers)

    def seek(self, offset: int, whence: int) -> int:
        return 0

    def stat(self):
        return self._stat

    def statfs(self) -> tuple:
        return (TMPFS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)


class _Zero(_Device):
    __slots__ = ()

    def read(self, buffers: list) -> int:
        for view in buffers:
            for at in range(0, len(view), len(_CHUNK)):
                piece = view[at:at + len(_CHUNK)]
                piece[:] = _CHUNK[:len(piece)]
        return sum(map(len, buffers))


class _Full(_Zero):
    __slots__ = ()

    def write(self, buffers: list) -> int:
        if not buffers:
            return 0
        raise OSError(ENOSPC, "/dev/full")


class _Random(_Device):
    __slots__ = ()

    def read(self, buffers: list) -> int:
        for view in buffers:
            for at in range(0, len(view), len(_CHUNK)):
                piece = view[at:at + len(_CHUNK)]
                piece[:] = os.urandom(len(piece))
        return sum(map(len, buffers))


class Device(Entry):
    """A character device: its number, and the description that opening it makes."""
    mode = S_IFCHR | 0o666

    def __init__(self, major: int, minor: int, kind):
        self.rdev, self.kind = os.makedev(major, minor), kind

    def open(self, task, path: tuple, flags: int, stat) -> Description:
        return self.kind(flags, path, stat)


class _Tty(Entry):
    """The controlling terminal: the one among the monitor's own descriptors, shared, or a pseudo-terminal."""
    mode, rdev = S_IFCHR | 0o666, os.makedev(5, 0)

    def stat(self, task):
        # The granted terminal's own, so that ttyname(3) finds this to be what descriptor 0 is open on.
        terminal = task.fs.namespace.terminal if task is not None else None
        return terminal.stat() if terminal is not None else None

    def open(self, task, path: tuple, flags: int, stat) -> Description:
        namespace, control = task.fs.namespace, task.process.tty
        if control is None:
            raise OSError(ENXIO, "no controlling terminal")
        if namespace.terminal is not None and control is namespace.terminal.control:
            return namespace.terminal
        for pair in namespace.ptys.values():
            if pair.control is control:
                return pair.open(task, flags | O_NOCTTY)
        raise OSError(EIO, "hung up")


def _pts() -> dict:
    from skete.kernel.files.pty import Ptmx, Pts
    return {b"ptmx": Ptmx(), b"pts": Pts()}


def dev() -> Folder:
    """The root of /dev."""
    return Folder({
        b"null": Device(1, 3, _Device),
        b"zero": Device(1, 5, _Zero),
        b"full": Device(1, 7, _Full),
        b"random": Device(1, 8, _Random),
        b"urandom": Device(1, 9, _Random),
        b"tty": _Tty(),
        **_pts(),
        b"fd": Link(b"/proc/self/fd"),
        b"stdin": Link(b"/proc/self/fd/0"),
        b"stdout": Link(b"/proc/self/fd/1"),
        b"stderr": Link(b"/proc/self/fd/2"),
    })
