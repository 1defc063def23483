"""What an address space maps where: ranges with a protection and the frames behind them, sorted by address."""
from __future__ import annotations

from _bisect import bisect_right

__all__ = ["Regions"]


class Regions:
    """Disjoint ranges. An entry is ``(start, end, prot, delta)``: the frame of an address is address + delta."""

    def __init__(self):
        self._starts, self._entries = [], []

    def __iter__(self):
        return iter(self._entries)

    def at(self, address: int) -> tuple | None:
        """The range that holds the address."""
        i = bisect_right(self._starts, address) - 1
        if i >= 0 and address < self._entries[i][1]:
            return self._entries[i]
        return None

    def set(self, start: int, end: int, prot: int, delta: int) -> list:
        """Put a range there; what it replaced, cut to it. A neighbour that it continues takes it in."""
        removed = self.cut(start, end)
        i = bisect_right(self._starts, start)
        entries = self._entries
        if i and entries[i - 1][1:] == (start, prot, delta):
            i -= 1
            start = entries[i][0]
            del self._starts[i], entries[i]
        if i < len(entries) and entries[i][0] == end and entries[i][2:] == (prot, delta):
            end = entries[i][1]
            del self._starts[i], entries[i]
        self._starts.insert(i, start)
        entries.insert(i, (start, end, prot, delta))
        return removed

    def cut(self, start: int, end: int) -> list:
        """Take ``[start, end)`` out; the pieces that were there."""
        starts, entries = self._starts, self._entries
        first = bisect_right(starts, start) - 1
        if first < 0 or entries[first][1] <= start:
            first += 1
        last = first
        while last < len(entries) and starts[last] < end:
            last += 1
        if first == last:
            return []
        removed, keep = [], []
        for low, high, prot, delta in entries[first:last]:
            if low < start:
                keep.append((low, start, prot, delta))
            if high > end:
                keep.append((end, high, prot, delta))
            removed.append((max(low, start), min(high, end), prot, delta))
        entries[first:last] = keep
        starts[first:last] = [entry[0] for entry in keep]
        return removed
