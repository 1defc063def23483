"""openat2(2): open with rules for the walk."""
from __future__ import annotations

from errno import E2BIG, EAGAIN, EINVAL, EXDEV
from struct import Struct

from skete.abi.fcntl import O_CREAT, O_PATH, O_TMPFILE, O_TMPFILE_BIT, O_TRUNC, OPEN_FLAGS, RESOLVE_BENEATH, \
    RESOLVE_CACHED, RESOLVE_IN_ROOT, RESOLVE_VALID
from skete.kernel.files.calls_open import PATH_FLAGS, openat
from skete.kernel.files.resolve import Resolve
from skete.kernel.files.walk import start_of
from skete.kernel.row import ADDR, FD, PATH, SIZE, Row, readable_path

__all__ = ["ROWS"]

#: struct open_how: flags mode resolve
_HOW = Struct("<QQQ")
_PAGE = 4096


def _how(task, addr: int, size: int) -> tuple:
    """struct open_how. EINVAL when it is too small, E2BIG when what we do not know of it is not zero. EFAULT"""
    if size < _HOW.size:
        raise OSError(EINVAL, f"a struct of {size} bytes")
    if size > _PAGE:
        raise OSError(E2BIG, f"a struct of {size} bytes")
    data = task.mm.read(addr, size)
    if any(data[_HOW.size:]):
        raise OSError(E2BIG, "fields from the future")
    return _HOW.unpack_from(data)


def openat2(task, dirfd: int, path: bytes, addr: int, size: int):
    """openat2(2): the lowest free descriptor. E2BIG EAGAIN EINVAL ELOOP EXDEV and openat's"""
    flags, mode, resolve = _how(task, addr, size)
    if flags & ~OPEN_FLAGS or resolve & ~RESOLVE_VALID or flags & O_PATH and flags & ~PATH_FLAGS:
        raise OSError(EINVAL, f"flags {flags:#x}, resolve {resolve:#x}")
    if mode and not flags & (O_CREAT | O_TMPFILE_BIT) or mode & ~0o7777:
        raise OSError(EINVAL, f"mode {mode:#o}")
    if flags & O_TMPFILE_BIT and (flags & O_TMPFILE != O_TMPFILE or not flags & 3):
        raise OSError(EINVAL, "O_TMPFILE")
    if resolve & RESOLVE_BENEATH and resolve & RESOLVE_IN_ROOT:
        raise OSError(EINVAL, f"resolve {resolve:#x}")
    if resolve & RESOLVE_CACHED:
        # Nothing is known here without asking the host, which may have to read it.
        if flags & (O_CREAT | O_TRUNC | O_TMPFILE_BIT) or path:
            raise OSError(EAGAIN, "not cached")
    if not resolve:
        return openat(task, dirfd, path, flags, mode)
    if readable_path(path)[:1] == b"/":
        if resolve & RESOLVE_BENEATH:
            raise OSError(EXDEV, "an absolute path")
        if resolve & RESOLVE_IN_ROOT:
            path = b"./" + path.lstrip(b"/")
    start = start_of(task, dirfd, path)
    return openat(task, dirfd, path, flags, mode, Resolve(resolve, start))


ROWS = (
    Row(437, openat2, (FD, PATH, ADDR, SIZE), "RESOLVE_CACHED: EAGAIN always"),
)
