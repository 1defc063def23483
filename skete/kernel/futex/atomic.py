"""Words of guest memory that are changed as one step, whatever the guest's threads do to them meanwhile.

Python has nothing of the kind, so a few bytes of machine code do it on our own mapping of the same memory. They are
called with ctypes, which is imported with the first of them: futexes that change a word are rare. (The host's own
FUTEX_WAKE_OP would do a part of it, but it does not tell what was there before.)
"""
from __future__ import annotations

import ctypes
import mmap

__all__ = ["compare_and_swap", "fetch_and_change"]

_CODE = bytes.fromhex(
    # uint32_t compare_and_swap(uint32_t *word, uint32_t old, uint32_t new)
    "89f0"              # mov    eax, esi
    "f00fb117"          # lock cmpxchg [rdi], edx
    "c3"                # ret
    # uint32_t fetch_and_change(uint32_t *word, uint32_t and, uint32_t xor, uint32_t add)
    "8b07"              # mov    eax, [rdi]
    "4189c0"            # 1: mov r8d, eax
    "4121f0"            # and    r8d, esi
    "4131d0"            # xor    r8d, edx
    "4101c8"            # add    r8d, ecx
    "f0440fb107"        # lock cmpxchg [rdi], r8d
    "75ed"              # jne    1b
    "c3")               # ret
_CHANGE = 7

# Kept as long as we live: the functions below point into it.
_page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
_page[:len(_CODE)] = _CODE
_start = ctypes.addressof(ctypes.c_char.from_buffer(_page))
_U32 = ctypes.c_uint32
_swap = ctypes.PYFUNCTYPE(_U32, ctypes.c_void_p, _U32, _U32)(_start)
_change = ctypes.PYFUNCTYPE(_U32, ctypes.c_void_p, _U32, _U32, _U32)(_start + _CHANGE)


def compare_and_swap(mm, addr: int, old: int, new: int) -> int:
    """Make an aligned word ``new`` if it is ``old``; what it was. EFAULT"""
    word = _U32.from_buffer(mm.ram, mm.writable(addr))
    return _swap(ctypes.addressof(word), old, new)


def fetch_and_change(mm, addr: int, keep: int, flip: int, add: int) -> int:
    """Make an aligned word ((word & keep) ^ flip) + add; what it was. EFAULT"""
    word = _U32.from_buffer(mm.ram, mm.writable(addr))
    return _change(ctypes.addressof(word), keep & 0xffff_ffff, flip & 0xffff_ffff, add & 0xffff_ffff)
