"""An observer that counts: strace's -c table, and the same figures for ``--json``.

What is measured is the monitor's own time on a call, by its monotonic clock:
from the trap's arrival in the kernel to the result, and for a call that has to
wait, to the moment it is put aside (:meth:`Stats.waits`). It contains neither the
waiting nor the change between guest and monitor. Both methods together cost about
a microsecond or less (``benchmarks/observers.py``), which is not in the figures.
"""
from __future__ import annotations

from time import perf_counter_ns

from skete.abi.syscalls import NAMES
from skete.observe.observer import Observer

__all__ = ["Stats", "render"]

_HEAD = "% time     seconds  usecs/call     calls    errors syscall\n"
_RULE = "------ ----------- ----------- --------- --------- ----------------\n"


#: so many calls have a row, and all of Linux; the key of the others
_MOST, _OTHERS = 1024, -1


class Stats(Observer):
    """Counts each call, its errors and the time spent on it."""

    __slots__ = ("_counts", "_since")
    every_call = False

    def __init__(self):
        self._counts = {}       # nr -> [calls, errors, nanoseconds]
        self._since = {}        # tid -> (number of the call that is being served, when it was entered)

    def entered(self, task, nr: int, words: tuple) -> None:
        """A call begins."""
        self._since[task.tid] = nr, perf_counter_ns()

    def left(self, task, nr: int, words: tuple, result: int | None) -> None:
        """It is over."""
        since = self._since.pop(task.tid, None)
        try:
            count = self._counts[nr]
        except KeyError:
            count = self._count(nr)
        count[0] += 1
        if since is not None:
            count[2] += perf_counter_ns() - since[1]
        if result.__class__ is int and -4096 < result < 0:
            count[1] += 1

    def _count(self, nr: int) -> list:
        """Of a call; those that there are not have one together where a guest makes many."""
        if len(self._counts) >= _MOST and nr not in self._counts and nr not in NAMES:
            nr = _OTHERS
        return self._counts.setdefault(nr, [0, 0, 0])

    def waits(self, task) -> None:
        """The call of this task is put aside: what passes from now on is not spent on it."""
        since = self._since.pop(task.tid, None)
        if since is not None:
            count = self._count(since[0])
            count[2] += perf_counter_ns() - since[1]

    def exited(self, task, status: tuple) -> None:
        """The thread is no more. The call that it was in, if another thread ended it, did not return: not counted."""
        self._since.pop(task.tid, None)

    def answered(self, counts: dict) -> None:
        """Calls that the engine's gate answered: they took the monitor no time."""
        for nr, (calls, errors) in counts.items():
            count = self._count(nr)
            count[0] += calls
            count[1] += errors

    def as_dict(self) -> dict:
        """{name: {"calls": int, "errors": int, "seconds": float}}, most time first."""
        order = sorted(self._counts.items(), key=lambda item: (-item[1][2], item[0]))
        return {NAMES.get(nr) or ("others" if nr == _OTHERS else f"syscall_{nr:#x}"): {"calls": calls, "errors": errors, "seconds": spent_ns / 1e9}
                for nr, (calls, errors, spent_ns) in order if calls}

    def table(self) -> str:
        """The table of ``strace -c``."""
        return render(self.as_dict())


def render(totals: dict) -> str:
    """The table of ``strace -c`` for what :meth:`Stats.as_dict` gives."""
    calls = sum([row["calls"] for row in totals.values()])
    errors = sum([row["errors"] for row in totals.values()])
    seconds = sum([row["seconds"] for row in totals.values()])
    text = _HEAD + _RULE
    for name, row in totals.items():
        share = row["seconds"] / seconds * 100 if seconds else 0
        text += _line(share, row["seconds"], row["calls"], row["errors"], name)
    return text + _RULE + _line(100, seconds, calls, errors, "total")


def _line(share: float, seconds: float, calls: int, errors: int, name: str) -> str:
    per_call = int(seconds * 1e6 / calls) if calls else 0
    return f"{share:6.2f} {seconds:11.6f} {per_call:11} {calls:9} {errors or '':>9} {name}\n"
