"""A folder of the host in the guest's tree.

Every host call names one component relative to a directory descriptor and
follows no link: O_NOFOLLOW, AT_SYMLINK_NOFOLLOW, and never ``..``. A folder can
thus be left downwards only, whoever renames or relinks what meanwhile: a name
that turns into a link between two of our calls is an error, not a way out.

``chmod`` is the one change that Linux 6.1 cannot make by name without following.
It goes through a descriptor of the file itself.
"""
from __future__ import annotations

import os
from errno import EACCES, EINVAL, EISDIR, ELOOP, ENXIO, EOPNOTSUPP, EROFS, EXDEV

from skete.abi.fcntl import O_ACCMODE, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOATIME, \
    O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_SYNC, O_TMPFILE, O_TMPFILE_BIT, O_TRUNC, O_WRONLY
from skete.abi.stat import DT_BLK, DT_CHR, DT_DIR, DT_FIFO, DT_LNK, DT_REG, DT_SOCK, DT_UNKNOWN, S_IFBLK, S_IFCHR, \
    S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK
from skete.kernel.files.host import HostFile, HostPath, statfs_fields
from skete.kernel.files.listing import OpenDirectory
from skete.kernel.files.node import Directory
from skete.kernel.files.stream import Fifo

__all__ = ["FileHolder", "HostDirectory", "open_root"]

#: What of a guest's open flags the host gets to see.
_PASSED = O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC | O_NOATIME | os.O_DIRECT
_ALWAYS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
_ENTER = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
_TYPES = {S_IFREG: DT_REG, S_IFDIR: DT_DIR, S_IFLNK: DT_LNK, S_IFIFO: DT_FIFO,
          S_IFSOCK: DT_SOCK, S_IFCHR: DT_CHR, S_IFBLK: DT_BLK}


def open_root(host: bytes) -> int:
    """A descriptor of the folder that a mount shows. Here, and only here, links are followed: the user named it."""
    return os.open(host, O_PATH | O_DIRECTORY | O_CLOEXEC)


class HostDirectory(Directory):
    """A folder, held by a descriptor: O_PATH, or readable where the guest has it open."""
    __slots__ = ("fd",)
    file_type, path_type = HostFile, HostPath

    def __init__(self, mount, path: tuple, fd: int, keep: bool = False):
        super().__init__(mount, path, keep)
        self.fd = fd

    def drop(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def dup(self) -> "HostDirectory":
        return HostDirectory(self.mount, self.path, os.dup(self.fd), True)

    def alive(self) -> bool:
        return os.fstat(self.fd).st_nlink != 0

    def enter(self, name: bytes) -> "HostDirectory":
        return HostDirectory(self.mount, self.path + (name,), os.open(name, _ENTER, dir_fd=self.fd))

    def readlink(self, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=self.fd)

    def stat(self, name: bytes):
        if name == b".":
            return os.fstat(self.fd)        # to look it up here would take the permission to search it
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def access(self, name: bytes, mode: int) -> bool:
        return os.access(name, mode, dir_fd=self.fd, effective_ids=True, follow_symlinks=False)

    def statfs(self) -> tuple:
        return statfs_fields(os.fstatvfs(self.fd), self.mount.readonly)

    def entries(self):
        # Only asked of a readable one. Given a descriptor, scandir duplicates it, rewinds it in the end, and its names
        # are str in the filesystem's encoding.
        with os.scandir(self.fd) as found:
            for entry in found:
                yield os.fsencode(entry.name), entry.inode(), _entry_type(entry)

    # opening

    def where(self, name: bytes) -> tuple:
        """The guest path of a name here."""
        return self.path if name == b"." else self.path + (name,)

    def open(self, task, name: bytes, flags: int, mode: int, st):
        path = self.where(name)
        if flags & O_PATH:
            return self._open_path(name, flags, path)
        if flags & O_TMPFILE_BIT:
            return self._nameless(task, name, flags, mode, path)
        if st is None:
            return self._create(task, name, flags, mode, path)
        kind = st.st_mode & S_IFMT
        if kind == S_IFDIR:
            return self._open_directory(name, flags, path)
        if kind == S_IFLNK:
            raise OSError(ELOOP, "a symbolic link")
        if kind == S_IFSOCK:
            raise OSError(ENXIO, "a socket")
        if kind not in (S_IFREG, S_IFIFO):
            raise OSError(EACCES, "a device of the host")    # as on a mount with nodev
        if self.mount.readonly and kind == S_IFREG and flags & (O_ACCMODE | O_TRUNC):
            raise OSError(EROFS, "mounted read-only")
        host_fd = self._host_open(name, flags & _PASSED | _ALWAYS)
        return self._opened(host_fd, flags, path)

    def _host_open(self, name: bytes, flags: int) -> int:
        return os.open(name, flags, dir_fd=self.fd)

    def _open_path(self, name: bytes, flags: int, path: tuple):
        host_fd = os.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags & O_DIRECTORY, dir_fd=self.fd)
        directory = None
        if os.fstat(host_fd).st_mode & S_IFMT == S_IFDIR:
            directory = HostDirectory(self.mount, path, host_fd, True)
            self.mount.namespace.held.add(directory)
        return self.path_type(host_fd, flags, b"/" + b"/".join(path), self.mount, directory)

    def _open_directory(self, name: bytes, flags: int, path: tuple):
        if flags & (O_ACCMODE | O_CREAT):
            raise OSError(EISDIR, "a directory")
        # By a readable descriptor, so that the host checks the permission to list, and fsync and fchmod work on it.
        host_fd = os.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | flags & O_NOATIME, dir_fd=self.fd)
        return OpenDirectory(HostDirectory(self.mount, path, host_fd, True), flags)

    def _create(self, task, name: bytes, flags: int, mode: int, path: tuple):
        if self.mount.readonly:
            raise OSError(EROFS, "mounted read-only")
        host_flags = flags & (_PASSED | O_EXCL) | O_CREAT | _ALWAYS
        host_fd = under_umask(task.fs.umask, os.open, name, host_flags, mode & 0o7777, dir_fd=self.fd)
        return self._opened(host_fd, flags, path)

    def _nameless(self, task, name: bytes, flags: int, mode: int, path: tuple):
        """O_TMPFILE: a file in this folder without a name, which linkat(2) may give it unless O_EXCL."""
        if self.mount.readonly:
            raise OSError(EROFS, "mounted read-only")
        host_flags = flags & (_PASSED | O_EXCL) & ~O_TRUNC | O_TMPFILE | O_CLOEXEC
        host_fd = under_umask(task.fs.umask, os.open, name, host_flags, mode & 0o7777, dir_fd=self.fd)
        return self.file_type(host_fd, flags, b"/" + b"/".join(path) + b"/#%d (deleted)" % os.fstat(host_fd).st_ino,
                              self.mount)

    def _opened(self, host_fd: int, flags: int, path: tuple):
        """Wrap what has been opened, after another look at what it really is: names can change between two calls."""
        kind = os.fstat(host_fd).st_mode & S_IFMT
        path = b"/" + b"/".join(path)
        if kind == S_IFREG:
            file = self.file_type(host_fd, flags, path, self.mount)
            if self.mount.namespace.mapped:
                from skete.kernel.files.mapped import wrap
                wrap(file)
            return file
        if kind == S_IFIFO:
            return Fifo(host_fd, flags, path)
        os.close(host_fd)
        raise OSError(EACCES, "no regular file any more")

    def xattr_path(self, name: bytes, changes: bool = False) -> bytes:
        # The last component is not followed, so this leads nowhere else than any call here by descriptor and name.
        return b"/proc/self/fd/%d/%s" % (self.fd, name)

    # changing

    def mkdir(self, name: bytes, mode: int, umask: int) -> None:
        under_umask(umask, os.mkdir, name, mode & 0o1777, dir_fd=self.fd)

    def mkfifo(self, name: bytes, mode: int, umask: int) -> None:
        under_umask(umask, os.mkfifo, name, mode & 0o7777, dir_fd=self.fd)

    def mkfile(self, name: bytes, mode: int, umask: int) -> None:
        under_umask(umask, os.mknod, name, S_IFREG | mode & 0o7777, dir_fd=self.fd)

    def symlink(self, text: bytes, name: bytes) -> None:
        os.symlink(text, name, dir_fd=self.fd)

    def link(self, name: bytes, other: Directory, new: bytes) -> None:
        if other.mount is not self.mount:
            raise OSError(EXDEV, "another mount")
        os.link(name, new, src_dir_fd=self.fd, dst_dir_fd=other.fd, follow_symlinks=False)

    def link_open(self, file, name: bytes) -> None:
        """A name for an open file that has none."""
        os.link(b"/proc/self/fd/%d" % file.host_fd, name, dst_dir_fd=self.fd, follow_symlinks=True)

    def rename(self, name: bytes, other: Directory, new: bytes, flags: int) -> None:
        if other.mount is not self.mount:
            raise OSError(EXDEV, "another mount")
        if flags:
            from skete.kernel.files import hostcall
            hostcall.rename(self.fd, name, other.fd, new, flags)
        else:
            os.rename(name, new, src_dir_fd=self.fd, dst_dir_fd=other.fd)

    def unlink(self, name: bytes) -> None:
        os.unlink(name, dir_fd=self.fd)

    def rmdir(self, name: bytes) -> None:
        os.rmdir(name, dir_fd=self.fd)

    def chmod(self, name: bytes, mode: int) -> None:
        fd = os.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC, dir_fd=self.fd)
        try:
            if os.fstat(fd).st_mode & S_IFMT == S_IFLNK:
                raise OSError(EOPNOTSUPP, "a symbolic link has no mode")
            try:
                os.chmod(f"/proc/self/fd/{fd}", mode)
                return
            except FileNotFoundError:
                pass        # a host without /proc
        finally:
            os.close(fd)
        fd = os.open(name, O_RDONLY | _ALWAYS, dir_fd=self.fd)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def chown(self, name: bytes, uid: int, gid: int) -> None:
        os.chown(name, uid, gid, dir_fd=self.fd, follow_symlinks=False)

    def utime(self, name: bytes, times: tuple | None) -> None:
        if times:
            os.utime(name, ns=times, dir_fd=self.fd, follow_symlinks=False)
        else:
            os.utime(name, dir_fd=self.fd, follow_symlinks=False)

    def truncate(self, name: bytes, length: int) -> None:
        kind = self.stat(name).st_mode & S_IFMT
        if kind != S_IFREG:
            raise OSError(EISDIR if kind == S_IFDIR else EINVAL, "no regular file")
        fd = os.open(name, O_WRONLY | _ALWAYS, dir_fd=self.fd)
        try:
            os.ftruncate(fd, length)
        finally:
            os.close(fd)


class FileHolder(HostDirectory):
    """The folder that holds a mounted single file: the walk hands it out with that one name, and never enters it."""
    __slots__ = ("shown_as",)

    def __init__(self, mount, path: tuple, fd: int):
        super().__init__(mount, path[:-1], fd, True)
        self.shown_as = path

    def where(self, name: bytes) -> tuple:
        return self.shown_as


def under_umask(umask: int, call, *args, **named):
    """Make one host call under the guest's umask. Masking the mode instead would be wrong where a default ACL rules."""
    before = os.umask(umask)
    try:
        return call(*args, **named)
    finally:
        os.umask(before)


def _entry_type(entry) -> int:
    """DT_* of an os.DirEntry, without a stat where the host's readdir told."""
    if entry.is_file(follow_symlinks=False):
        return DT_REG
    if entry.is_dir(follow_symlinks=False):
        return DT_DIR
    if entry.is_symlink():
        return DT_LNK
    try:
        return _TYPES[entry.stat(follow_symlinks=False).st_mode & S_IFMT]
    except OSError:
        return DT_UNKNOWN
