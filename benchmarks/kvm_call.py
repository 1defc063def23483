"""What a system call that Python answers costs on the KVM engine, caught and posted at the gate, beside the bare exit of
a C program (kvm_exit.c), and beside a loop in Python that does nothing but KVM_RUN.

    python benchmarks/kvm_call.py [-n TURNS]

In turn on the same /dev/kvm, in batches of BATCH calls; the fastest batch of each, since whatever else the machine
does only adds to it.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import perf_counter_ns

TREE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE))
BATCH, BATCHES = 20, 300
TEXT = 0x40_0000
#: mov $39, %eax; syscall; jmp back
CAUGHT = b"\xb8\x27\0\0\0\x0f\x05\xeb\xf7"
#: mov $39, %eax; lea 1f(%rip), %rcx; mov $gate, %r11; jmp *%r11; syscall; 1: jmp back
POSTED = b"\xb8\x27\0\0\0\x48\x8d\x0d\x0f\0\0\0\x49\xbb%s\x41\xff\xe3\x0f\x05\xeb\xe3"


def bare(program: Path) -> float:
    """us of an exit and a resume."""
    done = subprocess.run([program, str(BATCH)], capture_output=True, text=True, timeout=60)
    found = re.search(r"^exit and resume +(\d+) ns", done.stdout, re.M)
    if found is None:
        sys.exit(f"kvm_call: {program.name}: {done.stderr.strip() or done.stdout.strip()}")
    return int(found[1]) / 1e3


@contextmanager
def stopped(posted: bool):
    """(engine, a thread that is stopped in its first call)"""
    from skete import engines
    from skete.engine import EngineError, Regs
    try:
        engine = engines.make("kvm")
    except EngineError as error:
        sys.exit(f"kvm_call: {error}")
    try:
        space = engine.space()
        code = CAUGHT
        if posted:
            space.facts.post([39])
            code = POSTED % space.facts.gate.to_bytes(8, "little")
        engine.ram[0x1000:0x1000 + len(code)] = code
        space.map(TEXT, 0x1000, 5, 0x1000)
        vcpu = space.vcpu(Regs(rip=TEXT, rsp=TEXT, eflags=0x202))
        vcpu.resume()
        engine.wait(10)
        yield engine, vcpu
    finally:
        engine.close()


def fastest(batch) -> float:
    """us of one of BATCH."""
    best = None
    for _ in range(BATCHES):
        begun = perf_counter_ns()
        batch()
        taken = (perf_counter_ns() - begun) / BATCH / 1e3
        best = taken if best is None else min(best, taken)
    return best


def served(posted: bool) -> float:
    """us of a call that is answered at once, by no kernel."""
    with stopped(posted) as (engine, vcpu):
        def batch() -> None:
            for _ in range(BATCH):
                vcpu.resume(0)
                engine.wait(None)
        return fastest(batch)


def looped() -> float:
    """us of the least that Python can do: the same registers put back, and KVM_RUN."""
    from skete.abi import kvm
    with stopped(False) as (_, vcpu):
        processor = vcpu.processor
        processor.prepare(0)
        fd, run, state = processor.fd, processor.run, slice(kvm.RUN_DIRTY, kvm.RUN_SREGS + kvm.SREGS_SIZE)
        saved = bytes(run[state])

        def batch() -> None:
            for _ in range(BATCH):
                run[state] = saved
                ioctl(fd, kvm.KVM_RUN, 0)
        return fastest(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10, help="turns (default 10)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "kvm_exit"
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, TREE / "benchmarks/kvm_exit.c"], check=True)
        floor, least, calls, posted = [], [], [], []
        for _ in range(options.n):
            floor += [bare(program) for _ in range(BATCHES // 10)]
            least.append(looped())
            calls.append(served(False))
            posted.append(served(True))
    print(f"C, exit and resume      {min(floor):6.1f} us    ratio")
    for what, taken in (("Python, KVM_RUN alone", min(least)), ("skete, a call, caught", min(calls)),
                        ("skete, a call, posted", min(posted))):
        print(f"{what:24}{taken:6.1f} us    {taken / min(floor):5.2f}")


if __name__ == "__main__":
    main()
