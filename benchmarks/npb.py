"""The ten NPB programs, native and under the monitor in turn: Mop/s, and the ratio of the times they measure.

    python benchmarks/npb.py --class A -n 5 --output results/npb

Builds them first (./scons app=npb run=no). Writes CLASS-OPT-THREADS-ENGINE.json and .md there, after every program
anew, and goes on where an earlier call with the same binaries on the same machine was interrupted. The ratio is that
of the medians of Mop/s, which the programs print with more digits than their seconds. Where the native runs are far
apart, so that it says little, that shows in their lowest and highest, and the ratio of the best runs says more.
"""
import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
NAMES = ("bt", "cg", "dc", "ep", "ft", "is", "lu", "mg", "sp", "ua")


def machine() -> str:
    """What the figures belong to."""
    with open("/proc/cpuinfo") as cpuinfo:
        model = re.search(r"model name\s*: (.*)", cpuinfo.read())
    return f"{model[1] if model else 'unknown'}, {os.cpu_count()} processors, Linux {os.uname().release}"


def program(name: str, letter: str, opt: str, threads: int) -> Path:
    """Where the build puts a benchmark."""
    many = f"-t{threads}" if threads > 1 else ""
    found = sorted(TREE.glob(f"build/apps/musl-*-x86_64/npb/{name}/O{opt}-{letter}{many}/{name}"))
    if not found:
        sys.exit(f"npb: {name} class {letter} was not built")
    return found[-1]


def once(command: list, folder: str, timeout_s: float) -> tuple:
    """One run: (seconds, Mop/s). Exits where it does not verify."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s,
                          stdin=subprocess.DEVNULL)
    seconds = re.search(r"Time in seconds *= *([0-9.]+)", done.stdout)
    speed = re.search(r"Mop/s total *= *([0-9.]+)", done.stdout)
    if not re.search(r"Verification *= *SUCCESSFUL", done.stdout) or not seconds or not speed:
        sys.exit(f"npb: {' '.join(command)}: status {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-500:]}")
    return float(seconds[1]), float(speed[1])


def measure(name: str, options) -> dict:
    """All runs of one benchmark, native and monitored in turn."""
    path = program(name, options.letter, options.opt, options.threads)
    row = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "native": [], "monitored": []}
    arguments = ["-t", str(options.threads)]
    ways = [("native", lambda folder: []), ("monitored", lambda folder: [
        str(TREE / "bin/skete"), "run", "--engine", options.engine, "--mount", f"{folder}:/app", "--cwd", "/app"])]
    for turn in range(options.n):
        for kind, before in ways if turn % 2 == 0 else reversed(ways):     # what drifts weighs on both
            with tempfile.TemporaryDirectory() as folder:
                row[kind].append(once([*before(folder), str(path), *arguments], folder, options.timeout))
        print(f"{name} {turn + 1}/{options.n}: native {row['native'][-1][0]:.2f} s, {options.engine} "
              f"{row['monitored'][-1][0]:.2f} s", file=sys.stderr)
    return row


def table(state: dict) -> str:
    """What was measured, as Markdown."""
    lines = [f"NPB class {state['class']}, {state['threads']} thread(s), musl, -O{state['opt']}; medians of "
             f"{state['n']}, native and monitored in turn. {state['machine']}.", "",
             "| benchmark | native s | lowest to highest | native Mop/s | monitored s | lowest to highest | monitored Mop/s "
             "| ratio of times | of the best |", "|---|---|---|---|---|---|---|---|---|"]
    ratios = []
    for name, row in state["rows"].items():
        native, monitored = ([statistics.median(column) for column in zip(*row[kind])]
                             for kind in ("native", "monitored"))
        ratio = native[1] / monitored[1]
        ratios.append(ratio)
        best = max(speed for _, speed in row["native"]) / max(speed for _, speed in row["monitored"])
        spread = {kind: f"{min(row[kind])[0]:.2f} to {max(row[kind])[0]:.2f}" for kind in ("native", "monitored")}
        lines.append(f"| {name.upper()} | {native[0]:.2f} | {spread['native']} | {native[1]:.0f} | {monitored[0]:.2f} "
                     f"| {spread['monitored']} | {monitored[1]:.0f} | {ratio:.3f} | {best:.3f} |")
    if ratios:
        lines += ["", f"Geometric mean of the ratios: {statistics.geometric_mean(ratios):.4f}"]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--class", dest="letter", default="A", choices="S W A B C".split())
    parser.add_argument("-n", type=int, default=5, help="runs of each kind (default 5)")
    parser.add_argument("--opt", default="3", help="the optimisation they are built with: 3 or native")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine", default="process")
    parser.add_argument("--timeout", type=float, default=1800, metavar="S", help="for one run")
    parser.add_argument("--output", type=Path, default=Path("results/npb"), metavar="DIR")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    build = [str(TREE / "scons"), "app=" + ",".join(f"npb/{name}" for name in options.names or NAMES), "run=no",
             f"class={options.letter}", f"threads={options.threads}"]
    if options.opt != "3":
        build.append(f"opt={options.opt}")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {options.output}: {error.strerror}; give a folder that can be written to")
    if subprocess.run(build, stdout=sys.stderr).returncode:
        sys.exit("npb: the build failed")
    stem = f"{options.letter}-O{options.opt}-t{options.threads}-{options.engine}"
    data = options.output / f"{stem}.json"
    state = {"machine": machine(), "class": options.letter, "opt": options.opt, "threads": options.threads,
             "engine": options.engine, "n": options.n, "rows": {}}
    if data.exists():
        before = json.loads(data.read_text())
        if all(before[key] == state[key] for key in state if key != "rows"):
            state["rows"] = before["rows"]
        else:
            sys.exit(f"npb: {data} is of another machine or another kind of run; move it away, they do not mix")
    for name in options.names or NAMES:
        path = program(name, options.letter, options.opt, options.threads)
        known = state["rows"].get(name)
        if known and known["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest():
            continue
        state["rows"][name] = measure(name, options)
        write(data, json.dumps(state, indent=1) + "\n")
        write(options.output / f"{stem}.md", table(state))
    print(table(state), end="")


if __name__ == "__main__":
    main()
