"""Who has which frame of guest-physical memory. Offsets into ``Engine.ram`` and lengths in bytes, whole pages.

Free extents are kept sorted and coalesced. An extent is taken from the bottom for what is as large as it will be,
from the top for mmap's top-down placement, and from the middle of the largest hole for what will grow: neighbours in
the address space then tend to be neighbours in ``ram`` too, so they stay one vma, one host mapping and one
``memoryview`` slice. Frames nobody has touched cost nothing, so room is plentiful.
"""
from __future__ import annotations

from _bisect import bisect_left, bisect_right
from errno import ENOMEM

__all__ = ["Frames"]


#: bytes of what was given back last that may wait to be taken again before they are emptied
_KEPT = 256 << 10


class Frames:
    """The free list over ``[low, high)``. discard(frame, length) empties what is given back. clear(frame, length), where
    there is one, does so for less and keeps the host's memory: for the extent that was given back last, if it is
    taken again just so (``dirty``: its start and end), as by a program that maps and unmaps buffers."""
    __slots__ = ("starts", "ends", "discard", "clear", "dirty", "used", "holders")

    def __init__(self, low: int, high: int, discard, clear=None):
        self.starts, self.ends = [low], [high]
        self.discard, self.clear, self.dirty = discard, clear, None
        self.used = 0
        self.holders = None     # skete.kernel.memory.holders.Holders, once frames are held twice

    def take(self, length: int, top: bool = False, near: int = -1, grows: bool = False) -> int:
        """An extent of zeroed frames. ``near``: begin there (end there with ``top``) if that is free; else
        ``grows``: where there is room to go on. ENOMEM"""
        starts, ends = self.starts, self.ends
        if near >= 0:
            start = near - length if top else near
            i = bisect_right(starts, start) - 1
            if i >= 0 and start + length <= ends[i] and start >= starts[i]:
                self._carve(i, start, length)
                return start
        if grows:
            i = max(range(len(starts)), key=lambda i: ends[i] - starts[i], default=-1)
            if i >= 0 and ends[i] - starts[i] >= 2 * length:
                start = (starts[i] + ends[i] >> 1) & -4096
                self._carve(i, start, length)
                return start
        for i in range(len(starts) - 1, -1, -1) if top else range(len(starts)):
            if ends[i] - starts[i] >= length:
                start = ends[i] - length if top else starts[i]
                self._carve(i, start, length)
                return start
        raise OSError(ENOMEM, "guest-physical memory is used up")

    def _carve(self, i: int, start: int, length: int) -> None:
        starts, ends = self.starts, self.ends
        end = start + length
        if self.dirty is not None:
            low, high = self.dirty
            if start < high and low < end:
                self.dirty = None
                (self.clear if start == low and end == high else self.discard)(low, high - low)
        self.used += length
        if start == starts[i]:
            if end == ends[i]:
                del starts[i], ends[i]
            else:
                starts[i] = end
        elif end == ends[i]:
            ends[i] = start
        else:
            starts.insert(i + 1, end)
            ends.insert(i, start)

    def hold(self, frame: int, length: int) -> None:
        """Somebody else stands on these frames too: they must be given back once more."""
        if self.holders is None:
            from skete.kernel.memory.holders import Holders
            self.holders = Holders()
        self.holders.add(frame, frame + length)

    def held_twice(self, frame: int, length: int) -> bool:
        """Whether somebody else stands on one of these frames too."""
        return bool(self.holders) and self.holders.any(frame, frame + length)

    def give(self, frame: int, length: int) -> None:
        """Take these frames back, and those that nobody else holds are free; their content is gone."""
        if self.holders:
            for start, end in self.holders.drop(frame, frame + length):
                self._free(start, end - start)
        else:
            self._free(frame, length)

    def _free(self, frame: int, length: int) -> None:
        if self.clear is None or length > _KEPT:
            self.discard(frame, length)
        else:
            before, self.dirty = self.dirty, (frame, frame + length)
            if before is not None:
                self.discard(before[0], before[1] - before[0])
        starts, ends = self.starts, self.ends
        end = frame + length
        i = bisect_left(starts, frame)
        if (i and ends[i - 1] > frame) or (i < len(starts) and starts[i] < end):
            raise AssertionError(f"frame {frame:#x}+{length:#x} freed twice")
        self.used -= length
        joins_left, joins_right = i and ends[i - 1] == frame, i < len(starts) and starts[i] == end
        if joins_left and joins_right:
            ends[i - 1] = ends[i]
            del starts[i], ends[i]
        elif joins_left:
            ends[i - 1] = end
        elif joins_right:
            starts[i] = frame
        else:
            starts.insert(i, frame)
            ends.insert(i, end)
