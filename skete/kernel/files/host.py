"""Files of the host, open for a guest: regular files and O_PATH handles on anything.

The host keeps the offset, so dup'ed descriptors and O_APPEND behave as there, and one guest call is one host call.
"""
from __future__ import annotations

import os
from errno import ENODEV, ENOTDIR, EOPNOTSUPP, EPERM, EROFS
from fcntl import F_GETFL, F_SETFL, LOCK_NB
from fcntl import fcntl as host_fcntl
from fcntl import flock

from skete.abi.fcntl import IOV_MAX, O_ACCMODE, O_APPEND, O_CLOEXEC, \
    O_DIRECTORY, O_DSYNC, O_LARGEFILE, O_PATH, O_SYNC, O_TRUNC, SEEK_CUR, SETFL_MASK
from skete.abi.ioctls import FIBMAP, FICLONE, FICLONERANGE, FIDEDUPERANGE, FIONREAD, FIOQSIZE
from skete.abi.stat import EXT4_SUPER_MAGIC, ST_RDONLY, ST_VALID
from skete.kernel.files.description import Description

_CLONES = (FICLONE, FICLONERANGE, FIDEDUPERANGE)

__all__ = ["HostFile", "HostPath", "statfs_fields"]

#: What of a guest's open flags counts when an open file is opened once more.
_REOPEN = O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC


def statfs_fields(vfs, readonly: bool) -> tuple:
    """abi.stat.STATFS from an os.statvfs_result. The type is not in there: ext4's, which programs take as ordinary."""
    flags = vfs.f_flag & 0x1fff | ST_VALID | (ST_RDONLY if readonly else 0)
    return (EXT4_SUPER_MAGIC, vfs.f_bsize, vfs.f_blocks, vfs.f_bfree, vfs.f_bavail, vfs.f_files, vfs.f_ffree,
            vfs.f_fsid & 0xffff_ffff_ffff_ffff, vfs.f_namemax, vfs.f_frsize, flags)


class HostFile(Description):
    """A regular file of the host. ``mount``: where it was opened through, or None for the monitor's own stdio."""
    __slots__ = ("mount", "locks")

    def __init__(self, host_fd: int, flags: int, path: bytes = b"", mount=None):
        super().__init__(flags | O_LARGEFILE, path, host_fd)
        self.mount = mount
        self.locks = None       # the machine's record locks, once this description holds some (F_OFD_SETLK)

    def release(self) -> None:
        if self.locks is not None:
            self.locks.drop(self, self)
        os.close(self.host_fd)

    @property
    def readonly(self) -> bool:
        return self.mount is not None and self.mount.readonly

    def read(self, buffers: list) -> int:
        return os.readv(self.host_fd, buffers if len(buffers) <= IOV_MAX else buffers[:IOV_MAX])

    def write(self, buffers: list) -> int:
        return os.writev(self.host_fd, buffers if len(buffers) <= IOV_MAX else buffers[:IOV_MAX])

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        return os.preadv(self.host_fd, buffers[:IOV_MAX], offset, flags)

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        return os.pwritev(self.host_fd, buffers[:IOV_MAX], offset, flags)

    def seek(self, offset: int, whence: int) -> int:
        return os.lseek(self.host_fd, offset, whence)

    def truncate(self, length: int) -> None:
        os.ftruncate(self.host_fd, length)

    def allocate(self, mode: int, offset: int, length: int) -> None:
        # Not posix_fallocate(3), which writes where the host's file system cannot: Linux answers EOPNOTSUPP.
        from skete.kernel.files import hostcall
        hostcall.fallocate(self.host_fd, mode, offset, length)

    def sync(self, data_only: bool = False) -> None:
        (os.fdatasync if data_only else os.fsync)(self.host_fd)

    def stat(self):
        return os.fstat(self.host_fd)

    def statfs(self) -> tuple:
        return statfs_fields(os.fstatvfs(self.host_fd), self.readonly)

    def ioctl(self, task, request: int, arg: int) -> int:
        if request == FIONREAD:
            left = os.fstat(self.host_fd).st_size - os.lseek(self.host_fd, 0, SEEK_CUR)
            task.mm.write_u32(arg, left)
            return 0
        if request == FIOQSIZE:
            task.mm.write_u64(arg, os.fstat(self.host_fd).st_size)
            return 0
        if request in _CLONES:
            raise OSError(EOPNOTSUPP, "no shared extents")
        if request == FIBMAP:
            raise OSError(EPERM, "takes CAP_SYS_RAWIO")
        return super().ioctl(task, request, arg)

    def set_flags(self, flags: int) -> None:
        # The host keeps the offset and so must do the appending. EINVAL for O_DIRECT where the file cannot.
        # What the monitor was started with is shared with the user's shell: O_NONBLOCK stays the guest's own idea.
        mask = SETFL_MASK if self.mount is not None else O_APPEND
        now = host_fcntl(self.host_fd, F_GETFL)
        if (now ^ flags) & mask:
            host_fcntl(self.host_fd, F_SETFL, now & ~mask | flags & mask)
        super().set_flags(flags)

    def flock(self, operation: int) -> None:
        """flock(2), never waiting: a lock belongs to the host's description, of which we have one for one. EAGAIN"""
        flock(self.host_fd, operation | LOCK_NB)

    def map_through(self) -> None:
        """Something of the file is mapped shared: from now on its bytes go through the pages of that mapping."""
        from skete.kernel.files.mapped import MappedFile
        self.__class__ = MappedFile

    def backing(self, prot: int, shared: bool):
        if self.mount is None:
            raise OSError(ENODEV, "nothing that was mounted")
        from skete.kernel.files.mapped import share
        return share(self)

    def chmod(self, mode: int) -> None:
        os.fchmod(self.host_fd, mode)

    def chown(self, uid: int, gid: int) -> None:
        os.fchown(self.host_fd, uid, gid)

    def utime(self, times: tuple | None) -> None:
        os.utime(self.host_fd, ns=times) if times else os.utime(self.host_fd)

    def reopen(self, flags: int) -> Description:
        """A new description of the same file, as opening /proc/self/fd/N gives; EACCES EROFS by the flags."""
        if self.readonly and flags & O_ACCMODE:
            raise OSError(EROFS, "mounted read-only")
        if flags & O_DIRECTORY:
            raise OSError(ENOTDIR, "no directory")
        try:
            host_fd = os.open(f"/proc/self/fd/{self.host_fd}", flags & _REOPEN | O_CLOEXEC)
        except FileNotFoundError:
            return self     # a host without /proc: share the description, as dup does
        file = HostFile(host_fd, flags, self.path, self.mount)
        if self.mount is not None and self.mount.namespace.mapped:
            from skete.kernel.files.mapped import wrap
            wrap(file)
        return file


class HostPath(Description):
    """What O_PATH opens: names an inode, moves no data."""
    __slots__ = ("mount", "directory")

    def __init__(self, host_fd: int, flags: int, path: bytes, mount, directory=None):
        super().__init__(flags | O_PATH, path, host_fd)
        self.mount, self.directory = mount, directory

    def release(self) -> None:
        if self.directory is not None:
            self.directory.mount.namespace.held.discard(self.directory)
            self.directory.drop()
        else:
            os.close(self.host_fd)

    def readlink(self) -> bytes:
        return os.readlink(b"", dir_fd=self.host_fd)

    def chown(self, uid: int, gid: int) -> None:
        os.chown(f"/proc/self/fd/{self.host_fd}", uid, gid)

    def utime(self, times: tuple | None) -> None:
        path = f"/proc/self/fd/{self.host_fd}"
        os.utime(path, ns=times) if times else os.utime(path)

    @property
    def node(self):
        if self.directory is None:
            return super().node
        return self.directory

    @property
    def readonly(self) -> bool:
        return self.mount.readonly

    def stat(self):
        return os.fstat(self.host_fd)

    def statfs(self) -> tuple:
        return statfs_fields(os.fstatvfs(self.host_fd), self.readonly)
