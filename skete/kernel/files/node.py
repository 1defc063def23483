"""A directory as a walk meets it, and the place that a path names in one.

Every filesystem (a host folder, the built-in trees, tmpfs, a tar image, layers)
implements :class:`Directory`. Its operations take a *name*, a single component
that is never ``..``; ``b"."`` is the directory itself. None of them follows a
symbolic link: links are text, which the walk reads and resolves in the guest's
tree. So no filesystem can be tricked into leaving its part of it.
"""
from __future__ import annotations

from errno import EACCES, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP, EROFS

__all__ = ["Directory", "Place"]


class Directory:
    """The base: a read-only directory without entries.

    mount: the Mount it belongs to (``readonly`` is asked of it);  path: tuple of bytes, where it stands in the guest
    keep:  it belongs to somebody (a mount's root, a working directory): ``close`` leaves it open, ``drop`` does not
    """
    __slots__ = ("mount", "path", "keep")
    #: what it leads to is open already
    is_open = False

    def __init__(self, mount, path: tuple, keep: bool = False):
        self.mount, self.path, self.keep = mount, path, keep

    def close(self) -> None:
        """The walk is done with it."""
        if not self.keep:
            self.drop()

    def drop(self) -> None:
        """Free what it holds on the host."""

    def dup(self) -> "Directory":
        """The same directory, for somebody who keeps it."""
        copy = type(self)(self.mount, self.path, True)
        return copy

    def alive(self) -> bool:
        """False once the directory has been removed."""
        return True

    # looking

    def enter(self, name: bytes) -> "Directory":
        """The directory under that name. ENOENT; ENOTDIR for all else, a symbolic link included. EACCES"""
        raise OSError(ENOENT, name.decode(errors="replace"))

    def readlink(self, name: bytes) -> bytes:
        """A symbolic link's text. ENOENT; EINVAL where it is none."""
        raise OSError(EINVAL, name.decode(errors="replace"))

    def jump(self, task, name: bytes) -> "Place | None":
        """Where a link leads that is more than its text (/proc/self/fd/N), or None."""
        return None

    def stat(self, name: bytes):
        """An os.stat_result, or what has its fields. ENOENT"""
        raise OSError(ENOENT, name.decode(errors="replace"))

    def access(self, name: bytes, mode: int) -> bool:
        """Whether R_OK, W_OK, X_OK are all given to the thread that asks."""
        return True

    def statfs(self) -> tuple:
        """The fields of abi.stat.STATFS."""
        raise NotImplementedError

    def xattr_path(self, name: bytes, changes: bool = False) -> bytes:
        """A path of the host that os.getxattr and its kin can use without following, os.setxattr with ``changes``.
        EOPNOTSUPP"""
        raise OSError(EOPNOTSUPP, "no extended attributes here")

    def watch_path(self, name: bytes) -> bytes:
        """A path of the host that inotify can watch without following. ENOSPC where there is none."""
        try:
            return self.xattr_path(name)
        except OSError:
            raise OSError(ENOSPC, "nothing of the host") from None

    def entries(self):
        """Iterate (name, ino, DT_*), without . and .."""
        return iter(())

    def open(self, task, name: bytes, flags: int, mode: int, st):
        """Open what is there (``st``: its stat, None where it must be created). Never follows: ELOOP."""
        raise OSError(ENOENT if st is None else EACCES, name.decode(errors="replace"))

    # changing: callers have checked for a read-only mount

    def mkdir(self, name: bytes, mode: int, umask: int) -> None:
        raise OSError(EROFS, "built in")

    def mkfifo(self, name: bytes, mode: int, umask: int) -> None:
        raise OSError(EROFS, "built in")

    def mkfile(self, name: bytes, mode: int, umask: int) -> None:
        raise OSError(EROFS, "built in")

    def symlink(self, text: bytes, name: bytes) -> None:
        raise OSError(EROFS, "built in")

    def link(self, name: bytes, other: "Directory", new: bytes) -> None:
        """A hard link to ``name``, as ``new`` in another directory of the same kind."""
        raise OSError(EROFS, "built in")

    def rename(self, name: bytes, other: "Directory", new: bytes, flags: int) -> None:
        raise OSError(EROFS, "built in")

    def unlink(self, name: bytes) -> None:
        raise OSError(EROFS, "built in")

    def rmdir(self, name: bytes) -> None:
        raise OSError(EROFS, "built in")

    def chmod(self, name: bytes, mode: int) -> None:
        raise OSError(EROFS, "built in")

    def chown(self, name: bytes, uid: int, gid: int) -> None:
        raise OSError(EROFS, "built in")

    def utime(self, name: bytes, times: tuple | None) -> None:
        raise OSError(EROFS, "built in")

    def truncate(self, name: bytes, length: int) -> None:
        raise OSError(EROFS, "built in")


class Place:
    """What a path names: a name in a directory, which the walk holds open until ``close``.

    st:       its stat, None where nothing is there (yet), or not looked at (a walk for the parent)
    trailing: the path ends in a slash: it must be a directory
    special:  b".", b".." or b"/" where the path ends in that and so names no entry of ``parent``
    covered:  it is a mount point, or leads to one: it cannot be removed or renamed
    path:     tuple of bytes, in the guest
    """
    __slots__ = ("parent", "name", "st", "trailing", "special", "covered", "path")

    def __init__(self, parent: Directory, name: bytes, st=None, trailing: bool = False, special: bytes = b"",
                 covered: bool = False, path: tuple | None = None):
        self.parent, self.name, self.st, self.trailing = parent, name, st, trailing
        self.special, self.covered = special, covered
        self.path = path if path is not None else parent.path if name == b"." else parent.path + (name,)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.parent.close()

    def found(self):
        """Its stat. ENOENT, ENOTDIR"""
        if self.st is None:
            raise OSError(ENOENT, self.name.decode(errors="replace"))
        return self.st

    def writable(self) -> "Place":
        """Itself. EROFS on a read-only mount."""
        if self.parent.mount.readonly:
            raise OSError(EROFS, "mounted read-only")
        return self
