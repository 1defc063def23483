"""What a page fault does beside ending a program: a mapping with MAP_GROWSDOWN grows, the page of a file is read.

Engines report every fault that their own tables do not explain; an access of the kernel's to guest memory that finds
nothing comes here too. Linux: mm/memory.c, mm/mmap.c (expand_downwards), arch/x86/mm/fault.c.
"""
from __future__ import annotations

from skete.abi.signal import BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGSEGV
from skete.engine import PAGE
from skete.kernel.memory import sizes
from skete.kernel.memory.mm import MAP_COUNT, page_up
from skete.kernel.memory.vma import GUARD, NO_FRAME, Vma

__all__ = ["CHUNK", "bring", "bring_all", "happened", "resolve"]

#: so much of a file that is mapped privately is read at once
CHUNK = 2 << 20

_WRITE, _FETCH = 2, 16      # of a page fault's error code


def happened(task, trap) -> tuple | None:
    """(signal, si_code) for a page fault that a program's instruction has met; None where it is to try again."""
    mm, address = task.mm, trap.addr
    vma = mm.vmas.at(address)
    if vma is None:
        return None if _grow(mm, address) is not None else (SIGSEGV, SEGV_MAPERR)
    fetches = trap.error & _FETCH and not vma.absent        # else the page comes before what may be done with it
    if not vma.prot & (2 if trap.error & _WRITE else 4 if fetches else 7):
        return SIGSEGV, SEGV_ACCERR
    if vma.absent:
        return None if bring(mm, vma, address) is not None else (SIGBUS, BUS_ADRERR)
    # It is there. Another thread's fault has brought it just now, perhaps, and this one's processor has not been told; if
    # it has, and fails all the same, it is another kind of fault.
    if vma.grows_down or vma.backing is not None or vma.source is not None:
        where = address, task.vcpu.rip, mm.brought
        if where != task.refault:
            task.refault = where
            page = address & -PAGE
            mm.space.map(page, PAGE, vma.prot, page + vma.delta)
            return None
    return SIGSEGV, SEGV_ACCERR


def resolve(mm, address: int) -> Vma | None:
    """The vma that has a page at this address, if need be after a page fault there. None where there is none to be had"""
    vma = mm.vmas.at(address)
    if vma is None:
        return _grow(mm, address)
    return bring(mm, vma, address) if vma.absent else vma


def bring_all(mm, start: int, end: int) -> bool:
    """Have the pages of [start, end) here, which is mapped without a hole. Whether they are: up to the first that is not
    to be had."""
    while start < end:
        vma = resolve(mm, start)
        if vma is None:
            return False
        start = vma.end
    return True


def _grow(mm, address: int) -> Vma | None:
    """Let the mapping above an address grow down to it."""
    vmas = mm.vmas
    i = vmas.index(address)
    if i == len(vmas) or not vmas.vmas[i].grows_down:
        return None
    vma, start = vmas.vmas[i], address & -PAGE
    below = vmas.vmas[i - 1] if i else None
    if below is not None and not below.grows_down and below.prot and start - below.end < GUARD:
        return None
    if mm.is_reserved(start, vma.start) or len(vmas) >= MAP_COUNT or not sizes.may_grow(mm, vma, start):
        return None
    more = vma.piece(start, vma.start)
    more.delta, more.shown = NO_FRAME, bool(vma.prot)
    try:
        mm.put(more)
    except OSError:
        return None
    mm.brought += 1
    return vmas.at(address)


def bring(mm, vma: Vma, address: int, size: int = -1) -> Vma | None:
    """Show the absent page at an address, and others around it: the vma there. None past the file's end, and where it
    cannot be read or there is no memory for it. size: the file's, where it is known"""
    if vma.backing is not None:
        file, shift = vma.backing, vma.backing.offset_of(vma.start + vma.delta) - vma.start
        first, last = vma.start, vma.end
    else:
        file, shift = vma.source, vma.shift
        first = max(vma.start, address & -CHUNK)
        last = min(vma.end, (address & -CHUNK) + CHUNK)
    taken = -1
    try:
        end = page_up(file.size_now() if size < 0 else size) - shift
        if address >= end or len(mm.vmas) >= MAP_COUNT:
            return None
        last = min(last, end)
        if vma.delta is NO_FRAME:
            left = mm.vmas.at(first - 1)
            near = first + left.delta if left is not None and left.delta is not NO_FRAME else -1
            taken = mm.frames.take(last - first, False, near)
        frame = first + vma.delta if taken < 0 else taken
        file.bring(first + shift, mm.ram[frame:frame + last - first])
    except OSError:
        if taken >= 0:
            mm.frames.give(taken, last - first)
        return None
    (piece,) = mm.vmas.cut(first, last)
    piece.delta, piece.absent, piece.shown = frame - first, False, bool(piece.prot)
    if piece.shown:
        mm.space.map(first, last - first, piece.prot, frame)
    mm.vmas.insert(piece)
    mm.forget()
    mm.brought += 1
    return mm.vmas.at(address)
