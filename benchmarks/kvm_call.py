"""What a system call that Python answers costs on the KVM engine, caught and posted at the gate, beside the bare exit of
a C program (kvm_exit.c).

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


def served(posted: bool) -> float:
    """us of a call that is answered at once, by no kernel."""
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
        best = None
        for _ in range(BATCHES):
            begun = perf_counter_ns()
            for _ in range(BATCH):
                vcpu.resume(0)
                engine.wait(None)
            taken = (perf_counter_ns() - begun) / BATCH / 1e3
            best = taken if best is None else min(best, taken)
        return best
    finally:
        engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10, help="turns (default 10)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "kvm_exit"
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, TREE / "benchmarks/kvm_exit.c"], check=True)
        floor, calls, posted = [], [], []
        for _ in range(options.n):
            floor += [bare(program) for _ in range(BATCHES // 10)]
            calls.append(served(False))
            posted.append(served(True))
    print(f"C, exit and resume      {min(floor):6.1f} us    ratio")
    for what, taken in (("a call, caught", min(calls)), ("a call, posted", min(posted))):
        print(f"skete, {what:17}{taken:6.1f} us    {taken / min(floor):5.2f}")


if __name__ == "__main__":
    main()
