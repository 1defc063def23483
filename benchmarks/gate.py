"""What does a system call cost: natively, caught, come to the gate after its site was rewritten, or because the program
was compiled to jump there? The gate answers getppid, ioctl and clock_gettime (clock) itself; getpgid is served by Python.

    python benchmarks/gate.py [--json FILE]

Each way in turn, several times, in one run; medians with their spread. The program is gate.c, linked statically.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
CALLS = ("getppid", "ioctl", "clock", "getpgid")
SKETE = str(TREE / "bin" / "skete")
#: way -> (command before the program, its arguments: the number of calls that may be answered, and that may not)
WAYS = {"native": ([], ["200000", "200000"]), "caught": ([SKETE, "run", "--no-rewrite"], ["20000", "20000"]),
        "rewritten": ([SKETE, "run"], ["2000000", "100000"]),
        "direct": ([SKETE, "run"], ["2000000", "100000", "direct"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10, help="repetitions (default 10)")
    parser.add_argument("--cc", default="gcc", help="the compiler, and so the C library (default gcc)")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "gate")
        try:
            subprocess.run([options.cc, "-O2", "-static", str(TREE / "benchmarks" / "gate.c"), "-o", program], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            parser.error(f"--cc {options.cc} does not compile a static program: {error}")
        measured = {way: {call: [] for call in CALLS} for way in WAYS}
        for _ in range(options.n):
            for way, (command, arguments) in WAYS.items():
                out = subprocess.run([*command, program, *arguments], check=True, stdin=subprocess.DEVNULL, timeout=300,
                                     capture_output=True, text=True).stdout
                for line in out.splitlines():
                    call, ns, cycles = line.split()
                    measured[way][call].append((float(ns), float(cycles)))
    print(f"{'call':8} {'way':10} {'ns':>10} {'cycles':>10}   lowest to highest, cycles    against native")
    for call in CALLS:
        native = statistics.median(cycles for _, cycles in measured["native"][call])
        for way in WAYS:
            ns, cycles = (statistics.median(values) for values in zip(*measured[way][call]))
            every = sorted(cycles for _, cycles in measured[way][call])
            print(f"{call:8} {way:10} {ns:10.1f} {cycles:10.1f}   {every[0]:.1f} to {every[-1]:.1f}   {cycles / native:.3f}")
    if options.json:
        temporary = f"{options.json}.{os.getpid()}"
        with open(temporary, "w") as file:
            json.dump({way: {call: [{"ns": ns, "cycles": cycles} for ns, cycles in values]
                             for call, values in calls.items()} for way, calls in measured.items()}, file, indent=1)
        os.replace(temporary, options.json)


if __name__ == "__main__":
    main()
