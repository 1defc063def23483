"""Fewer orders that come to the same: each costs two host calls and two changes of context."""
from __future__ import annotations

__all__ = ["MMAP", "MPROTECT", "MUNMAP", "merged"]

MMAP, MPROTECT, MUNMAP = 9, 10, 11


def merged(changes: list) -> list:
    """The changes of one answer, which one thread makes in a row: (number, start, length, prot, flags, fd, frame) of mmap,
    and others.

    What is mapped anew later on is not unmapped before, and neighbours on neighbouring frames are one mapping."""
    out, later = [], []
    for order in reversed(changes):
        nr = order[0]
        if nr == MMAP:
            later.append((order[1], order[1] + order[2]))
            if out:
                before = _joined(order, out[-1]) or _joined(out[-1], order)
                if before is not None:
                    out[-1] = before
                    continue
        elif nr == MUNMAP and later:
            start, end = _left(order[1], order[1] + order[2], later)
            if start >= end:
                continue
            order = (MUNMAP, start, end - start)
        out.append(order)
    out.reverse()
    return out


def _joined(low: tuple, high: tuple) -> tuple | None:
    """Two mappings as one where the second continues the first, else None."""
    if low[0] != high[0] or low[1] + low[2] != high[1] or low[3:6] != high[3:6] or low[6] + low[2] != high[6]:
        return None
    return (*low[:2], low[2] + high[2], *low[3:])


def _left(start: int, end: int, later: list) -> tuple:
    """A range without what of its beginning and of its end is mapped later."""
    later.sort()
    for low, high in later:
        if low <= start < high:
            start = high
    for low, high in reversed(later):
        if low < end <= high:
            end = low
    return start, end
