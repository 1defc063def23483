"""The guest's tree: mounts composed into one namespace.

A mount covers one guest path with a host folder, a single host file, or a built-in tree. Where a mount's parents exist
nowhere, empty read-only folders stand for them. What is at a path is decided by the path as walked, link by link, so a
mount point stays where it is whatever happens on the host underneath.
"""
from __future__ import annotations

import os
from errno import ELOOP, ENOENT, ENOTDIR
from time import time_ns

from skete.abi.stat import PROC_SUPER_MAGIC, S_IFDIR, S_IFMT, S_IFREG, SYSFS_MAGIC, TMPFS_MAGIC
from skete.kernel.files.hostdir import FileHolder, HostDirectory, open_root
from skete.kernel.files.node import Directory, Place
from skete.kernel.files.pseudo import Folder, PseudoDirectory

__all__ = ["Mount", "Namespace"]


class Mount:
    """A host folder or regular file at a guest path.

    host: str or bytes, on the host, links followed once, now;  guest: absolute path in the guest
    OSError where ``host`` is not there; ValueError for a guest path that is not absolute, or another kind of file.
    """
    #: whether the set-id bits of its programs count
    set_ids = True

    def __init__(self, host, guest, readonly: bool = False):
        self.host, self.guest, self.readonly = os.fsencode(host), os.fsencode(guest), readonly
        self.path = _split(self.guest)
        self.namespace = None
        self._root = self._name = None

    @classmethod
    def parse_tmpfs(cls, text: str) -> "Mount":
        """GUEST[:SIZE], as --tmpfs has it; SIZE in bytes, or with K, M, G. ValueError"""
        from skete.kernel.files.tmpfs import Tmpfs
        guest, colon, size = text.partition(":")
        number, power = (size[:-1], "KMG".find(size[-1:].upper()) + 1) if size[-1:].upper() in "KMG" else (size, 0)
        if not guest or colon and not (number.isdecimal() and number.isascii() and int(number)):
            raise ValueError(f"a tmpfs is GUEST or GUEST:SIZE, as in /tmp:64M, not {text!r}")
        return Tmpfs(guest, int(number) << 10 * power if colon else None)

    @classmethod
    def parse_tar(cls, text: str) -> "Mount":
        """FILE:GUEST, as --tar has it. ValueError"""
        from skete.kernel.files.tar import Tar
        fields = text.split(":")
        if len(fields) != 2 or not all(fields):
            raise ValueError(f"a tar image is FILE:GUEST, not {text!r}")
        return Tar(*fields)

    @classmethod
    def parse(cls, text: str) -> "Mount":
        """HOST:GUEST[:ro|:rw|:cow[=LAYER]], as on the command line. ValueError"""
        fields = text.split(":")
        readonly = False
        if len(fields) == 3 and fields[2].partition("=")[0] == "cow" and all(fields):
            from skete.kernel.files.cow import Cow
            _, given, layer = fields[2].partition("=")
            if given and not layer:
                raise ValueError(f"cow= names the layer's folder, as in {text}changes")
            return Cow(fields[0], fields[1], layer or None)
        if len(fields) == 3 and fields[2] in ("ro", "rw"):
            readonly = fields.pop() == "ro"
        if len(fields) != 2 or not all(fields):
            raise ValueError(f"a mount is HOST:GUEST, with or without :ro, :cow or :cow=LAYER, not {text!r}")
        return cls(fields[0], fields[1], readonly)

    def attach(self, namespace: "Namespace", path: tuple) -> None:
        """Open what is mounted. OSError, ValueError"""
        self.namespace, self.path = namespace, path
        kind = os.stat(self.host).st_mode & S_IFMT
        if kind == S_IFDIR:
            self._root, self._name = HostDirectory(self, path, open_root(self.host), True), b"."
        elif kind == S_IFREG:
            if not path:
                raise ValueError("a file cannot be the root")
            # Through its folder and name: a descriptor of the file itself could be opened again through /proc only,
            # and a file that is replaced on the host (an editor saves) stays visible.
            folder, self._name = os.path.split(os.path.realpath(self.host))
            self._root = FileHolder(self, path, open_root(folder))
        else:
            raise ValueError(f"{os.fsdecode(self.host)} is no folder and no regular file")

    def place(self) -> Place:
        """Its root, to be used as the end of a walk."""
        return Place(self._root, self._name, self._root.stat(self._name), covered=True, path=self.path)

    def root(self) -> Directory:
        """Its root, to be walked on from. ENOTDIR"""
        if self._name != b".":
            raise OSError(ENOTDIR, "a mounted file")
        return self._root

    def close(self) -> None:
        """Free what it holds on the host."""
        if self._root is not None:
            self._root.drop()


class BuiltIn(Mount):
    """A made-up tree. make: function that gives its Folder, called when it is first needed; magic: its f_type"""

    def __init__(self, guest: bytes, make, magic: int):
        super().__init__(b"", guest, True)
        self.make, self.magic = make, magic

    def attach(self, namespace: "Namespace", path: tuple) -> None:
        self.namespace, self.path, self._name = namespace, path, b"."

    def root(self) -> Directory:
        if self._root is None:
            self._root = PseudoDirectory(self, self.path, self.make(), True)
        return self._root

    def place(self) -> Place:
        root = self.root()
        return Place(root, b".", root.stat(b"."), covered=True, path=self.path)


class Later(Mount):
    """A mount that is made when somebody first looks: what few guests need costs the others nothing.

    make: function that gives the Mount
    """

    def __init__(self, guest: bytes, make):
        super().__init__(b"", guest)
        self.make, self._made = make, None

    def attach(self, namespace: "Namespace", path: tuple) -> None:
        self.namespace, self.path = namespace, path

    def made(self) -> Mount:
        """The mount itself."""
        if self._made is None:
            self._made = self.make()
            self._made.attach(self.namespace, self.path)
        return self._made

    def root(self) -> Directory:
        return self.made().root()

    def place(self) -> Place:
        return self.made().place()

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


class _Missing(Folder):
    """A folder that exists only because a mount is somewhere below."""

    def __init__(self):
        super().__init__({})


class Namespace:
    """All mounts of a machine.

    table:     {path: Mount};  a path is a tuple of bytes, () the root
    below:     {path: names}, for every path that leads to a mount
    terminal:  the Terminal that /dev/tty is, or None; dropped with the namespace
    task:      who walks now, for the trees that show everybody something else. One thread, one call at a time.
    ptys:      {number: Pair}, the pseudo-terminals whose masters are open (skete.kernel.files.pty)
    mapped:    {(device, inode): HostPages} of the host files that are mapped shared (skete.kernel.files.mapped)
    locks:     the record locks (skete.kernel.files.locks), once there was one
    held:      directories that outlive a walk: working directories, open ones. A rename keeps their paths true.
    """

    def __init__(self, mounts: list = ()):
        self.table, self.below, self.held = {}, {}, set()
        self.terminal = self.task = self.locks = None
        self.mapped, self.ptys = {}, {}
        self.made_ns = time_ns()
        self._inodes = {}
        self._missing = BuiltIn(b"/", _Missing, TMPFS_MAGIC)
        self._missing.attach(self, ())
        try:
            for mount in _built_in():
                self._attach(mount)
            # Parents first, so that a mount inside another one lands on it.
            for mount in sorted(mounts, key=lambda mount: len(mount.path)):
                self._attach(mount)
        except BaseException:
            self.close()
            raise

    def _attach(self, mount: Mount) -> None:
        path = self._real(mount.path)
        mount.attach(self, path)
        before = self.table.get(path)
        if before is not None:
            before.close()
        self.table[path] = mount
        for length in range(len(path)):
            self.below.setdefault(path[:length], set()).add(path[length])

    def _real(self, path: tuple) -> tuple:
        """A mount point with the links on the way to it resolved: /bin/sh where the mounted /bin leads to usr/bin."""
        from skete.kernel.files.walk import walk_from
        for length in range(len(path), 0, -1):
            if path[:length] in self.table:
                return path
            try:
                with walk_from(self, self.root(), b"/" + b"/".join(path[:length])) as place:
                    if place.st is None:
                        continue
                    return place.path + path[length:]
            except OSError as e:
                if e.errno not in (ENOENT, ENOTDIR, ELOOP):
                    raise
        return path

    def root(self) -> Directory:
        """The root directory."""
        mount = self.table.get(())
        return mount.root() if mount is not None else self.missing(())

    def missing(self, path: tuple) -> Directory:
        """The empty folder that leads to a mount further down."""
        return PseudoDirectory(self._missing, path, self._missing.root().folder)

    def children(self, path: tuple) -> set:
        """The names under a path that are mount points or lead to one; the caller's own set."""
        return set(self.below.get(path, ()))

    def covers(self, path: tuple) -> bool:
        """Whether a path is a mount point or leads to one, and so cannot be removed or renamed."""
        return path in self.table or path in self.below

    def find(self, path: tuple) -> Directory:
        """The directory at a path that holds no links. ENOENT, ENOTDIR"""
        node = self.root()
        for index, name in enumerate(path):
            try:
                child = self.step(node, name, path[:index + 1])
            finally:
                node.close()
            node = child
        return node

    def step(self, node: Directory, name: bytes, path: tuple) -> Directory:
        """One component down, over mount points. ``path``: node.path + (name,). ENOENT, ENOTDIR (links too), EACCES"""
        mount = self.table.get(path)
        if mount is not None:
            return mount.root()
        try:
            return node.enter(name)
        except FileNotFoundError:
            if path in self.below:
                return self.missing(path)
            raise

    def ancestor(self, node: Directory, up: int) -> Directory:
        """``..``, ``up`` times: found from the root again, never by asking the host for its own parent."""
        return self.find(node.path[:max(0, len(node.path) - up)])

    def ino(self, path: tuple) -> int:
        """The inode number shown for what stands at a path; 1 where that is gone."""
        mount = self.table.get(path)
        try:
            if mount is not None:
                with mount.place() as place:
                    return place.st.st_ino
            node = self.find(path)
        except OSError:
            return 1
        try:
            return node.stat(b".").st_ino
        finally:
            node.close()

    def parent_ino(self, node: Directory) -> int:
        """What ``..`` of a directory is listed with."""
        return self.ino(node.path[:-1])

    def inode(self, path: tuple) -> int:
        """A number for something made up: the same for the same path."""
        return self._inodes.setdefault(path, 0x1_0000_0000 + len(self._inodes))

    def renamed(self, old: tuple, new: tuple) -> None:
        """A directory has a new path: so have those that are held below it."""
        for node in self.held:
            if node.path[:len(old)] == old:
                node.path = new + node.path[len(old):]

    def flush(self) -> None:
        """Write what is only in shared mappings to the host's files."""
        if self.mapped:
            from skete.kernel.files.mapped import flush
            flush(self)

    def exchanged(self, one: tuple, other: tuple) -> None:
        """Two names have changed places (RENAME_EXCHANGE)."""
        for node in self.held:
            for old, new in ((one, other), (other, one)):
                if node.path[:len(old)] == old:
                    node.path = new + node.path[len(old):]
                    break

    def close(self) -> None:
        """Free what this holds on the host."""
        if self.terminal is not None:
            self.terminal.drop()
            self.terminal = None
        if self.locks is not None:
            self.locks.close()
        for pages in self.mapped.values():
            pages.release()
        self.mapped.clear()
        for mount in self.table.values():
            mount.close()
        self.table.clear()


def _split(guest: bytes) -> tuple:
    if not guest.startswith(b"/") or b"\0" in guest:
        raise ValueError(f"the guest's side of a mount must be an absolute path: {os.fsdecode(guest)!r}")
    path = tuple(name for name in guest.split(b"/") if name not in (b"", b"."))
    if b".." in path:
        raise ValueError(f"the guest's side of a mount must not contain '..': {os.fsdecode(guest)!r}")
    return path


def _built_in() -> list:
    return [BuiltIn(b"/dev", _dev, TMPFS_MAGIC), Later(b"/dev/shm", _shm), BuiltIn(b"/proc", _proc, PROC_SUPER_MAGIC),
            BuiltIn(b"/sys", _sys, SYSFS_MAGIC)]


def _sys() -> Folder:
    from skete.kernel.files.sys import sys
    return sys()


def _shm() -> Mount:
    from skete.kernel.files.tmpfs import Tmpfs
    return Tmpfs(b"/dev/shm")


def _dev() -> Folder:
    from skete.kernel.files.dev import dev
    return dev()


def _proc() -> Folder:
    from skete.kernel.files.proc import proc
    return proc()
