"""What the kernel's own Python costs for one system call, without an engine: Kernel.serve.

    python3 benchmarks/kernel_serve.py [--json]

Each figure is the best of five rounds, in microseconds, with an empty observer list. The vcpu is the cheapest there
can be, so what an engine adds is not in here.
"""
import json
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skete.abi.syscalls import NUMBERS      # noqa: E402
from tests.skete.kernel.fake import DATA, Machine   # noqa: E402

ROUNDS, CALLS = 5, 100_000


class NullVcpu:
    """Takes results and forgets them."""

    def resume(self, result=None):
        pass


def cost_us(machine, name: str, *words: int) -> float:
    """Microseconds for one call, the loop's own cost taken off."""
    vcpu, serve = machine.task.vcpu, machine.kernel.serve
    nr, words = NUMBERS[name], words + (0,) * (6 - len(words))
    best = empty = 1e9
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            serve(vcpu, nr, words)
        best = min(best, time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(CALLS):
            pass
        empty = min(empty, time.perf_counter() - began)
    return (best - empty) / CALLS * 1e6


def figures() -> dict:
    """{what: microseconds}"""
    machine = Machine()
    machine.task.vcpu = vcpu = NullVcpu()
    machine.kernel.tasks[vcpu] = machine.task
    machine.mm.write(DATA + 64, struct.pack("<Q", 0))
    return {
        "getppid": cost_us(machine, "getppid"),
        "gettid": cost_us(machine, "gettid"),
        "clock_gettime(MONOTONIC)": cost_us(machine, "clock_gettime", 1, DATA),
        "rt_sigprocmask(SETMASK)": cost_us(machine, "rt_sigprocmask", 2, DATA + 64, DATA, 8),
        "futex(WAKE), nobody waits": cost_us(machine, "futex", DATA, 129, 1),
        "futex(WAIT), EAGAIN": cost_us(machine, "futex", DATA, 128, 7),
        "brk(0)": cost_us(machine, "brk", 0),
        "unknown call, ENOSYS": cost_us(machine, "vhangup"),
    }


if __name__ == "__main__":
    result = figures()
    if "--json" in sys.argv[1:]:
        print(json.dumps({"kernel_serve_us": result}, indent=1))
    else:
        for what, us in result.items():
            print(f"{us:8.2f} us  {what}")
