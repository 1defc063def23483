"""Mappings that are shared because they stand on the frames of a file, or of a SysV segment.

A *backing* says which frames: ``map(offset, length)`` -> [(frame, length), ...], ``offset_of(frame)``,
``sync(frame, length)`` for msync(2), ``unmapped(frame, length)``. The vma remembers it; each mapping holds its frames.
"""
from __future__ import annotations

from errno import ENOMEM

from skete.kernel.mm import MAP_COUNT
from skete.kernel.vma import Vma

__all__ = ["again", "attach", "grow"]


def attach(mm, start: int, length: int, prot: int, name: str, backing, offset: int, sealed: bool = False) -> None:
    """Map a part of what a backing has at a free range. ENOMEM"""
    at = start
    pieces = backing.map(offset, length)
    if len(mm.vmas) + len(pieces) > MAP_COUNT:
        raise OSError(ENOMEM, f"{MAP_COUNT} mappings")
    for frame, size in pieces:
        mm.frames.hold(frame, size)
        if prot:
            mm.space.map(at, size, prot, frame)
        mm.vmas.insert(Vma(at, at + size, prot, frame - at, True, bool(prot), False, name, backing, sealed))
        at += size
    mm.forget()


def grow(mm, last: Vma, length: int) -> None:
    """Map what follows in the file after a mapping of it. ENOMEM"""
    offset = last.backing.offset_of(last.end + last.delta - 1) + 1
    attach(mm, last.end, length, last.prot, last.name, last.backing, offset, last.sealed)


def again(mm, old: int, new: int, length: int) -> None:
    """A second mapping of the same shared memory: mremap(2) with an old length of 0."""
    for vma in mm.vmas.within(old, old + length):
        first, end = max(vma.start, old), min(vma.end, old + length)
        frame, at = first + vma.delta, new + first - old
        mm.frames.hold(frame, end - first)
        if vma.prot:
            mm.space.map(at, end - first, vma.prot, frame)
        mm.vmas.insert(Vma(at, at + end - first, vma.prot, frame - at, True, bool(vma.prot), False, vma.name,
                           vma.backing, vma.sealed))
    mm.forget()
