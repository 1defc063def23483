"""How much slower does a program compute under the monitor? Native and monitored runs in turn, medians, one ratio.

    python benchmarks/guest_time.py build/.../bt.A            # what the program itself measures
    python benchmarks/guest_time.py --pattern 'took ([0-9.]+)' PROG ARG...

The figure compared is the one the program prints, so that starting and ending are not in it.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent


def measure(command: list, pattern: str, timeout_s: float) -> float:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
    found = re.search(pattern, done.stdout)
    if done.returncode or not found:
        sys.exit(f"guest_time: {' '.join(command)}: status {done.returncode}, and no {pattern!r} in its output:\n"
                 f"{done.stdout[-800:]}{done.stderr[-800:]}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5, help="runs of each kind (default 5)")
    parser.add_argument("--pattern", default=r"Time in seconds\s*=\s*([0-9.]+)", help="finds the seconds in the output")
    parser.add_argument("--engine", default="process")
    parser.add_argument("--timeout", type=float, default=1200, metavar="S", help="for one run")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("program")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    native_command = [str(Path(options.program).resolve()), *options.args]
    monitor_command = [str(TREE / "bin" / "skete"), "run", "--engine", options.engine, *native_command]
    native, monitored = [], []
    for turn in range(options.n):
        native.append(measure(native_command, options.pattern, options.timeout))
        monitored.append(measure(monitor_command, options.pattern, options.timeout))
        print(f"run {turn + 1}: native {native[-1]:.2f} s, monitored {monitored[-1]:.2f} s", file=sys.stderr)
    result = {"program": Path(options.program).name, "engine": options.engine, "native_s": native,
              "monitored_s": monitored,
              "ratio_of_medians": statistics.median(monitored) / statistics.median(native)}
    print(f"{result['program']}: median native {statistics.median(native):.2f} s "
          f"({min(native):.2f}..{max(native):.2f}), {options.engine} engine {statistics.median(monitored):.2f} s "
          f"({min(monitored):.2f}..{max(monitored):.2f}), ratio {result['ratio_of_medians']:.4f}")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
