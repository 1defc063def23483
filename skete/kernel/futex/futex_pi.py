"""Futexes that have an owner: FUTEX_LOCK_PI and its kin. futex(2), "Priority-inheritance futexes".

The word holds the owner's number, FUTEX_WAITERS where somebody sleeps here, and FUTEX_OWNER_DIED where the owner ended
without unlocking. Free locks are taken and given back in the guest, by a compare-and-swap; ours is on the same memory
(``atomic``). Every thread here has an ordinary policy, so there is no priority to inherit: what is left of the protocol
is whose the lock is, and that is handed on in the order of arrival.

A lock somebody waits for has a :class:`PiQueue`, which knows the owner whatever the word says. It stands beside the queues
of ordinary futexes under the complement of their key. A thread that ends gives on what it owns (:func:`release`).
"""
from __future__ import annotations

from errno import EAGAIN, EDEADLK, EFAULT, EINVAL, EPERM, ESRCH, ETIMEDOUT

from skete.abi.futex import FUTEX_BITSET_MATCH_ANY, FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS
from skete.kernel.futex.atomic import compare_and_swap
from skete.kernel.futex.futex import FutexQueue, FutexWait, queues_of
from skete.kernel.outcome import READY, SIGNAL, TIMEOUT, Restart

__all__ = ["cmp_requeue_pi", "lock_pi", "release", "unlock_pi", "wait_requeue_pi"]

#: how often a word may change under us before we say EAGAIN, which futex(2) allows
_TRIES = 1000


class PiQueue(FutexQueue):
    """Who waits for a lock. owner: the Task that has it;  ``Kernel.pi`` has all of them"""
    __slots__ = ("owner",)

    def __init__(self, home: dict, key: int, owner):
        super().__init__(home, key)
        self.owner = owner
        home[key] = self
        kernel = owner.kernel
        if kernel.pi is None:
            kernel.pi = set()
        kernel.pi.add(self)

    def tidy(self) -> None:
        super().tidy()
        if not self.tasks:
            self.owner.kernel.pi.discard(self)


class PiWait(FutexWait):
    """addr: of the lock, in the waiter's memory;  granted: it is the waiter's now"""
    __slots__ = ("addr", "granted")
    always = True

    def __init__(self, queue: FutexQueue, deadline_ns: int | None, addr: int):
        super().__init__(queue, deadline_ns, FUTEX_BITSET_MATCH_ANY)
        self.addr, self.granted = addr, False


class RequeueWait(PiWait):
    """Of FUTEX_WAIT_REQUEUE_PI: on an ordinary word, and once it was moved, for the lock.
    target: the dict and the key of the lock's queue"""
    __slots__ = ("target",)

    def woken_by(self, queue: FutexQueue) -> None:
        raise OSError(EINVAL, "a waiter that is to be moved to a lock")

    def requeued(self, before: FutexQueue, after: FutexQueue) -> None:
        raise OSError(EINVAL, "a waiter that is to be moved to a lock")


def _lock_at(task, addr: int, private: int) -> tuple:
    """The dict in which the lock's queue is, and its key there. EINVAL EFAULT"""
    home, key = queues_of(task, addr, private)
    task.mm.writable(addr)
    return home, ~key


def _thread(kernel, tid: int):
    for process in kernel.processes.values():
        task = process.tasks.get(tid)
        if task is not None:
            return task
    return None


def _take(mm, addr: int, home: dict, key: int, taker, more: bool = False) -> PiQueue | None:
    """Make the lock the taker's (None), or say where to wait for it. more: others will wait.
    EAGAIN EDEADLK EFAULT EINVAL ESRCH"""
    for _ in range(_TRIES):
        word = mm.read_u32(addr)
        tid = word & FUTEX_TID_MASK
        if tid == taker.tid:
            raise OSError(EDEADLK, "its own lock")
        queue = home.get(key)
        if queue is not None and queue.tasks:
            if tid != queue.owner.tid:
                raise OSError(EINVAL, f"the word says {tid}, and {queue.owner.tid} has it")
            return queue
        if not tid:
            new = word & FUTEX_OWNER_DIED | taker.tid | (FUTEX_WAITERS if more else 0)
            if compare_and_swap(mm, addr, word, new) == word:
                return None
        elif word & FUTEX_WAITERS or compare_and_swap(mm, addr, word, word | FUTEX_WAITERS) == word:
            owner = _thread(taker.kernel, tid)
            if owner is None:
                raise OSError(ESRCH, f"no thread {tid}")
            return PiQueue(home, key, owner)
    raise OSError(EAGAIN, "the word does not keep still")


def _check_cycle(task, queue: PiQueue) -> None:
    """Whether the owner waits, perhaps by way of others, for a lock of this task. EDEADLK"""
    seen = set()
    while type(queue) is PiQueue and queue not in seen:
        seen.add(queue)
        if queue.owner is task:
            raise OSError(EDEADLK, "each waits for the other")
        wait = queue.owner.wait
        queue = wait.queue if isinstance(wait, PiWait) else None


def lock_pi(task, addr: int, deadline_ns: int | None, private: int, trying: bool):
    """FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI. EAGAIN EDEADLK EFAULT EINVAL ESRCH ETIMEDOUT"""
    home, key = _lock_at(task, addr, private)
    queue = _take(task.mm, addr, home, key, task)
    if queue is None:
        return 0
    try:
        if trying:
            raise OSError(EAGAIN, "somebody has it")
        _check_cycle(task, queue)
    except OSError:
        queue.tidy()
        raise
    return _sleep(task, addr, home, key, queue, deadline_ns)


def _sleep(task, addr: int, home: dict, key: int, queue: PiQueue, deadline_ns: int | None):
    while queue is not None:
        wait = PiWait(queue, deadline_ns, addr)
        try:
            reason = yield wait
        finally:
            queue.tidy()
        if wait.granted:
            return 0
        if reason is TIMEOUT:
            raise OSError(ETIMEDOUT, "")
        if reason is SIGNAL:
            raise Restart
        queue = _take(task.mm, addr, home, key, task)
    return 0


def _grant(queue: PiQueue, died: int = 0) -> None:
    """Hand a lock on to the first who waits for it. EAGAIN where the word has changed meanwhile, EINVAL EFAULT"""
    task, wait = next(iter(queue.tasks.items()))
    mm, addr = task.mm, wait.addr
    word = mm.read_u32(addr)
    found = compare_and_swap(mm, addr, word, FUTEX_WAITERS | died | task.tid)
    if found != word:
        raise OSError(EAGAIN if found == word | FUTEX_WAITERS else EINVAL, "the word has changed")
    queue.owner, wait.granted = task, True
    task.kernel.scheduler.wake(task, READY)
    queue.tidy()


def unlock_pi(task, addr: int, private: int) -> int:
    """FUTEX_UNLOCK_PI. EAGAIN EFAULT EINVAL EPERM"""
    home, key = _lock_at(task, addr, private)
    mm = task.mm
    for _ in range(_TRIES):
        word = mm.read_u32(addr)
        if word & FUTEX_TID_MASK != task.tid:
            raise OSError(EPERM, "somebody else's lock")
        queue = home.get(key)
        if queue is None or not queue.tasks:
            if ~key in home:
                raise OSError(EINVAL, "somebody waits for it as for an ordinary futex")
            if compare_and_swap(mm, addr, word, 0) == word:
                return 0
            continue
        if queue.owner is not task:
            raise OSError(EINVAL, "somebody else has it, whatever the word says")
        try:
            _grant(queue)
        except OSError as e:
            if e.errno != EAGAIN:
                raise
            continue
        return 0
    raise OSError(EAGAIN, "the word does not keep still")


def release(task) -> None:
    """A thread ends: what it owns, and others wait for, is the next one's, who finds FUTEX_OWNER_DIED."""
    kernel = task.kernel
    for queue in [queue for queue in kernel.pi if queue.owner is task]:
        for _ in range(_TRIES):
            try:
                _grant(queue, FUTEX_OWNER_DIED)
                break
            except OSError as e:
                if e.errno == EFAULT:
                    # Its word is gone: it looks again, and finds that out.
                    kernel.scheduler.wake(next(iter(queue.tasks)), READY)
                    queue.tidy()
                    break


def wait_requeue_pi(task, addr: int, value: int, deadline_ns: int | None, addr2: int, private: int):
    """FUTEX_WAIT_REQUEUE_PI: wait on a word until moved to a lock, and for that. EAGAIN EFAULT EINVAL ETIMEDOUT"""
    if addr == addr2:
        raise OSError(EINVAL, "a word that is its own lock")
    target = _lock_at(task, addr2, private)
    home, key = queues_of(task, addr, private)
    if (home, ~key) == target:
        raise OSError(EINVAL, "a word that is its own lock")
    if task.mm.read_u32(addr) != value:
        raise OSError(EAGAIN, "the word has changed")
    return _sleep_to_be_moved(home, key, deadline_ns, addr2, target)


def _sleep_to_be_moved(home: dict, key: int, deadline_ns: int | None, addr2: int, target: tuple):
    queue = home.get(key)
    if queue is None:
        queue = home[key] = FutexQueue(home, key)
    wait = RequeueWait(queue, deadline_ns, addr2)
    wait.target = target
    try:
        reason = yield wait
    finally:
        wait.queue.tidy()
    if wait.granted:
        return 0
    if reason is TIMEOUT:
        raise OSError(ETIMEDOUT, "")
    if reason is SIGNAL and wait.queue is queue:
        raise Restart
    raise OSError(EAGAIN, "woken without the lock")


def cmp_requeue_pi(task, addr: int, wakes: int, moves: int, addr2: int, expected: int, private: int) -> int:
    """FUTEX_CMP_REQUEUE_PI: the first waiter gets the lock, if it is free, and so many others wait for it.
    How many that were. EAGAIN EDEADLK EFAULT EINVAL ESRCH"""
    if addr == addr2 or wakes != 1 or moves & 0x8000_0000:
        raise OSError(EINVAL, f"one is woken, not {wakes}, and {moves} are moved")
    home, key = queues_of(task, addr, private)
    target = _lock_at(task, addr2, private)
    if (home, ~key) == target:
        raise OSError(EINVAL, "a word that is its own lock")
    if task.mm.read_u32(addr) != expected:
        raise OSError(EAGAIN, "the word has changed")
    queue = home.get(key)
    if queue is None:
        return 0
    waiters = list(queue.tasks.items())[:1 + moves]
    try:
        for waiter, wait in waiters:
            if type(wait) is not RequeueWait or wait.target != target:
                raise OSError(EINVAL, "it does not wait to be moved there")
            _move(task.mm, addr2, waiter, wait, bool(moves))
    finally:
        queue.tidy()
    return len(waiters)


def _move(mm, addr: int, waiter, wait: RequeueWait, more: bool) -> None:
    """Give a waiter the lock, or have it wait for it. EAGAIN EDEADLK EFAULT EINVAL ESRCH"""
    lock = _take(mm, addr, *wait.target, waiter, more)
    if lock is None:
        wait.granted = True
        waiter.kernel.scheduler.wake(waiter, READY)
        return
    try:
        _check_cycle(waiter, lock)
    except OSError:
        lock.tidy()
        raise
    del wait.queue.tasks[waiter]
    lock.tasks[waiter] = wait
    wait.queue = lock
