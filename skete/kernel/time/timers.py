"""Interval timers: setitimer(2), getitimer(2), alarm(2).

ITIMER_REAL is a timer of the scheduler. ITIMER_VIRTUAL and ITIMER_PROF count CPU time: the timer sleeps for as long as
it must at least take (one processor's worth per thread), looks at the CPU clock, and sleeps again.
"""
from __future__ import annotations

from errno import EINVAL
from struct import Struct
from time import monotonic_ns

from skete.abi.signal import SI_KERNEL, SIGALRM, SIGPROF, SIGVTALRM
from skete.abi.time import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, NSEC_PER_SEC
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.signals.pending import send_process
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.time.clock import process_cpu_ns
from skete.kernel.time.timespec import FOREVER_NS

__all__ = ["ROWS", "IntervalTimer"]

_ITIMERVAL = Struct("<4q")
_SIGNALS = {ITIMER_REAL: SIGALRM, ITIMER_VIRTUAL: SIGVTALRM, ITIMER_PROF: SIGPROF}
#: how late a CPU timer may look at its clock: Linux itself is a tick late
_TICK_NS = 4_000_000


class IntervalTimer:
    """One of a process's three. Times in ns of its own clock."""

    def __init__(self, process, which: int):
        self.process, self.which = process, which
        self.interval_ns = 0
        self.expires_ns = None      # of its clock; None: not armed
        self._timer = None

    def now_ns(self) -> int:
        return monotonic_ns() if self.which == ITIMER_REAL else process_cpu_ns(self.process)

    def left_ns(self) -> int:
        """Until it expires; 0 when not armed."""
        if self.expires_ns is None:
            return 0
        return max(1000, self.expires_ns - self.now_ns())   # an armed timer never shows as zero

    def set(self, value_ns: int, interval_ns: int) -> None:
        """Arm it, or disarm with value_ns 0."""
        self.stop()
        self.interval_ns = interval_ns
        if value_ns:
            self.expires_ns = min(self.now_ns() + value_ns, FOREVER_NS)
            self._sleep()

    def stop(self) -> None:
        """Disarm it."""
        if self._timer is not None:
            self.process.kernel.scheduler.cancel(self._timer)
        self._timer = self.expires_ns = None

    def _sleep(self) -> None:
        left_ns = max(0, self.expires_ns - self.now_ns())
        if self.which != ITIMER_REAL:
            left_ns = max(left_ns // max(1, len(self.process.tasks)), _TICK_NS)
        self._timer = self.process.kernel.scheduler.at(min(monotonic_ns() + left_ns, FOREVER_NS), self._look)

    def _look(self) -> None:
        now = self.now_ns()
        if now < self.expires_ns:
            return self._sleep()
        if self.interval_ns:
            # Periods that passed while nobody looked are one signal, and do not shift the ones to come.
            self.expires_ns += ((now - self.expires_ns) // self.interval_ns + 1) * self.interval_ns
            self._sleep()
        else:
            self.expires_ns = self._timer = None
        send_process(self.process, SigInfo(_SIGNALS[self.which], SI_KERNEL))


def setitimer(task, which: int, new: int, old: int) -> int:
    """setitimer(2): arm or disarm; a null ``new`` disarms, as Linux has it. EINVAL EFAULT"""
    interval_s = interval_us = value_s = value_us = 0
    if new:
        interval_s, interval_us, value_s, value_us = _ITIMERVAL.unpack(task.mm.read(new, 32))
    if min(interval_s, value_s) < 0 or not (0 <= interval_us < 1_000_000 and 0 <= value_us < 1_000_000):
        raise OSError(EINVAL, "no time")
    timer = _timer(task, which)
    before = timer.left_ns(), timer.interval_ns
    timer.set(min(value_s * NSEC_PER_SEC + value_us * 1000, FOREVER_NS),
              min(interval_s * NSEC_PER_SEC + interval_us * 1000, FOREVER_NS))
    if old:
        _write(task, old, *before)
    return 0


def getitimer(task, which: int, addr: int) -> int:
    """getitimer(2): write the interval and what is left. EINVAL EFAULT"""
    timer = _timer(task, which)
    _write(task, addr, timer.left_ns(), timer.interval_ns)
    return 0


def alarm(task, seconds: int) -> int:
    """alarm(2): SIGALRM in so many seconds (0: never). Returns what was left of the last one, at least 1 if it ran."""
    timer = _timer(task, ITIMER_REAL)
    left_ns = timer.left_ns()
    timer.set(seconds * NSEC_PER_SEC, 0)
    # Rounded to the nearest second, but an alarm that is pending is never 0.
    return max(1, (left_ns + NSEC_PER_SEC // 2) // NSEC_PER_SEC) if left_ns else 0


def _timer(task, which: int) -> IntervalTimer:
    if which not in _SIGNALS:
        raise OSError(EINVAL, f"timer {which}")
    timers = task.process.timers
    timer = timers.get(which)
    if timer is None:
        timer = timers[which] = IntervalTimer(task.process, which)
    return timer


def _write(task, addr: int, left_ns: int, interval_ns: int) -> None:
    words = []
    for ns in (interval_ns, left_ns):
        words += ns // NSEC_PER_SEC, ns % NSEC_PER_SEC // 1000
    task.mm.write(addr, _ITIMERVAL.pack(*words))


ROWS = (
    Row(36, getitimer, (I32, ADDR)),
    Row(37, alarm, (U32,)),
    Row(38, setitimer, (I32, ADDR, ADDR), "ITIMER_VIRTUAL counts system time too; both CPU timers count wall time "
                                          "where the engine cannot tell"),
)
