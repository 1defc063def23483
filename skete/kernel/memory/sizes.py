"""How large a process's memory is, as Linux counts it, and what its limits leave of it: RLIMIT_AS, RLIMIT_DATA,
RLIMIT_MEMLOCK. Bytes.

The checks are made by the calls, before anything changes, with the limits of the process that calls: where memory is
shared, that is what Linux does. A process without such limits (``Process.bounded``) does not come here.

The main stack is mapped as large as it may become; it counts with what it has on Linux when a program starts.
"""
from __future__ import annotations

from errno import EAGAIN, ENOMEM, EPERM

from skete.abi.mman import MAP_FIXED, MAP_GROWSDOWN, MAP_LOCKED, MAP_SHARED, MAP_TYPE, PROT_WRITE
from skete.abi.resource import RLIM_INFINITY, RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_STACK
from skete.kernel.memory.mm import STACK_SIZE
from skete.kernel.memory.vma import LOCKED
from skete.kernel.process.rlimits import limits

__all__ = ["after_exec", "before_break", "before_growing", "before_mmap", "before_protect", "before_shared", "check_lock", "data",
           "locked", "may_grow", "may_lock", "overlap", "stack", "total"]

_STACK = "[stack]"


def total(mm) -> int:
    """Everything that is mapped: Linux's total_vm."""
    return max(0, mm.vmas.size - mm.ungrown)


def is_data(prot: int, shared: bool) -> bool:
    """Whether it counts as data: private memory that can be written. (What grows down does not.)"""
    return bool(prot & PROT_WRITE) and not shared


def data(mm) -> int:
    """Linux's data_vm."""
    return sum(vma.end - vma.start for vma in mm.vmas if is_data(vma.prot, vma.shared) and not vma.grows_down)


def stack(mm) -> int:
    """What there is of the main stack, and all else that grows down."""
    return max(0, sum(vma.end - vma.start for vma in mm.vmas if vma.grows_down) - mm.ungrown)


def locked(mm) -> int:
    """What mlock(2) and its kin have locked."""
    amount = sum(vma.end - vma.start for vma in mm.vmas if vma.on_fork & LOCKED)
    if amount and any(vma.name == _STACK and vma.on_fork & LOCKED for vma in mm.vmas):
        return max(0, amount - mm.ungrown)
    return amount


def overlap(vmas, start: int, end: int, wanted=None) -> int:
    """How much of a range is mapped, by vmas that ``wanted`` says."""
    return sum(min(vma.end, end) - max(vma.start, start) for vma in vmas.within(start, end)
               if wanted is None or wanted(vma))


def _check(process, mm, length: int, as_data: bool) -> None:
    """Linux's may_expand_vm(). ENOMEM"""
    limits = process.rlimits
    if total(mm) + length > limits[RLIMIT_AS][0]:
        raise OSError(ENOMEM, f"RLIMIT_AS is {limits[RLIMIT_AS][0]}")
    soft, hard = limits[RLIMIT_DATA]
    # A soft limit of 0 stands for the hard one: "workaround for Valgrind", mm/mmap.c.
    if as_data and soft != RLIM_INFINITY and data(mm) + length > (soft or hard):
        raise OSError(ENOMEM, f"RLIMIT_DATA is {soft}")


def before_mmap(task, start: int, length: int, prot: int, flags: int) -> None:
    """mmap(2) of so much. ENOMEM; EPERM EAGAIN where it is to be locked"""
    process, mm = task.process, task.mm
    if flags & MAP_LOCKED:
        may_lock(process)
    if flags & MAP_LOCKED or mm.locks_future:
        check_lock(process, mm, length)
    if process.bounded:
        as_data = is_data(prot, flags & MAP_TYPE != 2) and not flags & MAP_GROWSDOWN
        if flags & MAP_FIXED:
            length -= overlap(mm.vmas, start, start + length)
        _check(process, mm, length, as_data)


def before_break(task, addr: int) -> None:
    """brk(2) up to there. ENOMEM EAGAIN"""
    process, mm = task.process, task.mm
    more = (addr + 4095 & -4096) - (mm.brk + 4095 & -4096)
    if more > 0:
        if mm.locks_future:
            check_lock(process, mm, more)
        if process.bounded:
            _check(process, mm, more, True)


def before_growing(task, vma, more: int) -> None:
    """mremap(2) that makes a mapping longer. ENOMEM EAGAIN"""
    process, mm = task.process, task.mm
    if vma.on_fork & LOCKED:
        check_lock(process, mm, more)
    if process.bounded:
        _check(process, mm, more, is_data(vma.prot, vma.shared) and not vma.grows_down)


def may_grow(mm, vma, start: int) -> bool:
    """Whether a mapping may grow down to ``start``: the limits that its memory's process has, mm/mmap.c (acct_stack_growth)."""
    bottom, top = mm.vmas.mapping(vma)
    if mm.rlimits is None:
        return top - start <= STACK_SIZE
    more = bottom - start
    return top - start <= mm.rlimits[RLIMIT_STACK][0] and total(mm) + more <= mm.rlimits[RLIMIT_AS][0] \
        and (not vma.on_fork & LOCKED or locked(mm) + more <= mm.rlimits[RLIMIT_MEMLOCK][0] & -4096)


def before_protect(task, start: int, end: int) -> None:
    """mprotect(2) that makes data of what was none. ENOMEM"""
    mm, (soft, hard) = task.mm, task.process.rlimits[RLIMIT_DATA]
    if soft == RLIM_INFINITY:
        return
    more = overlap(mm.vmas, start, end, lambda vma: not vma.shared and not vma.prot & PROT_WRITE and not vma.grows_down)
    if more and data(mm) + more > (soft or hard):
        raise OSError(ENOMEM, f"RLIMIT_DATA is {soft}")


def before_shared(task, length: int) -> None:
    """shmat(2) of so much. ENOMEM"""
    _check(task.process, task.mm, length, False)


def after_exec(process) -> None:
    """A program that is larger than it may be does not start. ENOMEM"""
    if total(process.mm) > process.rlimits[RLIMIT_AS][0]:
        raise OSError(ENOMEM, f"RLIMIT_AS is {process.rlimits[RLIMIT_AS][0]}")


def may_lock(process) -> None:
    """Whether anything may be locked at all. EPERM"""
    if not limits(process)[RLIMIT_MEMLOCK][0]:
        raise OSError(EPERM, "RLIMIT_MEMLOCK is 0")


def check_lock(process, mm, length: int) -> None:
    """Whether so much more may be locked as it is mapped. EAGAIN"""
    soft = limits(process)[RLIMIT_MEMLOCK][0]
    if locked(mm) + length > soft & -4096:
        raise OSError(EAGAIN, f"RLIMIT_MEMLOCK is {soft}")
