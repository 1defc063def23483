"""Frames that more than one mapping stands on: how many hold each. Pure arithmetic on [start, end) ranges.

fork(2) leaves what is shared, and what is private and cannot be written, where it is: parent and child then stand on
the same frames, which are free again when the last of them has let go. Most frames are never in here.
"""
from __future__ import annotations

from _bisect import bisect_right

__all__ = ["Holders"]


class Holders:
    """Sorted ranges of frames with the number of holders *beside* the first."""
    __slots__ = ("starts", "ends", "others")

    def __init__(self):
        self.starts, self.ends, self.others = [], [], []

    def __bool__(self):
        return bool(self.starts)

    def any(self, start: int, end: int) -> bool:
        """Whether somebody else holds a frame of the range too."""
        i = bisect_right(self.starts, start) - 1
        if i >= 0 and self.ends[i] > start:
            return True
        return i + 1 < len(self.starts) and self.starts[i + 1] < end

    def add(self, start: int, end: int) -> None:
        """One holder more."""
        self._replace(start, end, [(a, b, n + 1) for a, b, n in self._pieces(start, end)])

    def drop(self, start: int, end: int) -> list:
        """One holder less; the pieces (start, end) that this one was the last of."""
        pieces = self._pieces(start, end)
        self._replace(start, end, [(a, b, n - 1) for a, b, n in pieces])
        return [(a, b) for a, b, n in pieces if not n]

    def _pieces(self, start: int, end: int) -> list:
        """The whole range as (start, end, others), in order."""
        starts, ends, others = self.starts, self.ends, self.others
        i = max(0, bisect_right(starts, start) - 1)
        pieces, at = [], start
        while at < end:
            if i < len(starts) and ends[i] <= at:
                i += 1
            elif i < len(starts) and starts[i] < end:
                if starts[i] > at:
                    pieces.append((at, starts[i], 0))
                    at = starts[i]
                stop = min(ends[i], end)
                pieces.append((at, stop, others[i]))
                at = stop
                i += 1
            else:
                pieces.append((at, end, 0))
                at = end
        return pieces

    def _replace(self, start: int, end: int, pieces: list) -> None:
        """Put these pieces in place of whatever is there; those without other holders need no entry."""
        starts, ends, others = self.starts, self.ends, self.others
        first = bisect_right(starts, start) - 1
        if first < 0 or ends[first] < start:
            first += 1
        last = first
        while last < len(starts) and starts[last] <= end:
            last += 1
        around = []
        if last > first:
            if starts[first] < start:
                around.append((starts[first], min(ends[first], start), others[first]))
            around += pieces
            if ends[last - 1] > end:
                around.append((max(starts[last - 1], end), ends[last - 1], others[last - 1]))
        else:
            around = pieces
        joined = []
        for a, b, n in around:
            if n <= 0:
                continue
            if joined and joined[-1][1] == a and joined[-1][2] == n:
                joined[-1] = joined[-1][0], b, n
            else:
                joined.append((a, b, n))
        starts[first:last] = [a for a, _, _ in joined]
        ends[first:last] = [b for _, b, _ in joined]
        others[first:last] = [n for _, _, n in joined]
