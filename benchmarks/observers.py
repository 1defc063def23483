"""What an observer costs per system call, in nanoseconds: entered() and left() together.

usage: python3 benchmarks/observers.py
Best of five, so that another program's use of the processor counts least.
"""
import os
import sys
from pathlib import Path
from time import perf_counter_ns

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skete.observe.stats import Stats  # noqa: E402
from skete.observe.strace import Strace  # noqa: E402

CALLS = 20_000


class Memory:
    """Readable everywhere, all zero."""
    def read(self, addr, n):
        return bytes(n)


class Task:
    tid, vcpu, mm = 1, None, Memory()


def cost_ns(observer, nr, words, result):
    """Nanoseconds per call, the loop's own cost taken off."""
    task, best, empty = Task(), 1 << 60, 1 << 60
    entered, left = observer.entered, observer.left
    for _ in range(5):
        start = perf_counter_ns()
        for _ in range(CALLS):
            pass
        empty = min(empty, perf_counter_ns() - start)
        start = perf_counter_ns()
        for _ in range(CALLS):
            entered(task, nr, words)
            left(task, nr, words, result)
        best = min(best, perf_counter_ns() - start)
    return (best - empty) / CALLS


def main():
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for what, nr, words, result in (("getpid()", 39, (0,) * 6, 1), ("write(1, 6 bytes)", 1, (1, 4096, 6, 0, 0, 0), 6),
                                    ("ioctl(TIOCGWINSZ)", 16, (1, 0x5413, 4096, 0, 0, 0), 0)):
        print(f"{what:20} stats {cost_ns(Stats(), nr, words, result):6.0f} ns   "
              f"trace {cost_ns(Strace(nowhere), nr, words, result):6.0f} ns")


if __name__ == "__main__":
    main()
