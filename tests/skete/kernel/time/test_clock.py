"""Telling the time and sleeping, from clock_gettime(2), clock_nanosleep(2), times(2), getrusage(2)."""
import struct
import time
from errno import EFAULT, EINVAL, EOPNOTSUPP, EPERM

import pytest

from tests.skete.kernel.fake import DATA, WAITING

BAD, REQUEST = 0x5000, DATA + 64
FIRST_PID = 1000


def thread_clock(tid):
    return ~tid << 3 | 6


@pytest.mark.parametrize("clock", [0, 1, 4, 5, 6, 7, 11])
def test_the_clocks_are_the_hosts(machine, sys, clock):
    before = time.clock_gettime_ns(clock)
    assert sys.clock_gettime(clock, DATA) == 0
    seconds, ns = struct.unpack("<qq", machine.mm.read(DATA, 16))
    assert before <= seconds * 10**9 + ns <= time.clock_gettime_ns(clock) and 0 <= ns < 10**9


@pytest.mark.parametrize("clock", [2, 3, thread_clock(FIRST_PID), ~FIRST_PID << 3 | 2, thread_clock(0)])
def test_cpu_clocks_ask_the_engine(machine, sys, clock):
    machine.task.vcpu.cpu_ns = lambda: 1_500_000_042
    assert sys.clock_gettime(clock, DATA) == 0
    assert struct.unpack("<qq", machine.mm.read(DATA, 16)) == (1, 500_000_042)


def test_a_process_keeps_the_time_of_its_dead_threads(machine, sys):
    machine.task.vcpu.cpu_ns = lambda: 1000
    other = machine.thread()
    other.vcpu.cpu_ns = lambda: 500
    machine.call(other, 60, 0)
    assert sys.clock_gettime(2, DATA) == 0
    assert struct.unpack("<qq", machine.mm.read(DATA, 16)) == (0, 1500)


def test_cpu_clocks_fall_back_to_wall_time(machine, sys):
    assert sys.clock_gettime(3, DATA) == 0
    seconds, ns = struct.unpack("<qq", machine.mm.read(DATA, 16))
    assert 0 < seconds * 10**9 + ns <= time.monotonic_ns() - machine.task.started_ns


@pytest.mark.parametrize("why, name, words, result", [
    ("clock 10 was removed",    "clock_gettime", (10, DATA), -EINVAL),
    ("clock 12",                "clock_gettime", (12, DATA), -EINVAL),
    ("a large number",          "clock_gettime", (1 << 30, DATA), -EINVAL),
    ("nobody's CPU clock",      "clock_gettime", (thread_clock(4242), DATA), -EINVAL),
    ("a device's clock",        "clock_gettime", (~3 << 3 | 3, DATA), -EINVAL),
    ("a bad pointer",           "clock_gettime", (1, BAD), -EFAULT),
    ("no pointer",              "clock_getres", (1, 0), 0),
    ("clock 12",                "clock_getres", (12, DATA), -EINVAL),
    ("a bad pointer",           "clock_getres", (1, BAD), -EFAULT),
    ("realtime",                "clock_settime", (0, DATA), -EPERM),
    ("monotonic",               "clock_settime", (1, DATA), -EINVAL),
    ("a bad pointer",           "clock_settime", (0, BAD), -EFAULT),
    ("setting the day",         "settimeofday", (DATA, 0), -EPERM),
    ("nothing wanted",          "gettimeofday", (0, 0), 0),
    ("a bad zone",              "gettimeofday", (0, BAD), -EFAULT),
    ("a bad pointer",           "time", (BAD,), -EFAULT),
    ("a bad pointer",           "times", (BAD,), -EFAULT),
    ("who 7",                   "getrusage", (7, DATA), -EINVAL),
    ("a bad pointer",           "getrusage", (0, BAD), -EFAULT),
    ("children",                "getrusage", (-1, DATA), 0),
    ("a bad request",           "nanosleep", (BAD, 0), -EFAULT),
    ("a thread's CPU clock",    "clock_nanosleep", (3, 0, DATA, 0), -EOPNOTSUPP),
    ("clock 12",                "clock_nanosleep", (12, 0, DATA, 0), -EINVAL),
    ("the raw clock",           "clock_nanosleep", (4, 0, DATA, 0), -EOPNOTSUPP),
    ("the process's CPU clock", "clock_nanosleep", (2, 0, DATA, 0), -EOPNOTSUPP),
    ("no time at all",          "clock_nanosleep", (1, 0, DATA, 0), 0),
    ("long past",               "clock_nanosleep", (0, 1, DATA, 0), 0),
])
def test_errors_and_edges(sys, why, name, words, result):
    assert getattr(sys, name)(*words) == result, why


@pytest.mark.parametrize("seconds, ns", [(-1, 0), (0, -1), (0, 10**9)])
@pytest.mark.parametrize("name, words", [("nanosleep", (REQUEST, 0)), ("clock_nanosleep", (1, 0, REQUEST, 0)),
                                         ("clock_nanosleep", (1, 1, REQUEST, 0)), ("clock_settime", (0, REQUEST))])
def test_what_is_no_time(machine, sys, name, words, seconds, ns):
    machine.mm.write(REQUEST, struct.pack("<qq", seconds, ns))
    assert getattr(sys, name)(*words) == -EINVAL


@pytest.mark.parametrize("clock, absolute", [(0, False), (1, False), (7, False), (0, True), (1, True), (11, True)])
def test_sleeping(machine, sys, clock, absolute):
    ns = 15_000_000 + (time.clock_gettime_ns(clock) if absolute else 0)
    machine.mm.write(REQUEST, struct.pack("<qq", *divmod(ns, 10**9)))
    began = time.monotonic_ns()
    assert sys.clock_nanosleep(clock, int(absolute), REQUEST, 0) is WAITING
    machine.go(1)
    assert machine.task.vcpu.result == 0
    assert time.monotonic_ns() - began > 14_500_000       # and when it ends at the latest is the host's affair


def test_for_ever_is_no_overflow(machine, sys):
    machine.mm.write(REQUEST, struct.pack("<qq", (1 << 63) - 1, 0))
    assert sys.nanosleep(REQUEST, 0) is WAITING
    assert machine.kernel.scheduler.timeout_s() > 10**9


def test_an_absolute_sleep_that_is_interrupted_writes_no_remainder(machine, sys, caller):
    other = machine.thread()
    machine.mm.write(DATA + 256, struct.pack("<4Q", 0x1_2000, 0x400_0000, 0x1_3000, 0))
    assert sys.rt_sigaction(10, DATA + 256, 0, 8) == 0
    machine.mm.write(REQUEST, struct.pack("<qq", time.monotonic_ns() // 10**9 + 100, 0))
    machine.mm.write(DATA + 128, b"\xee" * 16)
    assert sys.clock_nanosleep(1, 1, REQUEST, DATA + 128) is WAITING
    caller(machine, other).kill(machine.process.pid, 10)
    machine.go()
    assert machine.task.vcpu.regs.rip == 0x1_2000
    assert machine.mm.read(DATA + 128, 16) == b"\xee" * 16


def test_the_day_and_its_seconds(machine, sys):
    assert sys.gettimeofday(DATA, DATA + 16) == 0
    seconds, us = struct.unpack("<qq", machine.mm.read(DATA, 16))
    assert abs(seconds + us / 1e6 - time.time()) < 1 and 0 <= us < 10**6
    assert sys.time(DATA) == machine.mm.read_u64(DATA)
    assert abs(sys.time(0) - time.time()) < 2


def test_times_and_getrusage_show_the_cpu_time(machine, sys):
    machine.task.vcpu.cpu_ns = lambda: 2_340_000_000
    ticks = sys.times(DATA)
    assert struct.unpack("<4q", machine.mm.read(DATA, 32)) == (234, 0, 0, 0)
    assert 0 <= sys.times(0) - ticks < 100
    for who in (0, 1):
        assert sys.getrusage(who, DATA) == 0
        assert struct.unpack("<2q", machine.mm.read(DATA, 16)) == (2, 340_000)
