"""Protection keys, pkeys(7): as on a machine where all of them are taken. The key that everything has is 0."""
from __future__ import annotations

from errno import EINVAL, ENOSPC

from skete.kernel.memory.memory import mprotect
from skete.kernel.row import ADDR, I32, SIZE, U64, Row

__all__ = ["ROWS"]

#: PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE
_RIGHTS = 3


def pkey_mprotect(task, addr: int, length: int, prot: int, key: int) -> int:
    """pkey_mprotect(2) with the key that there is, or none. EINVAL ENOMEM EACCES"""
    if key not in (-1, 0) and length:
        raise OSError(EINVAL, f"key {key}")
    return mprotect(task, addr, length, prot)


def pkey_alloc(task, flags: int, rights: int) -> int:
    """pkey_alloc(2). EINVAL ENOSPC"""
    if flags or rights & ~_RIGHTS:
        raise OSError(EINVAL, f"flags {flags:#x}, rights {rights:#x}")
    raise OSError(ENOSPC, "no key is free")


def pkey_free(task, key: int) -> int:
    """pkey_free(2). EINVAL"""
    raise OSError(EINVAL, f"key {key}")


ROWS = (
    Row(329, pkey_mprotect, (ADDR, SIZE, I32, I32), "keys other than 0 and -1: EINVAL"),
    Row(330, pkey_alloc, (U64, U64), "ENOSPC: no key is free"),
    Row(331, pkey_free, (I32,), "EINVAL: no key was had"),
)
