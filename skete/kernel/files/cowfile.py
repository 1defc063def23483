"""Open files of a copy-on-write mount.

A file that was opened before it was copied up stays what it was on Linux's overlayfs. Here every description follows:
the copy is put under its descriptor, with offset and lock. So a reader sees what a writer writes, as on any file.
"""
from __future__ import annotations

import os
from errno import EBADF, EOPNOTSUPP
from fcntl import LOCK_NB, LOCK_UN
from fcntl import flock as host_flock

from skete.abi.fcntl import O_ACCMODE, O_APPEND, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_TRUNC
from skete.kernel.files.description import Description
from skete.kernel.files.host import HostFile, HostPath

__all__ = ["CowFile", "CowFolder", "CowPath", "follow"]


class CowFile(HostFile):
    """A regular file. ino: the number it is shown with;  flocked: the lock it holds, LOCK_*;
    below: (device, inode) where it is still the file below, else None"""
    __slots__ = ("ino", "flocked", "below")

    def __init__(self, host_fd: int, flags: int, path: bytes = b"", mount=None, below: bool = False):
        super().__init__(host_fd, flags, path, mount)
        self.flocked = 0
        st = os.fstat(host_fd)
        self.ino = mount.number(st)
        self.below = mount.opened(self, st) if below else None

    def release(self) -> None:
        self.mount.forget(self)
        super().release()

    def map_through(self) -> None:
        self.__class__ = _mapped()

    def stat(self):
        return self.mount.shown(os.fstat(self.host_fd), self.ino)

    def flock(self, operation: int) -> None:
        super().flock(operation)
        self.flocked = 0 if operation & LOCK_UN else operation & ~LOCK_NB

    def change(self) -> None:
        """Its inode is going to be changed: in the layer."""
        if self.below is not None:
            self.mount.copy_up_open(self)

    def chmod(self, mode: int) -> None:
        self.change()
        super().chmod(mode)

    def chown(self, uid: int, gid: int) -> None:
        self.change()
        super().chown(uid, gid)

    def utime(self, times: tuple | None) -> None:
        self.change()
        super().utime(times)

    def reopen(self, flags: int):
        if flags & (O_ACCMODE | O_TRUNC):
            self.mount.may_write(self)
            self.change()
        host_fd = os.open(b"/proc/self/fd/%d" % self.host_fd, flags & (O_ACCMODE | O_APPEND | O_TRUNC) | O_CLOEXEC)
        file = CowFile(host_fd, flags, self.path, self.mount)
        file.ino = self.ino
        if self.mount.namespace.mapped:
            from skete.kernel.files.mapped import wrap
            wrap(file)
        return file


class CowPath(HostPath):
    """An O_PATH handle on what is no directory. (Of a directory: PseudoPath's way, with a CowDirectory.)"""
    __slots__ = ("ino", "below")

    def __init__(self, host_fd: int, flags: int, path: bytes, mount, directory=None, below: bool = False):
        super().__init__(host_fd, flags, path, mount)
        st = os.fstat(host_fd)
        self.ino = mount.number(st)
        self.below = mount.opened(self, st) if below else None

    def release(self) -> None:
        self.mount.forget(self)
        super().release()

    def stat(self):
        return self.mount.shown(os.fstat(self.host_fd), self.ino)

    def chown(self, uid: int, gid: int) -> None:
        raise OSError(EOPNOTSUPP, "an O_PATH handle: it could be the original")

    def utime(self, times: tuple | None) -> None:
        raise OSError(EOPNOTSUPP, "an O_PATH handle: it could be the original")

    def change(self) -> None:
        """Its inode is going to be changed."""
        raise OSError(EBADF, "an O_PATH handle")


class CowFolder(Description):
    """An O_PATH handle on a directory, which it owns."""
    __slots__ = ("directory",)

    def __init__(self, directory, flags: int):
        super().__init__(flags | O_PATH, b"/" + b"/".join(directory.path))
        self.directory = directory
        directory.keep = True
        directory.mount.namespace.held.add(directory)

    def release(self) -> None:
        self.directory.mount.namespace.held.discard(self.directory)
        self.directory.drop()

    @property
    def node(self):
        return self.directory

    def stat(self):
        return self.directory.stat(b".")

    def statfs(self) -> tuple:
        return self.directory.statfs()


def _mapped():
    global _MAPPED
    if _MAPPED is None:
        from skete.kernel.files.mapped import MappedFile

        class MappedCowFile(MappedFile, CowFile):
            """A CowFile of which something is mapped shared."""
            __slots__ = ()
        _MAPPED = MappedCowFile
    return _MAPPED


_MAPPED = None


def follow(mount, file, folder_fd: int, name: bytes) -> None:
    """Put the copy that has been made under an open description of the file below."""
    flags = O_PATH if file.flags & O_PATH else os.O_RDONLY | O_NONBLOCK
    fd = os.open(name, flags | O_NOFOLLOW | O_CLOEXEC, dir_fd=folder_fd)
    try:
        if not file.flags & O_PATH:
            os.lseek(fd, os.lseek(file.host_fd, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(fd, file.host_fd, False)
        file.below = None
        if getattr(file, "flocked", 0):
            host_flock(file.host_fd, file.flocked | LOCK_NB)
    finally:
        os.close(fd)
