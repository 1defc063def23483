"""`scons experiment=npb class=B`: the ten NPB programs natively and on each engine, as ratios to native.

The rate that a program reports (Mop/s) is what is compared: its time has two decimals, which is nothing at class S.
"""
from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import geometric_mean

from experiments import notebook, packages
from experiments.harness import TREE, Failure, Records, aligned, digest, machine, spread, work, write

BENCHMARKS = ("bt", "cg", "dc", "ep", "ft", "is", "lu", "mg", "sp", "ua")
CLASSES = ("S", "W", "A", "B")
#: as scons names them, and as people do
LIBCS = {"musl": "musl", "dietlibc": "dietlibc", "host": "glibc"}
ENGINES = ("process", "kvm", "emulator")
#: what everything else is a ratio to
NATIVE = "musl native"
#: the emulator is a hundred times slower than the processor
EMULATED_CLASSES = ("S",)
RUN_S = 1800
RESULTS = TREE / "results" / "npb"


def build(libc: str, class_: str, benchmarks) -> dict:
    """{benchmark: its program}. Failure where the build fails."""
    command = [sys.executable, "-P", "-m", "SCons", "-Q", "app=" + ",".join(f"npb/{name}" for name in benchmarks),
               f"class={class_}", f"libc={libc}", "run=no"]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SKETE_VERBOSE")}
    if subprocess.run(command, cwd=TREE, stdout=sys.stderr, env=environment).returncode:
        raise Failure(f"the programs could not be built with libc={libc}; the messages are above")
    programs = {}
    for name in benchmarks:
        found = sorted(TREE.glob(f"build/apps/{libc}*-x86_64/npb/{name}/O3-{class_}/{name}"), key=lambda p: p.stat().st_mtime)
        found = [path for path in found if "-direct/" not in str(path)]
        if not found:
            raise Failure(f"the build with libc={libc} left no npb/{name} of class {class_} below build/apps")
        programs[name] = found[-1]
    return programs


def engines_here() -> dict:
    """{engine: "" or why it does not work here}"""
    done = subprocess.run([str(TREE / "bin/skete"), "engines", "--json"], capture_output=True, text=True, timeout=120)
    return {row["name"]: "" if row["works"] else row["why"] for row in json.loads(done.stdout)["engines"]}


def series(programs: dict, class_: str, engines: dict) -> tuple:
    """({series: (libc, engine or "native")}, {series: why it is not measured}). programs: {libc: {benchmark: path}}"""
    there, missing = {NATIVE: ("musl", "native")}, {}
    for engine in ENGINES:
        why = engines.get(engine, "this version of skete has no such engine")
        if not why and engine == "emulator" and class_ not in EMULATED_CLASSES:
            why = f"it takes a hundred times as long; class {' or '.join(EMULATED_CLASSES)} only"
        if why:
            missing[engine] = why
        else:
            there[engine] = "musl", engine
    for libc, called in LIBCS.items():
        if libc in programs and libc != "musl":
            there[f"{called} native"] = libc, "native"
    return there, missing


def once(program: Path, engine: str) -> dict:
    """One repetition: {"mops", "seconds": as the program says; "wall_s", "verified"}"""
    with tempfile.TemporaryDirectory(prefix="npb-") as folder:
        command = [str(program), "-t", "1"]
        if engine != "native":
            command = [str(TREE / "bin/skete"), "run", "--engine", engine, "--mount", f"{folder}:/work",
                       "--cwd", "/work", *command]
        begun = time.monotonic()
        try:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"{program.name} ({engine}) came to no end in {RUN_S} s") from None
        wall_s = time.monotonic() - begun
    figures = said(done.stdout)
    if figures is None:
        raise Failure(f"{program.name} ({engine}): status {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    return {**figures, "wall_s": round(wall_s, 4)}


def said(output: str) -> dict | None:
    """What a benchmark reports; None where it is no report."""
    found = {key: re.search(rf"^ {name} += +(\S+)$", output, re.MULTILINE) for key, name in
             (("seconds", "Time in seconds"), ("mops", "Mop/s total"), ("verified", "Verification"))}
    if not all(found.values()) or not float(found["mops"][1]) > 0:
        return None
    return {"seconds": float(found["seconds"][1]), "mops": float(found["mops"][1]),
            "verified": found["verified"][1] == "SUCCESSFUL"}


def summary(records: Records, benchmarks, there: dict) -> tuple:
    """(rows, {series: why it, or a benchmark of it, has none). A row: benchmark, series, and by the rates: how many times
    the native one's median its time is, with quartiles."""
    rows, unverified = [], {}
    for name in benchmarks:
        native = spread([row["mops"] for row in records.of(benchmark=name, series=NATIVE)])["median"]
        for label in there:
            found = records.of(benchmark=name, series=label)
            if not all(row["verified"] for row in found):
                unverified[f"{name}, {label}"] = "it does not verify"
                continue
            rows.append({"benchmark": name, "series": label, "mops": spread([row["mops"] for row in found]),
                         "seconds": spread([row["seconds"] for row in found]),
                         "wall_s": spread([row["wall_s"] for row in found]),
                         "ratio": spread([native / row["mops"] for row in found])})
    return rows, unverified


def means(rows: list, benchmarks) -> dict:
    """{series: geometric mean of the ratios}, of those that have every benchmark."""
    found = {}
    for row in rows:
        found.setdefault(row["series"], []).append(row["ratio"]["median"])
    return {label: geometric_mean(ratios) for label, ratios in found.items() if len(ratios) == len(benchmarks)}


def table(rows: list, mean: dict, missing: dict) -> str:
    """For the terminal."""
    lines = [("benchmark, series", "Mop/s", "of native's time", "quartiles", "wall s")]
    for row in rows:
        ratio = row["ratio"]
        lines.append((f"{row['benchmark']} {row['series']}", f"{row['mops']['median']:,.2f}", f"{ratio['median']:.3f}",
                      f"{ratio['low']:.3f}-{ratio['high']:.3f}", f"{row['wall_s']['median']:.2f}"))
    lines += [(f"geometric mean {label}", "", f"{value:.3f}", "", "") for label, value in mean.items()]
    return aligned(lines) + "".join(f"not measured: {name}: {why}\n" for name, why in missing.items())


def comma_separated(rows: list) -> str:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    figures = [(unit, what) for unit in ("ratio", "mops", "seconds", "wall_s") for what in ("median", "low", "high")]
    out.writerow(("benchmark", "series", "repetitions", *(f"{unit}_{what}" for unit, what in figures)))
    for row in rows:
        out.writerow((row["benchmark"], row["series"], row["ratio"]["n"],
                      *(f"{row[unit][what]:.6g}" for unit, what in figures)))
    return text.getvalue()


def main(class_: str, benchmarks=BENCHMARKS, libcs=tuple(LIBCS), repetitions: int = 3) -> None:
    packages.provide()
    programs, missing = {"musl": build("musl", class_, benchmarks)}, {}
    for libc, called in LIBCS.items():
        if libc not in libcs and libc != "musl":
            missing[f"{called} native"] = "it was not asked for (--libc)"
        elif libc != "musl":
            try:
                programs[libc] = build(libc, class_, benchmarks)
            except Failure as failure:
                missing[f"{called} native"] = str(failure)
    there, why = series(programs, class_, engines_here())
    missing.update(why)
    output = RESULTS / class_
    records = Records(output / "records.jsonl", {
        "machine": machine(), "class": class_, "monitor": digest(TREE / "skete"),
        "programs": {libc: digest(*paths.values()) for libc, paths in programs.items()}})
    # Repetitions are outermost: what disturbs the machine for a while disturbs all series alike.
    plan = [{"benchmark": name, "series": label, "repetition": number}
            for number in range(1, repetitions + 1) for name in benchmarks for label in there]

    def measure(step: dict) -> dict:
        libc, engine = there[step["series"]]
        return once(programs[libc][step["benchmark"]], engine)
    work(records, plan, measure)
    rows, unverified = summary(records, benchmarks, there)
    missing.update(unverified)
    mean = means(rows, benchmarks)
    write(output / "npb.json", json.dumps({
        "machine": machine(), "class": class_, "native": NATIVE, "rows": rows, "geometric_means": mean,
        "not_measured": missing}, indent=1) + "\n")
    write(output / "npb.csv", comma_separated(rows))
    notebook.execute(TREE / "experiments/npb_notebook.py", output / "npb.ipynb")
    print(table(rows, mean, missing), end="")


def options(arguments: list):
    parser = argparse.ArgumentParser(prog="experiments.npb", description=__doc__)
    parser.add_argument("class_", metavar="CLASS", nargs="?", default="B", choices=CLASSES, help="default: B")
    parser.add_argument("--only", metavar="NAMES", default=",".join(BENCHMARKS), help="benchmarks, with commas between")
    parser.add_argument("--libc", metavar="NAMES", default=",".join(LIBCS), help="further series: dietlibc, host")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args(arguments)
    for kind, names, known in (("benchmark", given.only, BENCHMARKS), ("libc", given.libc, LIBCS)):
        for name in names.split(","):
            if name not in known:
                parser.error(f"there is no {kind} {name!r}; there are {', '.join(known)}")
    return given


if __name__ == "__main__":
    chosen = options(sys.argv[1:])
    try:
        main(chosen.class_, tuple(chosen.only.split(",")), tuple(chosen.libc.split(",")), chosen.repetitions)
    except Failure as failure:
        sys.exit(f"experiment npb: {failure}")
    except KeyboardInterrupt:
        sys.exit("experiment npb: interrupted; the same command goes on from here")
