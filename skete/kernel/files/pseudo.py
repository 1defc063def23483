"""Files that are made up: folders, links, texts and devices that stand in no host folder.

A tree is declared: a :class:`Folder` of named entries, each one small class with its mode and what opening it gives.
To add a file to /proc or /dev, add an entry to the table in ``proc`` or ``dev``. What an entry shows may depend on
who asks: every method gets the task.
"""
from __future__ import annotations

from errno import EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, EROFS

from skete.abi.fcntl import O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_PATH, SEEK_CUR, SEEK_END, SEEK_SET
from skete.abi.stat import DT_CHR, DT_DIR, DT_LNK, DT_REG, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, ST_VALID, \
    TMPFS_MAGIC
from skete.kernel.files.description import Description
from skete.kernel.files.listing import OpenDirectory
from skete.kernel.files.node import Directory, Place

__all__ = ["Entry", "Folder", "Link", "MadeUp", "PseudoDirectory", "Setting", "Stat", "Text"]

_KINDS = {S_IFREG: DT_REG, S_IFDIR: DT_DIR, S_IFLNK: DT_LNK, S_IFCHR: DT_CHR}


#: what opening for reading, for writing, for both and for neither takes
_WANTED = (4, 2, 6, 6)


class Stat:
    """The fields of os.stat_result that calls use, for what has no inode on the host. Times in ns."""
    __slots__ = ("st_dev", "st_ino", "st_nlink", "st_mode", "st_uid", "st_gid", "st_rdev", "st_size", "st_blksize",
                 "st_blocks", "st_atime_ns", "st_mtime_ns", "st_ctime_ns")

    def __init__(self, mode: int, ino: int, size: int = 0, rdev: int = 0, uid: int = 0, gid: int = 0, now_ns: int = 0):
        self.st_dev, self.st_ino, self.st_mode, self.st_size, self.st_rdev = 0x18, ino, mode, size, rdev
        self.st_nlink = 2 if mode & S_IFMT == S_IFDIR else 1
        self.st_uid, self.st_gid, self.st_blksize, self.st_blocks = uid, gid, 4096, 0
        self.st_atime_ns = self.st_mtime_ns = self.st_ctime_ns = now_ns


class Entry:
    """One made-up file. mode: S_IF* with permissions; rdev: for devices."""
    mode = S_IFREG | 0o444
    rdev = 0

    def size(self, task) -> int:
        return 0

    def owner(self, task) -> tuple:
        """(uid, gid)"""
        return 0, 0

    def grants(self, task, wanted: int) -> bool:
        """Whether a thread has R_OK, W_OK, X_OK of it. Where the identity does not act, all of it is the guest's."""
        if task is None or task.creds.host is None:
            return self.mode >> 6 & wanted == wanted
        return task.creds.may(*self.owner(task), self.mode, wanted, self.mode & S_IFMT == S_IFDIR)

    def stat(self, task):
        """What is shown in place of a made-up stat, or None."""
        return None

    def open(self, task, path: tuple, flags: int, stat) -> Description:
        raise OSError(EACCES, "cannot be opened")


class Link(Entry):
    """A symbolic link. text: bytes, or a function of the task that gives them (ENOENT where there is nothing)."""
    mode = S_IFLNK | 0o777

    def __init__(self, text):
        self._text = text

    def text(self, task) -> bytes:
        return self._text(task) if callable(self._text) else self._text

    def jump(self, task) -> Place | None:
        return None

    def size(self, task) -> int:
        return 0 if callable(self._text) else len(self._text)


class Text(Entry):
    """A file whose content is made when it is opened. produce: function of the task that gives bytes."""

    def __init__(self, produce, mode: int = 0o444):
        self.produce, self.mode = produce, S_IFREG | mode

    def open(self, task, path: tuple, flags: int, stat) -> Description:
        return MadeUp(self.produce(task), flags, b"/" + b"/".join(path), stat)


class Setting(Text):
    """A Text that can be written to. accept: function of the task and the bytes; EINVAL and so on."""

    def __init__(self, produce, accept, mode: int = 0o644):
        super().__init__(produce, mode)
        self.accept = accept

    def open(self, task, path: tuple, flags: int, stat) -> Description:
        return Changeable(self, task, flags, b"/" + b"/".join(path), stat)


class Folder(Entry):
    """A folder of a fixed table {name: Entry}; one whose names depend on the task overrides both methods."""
    mode = S_IFDIR | 0o555

    def __init__(self, table: dict):
        self.table = table

    def lookup(self, task, name: bytes) -> Entry | None:
        return self.table.get(name)

    def names(self, task) -> list:
        return list(self.table)


class PseudoDirectory(Directory):
    """A Folder, as the walk meets it."""
    __slots__ = ("folder",)

    def __init__(self, mount, path: tuple, folder: Folder, keep: bool = False):
        super().__init__(mount, path, keep)
        self.folder = folder

    def dup(self) -> "PseudoDirectory":
        return PseudoDirectory(self.mount, self.path, self.folder, True)

    def _find(self, name: bytes) -> Entry:
        if name == b".":
            return self.folder
        task = self.mount.namespace.task
        if not self.folder.grants(task, 1):
            raise OSError(EACCES, "no search permission")
        entry = self.folder.lookup(task, name)
        if entry is None:
            raise OSError(ENOENT, name.decode(errors="replace"))
        return entry

    def _stat(self, name: bytes, entry: Entry) -> Stat:
        namespace = self.mount.namespace
        given = entry.stat(namespace.task)
        if given is not None:
            return given
        path = self.path if name == b"." else self.path + (name,)
        return Stat(entry.mode, namespace.inode(path), entry.size(namespace.task), entry.rdev,
                    *entry.owner(namespace.task), now_ns=namespace.made_ns)

    def enter(self, name: bytes) -> "PseudoDirectory":
        entry = self._find(name)
        if not isinstance(entry, Folder):
            raise OSError(ENOTDIR, name.decode(errors="replace"))
        return PseudoDirectory(self.mount, self.path + (name,), entry)

    def readlink(self, name: bytes) -> bytes:
        entry = self._find(name)
        if not isinstance(entry, Link):
            raise OSError(EINVAL, "no symbolic link")
        return entry.text(self.mount.namespace.task)

    def jump(self, task, name: bytes) -> Place | None:
        entry = self._find(name)
        return entry.jump(task) if isinstance(entry, Link) else None

    def stat(self, name: bytes) -> Stat:
        return self._stat(name, self._find(name))

    def access(self, name: bytes, mode: int) -> bool:
        return self._find(name).grants(self.mount.namespace.task, mode)

    def statfs(self) -> tuple:
        return (self.mount.magic, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)

    def entries(self):
        task = self.mount.namespace.task
        for name in self.folder.names(task):
            entry = self.folder.lookup(task, name)
            if entry is not None:
                path = self.path + (name,)
                yield name, self.mount.namespace.inode(path), _KINDS[entry.mode & S_IFMT]

    def open(self, task, name: bytes, flags: int, mode: int, st) -> Description:
        if st is None:
            raise OSError(EROFS, "nothing can be made here")
        entry = self._find(name)
        path = self.path if name == b"." else self.path + (name,)
        if flags & O_CREAT and flags & O_EXCL:
            raise OSError(EEXIST, "built in")
        if isinstance(entry, Folder):
            if flags & (O_ACCMODE | O_CREAT):
                raise OSError(EISDIR, "a directory")
            directory = PseudoDirectory(self.mount, path, entry, True)
            if flags & O_PATH:
                return PseudoPath(flags, path, self._stat(name, entry), directory)
            if not entry.grants(task, 4):
                raise OSError(EACCES, "not to be listed")
            return OpenDirectory(directory, flags)
        if flags & O_PATH:
            return PseudoPath(flags, path, self._stat(name, entry))
        if flags & O_DIRECTORY:
            raise OSError(ENOTDIR, "no directory")
        if isinstance(entry, Link):
            raise OSError(ELOOP, "a symbolic link")
        if flags & O_ACCMODE and not entry.mode & 0o222 or not entry.grants(task, _WANTED[flags & O_ACCMODE]):
            raise OSError(EACCES, "its mode")
        return entry.open(task, path, flags, self._stat(name, entry))


class MadeUp(Description):
    """Bytes that were made at open, with an offset."""
    __slots__ = ("content", "position", "_stat")

    def __init__(self, content: bytes, flags: int, path: bytes, stat):
        super().__init__(flags, path)
        self.content, self.position, self._stat = content, 0, stat

    def read(self, buffers: list) -> int:
        moved = self.pread(buffers, self.position)
        self.position += moved
        return moved

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        moved = 0
        for view in buffers:
            piece = self.content[offset + moved:offset + moved + len(view)]
            view[:len(piece)] = piece
            moved += len(piece)
        return moved

    def seek(self, offset: int, whence: int) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self.position, SEEK_END: len(self.content)}.get(whence)
        if base is None or base + offset < 0:
            raise OSError(EINVAL, f"whence {whence}, offset {offset}")
        self.position = base + offset
        return self.position

    def stat(self):
        return self._stat

    def statfs(self) -> tuple:
        return (TMPFS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)


class Changeable(MadeUp):
    """An open Setting. What is written is the new value, wherever the offset is."""
    __slots__ = ("setting", "kernel")

    def __init__(self, setting: Setting, task, flags: int, path: bytes, stat):
        super().__init__(setting.produce(task), flags, path, stat)
        self.setting, self.kernel = setting, task.kernel

    def write(self, buffers: list) -> int:
        data = b"".join(bytes(view[:4096]) for view in buffers)[:4096]
        task = self.kernel.current
        self.setting.accept(task, data)
        self.content = self.setting.produce(task)
        self.position += len(data)
        return len(data)

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self.write(buffers)


class PseudoPath(Description):
    """O_PATH on something made up."""
    __slots__ = ("_stat", "directory")

    def __init__(self, flags: int, path: tuple, stat, directory: PseudoDirectory | None = None):
        super().__init__(flags | O_PATH, b"/" + b"/".join(path))
        self._stat, self.directory = stat, directory

    @property
    def node(self):
        if self.directory is None:
            return super().node
        return self.directory

    def stat(self):
        return self._stat

    def statfs(self) -> tuple:
        return (TMPFS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)
