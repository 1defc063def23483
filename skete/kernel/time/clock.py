"""Telling the time and sleeping: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), times(2), getrusage(2).

The host's clocks are the guest's. The CPU clocks of guest threads are asked of the engine where it can tell
(``Vcpu.cpu_ns``, ``AddressSpace.cpu_ns``: optional); where it cannot, they run with CLOCK_MONOTONIC from the start of
the thread or process, which is an upper bound.
"""
from __future__ import annotations

from errno import EINTR, EINVAL, EOPNOTSUPP, EPERM
from struct import Struct
from time import clock_getres as _host_getres, clock_gettime_ns, monotonic_ns

from skete.abi.time import (CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
                            CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI,
                            CLOCK_THREAD_CPUTIME_ID, CPUCLOCK_CLOCK_MASK, CPUCLOCK_PERTHREAD_MASK, NSEC_PER_SEC,
                            TIMER_ABSTIME, USER_HZ)
from skete.kernel.outcome import SIGNAL, Wait
from skete.kernel.row import ADDR, I32, Row
from skete.kernel.time.timespec import FOREVER_NS, read_timespec, write_timespec

__all__ = ["ROWS", "now", "process_cpu_ns", "rusage", "task_cpu_ns"]

_PAIR = Struct("<qq").pack
#: RUSAGE_*: getrusage(2)
_SELF, _CHILDREN, _THREAD = 0, -1, 1
_TOLD = frozenset((CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI))


def task_cpu_ns(task) -> int:
    """CPU time of one thread."""
    measure = getattr(task.vcpu, "cpu_ns", None)
    return measure() if measure is not None else monotonic_ns() - task.started_ns


def process_cpu_ns(process) -> int:
    """CPU time of all threads of a process, those that have ended included."""
    measure = getattr(process.space, "cpu_ns", None)
    if measure is not None:
        return process.before_ns + measure()
    if any(hasattr(task.vcpu, "cpu_ns") for task in process.tasks.values()):
        return process.cpu_ns + sum(map(task_cpu_ns, process.tasks.values()))
    return monotonic_ns() - process.started_ns


def now(task, clock: int) -> int:
    """A clock that the engine's gate may tell too, in ns."""
    answers = task.kernel.answers
    return answers.now(task.process, clock) if answers is not None else clock_gettime_ns(clock)


def read_clock(task, clock: int) -> int:
    """The time of a clock in ns. EINVAL"""
    if 0 <= clock <= CLOCK_TAI:
        if clock == CLOCK_PROCESS_CPUTIME_ID:
            return process_cpu_ns(task.process)
        if clock == CLOCK_THREAD_CPUTIME_ID:
            return task_cpu_ns(task)
        if clock in _TOLD:
            return now(task, clock)
        return clock_gettime_ns(clock)      # EINVAL for 10, which was removed
    if clock < 0:
        return _cpu_clock(task, clock)()
    raise OSError(EINVAL, f"clock {clock}")


def _cpu_clock(task, clock: int):
    """The reader of the CPU clock that a negative id names (clock_getcpuclockid(3)). EINVAL"""
    number, kind = ~(clock >> 3), clock & CPUCLOCK_CLOCK_MASK
    if kind == 3:
        raise OSError(EINVAL, "clocks of devices are not served")
    process = task.process
    if clock & CPUCLOCK_PERTHREAD_MASK:
        found = process.tasks.get(number) if number else task
        if found is not None:
            return lambda: task_cpu_ns(found)
    else:
        found = task.kernel.processes.get(number) if number else process
        if found is not None:
            return lambda: process_cpu_ns(found)
    raise OSError(EINVAL, f"no thread or process {number}")


def clock_gettime(task, clock: int, addr: int) -> int:
    """clock_gettime(2): write the time. EINVAL EFAULT"""
    ns = now(task, clock) if clock == 1 or clock == 0 else read_clock(task, clock)
    task.mm.write(addr, _PAIR(ns // 1_000_000_000, ns % 1_000_000_000))
    return 0


def clock_getres(task, clock: int, addr: int) -> int:
    """clock_getres(2): write the resolution, unless addr is null. EINVAL EFAULT"""
    if clock < 0:
        _cpu_clock(task, clock)
        resolution_ns = 1
    elif clock <= CLOCK_TAI:
        resolution_ns = round(_host_getres(clock) * NSEC_PER_SEC)
    else:
        raise OSError(EINVAL, f"clock {clock}")
    if addr:
        write_timespec(task.mm, addr, resolution_ns)
    return 0


def clock_settime(task, clock: int, addr: int) -> int:
    """clock_settime(2): the host's clock is not the guest's to set. EINVAL EFAULT EPERM"""
    if clock != CLOCK_REALTIME:
        raise OSError(EINVAL, f"clock {clock} cannot be set")
    read_timespec(task.mm, addr)
    raise OSError(EPERM, "the host's clock")


def settimeofday(task, tv: int, tz: int) -> int:
    """settimeofday(2). EFAULT EPERM"""
    if tv:
        task.mm.read(tv, 16)
    raise OSError(EPERM, "the host's clock")


def clock_nanosleep(task, clock: int, flags: int, request: int, remain: int):
    """clock_nanosleep(2): sleep for, or until. EINVAL EFAULT EOPNOTSUPP; EINTR with what remains of a relative one"""
    if clock > CLOCK_TAI or clock == 10:
        raise OSError(EINVAL, f"clock {clock}")
    if clock in (CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, 5, 6):
        raise OSError(EOPNOTSUPP, f"clock {clock} cannot be slept on")
    if clock < 0 and clock & CPUCLOCK_PERTHREAD_MASK and ~(clock >> 3) in (0, task.tid):
        raise OSError(EINVAL, "a thread that sleeps uses no time")
    if clock < 0 or clock == CLOCK_PROCESS_CPUTIME_ID:
        raise OSError(EOPNOTSUPP, "sleeping on a CPU clock is not served")
    if clock in (CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM):
        raise OSError(EPERM, "alarm clocks need CAP_WAKE_ALARM")
    ns = read_timespec(task.mm, request)
    if flags & TIMER_ABSTIME:
        return _sleep_until(task, clock, ns)
    return _sleep(task, ns, remain)


def nanosleep(task, request: int, remain: int):
    """nanosleep(2): sleep. EINVAL EFAULT; EINTR with what remains"""
    return _sleep(task, read_timespec(task.mm, request), remain)


def _sleep(task, ns: int, remain: int):
    deadline_ns = min(monotonic_ns() + ns, FOREVER_NS)
    if (yield Wait(deadline_ns=deadline_ns)) is SIGNAL:
        left_ns = max(0, deadline_ns - monotonic_ns())
        if not left_ns:
            return 0        # it was over anyway
        if remain:
            write_timespec(task.mm, remain, left_ns)
        raise OSError(EINTR, "")
    return 0


def _sleep_until(task, clock: int, ns: int):
    # The clock is read again after each sleep: CLOCK_REALTIME may have been set back meanwhile.
    while True:
        left_ns = ns - clock_gettime_ns(clock)
        if left_ns <= 0:
            return 0
        if (yield Wait(deadline_ns=monotonic_ns() + left_ns)) is SIGNAL:
            raise OSError(EINTR, "")


def gettimeofday(task, tv: int, tz: int) -> int:
    """gettimeofday(2): write the time, and a zone of zeros. EFAULT"""
    if tv:
        us = now(task, CLOCK_REALTIME) // 1000
        task.mm.write(tv, _PAIR(us // 1_000_000, us % 1_000_000))
    if tz:
        task.mm.write(tz, bytes(8))
    return 0


def time(task, addr: int) -> int:
    """time(2): seconds since 1970, also written where addr is not null. EFAULT"""
    seconds = now(task, CLOCK_REALTIME) // NSEC_PER_SEC
    if addr:
        task.mm.write_u64(addr, seconds)
    return seconds


def times(task, addr: int) -> int:
    """times(2): write CPU times in 1/100 s; return a clock in that unit. EFAULT"""
    tick_ns = NSEC_PER_SEC // USER_HZ
    if addr:
        task.mm.write(addr, Struct("<4q").pack(process_cpu_ns(task.process) // tick_ns, 0,
                                                task.process.children_ns // tick_ns, 0))
    return monotonic_ns() // tick_ns


def getrusage(task, who: int, addr: int) -> int:
    """getrusage(2): what was used. EINVAL EFAULT"""
    if who == _SELF:
        ns = process_cpu_ns(task.process)
    elif who == _THREAD:
        ns = task_cpu_ns(task)
    elif who == _CHILDREN:
        ns = task.process.children_ns
    else:
        raise OSError(EINVAL, f"who {who}")
    task.mm.write(addr, rusage(ns, task.process.children_peak if who == _CHILDREN else task.mm.peak))
    return 0


def rusage(ns: int, peak: int) -> bytes:
    """struct rusage: CPU time in ns, the largest size in bytes."""
    return Struct("<16q").pack(ns // NSEC_PER_SEC, ns % NSEC_PER_SEC // 1000, 0, 0, peak >> 10, *(0,) * 11)


ROWS = (
    Row(35, nanosleep, (ADDR, ADDR)),
    Row(96, gettimeofday, (ADDR, ADDR)),
    Row(98, getrusage, (I32, ADDR), "user and system time are one figure; peak size is what was mapped writable; "
                                    "counters are 0"),
    Row(100, times, (ADDR,), "user and system time are one figure"),
    Row(164, settimeofday, (ADDR, ADDR), "always EPERM"),
    Row(201, time, (ADDR,)),
    Row(227, clock_settime, (I32, ADDR), "always EPERM"),
    Row(228, clock_gettime, (I32, ADDR), "CPU clocks count wall time where the engine cannot tell"),
    Row(229, clock_getres, (I32, ADDR)),
    Row(230, clock_nanosleep, (I32, I32, ADDR, ADDR), "CPU clocks: EOPNOTSUPP; alarm clocks: EPERM"),
)
