"""Guest-physical memory: one sparse private mapping, and behind it a few pages of the engine's own."""
from __future__ import annotations

import ctypes
import mmap

from skete.engine import EngineError

__all__ = ["Memory"]

RAM_SIZE = 1 << 40
OWN_AT, OWN_SIZE = RAM_SIZE, 0x2000
_MAP_NORESERVE = 0x4000


class Memory:
    """ram: the frames;  own: the engine's pages, at OWN_AT guest-physical. Both are views of one mapping."""

    def __init__(self):
        try:
            self._map = mmap.mmap(-1, RAM_SIZE + OWN_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
        except OSError as error:
            raise EngineError(f"the host does not map {RAM_SIZE >> 30} GiB for guest memory, of which only what is touched "
                              f"is used ({error.strerror}); raise `ulimit -v`, or set vm.overcommit_memory to 0") from None
        self._whole = memoryview(self._map)
        self.ram, self.own = self._whole[:RAM_SIZE], self._whole[OWN_AT:]

    def show(self, library, handle) -> None:
        """Make it the emulated processor's physical memory."""
        anchor = ctypes.c_char.from_buffer(self._map)
        library.check(library.mem_map_ptr(handle, 0, RAM_SIZE + OWN_SIZE, 7, ctypes.addressof(anchor)), "uc_mem_map_ptr")

    def discard(self, frame: int, length: int) -> None:
        self._map.madvise(mmap.MADV_DONTNEED, frame, length)

    def close(self) -> None:
        for view in (self.own, self.ram, self._whole):
            view.release()
        try:
            self._map.close()
        except BufferError:
            pass                    # somebody still has a view of it; it goes with the last one
