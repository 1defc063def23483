"""tmpfs: a tree in memory, which ends with the machine."""
from __future__ import annotations

import os
from errno import EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, ENXIO, EPERM, EROFS, EXDEV

from skete.abi.fcntl import O_ACCMODE, O_CREAT, O_DIRECTORY, O_NOATIME, O_NONBLOCK, O_PATH, O_TMPFILE_BIT, O_TRUNC, \
    RENAME_EXCHANGE, RENAME_NOREPLACE
from skete.abi.stat import DT_DIR, DT_FIFO, DT_LNK, DT_REG, DT_SOCK, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, \
    S_ISGID, S_ISVTX, S_IXGRP
from skete.kernel.files.listing import OpenDirectory
from skete.kernel.files.mounts import Mount
from skete.kernel.files.node import Directory
from skete.kernel.files.pseudo import PseudoPath
from skete.kernel.files.ram import Content, Quota, store_of
from skete.kernel.files.ramfile import INODES, RamFile, RamInode, ram_statfs, wanted_by
from skete.kernel.files.stream import Fifo
from skete.kernel.identity.credentials import FSETID
from skete.kernel.identity.worn import as_monitor

__all__ = ["Tmpfs"]

_TYPES = {S_IFREG: DT_REG, S_IFDIR: DT_DIR, S_IFLNK: DT_LNK, S_IFIFO: DT_FIFO, S_IFSOCK: DT_SOCK}


class Tmpfs(Mount):
    """guest: where;  size: of all its files, in bytes, or None for the machine's memory;  mode: of its root

    inodes: how many have a name
    """

    def __init__(self, guest, size: int | None = None, mode: int = 0o1777):
        super().__init__(b"", guest)
        self.quota, self.mode = Quota(size), mode
        self.inodes, self._number = 0, 1

    def attach(self, namespace, path: tuple) -> None:
        self.namespace, self.path, self._name = namespace, path, b"."
        root = RamInode(self.number(), S_IFDIR | self.mode)
        root.parent = root
        self._root = RamDirectory(self, path, root, True)

    def number(self) -> int:
        """A new inode number."""
        self._number += 1
        return self._number


class RamDirectory(Directory):
    """A directory in memory. Owners, groups and modes decide, as path_resolution(7) says."""
    __slots__ = ("inode",)

    def __init__(self, mount, path: tuple, inode: RamInode, keep: bool = False):
        super().__init__(mount, path, keep)
        self.inode = inode

    def dup(self) -> "RamDirectory":
        return RamDirectory(self.mount, self.path, self.inode, True)

    def alive(self) -> bool:
        return self.inode.nlink > 0

    def _who(self):
        """Whose call is being served: Credentials, or None before there is anybody."""
        task = self.mount.namespace.task
        return None if task is None else (task.kernel.current or task).creds

    def find(self, name: bytes) -> RamInode:
        """What stands under a name. ENOENT EACCES"""
        if name == b".":
            return self.inode
        if not self.inode.may(self._who(), 1):
            raise OSError(EACCES, "no search permission")
        inode = self.inode.children.get(name)
        if inode is None:
            raise OSError(ENOENT, name.decode(errors="replace"))
        return inode

    def enter(self, name: bytes) -> "RamDirectory":
        inode = self.find(name)
        if inode.children is None:
            raise OSError(ENOTDIR, name.decode(errors="replace"))
        return RamDirectory(self.mount, self.path + (name,), inode)

    def readlink(self, name: bytes) -> bytes:
        inode = self.find(name)
        if inode.mode & S_IFMT != S_IFLNK:
            raise OSError(EINVAL, "no symbolic link")
        return inode.text

    def stat(self, name: bytes):
        return self.find(name).stat()

    def access(self, name: bytes, mode: int) -> bool:
        return self.find(name).may(self._who(), mode)

    def statfs(self) -> tuple:
        return ram_statfs(self.mount.namespace.task.kernel.store, self.mount.quota, self.mount.readonly,
                          self.mount.inodes)

    def entries(self):
        for name, inode in list(self.inode.children.items()):
            yield name, inode.ino, _TYPES[inode.mode & S_IFMT]

    # opening

    def open(self, task, name: bytes, flags: int, mode: int, st):
        path = self.path if name == b"." else self.path + (name,)
        if self.mount.readonly and not flags & O_PATH and (st is None or flags & (O_TMPFILE_BIT | O_TRUNC)
                                                           or flags & O_ACCMODE and st.st_mode & S_IFMT == S_IFREG):
            raise OSError(EROFS, "mounted read-only")
        if flags & O_TMPFILE_BIT and not flags & O_PATH:
            inside = RamDirectory(self.mount, path, self.find(name))
            if not inside.inode.may(inside._who(), 3):
                raise OSError(EACCES, "the directory's mode")
            inode = inside._regular(mode, task.fs.umask)
            inode.nlink = 0
            return RamFile(inode, flags, b"/" + b"/".join(path) + b"/#%d (deleted)" % inode.ino, self.mount)
        if st is None:
            inode = self._regular(mode, task.fs.umask)
            self._make(name, inode)
            return RamFile(inode, flags, b"/" + b"/".join(path), self.mount)
        inode = self.find(name)
        if flags & O_PATH:
            directory = RamDirectory(self.mount, path, inode, True) if inode.children is not None else None
            return PseudoPath(flags, path, inode.stat(), directory)
        kind = inode.mode & S_IFMT
        if kind == S_IFLNK:
            raise OSError(ELOOP, "a symbolic link")
        who = self._who()
        if not inode.may(who, wanted_by(flags)):
            raise OSError(EACCES, "its mode")
        if kind == S_IFSOCK:
            raise OSError(ENXIO, "a socket")
        if flags & O_NOATIME and who is not None and not who.owns(inode.uid):
            raise OSError(EPERM, "O_NOATIME of another user's file")
        if kind == S_IFDIR:
            if flags & (O_ACCMODE | O_CREAT):
                raise OSError(EISDIR, "a directory")
            return OpenDirectory(RamDirectory(self.mount, path, inode, True), flags)
        if flags & O_DIRECTORY:
            raise OSError(ENOTDIR, "no directory")
        if kind == S_IFIFO:
            return self._open_fifo(inode, flags, path)
        if flags & O_TRUNC:
            inode.truncate(0)
        return RamFile(inode, flags, b"/" + b"/".join(path), self.mount)

    def _open_fifo(self, inode: RamInode, flags: int, path: tuple) -> Fifo:
        """A FIFO is one of the host, without a name there, opened through /proc: fifo(7)'s rules are the host's."""
        if inode.fifo < 0:
            inode.fifo = _nameless_fifo()
        return Fifo(_open_nameless(inode.fifo, flags), flags, b"/" + b"/".join(path))

    # changing

    def _new(self, kind: int, mode: int, umask: int) -> RamInode:
        """Something new that belongs to who asks; its group may be the directory's: inode_init_owner()."""
        who, here = self._who(), self.inode
        mode &= ~umask
        gid = who.fsgid
        if here.mode & S_ISGID:
            gid = here.gid
            if kind == S_IFDIR:
                mode |= S_ISGID
            elif mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP and not who.member(gid) and not who.has(FSETID):
                mode &= ~S_ISGID
        return RamInode(self.mount.number(), kind | mode, (who.fsuid, gid))

    def _regular(self, mode: int, umask: int) -> RamInode:
        inode = self._new(S_IFREG, mode & 0o7777, umask)
        inode.content = Content(store_of(self.mount.namespace.task), self.mount.quota)
        return inode

    def _changes(self, gone: RamInode | None = None) -> None:
        """An entry is to be made, or one with this inode to be taken away. EACCES ENOENT EPERM"""
        here, who = self.inode, self._who()
        if not here.nlink:
            raise OSError(ENOENT, "the directory has been removed")
        if not here.may(who, 3):
            raise OSError(EACCES, "the directory's mode")
        if gone is not None and here.mode & S_ISVTX and who is not None and who.fsuid != here.uid \
                and not who.owns(gone.uid):
            raise OSError(EPERM, "another user's, in a sticky directory")

    def _make(self, name: bytes, inode: RamInode) -> None:
        """Give something new its first name. ENOSPC"""
        if self.mount.inodes >= INODES:
            raise OSError(ENOSPC, f"{INODES} inodes")
        self._add(name, inode)
        self.mount.inodes += 1

    def _add(self, name: bytes, inode: RamInode) -> None:
        self._changes()
        if name in self.inode.children:
            raise OSError(EEXIST, "is there")
        self.inode.children[name] = inode
        self.inode.changed()
        if inode.children is not None:
            inode.parent = self.inode
            self.inode.nlink += 1

    def _take(self, name: bytes) -> RamInode:
        """Take a name out."""
        inode = self.find(name)
        self._changes(inode)
        del self.inode.children[name]
        self.inode.changed()
        if inode.children is not None:
            self.inode.nlink -= 1
        return inode

    def mkdir(self, name: bytes, mode: int, umask: int) -> None:
        self._make(name, self._new(S_IFDIR, mode & 0o1777, umask))

    def mkfifo(self, name: bytes, mode: int, umask: int) -> None:
        self._make(name, self._new(S_IFIFO, mode & 0o7777, umask))

    def mksock(self, name: bytes, mode: int, umask: int) -> None:
        self._make(name, self._new(S_IFSOCK, mode & 0o7777, umask))

    def mkfile(self, name: bytes, mode: int, umask: int) -> None:
        self._make(name, self._regular(mode, umask))

    def symlink(self, text: bytes, name: bytes) -> None:
        inode = self._new(S_IFLNK, 0o777, 0)
        inode.text = text
        self._make(name, inode)

    def link(self, name: bytes, other: Directory, new: bytes) -> None:
        if other.mount is not self.mount:
            raise OSError(EXDEV, "another mount")
        inode = self.find(name)
        other._add(new, inode)
        inode.nlink += 1
        inode.changed(False)

    def unlink(self, name: bytes) -> None:
        inode = self.find(name)
        self._changes(inode)
        if inode.children is not None:
            raise OSError(EISDIR, "a directory")
        self._take(name)
        inode.nlink -= 1
        inode.changed(False)
        if not inode.nlink:
            self.mount.inodes -= 1
        inode.gone()

    def rmdir(self, name: bytes) -> None:
        inode = self.find(name)
        self._changes(inode)
        if inode.children is None:
            raise OSError(ENOTDIR, "no directory")
        if inode.children:
            raise OSError(ENOTEMPTY, "not empty")
        self._take(name).nlink = 0
        self.mount.inodes -= 1

    def rename(self, name: bytes, other: Directory, new: bytes, flags: int) -> None:
        if other.mount is not self.mount:
            raise OSError(EXDEV, "another mount")
        moved = self.find(name)
        there = other.inode.children.get(new)
        if there is not None and flags & RENAME_NOREPLACE:
            raise OSError(EEXIST, "is there")
        if there is None and flags & RENAME_EXCHANGE:
            raise OSError(ENOENT, new.decode(errors="replace"))
        _not_below(moved, other.inode)
        if flags & RENAME_EXCHANGE:
            _not_below(there, self.inode)
            if there is moved:
                return
            self._changes(moved), other._changes(there)
            self._take(name), other._take(new)
            self._add(name, there), other._add(new, moved)
            return
        if there is moved:
            return
        if there is not None:
            _not_below(there, self.inode, ENOTEMPTY)
        self._changes(moved)
        other._changes(there)
        if there is not None:
            if there.children is not None and moved.children is None:
                raise OSError(EISDIR, "a directory")
            if moved.children is not None and there.children is None:
                raise OSError(ENOTDIR, "no directory")
            other.rmdir(new) if there.children is not None else other.unlink(new)
        other._add(new, self._take(name))
        moved.changed(False)

    def chmod(self, name: bytes, mode: int) -> None:
        self.find(name).chmod(mode, self._who())

    def chown(self, name: bytes, uid: int, gid: int) -> None:
        self.find(name).chown(uid, gid, self._who())

    def utime(self, name: bytes, times: tuple | None) -> None:
        self.find(name).utime(times, self._who())

    def truncate(self, name: bytes, length: int) -> None:
        inode = self.find(name)
        if inode.content is None:
            raise OSError(EISDIR if inode.children is not None else EINVAL, "no regular file")
        if not inode.may(self._who(), 2):
            raise OSError(EACCES, "its mode")
        inode.truncate(length)


@as_monitor
def _open_nameless(fifo: int, flags: int) -> int:
    return os.open(b"/proc/self/fd/%d" % fifo, flags & O_ACCMODE | O_NONBLOCK | os.O_CLOEXEC)


@as_monitor
def _nameless_fifo() -> int:
    from tempfile import mkdtemp
    folder = mkdtemp(prefix="skete-")
    try:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path, 0o600)
        try:
            return os.open(path, os.O_PATH | os.O_CLOEXEC)
        finally:
            os.unlink(path)
    finally:
        os.rmdir(folder)


def _not_below(moved: RamInode, into: RamInode, error: int = EINVAL) -> None:
    """A directory cannot be moved into itself, nor replaced by what is in it."""
    while moved.children is not None:
        if into is moved:
            raise OSError(error, "into itself")
        if into.parent is into:
            return
        into = into.parent
