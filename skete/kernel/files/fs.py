"""What a process sees of the file system: the namespace, its root, its working directory, its umask."""
from __future__ import annotations

from errno import ENOENT

from skete.kernel.files.mounts import Namespace
from skete.kernel.files.node import Directory
from skete.kernel.files.walk import walk_from

__all__ = ["Fs"]


class Fs:
    """Shared by threads (CLONE_FS), copied by fork.

    cwd: OSError when it is not a directory that can be reached
    top: the directory that chroot(2) has made the root, None where that is the guest tree's own
    """
    __slots__ = ("namespace", "cwd", "umask", "refs", "top")

    def __init__(self, namespace: Namespace, cwd: bytes = b"/", umask: int = 0o022):
        self.namespace, self.umask, self.refs = namespace, umask, 1
        self.top = None
        self.cwd = namespace.root().dup()
        namespace.held.add(self.cwd)
        if cwd != b"/":
            try:
                with walk_from(namespace, self.root(), cwd) as place:
                    place.found()
                    self.enter(place)
            except BaseException:
                self.close()
                raise

    def root(self) -> Directory:
        """Where absolute paths begin."""
        return self.namespace.root() if self.top is None else self.top

    def change_root(self, node: Directory | None) -> None:
        """Make a directory, which this takes over, the root."""
        before, self.top = self.top, node
        if node is not None:
            node.keep = True
            self.namespace.held.add(node)
        if before is not None:
            self.namespace.held.discard(before)
            before.drop()

    def shown(self, path: tuple) -> bytes:
        """A path of the guest's tree as this process knows it; so marked where that is outside of its root."""
        depth = len(self.top.path) if self.top is not None else 0
        if depth and path[:depth] != self.top.path:
            return b"(unreachable)/" + b"/".join(path)
        return b"/" + b"/".join(path[depth:])

    def enter(self, place) -> None:
        """Make a place the working directory. ENOTDIR, EACCES"""
        self.move(enter(self.namespace, place))

    def move(self, node: Directory) -> None:
        """Make a directory, which this takes over, the working directory."""
        node.keep = True
        before, self.cwd = self.cwd, node
        self.namespace.held.add(node)
        self.namespace.held.discard(before)
        before.drop()

    def cwd_path(self) -> bytes:
        """The working directory's path. ENOENT once it has been removed."""
        if not self.cwd.alive():
            raise OSError(ENOENT, "the working directory has been removed")
        return self.shown(self.cwd.path)

    def fork(self) -> "Fs":
        """The child's own, beginning where this is."""
        copy = Fs(self.namespace, umask=self.umask)
        copy.move(self.cwd.dup())
        if self.top is not None:
            copy.change_root(self.top.dup())
        return copy

    def close(self) -> None:
        """One process less; the last one lets the working directory go."""
        self.refs -= 1
        if self.refs == 0:
            self.namespace.held.discard(self.cwd)
            self.cwd.drop()
            self.change_root(None)


def enter(namespace, place) -> Directory:
    """The directory at a place, independent of it. ENOTDIR, EACCES"""
    node = place.parent
    if place.name == b".":
        return node.dup()
    node = namespace.step(node, place.name, place.path)
    return node.dup() if node.keep else node
