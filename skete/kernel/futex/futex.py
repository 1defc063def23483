"""futex(2): sleep on a word of memory while it has the value one saw.

The monitor is one thread, so "compare and sleep" needs no lock: the word is read once, with a single load, and
whoever changes it afterwards and wants to wake us has to come through here, after us.

A private futex is named by its address within the address space, a shared one by the frame behind it, so that every
process that maps the page means the same. Waiters of one word wake in the order in which they came.
"""
from __future__ import annotations

from errno import EAGAIN, EFAULT, EINTR, EINVAL, ENOSYS, ETIMEDOUT
from time import clock_gettime_ns, monotonic_ns

from skete.abi.futex import (FUTEX_BITSET_MATCH_ANY, FUTEX_CLOCK_REALTIME, FUTEX_CMD_MASK, FUTEX_CMP_REQUEUE,
                             FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_PRIVATE_FLAG, FUTEX_REQUEUE,
                             FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI,
                             FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_WAKE_OP)
from skete.kernel.outcome import READY, SIGNAL, TIMEOUT, Restart, Wait
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.scheduler import Queue
from skete.kernel.time.timespec import read_timespec

__all__ = ["FutexQueue", "FutexWait", "ROWS", "queues_of", "wake"]


#: those that take FUTEX_CLOCK_REALTIME
_EITHER_CLOCK = frozenset((FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2))
_INHERITING = frozenset((FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_WAIT_REQUEUE_PI,
                         FUTEX_CMP_REQUEUE_PI))


class FutexQueue(Queue):
    """The waiters of one word. It stands in ``home[key]`` while somebody waits."""
    __slots__ = ("home", "key")

    def __init__(self, home: dict, key: int):
        self.tasks, self.home, self.key = {}, home, key

    def tidy(self) -> None:
        """Forget the queue once it is empty: a program may use millions of words in its life."""
        if not self.tasks and self.home.get(self.key) is self:
            del self.home[self.key]

    def wake_some(self, count: int, bitset: int = FUTEX_BITSET_MATCH_ANY) -> int:
        """Wake the first ``count`` waiters whose bitset has a bit of this one; at least one. How many."""
        woken = 0
        for task, wait in list(self.tasks.items()):
            if wait.bitset & bitset:
                wait.woken_by(self)
                task.kernel.scheduler.wake(task, READY)
                woken += 1
                if woken >= count:
                    break
        self.tidy()
        return woken


class FutexWait(Wait):
    """A Wait that a wake with a disjoint bitset passes over."""
    __slots__ = ("bitset",)

    def __init__(self, queue: FutexQueue, deadline_ns: int | None, bitset: int):
        self.queue, self.deadline_ns, self.bitset = queue, deadline_ns, bitset
        self.host_fd, self.events, self.interruptible = -1, 0, True

    def woken_by(self, queue: FutexQueue) -> None:
        """A queue is about to end this wait."""

    def requeued(self, before: FutexQueue, after: FutexQueue) -> None:
        """A requeue has moved it."""
        self.queue = after


def futex(task, addr: int, op: int, value: int, timeout: int, addr2: int, value3: int):
    """futex(2): wait on or wake a word. Returns 0 or how many were woken.
    EAGAIN ETIMEDOUT EINTR EFAULT EINVAL ENOSYS"""
    command = op & FUTEX_CMD_MASK
    private = op & FUTEX_PRIVATE_FLAG
    if op & FUTEX_CLOCK_REALTIME and command not in _EITHER_CLOCK:
        raise OSError(ENOSYS, "FUTEX_CLOCK_REALTIME goes with absolute timeouts only")
    if command == FUTEX_WAKE:
        return wake(task, addr, value, private)
    if command == FUTEX_WAIT:
        deadline_ns = None
        if timeout:
            deadline_ns = monotonic_ns() + read_timespec(task.mm, timeout)
        return _wait(task, addr, value, deadline_ns, FUTEX_BITSET_MATCH_ANY, private)
    if command == FUTEX_WAIT_BITSET:
        return _wait(task, addr, value, _absolute(task, timeout, op), value3, private)
    if command == FUTEX_WAKE_BITSET:
        return wake(task, addr, value, private, value3)
    if command in _INHERITING:
        return _inheriting(task, addr, op, value, timeout, addr2, value3)
    # In these the fourth word is a number, not a pointer.
    value2 = timeout & 0xffff_ffff
    if command == FUTEX_REQUEUE:
        return _requeue(task, addr, addr2, value, value2, private)
    if command == FUTEX_CMP_REQUEUE:
        return _requeue(task, addr, addr2, value, value2, private, value3)
    if command == FUTEX_WAKE_OP:
        from skete.kernel.futex.futex_op import wake_op
        return wake_op(task, addr, addr2, value, value2, value3, private)
    raise OSError(ENOSYS, f"futex operation {command}")


def _inheriting(task, addr: int, op: int, value: int, timeout: int, addr2: int, value3: int):
    from skete.kernel.futex import futex_pi
    command, private = op & FUTEX_CMD_MASK, op & FUTEX_PRIVATE_FLAG
    if command == FUTEX_LOCK_PI:
        return futex_pi.lock_pi(task, addr, _absolute(task, timeout, FUTEX_CLOCK_REALTIME), private, False)
    if command == FUTEX_LOCK_PI2:
        return futex_pi.lock_pi(task, addr, _absolute(task, timeout, op), private, False)
    if command == FUTEX_TRYLOCK_PI:
        return futex_pi.lock_pi(task, addr, None, private, True)
    if command == FUTEX_UNLOCK_PI:
        return futex_pi.unlock_pi(task, addr, private)
    if command == FUTEX_WAIT_REQUEUE_PI:
        return futex_pi.wait_requeue_pi(task, addr, value, _absolute(task, timeout, op), addr2, private)
    return futex_pi.cmp_requeue_pi(task, addr, value, timeout & 0xffff_ffff, addr2, value3, private)


def _absolute(task, timeout: int, op: int) -> int | None:
    if not timeout:
        return None
    deadline_ns = read_timespec(task.mm, timeout)
    if op & FUTEX_CLOCK_REALTIME:
        deadline_ns += monotonic_ns() - clock_gettime_ns(0)
    return deadline_ns


def queues_of(task, addr: int, private: int) -> tuple:
    """The dict in which the word's queue is, and its key there. EINVAL EFAULT"""
    if addr & 3:
        raise OSError(EINVAL, f"futex word at {addr:#x} is not aligned")
    if private:
        if addr >= task.mm.high:
            raise OSError(EFAULT, f"{addr:#x} is beyond user space")
        return task.mm.futexes, addr
    return task.kernel.futexes, task.mm.frame(addr)


def _wait(task, addr: int, value: int, deadline_ns: int | None, bitset: int, private: int):
    if not bitset:
        raise OSError(EINVAL, "a bitset without bits")
    queues, key = queues_of(task, addr, private)
    if task.mm.read_u32(addr) != value:
        raise OSError(EAGAIN, "the word has changed")
    return _sleep(queues, key, deadline_ns, bitset)


def _sleep(queues: dict, key: int, deadline_ns: int | None, bitset: int):
    queue = queues.get(key)
    if queue is None:
        queue = queues[key] = FutexQueue(queues, key)
    wait = FutexWait(queue, deadline_ns, bitset)
    try:
        reason = yield wait
    finally:
        wait.queue.tidy()       # of the queue we were in last: a requeue may have moved us; and if we are ended here, too
    if reason is READY:
        return 0
    if reason is TIMEOUT:
        raise OSError(ETIMEDOUT, "")
    assert reason is SIGNAL
    if deadline_ns is None:
        raise Restart
    raise OSError(EINTR, "")


def wake(task, addr: int, count: int, private: int = 0, bitset: int = FUTEX_BITSET_MATCH_ANY) -> int:
    """Wake up to ``count`` waiters of a word, at least one as Linux does; how many were woken. EINVAL EFAULT"""
    if not bitset:
        raise OSError(EINVAL, "a bitset without bits")
    queues, key = queues_of(task, addr, private)
    queue = queues.get(key)
    if queue is not None:
        return queue.wake_some(count, bitset)
    if ~key in queues:
        raise OSError(EINVAL, "a lock that has an owner")
    return 0


def _requeue(task, addr: int, addr2: int, wakes: int, moves: int, private: int, expected: int | None = None) -> int:
    """Wake some waiters of one word and move others to another's queue; how many of both. EAGAIN EINVAL EFAULT"""
    if (wakes | moves) & 0x8000_0000:
        raise OSError(EINVAL, "a negative number of waiters")
    queues, key = queues_of(task, addr, private)
    queues2, key2 = queues_of(task, addr2, private)
    if expected is not None and task.mm.read_u32(addr) != expected:
        raise OSError(EAGAIN, "the word has changed")
    queue = queues.get(key)
    if queue is None:
        return 0
    woken = queue.wake_some(wakes) if wakes else 0
    moved = list(queue.tasks.items())[:moves]
    if moved and (queues2, key2) != (queues, key):
        target = queues2.get(key2)
        if target is None:
            target = queues2[key2] = FutexQueue(queues2, key2)
        for waiter, wait in moved:
            wait.requeued(queue, target)
            del queue.tasks[waiter]
            target.tasks[waiter] = wait
        queue.tidy()
    return woken + len(moved)


ROWS = (
    Row(202, futex, (ADDR, I32, U32, ADDR, ADDR, U32),
        "locks with priority inheritance have an owner, and no priority is passed on; "
        "a CLOCK_REALTIME deadline does not follow the clock being set"),
)
