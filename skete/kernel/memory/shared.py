"""Mappings that are shared because they stand on the frames of a file, or of a SysV segment.

A *backing* says which frames: ``map(offset, length)`` -> [(frame, length), ...], ``offset_of(frame)``,
``sync(frame, length)`` for msync(2), ``unmapped(frame, length)``, ``size_now()`` and, for pages of it that are about to be
shown, ``bring(offset, view)``. The vma remembers it; each mapping holds its frames. What is past its end is absent.
"""
from __future__ import annotations

from errno import ENOMEM

from skete.kernel.memory.mm import MAP_COUNT, page_up
from skete.kernel.memory.vma import Vma

__all__ = ["again", "anonymous", "attach", "grow"]


def anonymous(task, start: int, length: int, prot: int, charge: bool) -> None:
    """Map memory that nobody else has yet, shared, at a free range: a file of its own without a name, as on Linux. ENOMEM"""
    from skete.kernel.files.ram import Memory, store_of
    mm = task.mm
    memory = Memory(store_of(task), length)
    try:
        attach(mm, start, length, prot, "/dev/zero (deleted)", memory, 0, charged=charge)
    except OSError:
        memory.let_go()
        raise


def attach(mm, start: int, length: int, prot: int, name: str, backing, offset: int, sealed: bool = False,
           charged: bool = False) -> None:
    """Map a part of what a backing has at a free range. ENOMEM"""
    at = start
    pieces = backing.map(offset, length)
    if len(mm.vmas) + len(pieces) >= MAP_COUNT:
        raise OSError(ENOMEM, f"{MAP_COUNT} mappings")
    if charged:
        mm.charge(length)
    end = start + max(0, page_up(backing.size) - offset)
    for frame, size in pieces:
        mm.frames.hold(frame, size)
        for first, last in ((at, min(at + size, max(at, end))), (max(at, min(end, at + size)), at + size)):
            if first == last:
                continue
            absent = first >= end
            shown = bool(prot) and not absent
            if shown:
                mm.space.map(first, last - first, prot, frame + first - at)
            mm.vmas.insert(Vma(first, last, prot, frame - at, True, shown, charged, name, backing, sealed, absent=absent))
        at += size
    mm.forget()


def grow(mm, last: Vma, end: int, at: int, length: int) -> None:
    """Map at ``at`` what in the file follows on the end of a mapping of it. ENOMEM"""
    offset = last.backing.offset_of(end + last.delta - 1) + 1
    attach(mm, at, length, last.prot, last.name, last.backing, offset, last.sealed, last.charged)


def again(mm, old: int, new: int, length: int) -> None:
    """A second mapping of the same shared memory: mremap(2) with an old length of 0."""
    for vma in mm.vmas.within(old, old + length):
        first, end = max(vma.start, old), min(vma.end, old + length)
        frame, at = first + vma.delta, new + first - old
        mm.frames.hold(frame, end - first)
        if vma.shown:
            mm.space.map(at, end - first, vma.prot, frame)
        mm.vmas.insert(Vma(at, at + end - first, vma.prot, frame - at, True, vma.shown, False, vma.name,
                           vma.backing, vma.sealed, absent=vma.absent))
    mm.forget()
