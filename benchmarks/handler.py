"""What a Python handler (Machine.on) adds to a system call: getppid served by the kernel, and by a handler.

A loop of 20,000 calls, in turn answered as usual (an engine's gate does it), by a handler to which the gate posts the
call, by the kernel with every call trapping, and by a handler likewise; medians of seven and the lowest, in
microseconds of the whole call.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE))

from skete import Machine  # noqa: E402
from skete.engine import EngineError  # noqa: E402


#: what is measured: (by a handler, its site is rewritten)
KINDS = {"as usual": (False, True), "a handler": (True, True),
         "the kernel, every call traps": (False, False), "a handler, every call traps": (True, False)}


def once_us(program: Path, engine: str, handled: bool, rewrite: bool) -> float:
    """Microseconds of one call."""
    read, write = os.pipe()
    machine = Machine(program, ["20000"], engine=engine, stdio=(0, write, 2), timeout_s=60, rewrite=rewrite)
    # A handler for another call in the first kind, so that both go the same way through the kernel.
    machine.on("getppid" if handled else "getuid", lambda call: 1)
    try:
        machine.run()
    except EngineError as error:
        sys.exit(f"handler: {engine} engine: {error}")
    finally:
        os.close(write)
    with open(read) as pipe:
        said = pipe.read()
    found = re.search(r"([0-9.]+) ns", said)
    if found is None:
        sys.exit(f"handler: {program.name} on {engine} does not say how long a call takes: {said!r}")
    return float(found[1]) / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", nargs="?", default="process", choices=("process", "kvm", "emulator"))
    engine = parser.parse_args().engine
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "null_call"
        try:
            subprocess.run(["gcc", "-O2", "-static", str(TREE / "benchmarks/null_call.c"), "-o", str(program)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"handler: gcc compiles no static program (apt-get install gcc libc6-dev): {error}")
        runs = [tuple(once_us(program, engine, *kind) for kind in KINDS.values()) for _ in range(7)]
    for what, column in zip(KINDS, zip(*runs)):
        print(f"{engine}: {what}: {statistics.median(column):.2f} us, the lowest {min(column):.2f}")


if __name__ == "__main__":
    main()
