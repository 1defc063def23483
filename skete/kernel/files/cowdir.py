"""A directory of a copy-on-write mount: one of the layer over one of the folder below."""
from __future__ import annotations

import os
from errno import EACCES, EINVAL, EISDIR, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EPERM

from skete.abi.fcntl import O_ACCMODE, O_CREAT, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE_BIT, O_TRUNC, O_WRONLY, \
    R_OK, W_OK, X_OK
from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from skete.kernel.files.cowfile import CowFolder
from skete.kernel.files.cowpart import Below, Part, dup_part, enter_part, entries_of, opaque, sweep
from skete.kernel.files.hostdir import under_umask
from skete.kernel.files.layer import META, OPAQUE, PREFIX, exists, temporary
from skete.kernel.files.listing import OpenDirectory
from skete.kernel.files.node import Directory
from skete.kernel.identity.worn import as_monitor, fsuid

__all__ = ["CowDirectory"]

_STICKY = 0o1000
_WANTED = {O_RDONLY: R_OK, O_WRONLY: W_OK, O_RDWR: R_OK | W_OK, O_ACCMODE: R_OK | W_OK}


class CowDirectory(Directory):
    """upper, lower: its halves, of which one may be None;  seen: mount.changes when they were looked up;
    dead: it has been removed"""
    __slots__ = ("upper", "lower", "seen", "dead")

    def __init__(self, mount, path: tuple, upper: Part | None, lower: Below | None, keep: bool = False):
        super().__init__(mount, path, keep)
        self.upper, self.lower, self.dead = upper, lower, False
        self.seen = mount.changes

    def drop(self) -> None:
        for part in (self.upper, self.lower):
            if part is not None:
                part.drop()

    def dup(self) -> "CowDirectory":
        halves = (part and dup_part(part) for part in (self.upper, self.lower))
        copy = CowDirectory(self.mount, self.path, *halves, True)
        copy.seen, copy.dead = self.seen, self.dead
        return copy

    def alive(self) -> bool:
        return not self.dead

    @as_monitor
    def fresh(self) -> None:
        """Look again where it is, after a directory somewhere has been copied up or renamed. Its path is true: those
        who hold it see to that."""
        mount = self.mount
        if self.seen == mount.changes or self.dead or self is mount._root:
            return
        self.seen = mount.changes
        try:
            now = mount.node(self.path)
        except OSError:
            return
        self.drop()
        self.upper, self.lower = (now.upper, now.lower) if now is not mount._root else \
            (dup_part(now.upper), dup_part(now.lower))

    # looking

    def find(self, name: bytes) -> tuple:
        """(the half that has a name, its stat there). ENOENT EACCES"""
        self.fresh()
        if name == b".":
            part = self.upper or self.lower
            return part, os.fstat(part.fd)
        if self.dead or name.startswith(PREFIX):
            raise OSError(ENOENT, name.decode(errors="replace"))
        if self.upper is not None:
            try:
                return self.upper, self.upper.stat(name)
            except FileNotFoundError:
                if self.lower is None or exists(self.upper.fd, PREFIX + name):
                    raise
        st = self.lower.stat(name) if self.upper is None else self._stat_below(name)
        links = self.mount.links
        if links.copied and links.several(st) and st.st_ino in links.copied:
            self.rise()
            links.give(st.st_ino, self.upper.fd, name)
            return self.upper, self.upper.stat(name)
        return self.lower, st

    @as_monitor
    def _stat_below(self, name: bytes):
        """Who may search here is the upper half's to say, and has been asked."""
        return self.lower.stat(name)

    def below(self, name: bytes) -> bool:
        """Whether the folder below has something under a name, which the layer has to hide."""
        return self.lower is not None and exists(self.lower.fd, name)

    def enter(self, name: bytes) -> "CowDirectory":
        part, st = self.find(name)
        if st.st_mode & S_IFMT != S_IFDIR:
            raise OSError(ENOTDIR, name.decode(errors="replace"))
        upper = lower = None
        path = self.path + (name,)
        try:
            if not part.is_below:
                upper = enter_part(part, name)
                if self.lower is not None and not exists(self.upper.fd, PREFIX + name) \
                        and not exists(upper.fd, OPAQUE):
                    try:
                        lower = enter_part(self.lower, name)
                    except (FileNotFoundError, NotADirectoryError):
                        pass
            else:
                lower = enter_part(part, name)
            return CowDirectory(self.mount, path, upper, lower)
        except BaseException:
            if upper is not None:
                upper.drop()
            raise

    def readlink(self, name: bytes) -> bytes:
        return self.find(name)[0].readlink(name)

    def stat(self, name: bytes):
        _, st = self.find(name)
        return self.mount.shown(st, links=0 if self.dead else None)

    def access(self, name: bytes, mode: int) -> bool:
        return self.find(name)[0].access(name, mode)

    def statfs(self) -> tuple:
        return self.mount._root.upper.statfs()

    def entries(self):
        self.fresh()
        found, hidden = {}, set()
        if self.upper is not None:
            for name, ino, kind in entries_of(self.upper):
                if not name.startswith(PREFIX):
                    found[name] = kind, self.upper
                elif not name.startswith(META):
                    hidden.add(name[len(PREFIX):])
        if self.lower is not None:
            for name, ino, kind in entries_of(self.lower):
                if name not in hidden and not name.startswith(PREFIX):
                    found.setdefault(name, (kind, self.lower))
        # All at once: what is copied up while somebody lists is there once.
        for name, (kind, part) in found.items():
            try:
                st = part.stat(name)
            except OSError:
                continue
            yield name, self.mount.number(st), kind

    def xattr_path(self, name: bytes, changes: bool = False) -> bytes:
        part, st = self.find(name)
        if changes and part.is_below:
            if not part.access(name, W_OK):
                raise OSError(EACCES, "the host says no")
            self.copy_up(name)
            part = self.upper
        return part.xattr_path(name)

    def watch_path(self, name: bytes) -> bytes:
        raise OSError(ENOSPC, "copy-on-write")

    # opening

    def open(self, task, name: bytes, flags: int, mode: int, st):
        if st is not None and st.st_mode & S_IFMT == S_IFDIR and not flags & O_TMPFILE_BIT or name == b"." and not st:
            return self._open_directory(name, flags)
        if st is None or flags & O_TMPFILE_BIT and not flags & O_PATH:
            return self._make(task, name, flags, mode, st)
        part, now = self.find(name)
        if part.is_below and not flags & O_PATH:
            kind = now.st_mode & S_IFMT
            wanted = _WANTED[flags & O_ACCMODE] | (W_OK if flags & O_TRUNC else 0)
            if kind == S_IFIFO or kind == S_IFREG and wanted & W_OK:
                if not part.access(name, wanted):
                    raise OSError(EACCES, "the host says no")
                self.copy_up(name, not flags & O_TRUNC)
                part = self.upper
        part.path = self.path
        return part.open(task, name, flags, mode, now)

    def _open_directory(self, name: bytes, flags: int):
        if not flags & O_PATH:
            if flags & (O_ACCMODE | O_CREAT):
                raise OSError(EISDIR, "a directory")
            if not self.access(name, R_OK):
                raise OSError(EACCES, "the host says no")
        if name == b".":
            self.fresh()
            node = self.dup()
        else:
            node = self.enter(name)
        return CowFolder(node, flags) if flags & O_PATH else OpenDirectory(node, flags)

    def _make(self, task, name: bytes, flags: int, mode: int, st):
        if st is not None:              # O_TMPFILE in a directory
            node = self if name == b"." else self.enter(name)
            try:
                upper = node.changing()
                upper.path = node.path
                return upper.open(task, b".", flags, mode, st)
            finally:
                if node is not self:
                    node.close()
        upper = self.changing(name)
        upper.path = self.path
        file = upper.open(task, name, flags, mode, None)
        self.uncover(name)
        return file

    # changing

    def rise(self) -> None:
        """Be in the layer."""
        self.fresh()
        if self.upper is None:
            self.mount.raise_directory(self.path)
            self.fresh()

    def copy_up(self, name: bytes, whole: bool = True) -> Part:
        """The half in the layer, which has that name now. EACCES where it cannot be read"""
        part, st = self.find(name)
        if part.is_below:
            self.rise()
            if name != b"." and not exists(self.upper.fd, name):
                self.mount.copied(self, name, st, whole)
        return self.upper

    def allowed(self, name: bytes = b"") -> None:
        """A name is to be made or taken away. EACCES ENOENT EPERM"""
        self.fresh()
        if self.dead:
            raise OSError(ENOENT, "the directory has been removed")
        if name.startswith(PREFIX):
            raise OSError(EPERM, "a name of the layer's own")
        part = self.upper or self.lower
        me = os.geteuid()       # what we do ourselves in the layer the host does not check
        if (fsuid() != me or self.lower is not None and (self.upper is None or os.fstat(self.lower.fd).st_uid != me)) \
                and not part.access(b".", W_OK | X_OK):
            raise OSError(EACCES, "the host says no")

    def changing(self, name: bytes = b"") -> Part:
        """The half in the layer, in which a name is to be made or taken away. EACCES ENOENT EPERM"""
        self.allowed(name)
        self.rise()
        return self.upper

    @as_monitor
    def cover(self, name: bytes) -> None:
        """Hide what the folder below has under a name."""
        os.close(os.open(PREFIX + name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644,
                         dir_fd=self.upper.fd))

    @as_monitor
    def uncover(self, name: bytes) -> None:
        if self.lower is not None:
            try:
                os.unlink(PREFIX + name, dir_fd=self.upper.fd)
            except OSError as e:
                if e.errno not in (ENOENT, ENAMETOOLONG):
                    raise

    def mkdir(self, name: bytes, mode: int, umask: int) -> None:
        upper = self.changing(name)
        if not self.below(name):
            return upper.mkdir(name, mode, umask)
        made = temporary()              # over one that was removed: whole and opaque before it has its name
        upper.mkdir(made, mode, umask)
        opaque(upper, made)
        os.rename(made, name, src_dir_fd=upper.fd, dst_dir_fd=upper.fd)
        self.uncover(name)

    def mkfifo(self, name: bytes, mode: int, umask: int) -> None:
        self.changing(name).mkfifo(name, mode, umask)
        self.uncover(name)

    def mkfile(self, name: bytes, mode: int, umask: int) -> None:
        self.changing(name).mkfile(name, mode, umask)
        self.uncover(name)

    def mksock(self, name: bytes, mode: int, umask: int) -> None:
        """A socket's file. EEXIST"""
        under_umask(umask, os.mknod, name, S_IFSOCK | mode, dir_fd=self.changing(name).fd)
        self.uncover(name)

    def symlink(self, text: bytes, name: bytes) -> None:
        self.changing(name).symlink(text, name)
        self.uncover(name)

    def link(self, name: bytes, other: Directory, new: bytes) -> None:
        from skete.kernel.files import cowmove
        cowmove.link(self, name, other, new)

    def link_open(self, file, name: bytes) -> None:
        self.changing(name).link_open(file, name)
        self.uncover(name)

    def rename(self, name: bytes, other: Directory, new: bytes, flags: int) -> None:
        from skete.kernel.files import cowmove
        cowmove.rename(self, name, other, new, flags)

    def unlink(self, name: bytes) -> None:
        part, st = self.find(name)
        self.allowed()
        if st.st_mode & S_IFMT == S_IFDIR:
            raise OSError(EISDIR, "a directory")
        self.take(name, part.is_below, st)
        self.mount.unlinked(st, part.is_below)

    def take(self, name: bytes, below: bool, st) -> None:
        """Take a name of no directory away. EACCES EPERM"""
        upper = self.changing()
        if below:
            self.may_take(st)
        covers = self.below(name)
        if covers:
            self.cover(name)
        if not below:
            try:
                os.unlink(name, dir_fd=upper.fd)
            except OSError:
                if covers:
                    self.uncover(name)
                raise

    def may_take(self, st) -> None:
        here, me = os.fstat(self.lower.fd), fsuid()
        if here.st_mode & _STICKY and me not in (0, here.st_uid, st.st_uid):
            raise OSError(EPERM, "another user's, in a sticky directory")

    @as_monitor
    def empty(self) -> bool:
        """Whether the guest sees nothing in it."""
        return next(self.entries(), None) is None

    def rmdir(self, name: bytes) -> None:
        part, st = self.find(name)
        self.allowed()
        if part.is_below:
            self.may_take(st)
        if st.st_mode & S_IFMT != S_IFDIR:
            raise OSError(ENOTDIR, "no directory")
        node = self.enter(name)
        try:
            if not node.empty():
                raise OSError(ENOTEMPTY, "not empty")
        finally:
            node.close()
        self.rise()
        if self.below(name):
            self.cover(name)
        if not part.is_below:
            made = temporary()          # gone at once, with the marks that may be in it
            os.rename(name, made, src_dir_fd=self.upper.fd, dst_dir_fd=self.upper.fd)
            sweep(self.upper, made)
            os.rmdir(made, dir_fd=self.upper.fd)
        self.mount.unlinked(st, part.is_below)
        self.mount.removed(self.path + (name,))

    # what is known of a file

    def _owned(self, name: bytes) -> None:
        part, st = self.find(name)
        if part.is_below and fsuid() not in (0, st.st_uid):
            raise OSError(EPERM, "another user's")

    def chmod(self, name: bytes, mode: int) -> None:
        self._owned(name)
        self.copy_up(name).chmod(name, mode)

    def chown(self, name: bytes, uid: int, gid: int) -> None:
        if (uid, gid) != (-1, -1):
            self._owned(name)
        self.copy_up(name).chown(name, uid, gid)

    def utime(self, name: bytes, times: tuple | None) -> None:
        if times is not None or not self.access(name, W_OK):
            self._owned(name)
        self.copy_up(name).utime(name, times)

    def truncate(self, name: bytes, length: int) -> None:
        part, st = self.find(name)
        kind = st.st_mode & S_IFMT
        if kind != S_IFREG:
            raise OSError(EISDIR if kind == S_IFDIR else EINVAL, "no regular file")
        if part.is_below and not part.access(name, W_OK):
            raise OSError(EACCES, "the host says no")
        self.copy_up(name).truncate(name, length)
