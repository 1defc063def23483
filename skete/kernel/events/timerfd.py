"""timerfd_create(2): a timer of the scheduler that makes an eventfd of the host readable when it expires."""
from __future__ import annotations

import os
from errno import EAGAIN, EINVAL, ENOTTY, EPERM
from struct import Struct
from time import clock_gettime_ns, monotonic_ns

from skete.abi.epoll import TFD_CLOEXEC, TFD_IOC_SET_TICKS, TFD_NONBLOCK, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET
from skete.abi.time import (CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_REALTIME,
                            CLOCK_REALTIME_ALARM, NSEC_PER_SEC)
from skete.kernel.events.anonymous import Anonymous, fill, install
from skete.kernel.row import ADDR, FD, I32, Row
from skete.kernel.time.timespec import FOREVER_NS, read_timespec

__all__ = ["ROWS", "TimerFd", "itimerspec", "write_itimerspec"]

_ITIMERSPEC = Struct("<4q")
_CLOCKS = (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM)
#: How soon a timer with a short interval expires again after a read; what passed meanwhile is counted, as on Linux.
_SOONEST_NS = 50_000


class TimerFd(Anonymous):
    """expires_ns: the next expiration that is not counted yet, of its clock; None while disarmed
    interval_ns: 0 for a single shot;  ticks: expirations that were not read;  how: flags that it was set with

    As on Linux a timer that has expired sleeps until it is read (or asked): expirations that nobody sees cost nothing,
    and are no new edge for an edge-triggered watcher.
    """
    __slots__ = ("clock", "scheduler", "expires_ns", "interval_ns", "ticks", "raised", "timer", "how")
    kind = b"[timerfd]"

    def __init__(self, clock: int, scheduler, flags: int):
        self.clock, self.scheduler = clock, scheduler
        self.expires_ns = self.timer = None
        self.interval_ns = self.ticks = self.how = 0
        self.raised = False
        super().__init__(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), flags)

    def release(self) -> None:
        self._stop()
        super().release()

    def read(self, buffers: list) -> int:
        if sum(map(len, buffers)) < 8:
            raise OSError(EINVAL, "less than 8 bytes")
        self._count()
        if not self.ticks:
            raise BlockingIOError(EAGAIN, "has not expired")
        ticks = min(self.ticks, FOREVER_NS)
        self._lower()
        self._sleep()
        return fill(buffers, ticks.to_bytes(8, "little"))

    def ioctl(self, task, request: int, arg: int) -> int:
        if request != TFD_IOC_SET_TICKS:
            raise OSError(ENOTTY, f"ioctl {request:#x}")
        ticks = task.mm.read_u64(arg)
        if not ticks:
            raise OSError(EINVAL, "no ticks")
        self._lower()
        self._raise(ticks)
        return 0

    def set(self, value_ns: int, interval_ns: int, absolute: bool) -> None:
        """Arm it, or disarm with value_ns 0; what had expired is forgotten."""
        self._stop()
        self._lower()
        self.interval_ns, self.expires_ns = interval_ns, None
        if value_ns:
            self.expires_ns = value_ns if absolute else min(clock_gettime_ns(self.clock) + value_ns, FOREVER_NS)
            self._expired()

    def left_ns(self) -> int:
        """Until it expires next; 0 while it does not run."""
        self._count()
        if self.expires_ns is None:
            return 0
        self._sleep()
        return max(1, self.expires_ns - clock_gettime_ns(self.clock))

    def details(self) -> str:
        left_ns = max(0, self.expires_ns - clock_gettime_ns(self.clock)) if self.expires_ns is not None else 0
        left, interval = divmod(left_ns, NSEC_PER_SEC), divmod(self.interval_ns, NSEC_PER_SEC)
        return f"clockid: {self.clock}\nticks: {self.ticks}\nsettime flags: 0{self.how:o}\n" \
            f"it_value: ({left[0]}, {left[1]})\nit_interval: ({interval[0]}, {interval[1]})\n"

    def _count(self) -> None:
        """Count what has expired by now."""
        if self.expires_ns is None:
            return
        late_ns = clock_gettime_ns(self.clock) - self.expires_ns
        if late_ns < 0:
            return
        count = 1
        if self.interval_ns:
            count += late_ns // self.interval_ns
            self.expires_ns += count * self.interval_ns
        else:
            self.expires_ns = None
        self._raise(count)

    def _sleep(self) -> None:
        """Sleep until the next expiration."""
        if self.expires_ns is not None and self.timer is None:
            left_ns = self.expires_ns - clock_gettime_ns(self.clock)
            if self.interval_ns:
                left_ns = max(left_ns, _SOONEST_NS)
            self.timer = self.scheduler.at(min(monotonic_ns() + left_ns, FOREVER_NS), self._expired)

    def _expired(self) -> None:
        self.timer = None
        before = self.ticks
        self._count()
        if self.ticks == before:
            self._sleep()       # not yet: its clock was set back
        elif before:
            # It was asked since it expired, and so expires once more: another edge.
            os.eventfd_write(self.host_fd, 1)

    def _raise(self, count: int) -> None:
        self.ticks += count
        if not self.raised:
            os.eventfd_write(self.host_fd, 1)
            self.raised = True

    def _lower(self) -> None:
        self.ticks = 0
        if self.raised:
            os.eventfd_read(self.host_fd)
            self.raised = False

    def _stop(self) -> None:
        if self.timer is not None:
            self.scheduler.cancel(self.timer)
            self.timer = None


def itimerspec(mm, addr: int) -> tuple:
    """struct itimerspec as (value, interval) in ns. EFAULT EINVAL"""
    return read_timespec(mm, addr + 16), read_timespec(mm, addr)


def write_itimerspec(mm, addr: int, value_ns: int, interval_ns: int) -> None:
    """EFAULT"""
    mm.write(addr, _ITIMERSPEC.pack(*divmod(interval_ns, NSEC_PER_SEC), *divmod(value_ns, NSEC_PER_SEC)))


def timerfd_create(task, clock: int, flags: int) -> int:
    """timerfd_create(2): a disarmed timer. EINVAL EMFILE EPERM"""
    if flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) or clock not in _CLOCKS:
        raise OSError(EINVAL, f"clock {clock}, flags {flags:#x}")
    if clock in (CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM):
        raise OSError(EPERM, "alarm clocks need CAP_WAKE_ALARM")
    task.files.room()
    return install(task, TimerFd(clock, task.kernel.scheduler, flags), flags)


def _timer(task, fd: int) -> TimerFd:
    file = task.files.get(fd)
    if not isinstance(file, TimerFd):
        raise OSError(EINVAL, "no timerfd")
    return file


def timerfd_settime(task, fd: int, flags: int, new: int, old: int) -> int:
    """timerfd_settime(2): arm or disarm. EBADF EFAULT EINVAL"""
    value_ns, interval_ns = itimerspec(task.mm, new)
    if flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET):
        raise OSError(EINVAL, f"flags {flags:#x}")
    timer = _timer(task, fd)
    before = timer.left_ns(), timer.interval_ns
    timer.set(value_ns, interval_ns, bool(flags & TFD_TIMER_ABSTIME))
    timer.how = flags
    if old:
        write_itimerspec(task.mm, old, *before)
    return 0


def timerfd_gettime(task, fd: int, addr: int) -> int:
    """timerfd_gettime(2): what is left, and the interval. EBADF EFAULT EINVAL"""
    timer = _timer(task, fd)
    write_itimerspec(task.mm, addr, timer.left_ns(), timer.interval_ns)
    return 0


ROWS = (
    Row(283, timerfd_create, (I32, I32), "alarm clocks: EPERM"),
    Row(286, timerfd_settime, (FD, I32, ADDR, ADDR), "TFD_TIMER_CANCEL_ON_SET without effect"),
    Row(287, timerfd_gettime, (FD, ADDR)),
)
