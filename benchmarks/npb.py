"""The ten NPB programs, native and under the monitor in turn: Mop/s, and the ratio of the times they measure.

    python benchmarks/npb.py --class A -n 5 --output results/npb
    python benchmarks/npb.py --class A -n 9 --beside --output results/npb

Builds them first (./scons app=npb run=no). Writes CLASS-OPT-THREADS-ENGINE.json and .md there, after every program
anew, and goes on where an earlier call with the same binaries on the same machine was interrupted. The ratio is that
of the medians of Mop/s, which the programs print with more digits than their seconds. Where the native runs are far
apart, so that it says little, that shows in their lowest and highest, and the ratio of the best runs says more.

With --beside both run at the same time on one processor, which changes between them every few milliseconds, and what
they count is their processor time. So whatever else slows the machine down weighs on both alike, and a difference of
half a percent shows where runs one after the other differ by thirty. The ratio is the median of those of the pairs.
DC is left out: its work is system calls, which take processor time of the monitor instead of the program's.
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
from contextlib import ExitStack, contextmanager
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


@contextmanager
def running(command: list, timeout_s: float):
    """A run in a folder of its own, a FOLDER in the command, which is waited for at the end and thrown away. Gives a
    function that waits for (seconds, Mop/s) and exits where it does not verify."""
    with tempfile.TemporaryDirectory() as folder:
        command = [word.replace("FOLDER", folder) for word in command]
        run = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL)

        def result() -> tuple:
            out, err = run.communicate(timeout=timeout_s)
            seconds = re.search(r"Time in seconds *= *([0-9.]+)", out)
            speed = re.search(r"Mop/s total *= *([0-9.]+)", out)
            if not re.search(r"Verification *= *SUCCESSFUL", out) or not seconds or not speed:
                sys.exit(f"npb: {' '.join(command)}: status {run.returncode}\n{out[-1500:]}{err[-500:]}")
            return float(seconds[1]), float(speed[1])

        try:
            yield result
        finally:
            if run.poll() is None:
                run.terminate()         # the monitor ends its guest then
                run.communicate()


def measure(name: str, options) -> dict:
    """All runs of one benchmark, native and monitored in turn, or each two at once."""
    path = program(name, options.letter, options.opt, options.threads)
    row = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "native": [], "monitored": []}
    arguments = ["-t", str(options.threads), *(["--clock", "processor"] if options.beside else [])]
    ways = [("native", []), ("monitored", [
        str(TREE / "bin/skete"), "run", "--engine", options.engine, "--mount", "FOLDER:/app", "--cwd", "/app"])]
    for turn in range(options.n):
        with ExitStack() as runs:
            waiting = []
            for kind, before in ways if turn % 2 == 0 else reversed(ways):     # what drifts weighs on both
                waiting.append((kind, runs.enter_context(running([*before, str(path), *arguments], options.timeout))))
                if not options.beside or len(waiting) == len(ways):
                    while waiting:
                        ended, result = waiting.pop(0)
                        row[ended].append(result())
        print(f"{name} {turn + 1}/{options.n}: native {row['native'][-1][0]:.2f} s, {options.engine} "
              f"{row['monitored'][-1][0]:.2f} s", file=sys.stderr)
    return row


def table(state: dict) -> str:
    """What was measured, as Markdown."""
    together, more = ("at the same time on one processor, by processor time", "middle half") if state["beside"] \
        else ("in turn", "of the best")
    lines = [f"NPB class {state['class']}, {state['threads']} thread(s), musl, -O{state['opt']}; medians of "
             f"{state['n']}, native and monitored {together}. {state['machine']}.", "",
             "| benchmark | native s | lowest to highest | native Mop/s | monitored s | lowest to highest | monitored Mop/s "
             f"| ratio of times | {more} |", "|---|---|---|---|---|---|---|---|---|"]
    ratios = []
    for name, row in state["rows"].items():
        native, monitored = ([statistics.median(column) for column in zip(*row[kind])]
                             for kind in ("native", "monitored"))
        if state["beside"]:
            pairs = [one / other for (_, one), (_, other) in zip(row["native"], row["monitored"])]
            ratio = statistics.median(pairs)
            low, _, high = statistics.quantiles(pairs, n=4) if len(pairs) > 1 else pairs * 3
            more = f"{low:.3f} to {high:.3f}"
        else:
            ratio = native[1] / monitored[1]
            more = f"{max(speed for _, speed in row['native']) / max(speed for _, speed in row['monitored']):.3f}"
        ratios.append(ratio)
        spread = {kind: f"{min(row[kind])[0]:.2f} to {max(row[kind])[0]:.2f}" for kind in ("native", "monitored")}
        lines.append(f"| {name.upper()} | {native[0]:.2f} | {spread['native']} | {native[1]:.0f} | {monitored[0]:.2f} "
                     f"| {spread['monitored']} | {monitored[1]:.0f} | {ratio:.3f} | {more} |")
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
    parser.add_argument("--beside", action="store_true", help="both at once on one processor, by processor time")
    parser.add_argument("--timeout", type=float, default=1800, metavar="S", help="for one run")
    parser.add_argument("--output", type=Path, default=Path("results/npb"), metavar="DIR")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    names = options.names or [name for name in NAMES if not (options.beside and name == "dc")]
    if options.beside and "dc" in names:
        parser.error("dc: what it does takes the monitor's processor time, not its own; measure it without --beside")
    build = [str(TREE / "scons"), "app=" + ",".join(f"npb/{name}" for name in names), "run=no",
             f"class={options.letter}", f"threads={options.threads}"]
    if options.opt != "3":
        build.append(f"opt={options.opt}")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {options.output}: {error.strerror}; give a folder that can be written to")
    if subprocess.run(build, stdout=sys.stderr).returncode:
        sys.exit("npb: the build failed")
    if options.beside:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})        # the runs inherit it
    stem = f"{options.letter}-O{options.opt}-t{options.threads}-{options.engine}{'-beside' * options.beside}"
    data = options.output / f"{stem}.json"
    state = {"machine": machine(), "class": options.letter, "opt": options.opt, "threads": options.threads,
             "engine": options.engine, "n": options.n, "beside": options.beside, "rows": {}}
    if data.exists():
        before = json.loads(data.read_text())
        if all(before.get(key, False) == state[key] for key in state if key != "rows"):
            state["rows"] = before["rows"]
        else:
            sys.exit(f"npb: {data} is of another machine or another kind of run; move it away, they do not mix")
    for name in names:
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
