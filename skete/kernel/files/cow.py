"""A copy-on-write mount: a host folder (the one *below*) that a guest may change, and of which nothing is changed.

What the guest makes, changes or removes is in the layer (``layer``). A directory of the mount is therefore two of the
host's, one of the layer and one below, of which either may be missing; the layer's entries hide those below. What is to
be changed is copied up first, with the folders that lead to it.

Seen from the guest nothing tells that this happens: a file keeps its inode number, its other names and its open
descriptors, a folder below can be renamed (all of it is copied up then).

What differs from a mount that is written to: the times that a change of an inode sets (ctime) are the copy's; names
that begin with ``.wh.`` are the layer's own, are not seen and cannot be made; a file below that the host's user may
not read cannot be changed either.
"""
from __future__ import annotations

import os
from errno import ENOENT

from skete.abi.stat import S_IFDIR, S_IFMT, S_IFREG
from skete.kernel.files.cowdir import CowDirectory
from skete.kernel.files.cowfile import follow
from skete.kernel.files.cowpart import Below, Part
from skete.kernel.files.hostdir import open_root
from skete.kernel.files.layer import Layer, copy_up, discard
from skete.kernel.files.mounts import Mount
from skete.kernel.identity.worn import as_monitor

__all__ = ["Cow"]

#: Inode numbers of other file systems than that of the folder below get this bit: all of the mount is one device.
_FOREIGN = 1 << 62


class Cow(Mount):
    """layer: a folder of the host for the changes, which stay there; None: one that is thrown away at the end

    changes: counts what makes directories look again where they are in the layer and below
    numbers: {(device, inode) of a copy: the number that its original was shown with}
    readers: {(device, inode) below: the open files that will have to follow a copy}
    """

    def __init__(self, host, guest, layer=None):
        super().__init__(host, guest)
        self.layer_path = None if layer is None else os.fsencode(layer)
        self.layer = None
        self.changes, self.numbers, self.readers = 0, {}, {}

    def attach(self, namespace, path: tuple) -> None:
        if not os.stat(self.host).st_mode & S_IFMT == S_IFDIR:
            raise ValueError(f"{os.fsdecode(self.host)} is no folder: only a folder can be mounted copy-on-write")
        self.namespace, self.path, self._name = namespace, path, b"."
        temporary = self.layer_path is None
        if temporary:
            from tempfile import mkdtemp
            self.layer_path = os.fsencode(mkdtemp(prefix="skete-layer-"))
            self._temporary = self.layer_path
        self.layer = Layer(self.layer_path, self.host)
        if temporary:
            os.fchmod(self.layer.fd, os.stat(self.host).st_mode & 0o7777)
        self.links = self.layer.links
        below = Below(self, path, open_root(self.host), True)
        self.device = os.fstat(below.fd).st_dev
        for number, key in self.links.copied.items():
            self.numbers[key] = number
        upper = Part(self, path, os.dup(self.layer.fd), True)
        self.numbers[_key(os.fstat(upper.fd))] = self.number(os.fstat(below.fd))
        self._root = CowDirectory(self, path, upper, below, True)

    _temporary = None

    def close(self) -> None:
        super().close()
        if self.layer is not None:
            self.layer.links.close()
            self.layer.close()
        if self._temporary is not None:
            temporary, self._temporary = self._temporary, None
            discard(temporary)

    # what is shown

    def number(self, st) -> int:
        """The inode number that the guest sees."""
        known = self.numbers.get((st.st_dev, st.st_ino))
        if known is not None:
            return known
        return st.st_ino if st.st_dev == self.device else st.st_ino | _FOREIGN

    def shown(self, st, number: int | None = None, links: int | None = None):
        """An os.stat_result as the guest sees it."""
        if number is None:
            number = self.number(st)
        if links is None:
            links = self.links.counts.get(number, st.st_nlink) if st.st_mode & S_IFMT == S_IFREG else st.st_nlink
        if (st.st_ino, st.st_dev, st.st_nlink) == (number, self.device, links):
            return st
        return os.stat_result(
            (st.st_mode, number, self.device, links, st.st_uid, st.st_gid, st.st_size, int(st.st_atime),
             int(st.st_mtime), int(st.st_ctime), st.st_atime, st.st_mtime, st.st_ctime),
            {"st_atime_ns": st.st_atime_ns, "st_mtime_ns": st.st_mtime_ns, "st_ctime_ns": st.st_ctime_ns,
             "st_blksize": st.st_blksize, "st_blocks": st.st_blocks, "st_rdev": st.st_rdev})

    # open files

    def opened(self, file, st) -> tuple:
        """A file below has been opened: its key."""
        key = _key(st)
        self.readers.setdefault(key, set()).add(file)
        return key

    def forget(self, file) -> None:
        """A file is closed."""
        known = self.readers.get(file.below) if file.below is not None else None
        if known is not None:
            known.discard(file)
            if not known:
                del self.readers[file.below]

    def may_write(self, file) -> None:
        """EACCES where a file below must not be written to."""
        if file.below is not None and not os.access(b"/proc/self/fd/%d" % file.host_fd, os.W_OK, effective_ids=True):
            raise PermissionError(13, "the host says no")

    def copy_up_open(self, file) -> None:
        """Copy up what is open: by its name, or without one where it has none any more."""
        path = tuple(part for part in file.path.split(b"/") if part)
        try:
            node = self.node(path[:-1])
        except OSError:
            node = None
        if node is not None:
            try:
                part, st = node.find(path[-1])
                if part.is_below and _key(st) == file.below:
                    node.copy_up(path[-1])
                    return
            except OSError as e:
                if e.errno != ENOENT:
                    raise
            finally:
                node.close()
        self._nameless(file)

    @as_monitor
    def _nameless(self, file) -> None:
        from skete.kernel.files.layer import copy_data, open_below, quietly, temporary
        fd, name = self.layer.fd, temporary()
        with quietly(fd):
            target = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=fd)
            try:
                source = open_below(b"/proc/self/fd/%d" % file.host_fd, os.O_RDONLY | os.O_CLOEXEC, -1)
                try:
                    copy_data(source, target)
                    os.fchmod(target, os.fstat(source).st_mode & 0o7777)
                finally:
                    os.close(source)
                self._moved(file.below, os.fstat(target), fd, name)
            finally:
                os.close(target)
                os.unlink(name, dir_fd=fd)

    # copying up

    def node(self, path: tuple) -> CowDirectory:
        """The directory at a guest path inside the mount, found from its root. ENOENT ENOTDIR"""
        node = self._root
        if path[:len(self.path)] != self.path:
            raise OSError(ENOENT, "not in this mount")
        for name in path[len(self.path):]:
            try:
                child = node.enter(name)
            finally:
                node.close()
            node = child
        return node

    @as_monitor
    def raise_directory(self, path: tuple) -> None:
        """Make the folder at a path, and those that lead to it, exist in the layer."""
        node = self._root
        for name in path[len(self.path):]:
            try:
                part, st = node.find(name)
                if part.is_below:
                    self.copied(node, name, st, True)
                child = node.enter(name)
            finally:
                node.close()
            node = child
        node.close()

    @as_monitor
    def copied(self, node: CowDirectory, name: bytes, st, whole: bool) -> None:
        """Copy up one entry of a directory that is in the layer itself."""
        upper, links = node.upper, self.links
        keep = None
        if links.several(st):
            def keep(made):
                links.keep(st.st_ino, upper.fd, made)
                if st.st_ino not in links.counts:
                    links.count(st.st_ino, 0, st.st_nlink)
        copy_up(node.lower.fd, name, st, upper.fd, whole, keep)
        self._moved(_key(st), upper.stat(name), upper.fd, name)
        if st.st_mode & S_IFMT == S_IFDIR:
            self.changes += 1

    def _moved(self, key: tuple, st, folder_fd: int, name: bytes) -> None:
        """What was below has a copy in the layer: everything that is open follows."""
        number = self.numbers.get(key)
        if number is None:
            number = key[1] if key[0] == self.device else key[1] | _FOREIGN
        self.numbers[_key(st)] = number
        for file in self.readers.pop(key, ()):
            follow(self, file, folder_fd, name)
        pages = self.namespace.mapped.pop(key, None)
        if pages is not None:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
            os.dup2(fd, pages.host_fd, False)
            os.close(fd)
            self.namespace.mapped[_key(st)] = pages

    def unlinked(self, st, below: bool) -> None:
        """A name of a file has gone. below: it was one of the folder below"""
        if st.st_mode & S_IFMT != S_IFREG:
            if not below and st.st_nlink <= 1:
                self.numbers.pop(_key(st), None)
            return
        number = self.number(st)
        if below and self.links.several(st) or number in self.links.counts:
            self.links.count(number, -1, st.st_nlink)
        elif not below and st.st_nlink <= 1:
            self.numbers.pop(_key(st), None)

    def removed(self, path: tuple) -> None:
        """The directory at a path is no more: those who hold it hold nothing."""
        for node in self.namespace.held:
            if node.path == path and node.mount is self:
                node.dead = True


def _key(st) -> tuple:
    return st.st_dev, st.st_ino
