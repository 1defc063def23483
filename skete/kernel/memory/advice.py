"""The calls about memory that is mapped already: madvise(2), msync(2), mincore(2).

Nothing here is ever paged out to a place of ours, so most of it comes down to checking the range as Linux does.
"""
from __future__ import annotations

from errno import EACCES, EBUSY, EFAULT, EINVAL, ENOMEM

from skete.abi import mman
from skete.abi.mman import MS_ASYNC, MS_INVALIDATE, MS_SYNC
from skete.engine import PAGE
from skete.kernel.memory.mm import page_up
from skete.kernel.memory.vma import LOCKED, NO_FRAME, NOT_FORKED, WIPED
from skete.kernel.row import ADDR, I32, SIZE, Row

__all__ = ["ROWS"]

#: advice -> bits of Vma.on_fork that it sets, and that it clears
_ON_FORK = {mman.MADV_WIPEONFORK: (WIPED, 0), mman.MADV_KEEPONFORK: (0, WIPED),
            mman.MADV_DONTFORK: (NOT_FORKED, 0), mman.MADV_DOFORK: (0, NOT_FORKED)}
_DROPS = frozenset((mman.MADV_DONTNEED, mman.MADV_DONTNEED_LOCKED, mman.MADV_FREE))
#: what cannot be done to memory that mlock(2) has locked
_UNLOCKED = frozenset((mman.MADV_DONTNEED, mman.MADV_FREE, mman.MADV_REMOVE, mman.MADV_COLD, mman.MADV_PAGEOUT))
_HINTS = frozenset((
    mman.MADV_NORMAL, mman.MADV_RANDOM, mman.MADV_SEQUENTIAL, mman.MADV_WILLNEED, mman.MADV_MERGEABLE, mman.MADV_UNMERGEABLE, mman.MADV_HUGEPAGE, mman.MADV_NOHUGEPAGE,
    mman.MADV_DONTDUMP, mman.MADV_DODUMP, mman.MADV_COLD, mman.MADV_PAGEOUT, mman.MADV_REMOVE,
    mman.MADV_POPULATE_READ, mman.MADV_POPULATE_WRITE, *_ON_FORK))

#: bytes that mincore(2) writes at a time
_PIECE = 64 << 10
#: advice -> the PROT_* that it takes
_POPULATES = {mman.MADV_POPULATE_READ: mman.PROT_READ, mman.MADV_POPULATE_WRITE: mman.PROT_WRITE}


def madvise(task, addr: int, length: int, advice: int) -> int:
    """madvise(2): drop pages, say what a fork does with them, or take note. EACCES EINVAL; ENOMEM where there are
    holes"""
    if advice not in _HINTS and advice not in _DROPS:
        raise OSError(EINVAL, f"advice {advice}")
    start, end = _range(addr, length)
    if start == end:
        return 0
    mm = task.mm
    if advice in _UNLOCKED and any(vma.on_fork & LOCKED for vma in mm.vmas.within(start, end)):
        raise OSError(EINVAL, "it is locked")
    if advice in _POPULATES:
        return _populate(mm, start, end, _POPULATES[advice])
    if advice in _ON_FORK:
        mm.check_count(start, end)
        _on_fork(mm, start, end, *_ON_FORK[advice])
    if advice == mman.MADV_REMOVE:
        _remove(mm, start, end)
    if advice in _DROPS:
        if advice == mman.MADV_FREE and any(v.shared for v in mm.vmas.within(start, end)):
            raise OSError(EINVAL, "MADV_FREE of shared memory")
        # MADV_FREE may drop the pages at any time: at once is a time.
        mm.empty(start, end)
    if not mm.vmas.covers(start, end):
        raise OSError(ENOMEM, "not all of it is mapped")
    return 0


def _populate(mm, start: int, end: int, wanted: int) -> int:
    """Every page is there as it is, or can be brought. What is in the way first decides. EFAULT EINVAL ENOMEM"""
    from skete.kernel.memory.pagefault import bring_all
    for vma in mm.vmas.within(start, end):
        if vma.start > start:
            break
        if not vma.prot & wanted:
            raise OSError(EINVAL, "its protection")
        if vma.absent and not bring_all(mm, max(start, vma.start), min(end, vma.end)):
            raise OSError(EFAULT, "past the file's end")
        start = vma.end
    if start < end:
        raise OSError(ENOMEM, "not all of it is mapped")
    return 0


def _on_fork(mm, start: int, end: int, on: int, off: int) -> None:
    """Mapping by mapping, up to the first that cannot be. EINVAL"""
    bad = None
    if on == WIPED:
        bad = next((vma for vma in mm.vmas.within(start, end) if vma.shared or vma.name[:1] not in ("", "[")), None)
    mm.mark(start, end if bad is None else max(bad.start, start), on, off)
    if bad is not None:
        raise OSError(EINVAL, "MADV_WIPEONFORK takes private anonymous memory")


def _remove(mm, start: int, end: int) -> None:
    """A hole in what a shared mapping stands on, for everybody. EACCES EINVAL EPERM EOPNOTSUPP"""
    for vma in mm.vmas.within(start, end):
        first, last = max(vma.start, start), min(vma.end, end)
        if not vma.shared and vma.name[:1] in ("", "["):
            raise OSError(EINVAL, "no file is behind it")
        if not vma.shared or vma.sealed or vma.delta is NO_FRAME:
            raise OSError(EACCES, "no shared mapping that can be written")
        if vma.backing is not None:
            vma.backing.punch(first + vma.delta, last - first)
        else:
            mm.frames.discard(first + vma.delta, last - first)


def msync(task, addr: int, length: int, flags: int) -> int:
    """msync(2): what was stored into shared mappings of files is the file's. EBUSY EINVAL ENOMEM"""
    if flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) or flags & MS_ASYNC and flags & MS_SYNC or addr & PAGE - 1:
        raise OSError(EINVAL, f"address {addr:#x}, flags {flags:#x}")
    end = addr + (page_up(length) & (1 << 64) - 1)
    if end > 1 << 64:
        raise OSError(ENOMEM, "beyond user space")
    for vma in task.mm.vmas.within(addr, end):
        if flags & MS_INVALIDATE and vma.on_fork & LOCKED:
            raise OSError(EBUSY, "it is locked")
        if vma.backing is not None and flags & (MS_SYNC | MS_ASYNC):
            first, last = max(vma.start, addr), min(vma.end, end)
            vma.backing.sync(first + vma.delta, last - first)
    if not task.mm.vmas.covers(addr, end):
        raise OSError(ENOMEM, "not all of it is mapped")
    return 0


def mincore(task, addr: int, length: int, vec: int) -> int:
    """mincore(2): one byte a page, 1 for resident. EINVAL ENOMEM EFAULT EAGAIN"""
    if addr & PAGE - 1:
        raise OSError(EINVAL, f"address {addr:#x} is not whole pages")
    end = addr + length
    if end > task.mm.high:
        raise OSError(ENOMEM, "beyond user space")
    end = addr + page_up(length)
    if not task.mm.vmas.covers(addr, end):
        raise OSError(ENOMEM, "not all of it is mapped")
    pages = end - addr >> 12
    views = task.mm.views(vec, pages, True)
    for view in views:
        for at in range(0, len(view), _PIECE):      # a reservation of terabytes has more pages than we have memory
            piece = view[at:at + _PIECE]
            piece[:] = b"\1" * len(piece)
    if sum(map(len, views)) < pages:
        raise OSError(EFAULT, f"{vec:#x}+{pages:#x} is not all writable")
    return 0


def _range(addr: int, length: int) -> tuple:
    """[start, end) in whole pages. EINVAL where it is not aligned or wraps"""
    size = page_up(length)
    if addr & PAGE - 1 or length and not size & (1 << 64) - 1 or addr + size > 1 << 64:
        raise OSError(EINVAL, f"{addr:#x}+{length:#x}")
    return addr, addr + size


ROWS = (
    Row(26, msync, (ADDR, SIZE, I32), "to the host's file, not to its disk"),
    Row(27, mincore, (ADDR, SIZE, ADDR), "every mapped page counts as resident"),
    Row(28, madvise, (ADDR, SIZE, I32),
        "MADV_DONTNEED, _FREE, _REMOVE and those for a fork act; hints are taken note of; MADV_COLLAPSE: EINVAL"),
)
