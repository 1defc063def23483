"""An open file whose content is memory, and the inode behind it."""
from __future__ import annotations

from errno import EACCES, EAGAIN, EBUSY, EINVAL, ENOTDIR, EOPNOTSUPP, EPERM, EROFS
from time import time_ns

from skete.abi.fcntl import F_ADD_SEALS, F_GET_SEALS, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, \
    F_SEAL_WRITE, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, LOCK_SH, LOCK_UN, O_ACCMODE, O_APPEND, O_DIRECTORY, \
    O_LARGEFILE, O_TRUNC, RWF_APPEND, RWF_NOAPPEND, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET
from skete.abi.ioctls import FIONREAD
from skete.abi.stat import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, ST_RDONLY, ST_VALID, TMPFS_MAGIC
from skete.engine import PAGE
from skete.kernel.files.description import Description
from skete.kernel.files.pseudo import Stat
from skete.kernel.files.ram import Content
from skete.kernel.identity.credentials import CHOWN, FSETID

__all__ = ["INODES", "RamFile", "RamInode", "ram_statfs", "wanted_by"]

#: files, directories and links of one mount: even an empty one takes a kilobyte of the monitor's memory
INODES = 1 << 18

#: st_dev of everything here
DEVICE = 0x1d


class RamInode:
    """One file, directory or link. What it holds is one of: content (Content), children ({name: RamInode}), text.

    nlink: names (two and more for a directory);  opens: descriptions;  parent: of a directory
    seals: F_SEAL_*, memfd_create's;  fifo: host descriptor of the pipe that a FIFO is
    """
    __slots__ = ("ino", "mode", "nlink", "uid", "gid", "atime_ns", "mtime_ns", "ctime_ns", "content", "children",
                 "text", "parent", "opens", "seals", "flocks", "fifo")

    def __init__(self, ino: int, mode: int, owner: tuple = (0, 0)):
        self.ino, self.mode = ino, mode
        self.uid, self.gid = owner
        self.nlink = 2 if mode & S_IFMT == S_IFDIR else 1
        self.atime_ns = self.mtime_ns = self.ctime_ns = time_ns()
        self.content, self.text, self.parent = None, b"", None
        self.children = {} if mode & S_IFMT == S_IFDIR else None
        self.opens, self.seals, self.flocks, self.fifo = 0, F_SEAL_SEAL, None, -1

    def stat(self) -> Stat:
        """The fields of os.stat_result."""
        mode = self.mode
        st = Stat(mode, self.ino, 0, 0, self.uid, self.gid)
        st.st_dev, st.st_nlink = DEVICE, self.nlink
        st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns = self.atime_ns, self.mtime_ns, self.ctime_ns
        kind = mode & S_IFMT
        if kind == S_IFREG:
            if self.content is not None:
                st.st_size, st.st_blocks = self.content.size, self.content.pages >> 9
        elif kind == S_IFLNK:
            st.st_size = len(self.text)
        elif kind == S_IFDIR:
            st.st_size = 40 + 20 * len(self.children)
        return st

    def changed(self, content: bool = True) -> None:
        """ctime is now, and mtime with it where the content has changed."""
        self.ctime_ns = now = time_ns()
        if content:
            self.mtime_ns = now
            if self.mode & 0o6000 and self.children is None:
                who = _asking(self.content) if self.content is not None else None
                if who is None or not who.has(FSETID):
                    self._drop_privileges()

    def _drop_privileges(self) -> None:
        """The set-id bits go: S_ISGID where it is not about locking."""
        self.mode &= ~(0o6000 if self.mode & 0o010 else 0o4000)

    def may(self, who, wanted: int) -> bool:
        """Whether Credentials have R_OK, W_OK, X_OK of it; None: the machine itself."""
        return who is None or who.may(self.uid, self.gid, self.mode, wanted, self.children is not None)

    def chmod(self, mode: int, who) -> None:
        """EPERM"""
        if who is not None:
            if not who.owns(self.uid):
                raise OSError(EPERM, "another user's")
            if mode & S_ISGID and not who.member(self.gid) and not who.has(FSETID):
                mode &= ~S_ISGID
        self.mode = self.mode & S_IFMT | mode
        self.changed(False)

    def chown(self, uid: int, gid: int, who) -> None:
        """EPERM"""
        if who is not None and not who.has(CHOWN):
            mine = who.fsuid == self.uid
            if uid != -1 and not (mine and uid == self.uid) \
                    or gid != -1 and not (mine and (gid == self.gid or who.member(gid))):
                raise OSError(EPERM, "takes CAP_CHOWN")
        if uid != -1:
            self.uid = uid
        if gid != -1:
            self.gid = gid
        if self.children is None:       # chown(2): whoever calls it, and even where nothing changes
            self._drop_privileges()
        self.changed(False)

    def utime(self, times: tuple | None, who) -> None:
        """EACCES EPERM"""
        if who is not None and not who.owns(self.uid):
            if times is not None:
                raise OSError(EPERM, "another user's")
            if not self.may(who, 2):
                raise OSError(EACCES, "another user's, and not writable")
        self.ctime_ns = now = time_ns()
        self.atime_ns, self.mtime_ns = times or (now, now)

    def truncate(self, length: int) -> None:
        """Set the size of a regular file. EPERM by its seals"""
        size = self.content.size
        if length < size and self.seals & F_SEAL_SHRINK or length > size and self.seals & F_SEAL_GROW:
            raise OSError(EPERM, "sealed")
        self.content.truncate(length)
        self.changed()

    def gone(self) -> None:
        """Free it, once it has neither a name nor a description."""
        if self.nlink == 0 and self.opens == 0:
            if self.content is not None:
                self.content.release()
            if self.fifo >= 0:
                import os
                os.close(self.fifo)
                self.fifo = -1


def ram_statfs(store, quota, readonly: bool = False, inodes: int = 0) -> tuple:
    """The fields of abi.stat.STATFS. inodes: how many there are"""
    limit = quota.limit if quota is not None and quota.limit is not None else store.limit if store is not None else 0
    used = quota.used if quota is not None and quota.limit is not None else store.used if store is not None else 0
    free = max(0, limit - used) >> 12
    return (TMPFS_MAGIC, PAGE, limit >> 12, free, free, INODES, INODES - inodes, 0, 255, PAGE,
            ST_VALID | (ST_RDONLY if readonly else 0))


def _asking(content):
    """Whose call is being served: Credentials, or None."""
    task = content.store.kernel.current if content.store is not None else None
    return task.creds if task is not None else None


def wanted_by(flags: int) -> int:
    """What open(2) with these flags wants of a file: R_OK, W_OK."""
    return (4, 2, 6, 6)[flags & O_ACCMODE] | (2 if flags & O_TRUNC else 0)


def _mapped(content) -> bool:
    """Whether somebody has it mapped shared: through a writable descriptor, as far as we know."""
    return any(vma.backing is content
               for process in content.store.kernel.processes.values() for vma in process.mm.vmas)


class RamFile(Description):
    """A regular file in memory, open. mount: its Mount, None for a memfd."""
    __slots__ = ("inode", "position", "mount", "locks")

    def __init__(self, inode: RamInode, flags: int, path: bytes, mount=None):
        super().__init__(flags | O_LARGEFILE, path)
        self.inode, self.position, self.mount, self.locks = inode, 0, mount, None
        inode.opens += 1

    def release(self) -> None:
        inode = self.inode
        if self.locks is not None:
            self.locks.drop(self, self)
        if inode.flocks:
            self.flock(LOCK_UN)
        inode.opens -= 1
        inode.gone()

    @property
    def readonly(self) -> bool:
        return self.mount is not None and self.mount.readonly

    def read(self, buffers: list) -> int:
        done = self.inode.content.read(buffers, self.position)
        self.position += done
        return done

    def write(self, buffers: list) -> int:
        content = self.inode.content
        at = content.size if self.flags & O_APPEND else self.position
        done = self._write(buffers, at)
        self.position = at + done
        return done

    def _write(self, buffers: list, at: int) -> int:
        inode = self.inode
        if inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
            raise OSError(EPERM, "sealed")
        if inode.seals & F_SEAL_GROW and at + sum(map(len, buffers)) > inode.content.size:
            raise OSError(EPERM, "sealed")
        done = inode.content.write(buffers, at)
        if done:
            inode.changed()
        return done

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self.inode.content.read(buffers, offset)

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        if self.flags & O_APPEND and not flags & RWF_NOAPPEND or flags & RWF_APPEND:
            offset = self.inode.content.size
        return self._write(buffers, offset)

    def seek(self, offset: int, whence: int) -> int:
        content = self.inode.content
        if whence in (SEEK_DATA, SEEK_HOLE):
            self.position = content.seek(offset, whence)
            return self.position
        at = offset + {SEEK_SET: 0, SEEK_CUR: self.position, SEEK_END: content.size}[whence]
        if not 0 <= at < 1 << 63:
            raise OSError(EINVAL, f"offset {at}")
        self.position = at
        return at

    def truncate(self, length: int) -> None:
        self.inode.truncate(length)

    def allocate(self, mode: int, offset: int, length: int) -> None:
        inode, content, end = self.inode, self.inode.content, offset + length
        if mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE):
            raise OSError(EOPNOTSUPP, f"fallocate mode {mode:#x}")
        if mode & FALLOC_FL_PUNCH_HOLE:
            if inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
                raise OSError(EPERM, "sealed")
            content.zero(offset, end)
        else:
            if end > content.size and inode.seals & F_SEAL_GROW:
                raise OSError(EPERM, "sealed")
            content.allocate(offset, end)
            if not mode and end > content.size:
                content.size = end
        inode.changed()

    def sync(self, data_only: bool = False) -> None:
        """Nothing is behind memory."""

    def stat(self):
        return self.inode.stat()

    def statfs(self) -> tuple:
        return ram_statfs(self.inode.content.store, self.inode.content.quota, self.readonly,
                          self.mount.inodes if self.mount is not None else 0)

    def ioctl(self, task, request: int, arg: int) -> int:
        if request == FIONREAD:
            task.mm.write_u32(arg, max(0, self.inode.content.size - self.position))
            return 0
        return super().ioctl(task, request, arg)

    def fcntl(self, command: int, arg):
        """Seals, memfd_create(2). EBUSY EPERM EINVAL"""
        inode = self.inode
        if command == F_GET_SEALS and self.mount is None:
            return inode.seals
        if command != F_ADD_SEALS or self.mount is not None or arg & ~0x1f:
            raise OSError(EINVAL, f"fcntl {command}")
        if not self.writable or inode.seals & F_SEAL_SEAL:
            raise OSError(EPERM, "sealed")
        if arg & F_SEAL_WRITE and _mapped(inode.content):
            raise OSError(EBUSY, "mapped")
        inode.seals |= arg
        inode.content.sealed = bool(inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return 0

    def flock(self, operation: int) -> None:
        """flock(2), never waiting. EAGAIN"""
        inode = self.inode
        held = inode.flocks if inode.flocks is not None else {}
        if operation == LOCK_UN:
            held.pop(self, None)
        else:
            shared = operation == LOCK_SH
            if any(one is not self and not (shared and other) for one, other in held.items()):
                raise OSError(EAGAIN, "locked")
            held[self] = shared
        inode.flocks = held or None

    def chmod(self, mode: int) -> None:
        self.inode.chmod(mode, _asking(self.inode.content))

    def chown(self, uid: int, gid: int) -> None:
        self.inode.chown(uid, gid, _asking(self.inode.content))

    def utime(self, times: tuple | None) -> None:
        self.inode.utime(times, _asking(self.inode.content))

    def reopen(self, flags: int) -> Description:
        if self.readonly and flags & O_ACCMODE:
            raise OSError(EROFS, "mounted read-only")
        if flags & O_DIRECTORY:
            raise OSError(ENOTDIR, "no directory")
        if not self.inode.may(_asking(self.inode.content), wanted_by(flags)):
            raise OSError(EACCES, "its mode")
        file = RamFile(self.inode, flags, self.path, self.mount)
        if flags & O_TRUNC:
            self.inode.truncate(0)
        return file

    def backing(self, prot: int, shared: bool) -> Content:
        """What a shared mapping of it stands on. EPERM by its seals"""
        if self.inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) and prot & 2:
            raise OSError(EPERM, "sealed")
        return self.inode.content
