"""What fork(2) does with memory, and address spaces that two processes share for a while (vfork, CLONE_VM).

Private memory that can be written is copied at once: the monitor copies the pages that have been touched, at half of
what the page faults of copying on write would cost. All else keeps its frames, and a private mapping that becomes
writable later gets frames of its own then (:meth:`Mm.unshare`).
"""
from __future__ import annotations

from skete.kernel.memory.mm import Mm
from skete.kernel.memory.vma import LOCKED, NO_FRAME, NOT_FORKED, WIPED, VmaList

__all__ = ["Spaces", "fork", "join", "leave", "shown"]


def fork(mm: Mm, engine) -> tuple:
    """A copy of a process's memory without a space yet, what its space is to show, as AddressSpace.fork takes it, and
    what of the parent's it must not: [(start, length)]. ENOMEM"""
    child = Mm(engine, None, mm.frames, mm.limit, mm.physical)
    child.peak = child.charged = mm.charged
    child.brk_start, child.brk, child.mmap_top, child.ungrown = mm.brk_start, mm.brk, mm.mmap_top, mm.ungrown
    child.policies = mm.policies
    child.patches = mm.patches.copy() if mm.patches is not None else None
    child.vmas = VmaList()
    mappings, left_out, copies = [], [], []
    try:
        for vma in mm.vmas:
            if vma.on_fork & NOT_FORKED:
                if vma.shown:
                    left_out.append((vma.start, vma.end - vma.start))
                if vma.charged:
                    child.charged -= vma.end - vma.start
                continue
            mine = vma.piece(vma.start, vma.end)
            mine.on_fork &= ~LOCKED
            inherited = True
            if vma.delta is not NO_FRAME:
                frame, length = vma.start + vma.delta, vma.end - vma.start
                if vma.on_fork & WIPED:
                    mine.delta = mm.frames.take(length) - vma.start
                    inherited = False
                elif vma.prot & 2 and not vma.shared:
                    mine.delta = mm.frames.take(length, grows=vma.grows_down or vma.name == "[heap]") - vma.start
                    inherited = False
                    to = vma.start + mine.delta
                    if vma.absent:
                        length = 0
                    elif copies and (copies[-1][0] + copies[-1][2], copies[-1][1] + copies[-1][2]) == (frame, to):
                        frame, to, before = copies.pop()
                        length += before
                    if length:
                        copies.append((frame, to, length))
                else:
                    mm.frames.hold(frame, length)
            child.vmas.starts.append(mine.start)
            child.vmas.vmas.append(mine)
            child.vmas.size += mine.end - mine.start
            if mine.shown:
                mappings.append((mine.start, mine.end - mine.start, mine.prot, mine.start + mine.delta, inherited))
        for frame, to, length in copies:
            mm.copy(frame, to, length)
    except OSError:
        child.clear()
        child.close()
        raise
    return child, mappings, left_out


def shown(mm: Mm) -> list:
    """What a second space over the same memory is to show."""
    return [(v.start, v.end - v.start, v.prot, v.start + v.delta, True) for v in mm.vmas if v.shown]


class Spaces:
    """Stands where a space stands in an Mm that several processes share: each is told of every change."""
    __slots__ = ("spaces",)

    def __init__(self, spaces: list):
        self.spaces = spaces

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        for space in self.spaces:
            space.map(start, length, prot, frame)

    def unmap(self, start: int, length: int) -> None:
        for space in self.spaces:
            space.unmap(start, length)

    def protect(self, start: int, length: int, prot: int) -> None:
        for space in self.spaces:
            space.protect(start, length, prot)


def join(mm: Mm, space) -> None:
    """Another process lives in this memory."""
    mm.users += 1
    if type(mm.space) is Spaces:
        mm.space.spaces.append(space)
    else:
        mm.space = Spaces([mm.space, space])


def leave(mm: Mm, space) -> None:
    """A process does not use this memory any more; the last one must empty it (:meth:`Mm.clear`) where frames count."""
    mm.users -= 1
    if type(mm.space) is Spaces:
        mm.space.spaces.remove(space)
        if len(mm.space.spaces) == 1:
            mm.space, = mm.space.spaces
