"""What ends a slice: a counter of basic blocks, looked at by a few bytes of machine code that Unicorn calls at each.

A stop from another thread (uc_emu_stop, or a timeout, which is the same) is not exact in Unicorn 2.1.4: between blocks that
are chained it leaves the program counter where it was a while ago, and instructions are executed twice. A stop inside a hook is
exact. Unicorn's own limit is a hook for every instruction, which makes programs four times as slow; one in Python, ten times
more. So this is the hook, and who wants to end a slice sets the counter to nothing.
"""
from __future__ import annotations

import ctypes
import mmap
import struct

__all__ = ["Brake"]

_COUNTER = 64           # its offset in the page
#: void hook(uc, uint64_t address, uint32_t size, int64_t *counter): sub $1, (%rcx); js 1f; ret; 1: mov $..., %rax; jmp *%rax
_CODE = bytes.fromhex("48832901 7801 c3 48b8")
_JUMP = bytes.fromhex("ffe0")


class Brake:
    """code: the function, for ctypes;  counter: the address that it is given"""

    def __init__(self, library):
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        stop = ctypes.cast(library.emu_stop, ctypes.c_void_p).value
        code = _CODE + struct.pack("<Q", stop) + _JUMP
        self._page[:len(code)] = code
        anchor = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self.code, self.counter = ctypes.c_void_p(anchor), anchor + _COUNTER
        self._left = ctypes.c_int64.from_address(self.counter)

    @property
    def left(self) -> int:
        """How many blocks more there may be in this slice."""
        return self._left.value

    @left.setter
    def left(self, blocks: int) -> None:
        self._left.value = blocks

    def close(self) -> None:
        self._page.close()
