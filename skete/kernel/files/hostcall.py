"""Calls of the host that Python's ``os`` does not have, made through its C library.

ctypes takes milliseconds to import. So this module is imported by the rare call that needs it, never at the top.
Results are ints; a failure is OSError with the host's errno.
"""
from __future__ import annotations

import ctypes
import mmap
import os

from skete.abi.syscalls import NUMBERS

__all__ = ["fallocate", "inotify_add_watch", "inotify_init", "inotify_rm_watch", "nothing", "rename",
           "syncfs", "tee"]

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(name: str, *args) -> int:
    """One system call of the host. Numbers go as longs, bytes as pointers."""
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) if isinstance(a, int) else a
             for a in args]
    result = _libc.syscall(ctypes.c_long(NUMBERS[name]), *words)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def nothing(size: int) -> memoryview:
    """So many bytes that cannot be accessed: PROT_NONE. For the host to find out, not for us."""
    _libc.mmap.restype = ctypes.c_void_p
    at = _libc.mmap(None, ctypes.c_size_t(size), 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_long(0))
    if at in (None, ctypes.c_void_p(-1).value):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return memoryview((ctypes.c_char * size).from_address(at)).cast("B")


def fallocate(fd: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2), all modes."""
    _call("fallocate", fd, mode, offset, length)


def rename(old_dir: int, old: bytes, new_dir: int, new: bytes, flags: int) -> None:
    """renameat2(2)"""
    _call("renameat2", old_dir, old, new_dir, new, flags)


def syncfs(fd: int) -> None:
    """syncfs(2)"""
    _call("syncfs", fd)


def tee(source: int, target: int, count: int, flags: int) -> int:
    """tee(2): bytes that are in both pipes now."""
    return _call("tee", source, target, count, flags)


def inotify_init() -> int:
    """A new inotify descriptor, close-on-exec and non-blocking."""
    return _call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)


def inotify_add_watch(fd: int, path: bytes, mask: int) -> int:
    """inotify_add_watch(2): the watch's number."""
    return _call("inotify_add_watch", fd, path, mask)


def inotify_rm_watch(fd: int, watch: int) -> None:
    """inotify_rm_watch(2)"""
    _call("inotify_rm_watch", fd, watch)
