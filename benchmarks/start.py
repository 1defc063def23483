"""What does a whole `skete run PROG` cost beside a bare `python3 -c pass`? In turn, medians, the difference.

    python benchmarks/start.py build/.../hello
"""
import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=40, help="runs of each (default 40)")
    parser.add_argument("--python", default="", help="the Python compared with (default: the one skete runs on)")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("program")
    options = parser.parse_args()
    venv = TREE / ".venv" / "bin" / "python"
    python = options.python or (str(venv) if venv.exists() else "python3")
    commands = {"python": [python, "-c", "pass"], "native": [options.program],
                "skete": [str(TREE / "bin" / "skete"), "run", options.program]}
    times = {name: [] for name in commands}
    for turn in range(options.n + 2):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True, timeout=60)
            if turn >= 2:
                times[name].append((time.perf_counter() - start) * 1e3)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:8} median {medians[name]:6.1f} ms   ({min(values):.1f}..{max(values):.1f})")
    print(f"skete run is {medians['skete'] - medians['python']:.1f} ms beyond python -c pass")
    if options.json:
        Path(options.json).write_text(json.dumps({"ms": times, "median_ms": medians}, indent=1) + "\n")


if __name__ == "__main__":
    main()
