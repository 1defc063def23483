"""`scons experiment=ioctl`: what ioctl(0, TIOCGWINSZ) costs caught, rewritten and direct, and what a call that Python
serves costs; beside the figures of 2017."""
from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from experiments import notebook, packages, serve
from experiments.harness import TREE, Failure, Records, aligned, digest, machine, spread, work, write

COUNT = 10_000
#: ioctl: standard input is no terminal, which the gate may know; terminal: it is one, and the monitor asks the host
CALLS = ("ioctl", "terminal", "getppid")
WAYS = ("caught", "rewritten", "direct")
#: engines with a gate that calls can jump to
GATED = ("process", "kvm")
OUTPUT = TREE / "results" / "ioctl"
#: the notes' own figures, in cycles: (what, lowest, highest)
THEIRS = (("Linux", 1410, 1410), ("uhyve, caught", 4900, 4900), ("QEMU/KVM, caught", 6100, 17000),
          ("direct call", 4.5, 23))


def build(syscalls: str = "normal") -> Path:
    """The loop, linked with our musl; syscalls=direct: with the one whose system calls jump to the gate."""
    command = [sys.executable, "-P", "-m", "SCons", "-Q", "app=experiments/loop", "run=no", f"syscalls={syscalls}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SKETE_VERBOSE")}
    if subprocess.run(command, cwd=TREE, stdout=sys.stderr, env=environment).returncode:
        raise Failure("the loop could not be built; the messages are above")
    suffix = "-direct" if syscalls == "direct" else ""
    found = sorted(TREE.glob(f"build/apps/musl-*-x86_64{suffix}/loop-*/O2/loop"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Failure("the build left no loop below build/apps")
    return found[-1]


def ways() -> tuple:
    """([(engine, way), ...] that can be measured, {"engine way": reason} for the rest)."""
    command = [str(TREE / "bin/skete"), "engines", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    engines = {row["name"]: row for row in json.loads(done.stdout)["engines"]}
    there, missing = [("native", "native")], {}
    for engine in ("process", "kvm", "emulator", "qemu"):
        row = engines.get(engine)
        if row is None or not row["works"]:
            missing[engine] = row["why"] if row else "this version of skete has no such engine"
            continue
        there.append((engine, "caught"))
        if engine in GATED and serve.can_rewrite():
            there += (engine, "rewritten"), (engine, "direct")
        else:
            missing[f"{engine} rewritten, direct"] = "this engine has no gate in this version of skete"
    return there, missing


def once(programs: dict, step: dict) -> dict:
    """One repetition: {"cycles", "ns"} per call. programs: {True: whose calls are direct, False: the other}"""
    loop = [str(programs[step["way"] == "direct"]), step["call"], str(COUNT)]
    command = loop if step["engine"] == "native" else [
        sys.executable, "-P", str(TREE / "experiments/serve.py"), step["engine"], step["way"], *loop]
    ours, theirs = pty.openpty() if step["call"] == "terminal" else (os.open(os.devnull, os.O_RDONLY) for _ in range(2))
    try:
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=400)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(step_words(step))} came to no end in 400 s") from None
    finally:
        os.close(ours)
        os.close(theirs)
    said = re.fullmatch(r"cycles ([0-9.]+) ns ([0-9.]+)\n", done.stdout)
    if done.returncode or not said:
        raise Failure(f"{' '.join(step_words(step))}: status {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    return {"cycles": float(said[1]), "ns": float(said[2])}


def step_words(step: dict) -> list:
    return [str(word) for word in step.values()]


def summary(records: Records, there: list) -> list:
    """One row for each call, engine and way, with the ratio to native Linux's own system call."""
    rows = []
    for call in CALLS:
        native = spread([row["cycles"] for row in records.of(call=call, engine="native")])["median"]
        for engine, way in there:
            found = records.of(call=call, engine=engine, way=way)
            cycles, ns = (spread([row[unit] for row in found]) for unit in ("cycles", "ns"))
            rows.append({"call": call, "engine": engine, "way": way, "cycles": cycles, "ns": ns,
                         "ratio": cycles["median"] / native})
    return rows


def table(rows: list, missing: dict) -> str:
    """For the terminal."""
    lines = [("call, engine, way", "cycles", "quartiles", "ns", "of native")]
    for row in rows:
        cycles = row["cycles"]
        lines.append((f"{row['call']} {row['engine']}" + (f" {row['way']}" if row["way"] != row["engine"] else ""),
                      f"{cycles['median']:,.0f}", f"{cycles['low']:,.0f}-{cycles['high']:,.0f}",
                      f"{row['ns']['median']:,.0f}", f"{row['ratio']:.3g}"))
    return aligned(lines) + "".join(f"not measured: {name}: {why}\n" for name, why in missing.items())


def comma_separated(rows: list) -> str:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(("call", "engine", "way", "repetitions", *(f"{unit}_{what}" for unit in ("cycles", "ns")
                                                           for what in ("median", "low", "high")), "ratio_to_native"))
    for row in rows:
        out.writerow((row["call"], row["engine"], row["way"], row["cycles"]["n"],
                      *(row[unit][what] for unit in ("cycles", "ns") for what in ("median", "low", "high")),
                      f"{row['ratio']:.4g}"))
    return text.getvalue()


def main(repetitions: int = 10) -> None:
    packages.provide()
    programs = {direct: build("direct" if direct else "normal") for direct in (False, True)}
    there, missing = ways()
    records = Records(OUTPUT / "records.jsonl", {
        "machine": machine(), "program": digest(*programs.values()), "monitor": digest(TREE / "skete"), "calls of a loop": COUNT})
    # Repetitions are outermost: what disturbs the machine for a while disturbs all rows alike.
    plan = [{"call": call, "engine": engine, "way": way, "repetition": number}
            for number in range(1, repetitions + 1) for call in CALLS for engine, way in there]
    work(records, plan, lambda step: once(programs, step))
    rows = summary(records, there)
    write(OUTPUT / "ioctl.json", json.dumps({
        "machine": machine(), "calls_of_a_loop": COUNT, "rows": rows, "not_measured": missing,
        "of_2017_cycles": [{"what": what, "low": low, "high": high} for what, low, high in THEIRS]}, indent=1) + "\n")
    write(OUTPUT / "ioctl.csv", comma_separated(rows))
    notebook.execute(TREE / "experiments/ioctl_notebook.py", OUTPUT / "ioctl.ipynb")
    print(table(rows, missing), end="")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"experiment ioctl: {failure}")
    except KeyboardInterrupt:
        sys.exit("experiment ioctl: interrupted; the same command goes on from here")
