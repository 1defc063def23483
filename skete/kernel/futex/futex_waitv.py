"""futex_waitv(2): sleep on several words, until one of them is woken."""
from __future__ import annotations

from errno import EAGAIN, EINVAL, ETIMEDOUT
from struct import Struct
from time import clock_gettime_ns, monotonic_ns

from skete.abi.futex import FUTEX_BITSET_MATCH_ANY, FUTEX_PRIVATE_FLAG
from skete.kernel.futex.futex import FutexQueue, FutexWait, queues_of
from skete.kernel.outcome import SIGNAL, TIMEOUT, Restart
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.time.timespec import read_timespec

__all__ = ["ROWS"]

#: struct futex_waitv: val uaddr flags __reserved
_WAITV = Struct("<QQII")
_FUTEX_32, _FUTEX_WAITV_MAX = 2, 128
_CLOCK_REALTIME, _CLOCK_MONOTONIC = 0, 1


class _Wait(FutexWait):
    """woken: the queue that has ended it"""
    __slots__ = ("woken",)

    def __init__(self, queues: list, deadline_ns: int | None):
        super().__init__(tuple(queues), deadline_ns, FUTEX_BITSET_MATCH_ANY)
        self.woken = None

    def woken_by(self, queue: FutexQueue) -> None:
        self.woken = self.queue.index(queue)

    def requeued(self, before: FutexQueue, after: FutexQueue) -> None:
        self.queue = tuple(after if queue is before else queue for queue in self.queue)


def futex_waitv(task, waiters: int, count: int, flags: int, timeout: int, clock: int):
    """futex_waitv(2): which of the words was woken. EAGAIN ETIMEDOUT EFAULT EINVAL"""
    if flags or not 0 < count <= _FUTEX_WAITV_MAX or not waiters:
        raise OSError(EINVAL, f"{count} words, flags {flags:#x}")
    deadline_ns = None
    if timeout:
        if clock not in (_CLOCK_REALTIME, _CLOCK_MONOTONIC):
            raise OSError(EINVAL, f"clock {clock}")
        deadline_ns = read_timespec(task.mm, timeout)
        if clock == _CLOCK_REALTIME:
            deadline_ns += monotonic_ns() - clock_gettime_ns(_CLOCK_REALTIME)
    words = []
    for index in range(count):
        value, addr, how, reserved = _WAITV.unpack(task.mm.read(waiters + index * _WAITV.size, _WAITV.size))
        if how & ~(_FUTEX_32 | FUTEX_PRIVATE_FLAG) or not how & _FUTEX_32 or reserved:
            raise OSError(EINVAL, f"flags {how:#x}")
        words.append((value, addr, how & FUTEX_PRIVATE_FLAG))
    places = [queues_of(task, addr, private) for _, addr, private in words]
    _check(task, words)
    return _sleep(task, words, places, deadline_ns)


def _check(task, words: list) -> None:
    """EAGAIN EFAULT"""
    for value, addr, _ in words:
        if task.mm.read_u32(addr) != value:
            raise OSError(EAGAIN, "a word has changed")


def _sleep(task, words: list, places: list, deadline_ns: int | None):
    while True:
        queues = []
        for home, key in places:
            queue = home.get(key)
            if queue is None:
                queue = home[key] = FutexQueue(home, key)
            queues.append(queue)
        wait = _Wait(queues, deadline_ns)
        reason = yield wait
        for queue in wait.queue:
            queue.tidy()
        if reason is SIGNAL:
            raise Restart
        if reason is TIMEOUT:
            raise OSError(ETIMEDOUT, "")
        if wait.woken is not None:
            return wait.woken
        _check(task, words)


ROWS = (
    Row(449, futex_waitv, (ADDR, U32, U32, ADDR, I32), "a CLOCK_REALTIME deadline does not follow the clock being set"),
)
