"""timer_create(2) and its kin: timers that send a signal.

A timer has at most one signal pending. What expires while that one waits to be taken is its overrun, which is
computed when the signal is delivered: its siginfo (:class:`_Info`) asks the timer then.
"""
from __future__ import annotations

from errno import EAGAIN, EINVAL, EOPNOTSUPP, EPERM, ESRCH
from struct import pack
from time import monotonic_ns

from skete.abi.epoll import SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID, SIGEVENT, SIGEVENT_SIZE
from skete.abi.signal import NSIG, SI_TIMER, SIGALRM
from skete.abi.time import (CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW,
                            CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME_ALARM, CLOCK_REALTIME_COARSE, CLOCK_TAI,
                            CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME)
from skete.kernel.events.timerfd import itimerspec, write_itimerspec
from skete.kernel.row import ADDR, I32, Row
from skete.kernel.signals.pending import send_process, send_task
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.time.clock import read_clock
from skete.kernel.time.timespec import FOREVER_NS

__all__ = ["PosixTimer", "ROWS"]

_INT_MAX = 0x7fff_ffff
#: Timers of one process: on Linux they count against RLIMIT_SIGPENDING.
_MOST = 4096
#: How soon a timer looks again at the earliest, and a CPU timer after each look; ns
_TICK_NS, _CPU_TICK_NS = 200_000, 4_000_000


class _Info(SigInfo):
    """The siginfo of a timer's signal. ``fields`` are made when they are asked for, which is when it is delivered."""
    __slots__ = ("timer", "number", "value", "overrun")

    def __init__(self, timer, signo: int, number: int, value: int):
        self.timer, self.number, self.value, self.overrun = timer, number, value, 0
        SigInfo.__init__(self, signo, SI_TIMER)

    @property
    def fields(self) -> bytes:
        return pack("<iiQ", self.number, self.overrun, self.value)

    @fields.setter
    def fields(self, ignored: bytes) -> None:
        pass

    def pack(self) -> bytes:
        self.timer.delivered(self)
        return SigInfo.pack(self)

    def words(self, layout: str) -> tuple:
        self.timer.delivered(self)
        return SigInfo.words(self, layout)


class PosixTimer:
    """One timer. Times in ns of its own clock.

    target: the thread it signals (SIGEV_THREAD_ID), or None for the process; signo: 0 for SIGEV_NONE
    expires_ns: the next expiration that nothing has counted yet, None while disarmed
    info: its signal that was sent last;  overrun: what timer_getoverrun(2) says
    """

    def __init__(self, task, clock: int, number: int, signo: int, value: int, target):
        self.task, self.process, self.clock = task, task.process, clock
        self.number, self.signo, self.value, self.target = number, signo, value, target
        self.expires_ns = self.info = self._timer = None
        self.interval_ns = self.overrun = 0

    def now_ns(self) -> int | None:
        """None where it counts the time of a thread or process that has ended: such a timer never expires."""
        try:
            return read_clock(self.task, self.clock)
        except OSError:
            return None

    @property
    def counts_cpu(self) -> bool:
        return self.clock < 0 or self.clock in (CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID)

    def left_ns(self) -> int:
        """Until it expires next; 0 when it does not run."""
        if self.expires_ns is None:
            return 0
        now = self.now_ns()
        if now is None:
            return 0
        left_ns = self.expires_ns - now
        if left_ns <= 0 and self.interval_ns:
            left_ns %= self.interval_ns
        if left_ns <= 0:
            return 0 if not self.signo else 1       # an armed timer never shows as zero
        return left_ns

    def set(self, value_ns: int, interval_ns: int, absolute: bool) -> None:
        """Arm it, or disarm with value_ns 0. A signal that is pending stays. ESRCH where its clock is gone"""
        self.stop()
        self.interval_ns, self.overrun = interval_ns, 0
        if value_ns:
            now = self.now_ns()
            if now is None:
                raise OSError(ESRCH, "whose time it counts has ended")
            self.expires_ns = value_ns if absolute else min(now + value_ns, FOREVER_NS)
            if self.signo:
                self._sleep()

    def stop(self) -> None:
        """Disarm it."""
        if self._timer is not None:
            self.process.kernel.scheduler.cancel(self._timer)
        self._timer = self.expires_ns = None

    def _sleep(self, at_least_ns: int = 0) -> None:
        left_ns = max(at_least_ns, self.expires_ns - self.now_ns())
        if self.counts_cpu:
            left_ns = max(left_ns // max(1, len(self.process.tasks)), _CPU_TICK_NS)
        self._timer = self.process.kernel.scheduler.at(min(monotonic_ns() + left_ns, FOREVER_NS), self._look)

    def _look(self) -> None:
        self._timer = None
        if self.target is not None and self.target.dead:
            return
        now = self.now_ns()
        if now is None:
            self.expires_ns = None
            return
        if now < self.expires_ns:
            return self._sleep()
        if self._pending():
            return self._sleep(_TICK_NS)    # an overrun, once that is delivered
        self.info = _Info(self, self.signo, self.number, self.value)
        self.expires_ns += self.interval_ns
        if not self.interval_ns:
            self.expires_ns = None
        try:
            send_process(self.process, self.info) if self.target is None else send_task(self.target, self.info)
        except OSError:
            pass        # no room in the queue: this one is lost
        if self.expires_ns is not None:
            if not self._pending():
                self._count(now)    # ignored: nothing to wait for, and nobody to tell
            self._sleep(_TICK_NS)

    def _pending(self) -> bool:
        info = self.info
        where = self.process if self.target is None else self.target
        return info is not None and any(one is info for one in where.signals.pending.infos.get(info.signo, ()))

    def _count(self, now: int) -> int:
        """Move on to the next expiration after ``now``; how many have passed."""
        if self.expires_ns is None or not self.interval_ns or now < self.expires_ns:
            return 0
        passed = (now - self.expires_ns) // self.interval_ns + 1
        self.expires_ns += passed * self.interval_ns
        return passed

    def delivered(self, info: _Info) -> None:
        """Its signal is being taken: what passed since it was sent is the overrun."""
        now = self.now_ns() if info is self.info and not self.process.status else None
        if now is not None:
            info.overrun = min(info.overrun + self._count(now), _INT_MAX)
            self.overrun = info.overrun
            if self._timer is not None and self.interval_ns:
                self.process.kernel.scheduler.cancel(self._timer)
                self._sleep()


def timer_create(task, clock: int, event: int, addr: int) -> int:
    """timer_create(2): a disarmed timer; its number goes to addr. EAGAIN EFAULT EINVAL EOPNOTSUPP EPERM"""
    if clock in (CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE):
        raise OSError(EOPNOTSUPP, f"clock {clock} has no timers")
    if clock > CLOCK_TAI or clock == 10:
        raise OSError(EINVAL, f"clock {clock}")
    if clock in (CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM):
        raise OSError(EPERM, "alarm clocks need CAP_WAKE_ALARM")
    read_clock(task, clock)
    timers = task.process.timers
    number = 0
    while ("posix", number) in timers:
        number += 1
    if number >= _MOST:
        raise OSError(EAGAIN, f"{number} timers")
    if task.process.rlimits is not None:
        from skete.kernel.process.rlimits import check_queue
        check_queue(task.process)
    signo, value, target = SIGALRM, number, None
    if event:
        value, signo, notify, tid = SIGEVENT.unpack(task.mm.read(event, SIGEVENT_SIZE)[:SIGEVENT.size])
        if notify not in (SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID, SIGEV_SIGNAL | SIGEV_THREAD_ID):
            raise OSError(EINVAL, f"sigev_notify {notify}")
        if notify & SIGEV_THREAD_ID:
            target = task.process.tasks.get(tid)
            if target is None:
                raise OSError(EINVAL, f"no thread {tid}")
        if notify == SIGEV_NONE:
            signo = 0
        elif not 1 <= signo <= NSIG:
            raise OSError(EINVAL, f"signal {signo}")
    task.mm.write(addr, number.to_bytes(4, "little"))
    timers["posix", number] = PosixTimer(task, clock, number, signo, value, target)
    return 0


def _timer(task, number: int) -> PosixTimer:
    timer = task.process.timers.get(("posix", number))
    if timer is None:
        raise OSError(EINVAL, f"no timer {number}")
    return timer


def timer_settime(task, number: int, flags: int, new: int, old: int) -> int:
    """timer_settime(2): arm or disarm. EFAULT EINVAL ESRCH"""
    if not new:
        raise OSError(EINVAL, "no time")
    value_ns, interval_ns = itimerspec(task.mm, new)
    timer = _timer(task, number)
    before = timer.left_ns(), timer.interval_ns
    timer.set(value_ns, interval_ns, bool(flags & TIMER_ABSTIME))
    if old:
        write_itimerspec(task.mm, old, *before)
    return 0


def timer_gettime(task, number: int, addr: int) -> int:
    """timer_gettime(2): what is left, and the interval. EFAULT EINVAL"""
    timer = _timer(task, number)
    write_itimerspec(task.mm, addr, timer.left_ns(), timer.interval_ns)
    return 0


def timer_getoverrun(task, number: int) -> int:
    """timer_getoverrun(2): expirations beyond the one that the last signal stood for. EINVAL"""
    return _timer(task, number).overrun


def timer_delete(task, number: int) -> int:
    """timer_delete(2). EINVAL"""
    _timer(task, number).stop()
    del task.process.timers["posix", number]
    return 0


_CPU = "CPU clocks are looked at every 4 ms, and count wall time where the engine cannot tell"
ROWS = (
    Row(222, timer_create, (I32, ADDR, ADDR), "alarm clocks: EPERM"),
    Row(223, timer_settime, (I32, I32, ADDR, ADDR), _CPU),
    Row(224, timer_gettime, (I32, ADDR)),
    Row(225, timer_getoverrun, (I32,)),
    Row(226, timer_delete, (I32,)),
)
