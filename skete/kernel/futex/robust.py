"""What a thread that ends owes the others: its robust futexes, and the word that pthread_join sleeps on.

get_robust_list(2), set_tid_address(2). The list is the guest's memory: it may be circular, unmapped or nonsense, and
whatever is wrong with it ends the walk and nothing else.
"""
from __future__ import annotations

from skete.abi.futex import FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT
from skete.kernel.futex.futex import wake

__all__ = ["clear_tid", "walk"]


def clear_tid(task) -> None:
    """Clear the word before the wake: a joiner that wakes and still finds a tid there goes back to sleep."""
    addr, task.clear_child_tid = task.clear_child_tid, 0
    if addr:
        try:
            task.mm.write_u32(addr, 0)
            wake(task, addr, 1)
        except OSError:
            pass        # mm_release ignores a bad address too: there is nobody left to tell


def walk(task) -> None:
    """Mark every futex the thread still holds and wake one waiter of each."""
    head, task.robust_list = task.robust_list, 0
    if not head:
        return
    mm = task.mm
    try:
        entry = mm.read_u64(head)
        offset = _signed64(mm.read_u64(head + 8))
        busy = mm.read_u64(head + 16)
        for _ in range(ROBUST_LIST_LIMIT):
            if entry & ~1 == head:
                break
            # The next pointer is read first: the futex may be reused as soon as it is released.
            following = mm.read_u64(entry & ~1)
            if entry & ~1 != busy & ~1:
                _release(task, (entry & ~1) + offset, entry & 1, pending=False)
            entry = following
        if busy:
            _release(task, (busy & ~1) + offset, busy & 1, pending=True)
    except OSError:
        return


def _release(task, addr: int, inherits: int, pending: bool) -> None:
    mm = task.mm
    if addr & 3:
        raise OSError(22, f"futex word at {addr:#x} is not aligned")
    word = mm.read_u32(addr)
    if pending and not inherits and not word:
        # It died between unlocking and waking: nobody else will wake the waiter it left.
        wake(task, addr, 1)
        return
    if word & FUTEX_TID_MASK != task.tid:
        return
    mm.write_u32(addr, word & FUTEX_WAITERS | FUTEX_OWNER_DIED)
    # Woken even where no waiter is marked: one that marks itself while we write finds the word changed, or sleeps here.
    if not inherits:
        wake(task, addr, 1)


def _signed64(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
