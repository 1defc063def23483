"""Processes that take turns, on other processors than the monitor that looks at them (gate/post.py).

The host's scheduler takes it that who wakes another has data for it, and pulls the two to one processor. Processes that
take turns all day, and the monitor, so come to stand on one, where looking only keeps the others from running.
"""
from __future__ import annotations

import os

__all__ = ["Apart"]


class Apart:
    """pids: the processes, of one thread each, that are kept off the processor that we stay on meanwhile"""

    def __init__(self):
        self.pids = set()
        self._all, self._others = None, None

    def keep(self, pid: int) -> None:
        """One more."""
        if pid in self.pids:
            return
        if not self.pids:
            self._all = os.sched_getaffinity(0)
            here = _processor()
            self._others = self._all - {here}
            if not self._others or not _may_run_on(0, {here}):
                return
        if _may_run_on(pid, self._others):
            self.pids.add(pid)
        elif not self.pids:
            _may_run_on(0, self._all)

    def free(self, pid: int) -> None:
        """Not this one: it has been made by one of them."""
        if self.pids:
            _may_run_on(pid, self._all)

    def end(self) -> None:
        """Everybody runs where they may again."""
        if self.pids:
            for pid in (0, *self.pids):
                _may_run_on(pid, self._all)
            self.pids.clear()

    def forget(self, pid: int) -> None:
        """It has ended, and its number may be somebody else's soon."""
        if pid in self.pids:
            self.pids.discard(pid)
            if not self.pids:
                _may_run_on(0, self._all)


def _may_run_on(pid: int, processors: set) -> bool:
    try:
        os.sched_setaffinity(pid, processors)
        return True
    except OSError:             # it is dying, or the host does not let us
        return False


def _processor() -> int:
    """The one that this thread runs on. proc_pid_stat(5), field 39"""
    with open("/proc/thread-self/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[36])
