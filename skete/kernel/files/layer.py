"""The layer of a copy-on-write mount: a folder of the host with what a guest has changed of another one.

It has the form of a layer of an OCI image, so any tool for those can pack it, and no file system has to keep anything
special: a file or folder in it stands for itself, an empty ``.wh.NAME`` says that NAME is gone, and a folder with a
``.wh..wh..opq`` in it hides all of the folder below it. Names that begin with ``.wh..wh.`` are ours:

    .wh..wh.lower       a link to the folder that the layer belongs to
    .wh..wh.plnk/N      the copy of the file below with inode N, which has several names there; N.n: how many it has now
    .wh..wh.tmp-*       what was not finished when the monitor was killed

A copy is made under such a temporary name and renamed, so what has its name is whole.
"""
from __future__ import annotations

import os
from contextlib import contextmanager
from errno import EAGAIN, ENAMETOOLONG, ENODATA, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM
from fcntl import LOCK_EX, LOCK_NB, flock

from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK
from skete.kernel.identity.worn import as_monitor

__all__ = ["LOWER", "META", "OPAQUE", "PREFIX", "Layer", "Links", "copy_attributes", "copy_data", "copy_up",
           "discard", "exists", "open_below", "quietly", "temporary"]

PREFIX, META, OPAQUE = b".wh.", b".wh..wh.", b".wh..wh..opq"
LINKS, LOWER, _TEMPORARY = b".wh..wh.plnk", b".wh..wh.lower", b".wh..wh.tmp-"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: what one host call copies at most
_CHUNK = 1 << 26


class Layer:
    """The folder ``path``, made where it is not there, of the folder ``lower``; nobody else may use it meanwhile.

    fd: a descriptor of it;  links: its Links
    OSError; ValueError where it is in use, or the layer of another folder.
    """

    def __init__(self, path: bytes, lower: bytes):
        self.path, lower = os.path.abspath(path), os.path.realpath(lower)
        shown, inside = os.fsdecode(self.path), os.path.realpath(path)
        if b"/".join((inside, b"")).startswith(lower.rstrip(b"/") + b"/") \
                or lower.startswith(inside.rstrip(b"/") + b"/"):
            raise ValueError(f"the layer {shown} and the folder {os.fsdecode(lower)} must not lie in each other")
        made = not os.path.isdir(path)
        if made:
            os.mkdir(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._claim(shown, lower)
            if made:
                os.fchmod(self.fd, os.stat(lower).st_mode & 0o7777)
            self.links = Links(self.fd, os.stat(lower).st_dev if os.path.isdir(lower) else -1)
        except BaseException:
            os.close(self.fd)
            raise

    def _claim(self, shown: str, lower: bytes) -> None:
        try:
            flock(self.fd, LOCK_EX | LOCK_NB)
        except OSError as e:
            if e.errno != EAGAIN:
                raise
            raise ValueError(f"the layer {shown} is in use; wait for that machine's end, or name another") from None
        try:
            owner = os.readlink(LOWER, dir_fd=self.fd)
        except FileNotFoundError:
            os.symlink(lower, LOWER, dir_fd=self.fd)
            return
        if owner != lower:
            raise ValueError(f"{shown} is a layer of {os.fsdecode(owner)}, not of {os.fsdecode(lower)}; name another, "
                             f"or drop it: skete layer drop {shown}")

    def close(self) -> None:
        """Others may have it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Links:
    """Files with several names in the folder below: a change by one name has to be seen by all.

    counts: {inode number: names that the guest sees};  copied: {inode number: (device, inode) of the copy}
    """

    def __init__(self, layer_fd: int, device: int):
        self.layer_fd, self.device = layer_fd, device
        self.counts, self.copied = {}, {}
        self.fd = -1
        if not exists(layer_fd, LINKS):
            return
        self._open()
        for name in os.listdir(self.fd):
            if name.endswith(".tmp"):       # of a monitor that was killed
                os.unlink(name, dir_fd=self.fd)
                continue
            number = int(name.removesuffix(".n"))
            if name.endswith(".n"):
                self.counts[number] = int(os.readlink(name, dir_fd=self.fd))
            else:
                st = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
                self.copied[number] = st.st_dev, st.st_ino

    def _open(self) -> None:
        if self.fd < 0:
            if not exists(self.layer_fd, LINKS):
                with quietly(self.layer_fd):
                    os.mkdir(LINKS, 0o700, dir_fd=self.layer_fd)
            self.fd = os.open(LINKS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.layer_fd)

    def several(self, st) -> bool:
        """Whether a file below is one of these."""
        return st.st_nlink > 1 and st.st_mode & S_IFMT == S_IFREG and st.st_dev == self.device

    @as_monitor
    def count(self, number: int, change: int, first: int) -> None:
        """A file below has more or fewer names; ``first``: how many it has there."""
        self._open()
        now = self.counts[number] = self.counts.get(number, first) + change
        name = b"%d" % number
        os.symlink(b"%d" % now, name + b".tmp", dir_fd=self.fd)
        os.rename(name + b".tmp", name + b".n", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        if now <= 0 and self.copied.pop(number, None):
            os.unlink(name, dir_fd=self.fd)

    @as_monitor
    def keep(self, number: int, folder_fd: int, name: bytes) -> None:
        """The copy of a file below has been made."""
        self._open()
        os.link(name, b"%d" % number, src_dir_fd=folder_fd, dst_dir_fd=self.fd, follow_symlinks=False)
        st = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        self.copied[number] = st.st_dev, st.st_ino

    @as_monitor
    def give(self, number: int, folder_fd: int, name: bytes) -> None:
        """Another name below leads to a file that has been copied: so does it now in the layer."""
        with quietly(folder_fd):
            os.link(b"%d" % number, name, src_dir_fd=self.fd, dst_dir_fd=folder_fd, follow_symlinks=False)

    def close(self) -> None:
        """Free what it holds on the host."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


@as_monitor
def exists(folder_fd: int, name: bytes) -> bool:
    """Whether there is something under a name."""
    try:
        os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        return True
    except OSError as e:
        if e.errno not in (ENOENT, ENOTDIR, ENAMETOOLONG):
            raise
        return False


def _again(fd: int) -> bytes:
    return b"/proc/self/fd/%d" % fd


@contextmanager
def quietly(folder_fd: int):
    """Change the entries of a folder in the layer without a trace in its times, and whatever its mode."""
    st = os.fstat(folder_fd)
    mode = st.st_mode & 0o7777
    if mode & 0o700 != 0o700:
        os.chmod(_again(folder_fd), mode | 0o700)
    try:
        yield
    finally:
        if mode & 0o700 != 0o700:
            os.chmod(_again(folder_fd), mode)
        os.utime(_again(folder_fd), ns=(st.st_atime_ns, st.st_mtime_ns))


def temporary() -> bytes:
    """A name that nobody has."""
    return _TEMPORARY + os.urandom(8).hex().encode()


def copy_up(below_fd: int, name: bytes, st, folder_fd: int, whole: bool, kept=None, as_name: bytes = b"") -> None:
    """Copy what is below, a folder without its entries, into a folder of the layer.

    whole: with a file's content;  kept: called with the temporary name before the copy gets its own
    as_name: that, where it is another than ``name``
    """
    with quietly(folder_fd):
        made = temporary()
        kind = st.st_mode & S_IFMT
        try:
            if kind == S_IFREG:
                _copy_file(below_fd, name, st, folder_fd, made, whole)
            elif kind == S_IFDIR:
                os.mkdir(made, 0o700, dir_fd=folder_fd)
                fd = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
                source = _same(below_fd, name, st, _FOLDER)
                try:
                    copy_attributes(_again(source), fd, st)
                finally:
                    os.close(source)
                    os.close(fd)
            elif kind == S_IFLNK:
                os.symlink(os.readlink(name, dir_fd=below_fd), made, dir_fd=folder_fd)
                _own(made, folder_fd, st)
                os.utime(made, ns=(st.st_atime_ns, st.st_mtime_ns), dir_fd=folder_fd, follow_symlinks=False)
            elif kind in (S_IFIFO, S_IFSOCK):
                os.mknod(made, kind | 0o600, dir_fd=folder_fd)
                _own(made, folder_fd, st)
                fd = os.open(made, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
                try:
                    os.chmod(_again(fd), st.st_mode & 0o7777)
                    os.utime(_again(fd), ns=(st.st_atime_ns, st.st_mtime_ns))
                finally:
                    os.close(fd)
            else:
                raise OSError(EPERM, "a device of the host")
            if kept is not None:
                kept(made)
            os.rename(made, as_name or name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        except BaseException:
            try:
                (os.rmdir if kind == S_IFDIR else os.unlink)(made, dir_fd=folder_fd)
            except OSError:
                pass        # what was wrong is worse than what is left
            raise


def open_below(name: bytes, flags: int, below_fd: int) -> int:
    """Open something of the folder below: without a trace in its access time, where it is ours or we are root."""
    if not flags & os.O_PATH:
        try:
            return os.open(name, flags | os.O_NOATIME, dir_fd=below_fd)
        except PermissionError:
            pass
    return os.open(name, flags, dir_fd=below_fd)


def _same(below_fd: int, name: bytes, st, flags: int) -> int:
    """Open what has been looked at. ENOENT where somebody on the host has put something else there."""
    fd = open_below(name, flags, below_fd)
    now = os.fstat(fd)
    if (now.st_dev, now.st_ino) != (st.st_dev, st.st_ino):
        os.close(fd)
        raise OSError(ENOENT, "replaced on the host")
    return fd


def _copy_file(below_fd: int, name: bytes, st, folder_fd: int, made: bytes, whole: bool) -> None:
    source = _same(below_fd, name, st, _READ)
    try:
        target = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
                         dir_fd=folder_fd)
        try:
            if whole:
                copy_data(source, target)
            copy_attributes(source, target, st)
        finally:
            os.close(target)
    finally:
        os.close(source)


def copy_data(source: int, target: int) -> None:
    """All of one file into another, empty one; holes stay holes."""
    size, at = os.fstat(source).st_size, 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            break           # a hole up to its end
        end = os.lseek(source, at, os.SEEK_HOLE)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            done = os.sendfile(target, source, at, min(end - at, _CHUNK))
            if not done:
                break       # somebody cuts it off
            at += done
        else:
            continue
        break
    os.ftruncate(target, size)


def _own(name: bytes, folder_fd: int, st) -> None:
    try:
        os.chown(name, st.st_uid, st.st_gid, dir_fd=folder_fd, follow_symlinks=False)
    except PermissionError:
        pass        # the host's user owns the copy


def copy_attributes(source, target: int, st) -> None:
    """user.* attributes, owner, mode and times."""
    try:
        for name in os.listxattr(source):
            if name.startswith("user."):
                os.setxattr(target, name, os.getxattr(source, name))
    except OSError as e:
        if e.errno not in (EOPNOTSUPP, ENODATA, EPERM):
            raise           # EOPNOTSUPP: one of the two file systems keeps none
    try:
        os.fchown(target, st.st_uid, st.st_gid)
    except PermissionError:
        pass
    os.fchmod(target, st.st_mode & 0o7777)
    os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns))


def discard(path: bytes) -> None:
    """Remove a layer, whatever the modes of its folders."""
    from shutil import rmtree
    os.chmod(path, 0o700)
    for where, folders, _ in os.walk(path):
        for name in folders:
            folder = os.path.join(where, name)
            if not os.path.islink(folder):
                os.chmod(folder, 0o700)
    rmtree(path)
