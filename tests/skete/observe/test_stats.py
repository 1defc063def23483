"""Counting, and strace's -c table."""
from skete.abi.syscalls import NUMBERS
from skete.observe import stats as stats_module
from skete.observe.stats import Stats, render


class Task:
    def __init__(self, tid=1):
        self.tid = tid


class Clock:
    """perf_counter_ns that a test turns."""
    def __init__(self, monkeypatch):
        self.now = 1000
        monkeypatch.setattr(stats_module, "perf_counter_ns", lambda: self.now)


def call(stats, clock, task, name, result, took_ns):
    stats.entered(task, NUMBERS[name], (0,) * 6)
    clock.now += took_ns
    stats.left(task, NUMBERS[name], (0,) * 6, result)


def test_calls_errors_and_time(monkeypatch):
    clock, stats, task = Clock(monkeypatch), Stats(), Task()
    call(stats, clock, task, "write", 5, 3000)
    call(stats, clock, task, "write", -9, 1000)
    call(stats, clock, task, "brk", 0x1000, 6000)
    stats.entered(task, 400, (0,) * 6)
    stats.left(task, 400, (0,) * 6, -38)
    assert stats.as_dict() == {
        "brk": {"calls": 1, "errors": 0, "seconds": 6e-6},
        "write": {"calls": 2, "errors": 1, "seconds": 4e-6},
        "syscall_0x190": {"calls": 1, "errors": 1, "seconds": 0.0},
    }
    assert list(stats.as_dict()) == ["brk", "write", "syscall_0x190"]


def test_waiting_is_not_counted_as_work(monkeypatch):
    clock, stats, task = Clock(monkeypatch), Stats(), Task()
    stats.entered(task, NUMBERS["futex"], (0,) * 6)
    clock.now += 2000
    stats.waits(task)
    clock.now += 10**9
    stats.waits(task)
    stats.left(task, NUMBERS["futex"], (0,) * 6, 0)
    assert stats.as_dict() == {"futex": {"calls": 1, "errors": 0, "seconds": 2e-6}}


def test_a_call_that_never_returns_is_not_counted(monkeypatch):
    clock, stats, task = Clock(monkeypatch), Stats(), Task()
    stats.entered(task, NUMBERS["futex"], (0,) * 6)
    stats.waits(task)
    stats.exited(task, ("exited", 0))
    assert stats.as_dict() == {}


def test_the_table_has_straces_columns():
    totals = {"write": {"calls": 200, "errors": 0, "seconds": 0.0075}, "ioctl": {"calls": 10, "errors": 7,
                                                                                "seconds": 0.0025}}
    assert render(totals).splitlines() == [
        "% time     seconds  usecs/call     calls    errors syscall",
        "------ ----------- ----------- --------- --------- ----------------",
        " 75.00    0.007500          37       200           write",
        " 25.00    0.002500         250        10         7 ioctl",
        "------ ----------- ----------- --------- --------- ----------------",
        "100.00    0.010000          47       210         7 total",
    ]


def test_an_empty_run_has_a_table_too():
    assert render({}).splitlines()[-1] == "100.00    0.000000           0         0           total"


def test_a_guest_that_makes_calls_of_all_numbers_gets_no_row_for_each():
    stats, task = Stats(), Task()
    for nr in range(1 << 40, (1 << 40) + 5000):
        stats.entered(task, nr, (0,) * 6)
        stats.left(task, nr, (0,) * 6, -38)
    stats.entered(task, NUMBERS["write"], (0,) * 6)
    stats.left(task, NUMBERS["write"], (0,) * 6, 1)
    table = stats.as_dict()
    assert len(table) == 1024 + 2 and table["write"]["calls"] == 1
    assert table["others"]["errors"] == 5000 - 1024
