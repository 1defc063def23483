"""What do system calls cost natively, on each engine of skete, under gVisor and under proot?

    python benchmarks/calls.py [-n 5] [--ms 30] [--json FILE]

Runs calls.c under each in turn, several times, so that what else the machine does meets all of them; the table shows
medians in us, with the lowest and the highest in --json. What is not installed, or does not work here, is a row that
says so. proot is measured with its seccomp filter and without. gVisor: `runsc do` with the ptrace platform (it wants
root), without network but its own loopback.

    apt-get install proot runsc         # Debian has both
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from rich.console import Console
    from rich.table import Table
except ImportError:
    Table = None        # said before anything is measured

TREE = Path(__file__).resolve().parent.parent
SKETE = str(TREE / "bin" / "skete")
OPERATIONS = ("null", "read-1", "read-4K", "read-1M", "write-1", "write-4K", "write-1M", "open-close", "pipe", "futex",
              "mmap-munmap", "fork-exec-wait", "epoll-1000", "tcp-echo")
#: how long one run of all operations may take, in s
RUN_S = 120


def ways(folder: str) -> dict:
    """{name: (command before the program, what is added to the environment)}"""
    mount = ["--mount", f"{folder}:/w", "--cwd", "/w"]
    return {"native": ([], {}),
            "skete process": ([SKETE, "run", "--engine", "process", *mount], {}),
            "skete kvm": ([SKETE, "run", "--engine", "kvm", *mount], {}),
            "skete emulator": ([SKETE, "run", "--engine", "emulator", *mount], {}),
            "gVisor ptrace": (["runsc", "--platform=ptrace", "--network=none", "--ignore-cgroups", "do"], {}),
            "proot": (["proot"], {}),
            "proot, no seccomp": (["proot"], {"PROOT_NO_SECCOMP": "1"})}


def once(command: list, environment: dict, folder: str) -> dict:
    """{operation: us} of one run. RuntimeError says why there is none."""
    try:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=RUN_S)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {RUN_S} s") from None
    figures = parse(done.stdout)
    if done.returncode or not figures:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no output"]
        raise RuntimeError(f"status {done.returncode}: {last[0][:160]}")
    return figures


def parse(output: str) -> dict:
    """What calls.c prints, in us."""
    words = (line.split() for line in output.splitlines())
    return {name: float(ns) / 1e3 for name, ns in (pair for pair in words if len(pair) == 2) if name in OPERATIONS}


def measure(program: str, folder: str, turns: int, ms: int, operations: list) -> tuple:
    """({way: {operation: [us]}}, {way: why it has none})"""
    measured, failed = {}, {}
    for turn in range(turns):
        for way, (command, environment) in ways(folder).items():
            if way in failed:
                continue
            print(f"turn {turn + 1} of {turns}: {way}", file=sys.stderr)
            if command and shutil.which(command[0]) is None:
                failed[way] = f"not installed: apt-get install {command[0]}"
                continue
            try:
                figures = once([*command, program, str(ms), *operations], environment, folder)
            except RuntimeError as error:
                failed[way] = str(error)
                measured.pop(way, None)     # a way that fails at times has no figures
                continue
            for name, us in figures.items():
                measured.setdefault(way, {}).setdefault(name, []).append(us)
    return measured, failed


def machine() -> dict:
    """What the figures were taken on, without its name."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"processor": model, "processors": os.cpu_count(), "kernel": platform.release(),
            "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}


def show(measured: dict, failed: dict, operations: list) -> None:
    table = Table("us, median", *measured)
    for name in operations:
        table.add_row(name, *(f"{statistics.median(values[name]):,.1f}" if name in values else "-"
                              for values in measured.values()))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for way, why in failed.items():
        console.print(f"{way}: {why}", markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, help="repetitions (default 5)")
    parser.add_argument("--ms", type=int, default=30, help="an operation is measured for so long (default 30)")
    parser.add_argument("--json", metavar="FILE", help="write every figure there")
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help="of: " + " ".join(OPERATIONS))
    options = parser.parse_args()
    for name in options.operations:
        if name not in OPERATIONS:
            parser.error(f"{name} is no operation; there are {' '.join(OPERATIONS)}")
    if Table is None:
        parser.error("rich is not installed here: .venv/bin/python has it, once ./scons has been called")
    with tempfile.TemporaryDirectory(prefix="skete-calls-") as folder:
        program = os.path.join(folder, "calls")
        try:
            subprocess.run(["gcc", "-O2", "-static", "-pthread", str(TREE / "benchmarks" / "calls.c"), "-o", program],
                           check=True, timeout=120)
        except (OSError, subprocess.CalledProcessError) as error:
            parser.error(f"gcc compiles no static program (apt-get install gcc libc6-dev): {error}")
        before = machine()
        measured, failed = measure(program, folder, options.n, options.ms, options.operations)
    show(measured, failed, options.operations or list(OPERATIONS))
    if options.json:
        temporary = f"{options.json}.{os.getpid()}"
        Path(temporary).write_text(json.dumps({"machine": before, "ms": options.ms, "us": measured, "failed": failed},
                                              indent=1) + "\n")
        os.replace(temporary, options.json)
    return int("native" not in measured)


if __name__ == "__main__":
    sys.exit(main())
