"""The rules that openat2(2) sets for one walk: RESOLVE_*."""
from __future__ import annotations

from errno import ELOOP, EXDEV

from skete.abi.fcntl import RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, \
    RESOLVE_NO_XDEV

__all__ = ["Resolve"]


class Resolve:
    """flags: RESOLVE_*;  start: the directory that the walk begins in, which must not be closed before its end."""
    __slots__ = ("flags", "path", "mount", "start")

    def __init__(self, flags: int, start):
        self.flags, self.path, self.mount, self.start = flags, start.path, start.mount, start

    def up(self, path: tuple, steps: int) -> int:
        """How many times ``..`` goes up from a path. EXDEV where that would leave what is beneath."""
        room = len(path) - len(self.path)
        if steps > room and self.flags & RESOLVE_BENEATH:
            raise OSError(EXDEV, "'..' leaves the directory")
        return min(steps, room) if self.flags & RESOLVE_IN_ROOT else steps

    def link(self) -> None:
        """A symbolic link is to be followed. ELOOP"""
        if self.flags & RESOLVE_NO_SYMLINKS:
            raise OSError(ELOOP, "a symbolic link")

    def jump(self) -> None:
        """A magic link is to be followed. ELOOP EXDEV"""
        if self.flags & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS):
            raise OSError(ELOOP, "a magic link")
        if self.flags & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
            raise OSError(EXDEV, "a magic link")

    def root(self, root):
        """Where an absolute link leads, which without these rules is the root. EXDEV"""
        if self.flags & RESOLVE_BENEATH:
            raise OSError(EXDEV, "an absolute link")
        return self.start.dup() if self.flags & RESOLVE_IN_ROOT else root

    def entered(self, mount) -> None:
        """The walk has come to a directory of this mount. EXDEV"""
        if self.flags & RESOLVE_NO_XDEV and mount is not self.mount:
            raise OSError(EXDEV, "another mount")
