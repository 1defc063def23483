"""Judge a run: `python -m steps.verify EXPECTATION OUTPUT RESULT [FILE...] VERDICT`.

VERDICT says whether the program did what the app expects, why not, and what it cost. It is written either way; the step
fails with the first difference when the result is wrong.
"""
from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import signal
import sys
from pathlib import Path

from steps import command, step
from steps.step import Failure

SHOWN = 3           # lines before a difference, and of a program's last words
WIDTH = 160


def ending(status: dict) -> str:
    """Say in words how a program ended."""
    if status["kind"] == "signalled":
        try:
            name = signal.Signals(status["code"]).name
        except ValueError:
            name = "no signal that we know"
        return f"was killed by signal {status['code']} ({name})"
    return f"ended with status {status['code']}"


def last_words(output: bytes) -> str:
    """Return the end of what a program printed, for a message."""
    lines = output.decode(errors="replace").splitlines()[-SHOWN:]
    return "".join(f"\n  | {line[:WIDTH]}" for line in lines) or "\n  (it printed nothing)"


def difference(expected: bytes, output: bytes, name: str) -> str | None:
    """Return the first line in which two texts differ, in words; None when they are equal."""
    if expected == output:
        return None
    lines = itertools.zip_longest(expected.splitlines(keepends=True), output.splitlines(keepends=True))
    before: list[bytes] = []
    for number, (want, have) in enumerate(lines, 1):
        if want != have:
            break
        before = [*before[1 - SHOWN:], want]
    context = "".join(f"\n    {_line(line)}" for line in before)
    return f"line {number} differs from {name}:{context}\n  - {_line(want)}\n  + {_line(have)}"


def _line(line: bytes | None) -> str:
    if line is None:
        return "(the end)"
    text = line.decode(errors="backslashreplace")
    shown = text.rstrip("\n")
    shown = shown if shown.isprintable() else repr(shown)
    return shown[:WIDTH] + ("" if text.endswith("\n") else "  (no newline)")


def objection(expect: dict, output: Path, result: Path) -> str | None:
    """Return what is wrong with a run, or None."""
    said = json.loads(result.read_text())
    printed = output.read_bytes()
    if said["exit_status"] != expect["status"]:
        return (f"it {ending(said['status'])}, expected was status {expect['status']}; "
                f"its last words:{last_words(printed)}")
    match expect["kind"]:
        case "golden":
            return difference(Path(expect["file"]).read_bytes(), printed, expect["file"])
        case "native":
            return natively(expect, printed, said)
        case "pattern":
            if not re.search(expect["pattern"], printed.decode(errors="replace"), re.MULTILINE):
                return f"its output has no /{expect['pattern']}/; its last words:{last_words(printed)}"
        case "checker":
            code, words = step.output_of([sys.executable, expect["program"], str(output), str(result), *expect["arguments"]])
            if code:
                return f"{expect['program']} says no (status {code}):{last_words(words.encode())}"
    return None


def natively(expect: dict, printed: bytes, said: dict) -> str | None:
    """Return in what a run differs from the one without a monitor, or None."""
    native = json.loads(Path(expect["result"]).read_text())
    before = Path(expect["output"]).read_bytes()
    if not re.search(expect["pattern"], before.decode(errors="replace"), re.MULTILINE):
        return f"natively its output has no /{expect['pattern']}/; its last words:{last_words(before)}"
    if native["exit_status"] != said["exit_status"]:
        return f"natively it {ending(native['status'])}"
    if besides := expect.get("besides"):
        before, printed = (re.sub(besides.encode(), b"...", text, flags=re.MULTILINE) for text in (before, printed))
    if why := difference(before, printed, expect["output"]):
        return why
    folders = [Path(folder) for folder in expect["folders"] if folder]
    trees = [tree(folder) for folder in folders]
    for name in sorted(trees[0].keys() | trees[1].keys()) if trees else ():
        there, here = trees[0].get(name), trees[1].get(name)
        if there != here:
            return f"{folders[1] / name} is {here or 'missing'}; natively {folders[0] / name} is {there or 'missing'}"
    return None


def tree(folder: Path) -> dict[str, str]:
    """Return what is in a folder: the path of each file below it, and its kind, mode and contents in one word."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if path.is_symlink():
            what = f"a link to {os.readlink(path)}"
        elif path.is_dir():
            what = "a folder"
        elif path.is_file():
            what = f"a file of {path.stat().st_size} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        else:
            what = "neither file, folder nor link"
        found[str(path.relative_to(folder))] = f"{what}, mode {mode & 0o7777:o}"
    return found


#: what a benchmark says of itself, in the words of NPB's reports (TR NAS-95-020): key in the verdict -> its line
REPORTED = {"seconds": r"^ Time in seconds +=\s+([0-9.]+)", "mops": r"^ Mop/s total +=\s+([0-9.]+)"}


def reported(output: bytes) -> dict[str, float]:
    """Return the time in s and the speed in Mop/s that a benchmark has printed, where it has."""
    text = output.decode(errors="replace")
    found = {key: re.search(line, text, re.MULTILINE) for key, line in REPORTED.items()}
    return {key: float(match[1]) for key, match in found.items() if match}


def main(arguments: list[str]) -> None:
    expectation, output, result, *_, verdict = map(Path, arguments)
    expect = command.load(expectation)
    about = expect["about"]
    said = json.loads(result.read_text())
    try:
        why = objection(expect, output, result)
    except (OSError, Failure) as error:
        why = str(error)
    step.write(verdict, json.dumps({
        "schema": 1, **about, "status": "failed" if why else "verified", "why": why, "exit_status": said["exit_status"],
        "time": said["time"], "calls": sum(row["calls"] for row in said["syscalls"].values()),
        "syscalls": {name: row["calls"] for name, row in said["syscalls"].items()},
        "unserved": said.get("unserved", {}),
        "reported": reported(output.read_bytes()),
        "output": str(output),
    }, indent=1) + "\n")
    if why:
        raise Failure(f"{about['app']}: verification failed: {why}\n"
                      f"output: {output} (run=again runs it anew)\nby hand: {about['by_hand']}")


if __name__ == "__main__":
    step.run(main)
