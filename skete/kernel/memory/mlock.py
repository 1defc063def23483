"""mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2).

Nothing of the guest's is ever paged out by us, so to lock is to write down what was asked, for RLIMIT_MEMLOCK.
"""
from __future__ import annotations

from errno import EINVAL, ENOMEM

from skete.abi.mman import MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT
from skete.abi.resource import RLIMIT_MEMLOCK
from skete.engine import PAGE
from skete.kernel.memory import sizes
from skete.kernel.memory.mm import page_up
from skete.kernel.memory.vma import LOCKED
from skete.kernel.process.rlimits import limits
from skete.kernel.row import ADDR, I32, SIZE, Row

__all__ = ["ROWS"]


def mlock(task, addr: int, length: int) -> int:
    """mlock(2): lock whole pages. EINVAL EPERM; ENOMEM beyond the limit, and where not all of it is mapped"""
    return _lock(task, addr, length, False)


def mlock2(task, addr: int, length: int, flags: int) -> int:
    """mlock2(2): the same, and with MLOCK_ONFAULT pages only once they are touched. EINVAL EPERM ENOMEM"""
    if flags & ~MLOCK_ONFAULT:
        raise OSError(EINVAL, f"flags {flags:#x}")
    return _lock(task, addr, length, bool(flags & MLOCK_ONFAULT))


def _lock(task, addr: int, length: int, on_fault: bool) -> int:
    process, mm = task.process, task.mm
    sizes.may_lock(process)
    start, end = _range(addr, length)
    soft = limits(process)[RLIMIT_MEMLOCK][0] & -PAGE
    again = sizes.overlap(mm.vmas, start, end, lambda vma: vma.on_fork & LOCKED)
    if sizes.locked(mm) + end - start - again > soft:
        raise OSError(ENOMEM, f"RLIMIT_MEMLOCK is {soft}")
    _mark(mm, start, end, LOCKED, 0)
    if not on_fault:
        for vma in mm.vmas.within(start, end):
            if not vma.prot or vma.absent and not _present(mm, max(vma.start, start), min(vma.end, end)):
                raise OSError(ENOMEM, "not all of it can be accessed")
    return 0


def _present(mm, start: int, end: int) -> bool:
    """Whether the pages of a file are there: not past its end."""
    from skete.kernel.memory.pagefault import bring_all
    return bring_all(mm, start, end)


def munlock(task, addr: int, length: int) -> int:
    """munlock(2). EINVAL ENOMEM"""
    _mark(task.mm, *_range(addr, length), 0, LOCKED)
    return 0


def _range(addr: int, length: int) -> tuple:
    """[start, end) in whole pages. EINVAL where it wraps"""
    start = addr & -PAGE
    end = start + (page_up(length + (addr & PAGE - 1)) & (1 << 64) - 1)
    if end > 1 << 64:
        raise OSError(EINVAL, f"{addr:#x}+{length:#x}")
    return start, end


def _mark(mm, start: int, end: int, on: int, off: int) -> None:
    """Up to the first hole, as Linux does. ENOMEM for a hole"""
    mm.check_count(start, end)
    at = start
    for vma in mm.vmas.within(start, end):
        if vma.start > at:
            break
        at = min(vma.end, end)
    if at > start:
        mm.mark(start, at, on, off)
    if at < end:
        raise OSError(ENOMEM, f"nothing is mapped at {at:#x}")


def mlockall(task, flags: int) -> int:
    """mlockall(2): what there is, and what will be mapped. EINVAL EPERM ENOMEM"""
    if not flags or flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or flags == MCL_ONFAULT:
        raise OSError(EINVAL, f"flags {flags:#x}")
    process, mm = task.process, task.mm
    sizes.may_lock(process)
    if flags & MCL_CURRENT and sizes.total(mm) > limits(process)[RLIMIT_MEMLOCK][0] & -PAGE:
        raise OSError(ENOMEM, f"RLIMIT_MEMLOCK is {limits(process)[RLIMIT_MEMLOCK][0]}")
    mm.locks_future = bool(flags & MCL_FUTURE)
    if flags & MCL_CURRENT:
        mm.mark(0, mm.high, LOCKED)
    return 0


def munlockall(task) -> int:
    """munlockall(2)."""
    mm = task.mm
    mm.locks_future = False
    mm.mark(0, mm.high, 0, LOCKED)
    return 0


_KEPT = "kept and counted; nothing is locked on the host"
ROWS = (
    Row(149, mlock, (ADDR, SIZE), _KEPT),
    Row(150, munlock, (ADDR, SIZE)),
    Row(151, mlockall, (I32,), _KEPT),
    Row(152, munlockall),
    Row(325, mlock2, (ADDR, SIZE, I32), _KEPT),
)
