"""A set of numbers that comes in long runs, such as addresses."""
from __future__ import annotations

from _bisect import bisect_left, bisect_right

__all__ = ["Extents"]


class Extents:
    """Disjoint ranges [start, end), sorted; those that touch are one. ``most``: with more of them, all are forgotten."""
    __slots__ = ("starts", "ends", "most")

    def __init__(self, most: int = 4096):
        self.starts, self.ends, self.most = [], [], most

    def has(self, start: int, end: int) -> bool:
        """Whether all of a range is in it."""
        i = bisect_right(self.starts, start) - 1
        return i >= 0 and end <= self.ends[i]

    def add(self, start: int, end: int) -> None:
        starts, ends = self.starts, self.ends
        if len(starts) >= self.most:
            starts.clear()
            ends.clear()
        i, j = bisect_left(ends, start), bisect_right(starts, end)
        if i < j:
            start, end = min(start, starts[i]), max(end, ends[j - 1])
        starts[i:j], ends[i:j] = [start], [end]

    def drop(self, start: int, end: int) -> None:
        starts, ends = self.starts, self.ends
        i, j = bisect_right(ends, start), bisect_left(starts, end)
        if i < j:
            left = [(starts[i], start)] if starts[i] < start else []
            right = [(end, ends[j - 1])] if ends[j - 1] > end else []
            starts[i:j], ends[i:j] = [s for s, _ in left + right], [e for _, e in left + right]
