"""What every experiment needs: records that last, what they belong to, progress, results that are whole."""
from __future__ import annotations

import hashlib
import json
import os
import re
import statistics
import sys
import time
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """The experiment cannot go on; the message says what to do."""


def machine() -> dict:
    """What figures belong to: nothing in it names the machine or its owner."""
    with open("/proc/cpuinfo") as cpuinfo:
        model = re.search(r"model name\s*: (.*)", cpuinfo.read())
    return {"cpu": model[1] if model else "unknown", "processors": os.cpu_count(), "kernel": f"Linux {os.uname().release}"}


def digest(*paths: Path) -> str:
    """One hash of files, or of all Python and C files below folders."""
    total = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in (".py", ".c", ".h", ".S"))
        for file in files:
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


class Records:
    """A file of lines, one repetition each, appended durably; its first line is what they all belong to."""

    def __init__(self, path: Path, fingerprint: dict):
        self.path, self.rows = path, []
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        whole, _, torn = text.rpartition("\n")      # a line that was being written when the machine went down
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            self._open(json.dumps(fingerprint) + "\n", "w")
            return
        if differ := [key for key in {**lines[0], **fingerprint} if lines[0].get(key) != fingerprint.get(key)]:
            raise Failure(f"{path} was measured with another {' and another '.join(differ)}. Results of different machines "
                          "or binaries do not mix: move it away, or go back to what it was measured with")
        self.rows = lines[1:]
        if torn:
            os.truncate(path, len(whole.encode()) + 1)

    def append(self, row: dict) -> None:
        self._open(json.dumps(row) + "\n", "a")
        self.rows.append(row)

    def _open(self, text: str, mode: str) -> None:
        with open(self.path, mode) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def of(self, **wanted) -> list:
        """The rows with these values."""
        return [row for row in self.rows if all(row.get(key) == value for key, value in wanted.items())]


def work(records: Records, plan: list, measure) -> None:
    """Carry out what of a plan, a list of dicts, has no record yet: measure(step) -> dict of figures."""
    left = [step for step in plan if not records.of(**step)]
    if len(left) < len(plan):
        print(f"  going on: {len(plan) - len(left)} of {len(plan)} repetitions are there already", file=sys.stderr)
    begun = time.monotonic()
    for done, step in enumerate(left):
        spent = time.monotonic() - begun
        rest = f", {spent / done * (len(left) - done):.0f} s left" if done else ""
        print(f"  {done + 1}/{len(left)} {' '.join(str(word) for word in step.values())}{rest}", file=sys.stderr)
        records.append({**step, **measure(step)})


def spread(values: list) -> dict:
    """Median and quartiles."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": statistics.median(values), "low": low, "high": high, "n": len(values)}


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)


def aligned(rows: list) -> str:
    """A table for a terminal: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(row, widths))).rstrip() + "\n" for row in rows)
