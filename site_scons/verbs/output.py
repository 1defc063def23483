"""What the build says: one line for each thing it makes, a table of verdicts at the end, a word when nothing had to be
done."""
from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path

import SCons.Node
import SCons.Script.Main
import SCons.Util
from SCons.Script import Action, GetBuildFailures, GetOption

from steps import progress, step
from steps.table import show
from verbs.options import BUILD, TOP

# What a step's line begins with: the word, then what is shown of it.
WORDS = {
    "compiler": "PROBE  the C compiler",
    "hostlibc": "PROBE  the host's C library",
    "fetch": "FETCH  $TARGET",
    "patch": "PATCH  $TARGET",
    "libc": "LIBC   $TARGET (configure and make, $JOBS at a time)",
    "program": "BUILD  ${TARGET.dir}",
    "sysroot": "PACK   $TARGET",
    "headers": "GATHER ${TARGET.dir} (the kernel's headers)",
    "unpack": "UNPACK ${TARGET.dir}",
    "compile": "CC     $SOURCE",
    "generate": "GEN    $TARGET",
    "link": "LINK   $TARGET",
    "elfcheck": "CHECK  $SOURCE",
    "run": "RUN    $LABEL ($RUN_DETAILS)",
    "verify": "VERIFY $LABEL",
    "dist": "DIST   $TARGET",
    "sbom": "SBOM   $TARGET",
    "sums": "SUMS   $TARGET",
    "experiment": "MEASURE $EXPERIMENT (interrupt it at will: the same command goes on)",
    "matrix": "MATRIX every app with every libc",
    "test": "TEST   tests",
    "nested": "NESTED $TARGET (QEMU emulates a machine with a hardware KVM)",
}
QUIET = ("spec", "index", "copy")     # too small to be worth a line

_done = []


class _Display(SCons.Util.DisplayEngine):
    """SCons's own remarks, without the long tail of them.

    "is up to date", for each target: report_at_end says it once for all. "Removed", for each file deep inside: the
    folders that go with them say as much.
    """

    def __call__(self, text: str, append_newline: int = 1) -> None:
        if not text.endswith("is up to date.") and not (text.startswith("Removed ") and text.count("/") > 3):
            super().__call__(text, append_newline)


def start(env) -> None:
    """Give `env` the method Said(command, word): an Action that prints its line, or itself with verbose=yes."""
    env.AddMethod(_said, "Said")
    env["PRINT_CMD_LINE_FUNC"] = _print
    SCons.Script.Main.display = _Display()


def _said(env, command, word: str):
    if env["verbose"]:
        return Action(command)
    return Action(command, cmdstr=None if word in QUIET else "  " + WORDS[word])


def _print(line: str, target, source, env) -> None:
    _done.append(target)
    if line:
        # On a terminal a run's line of progress may be in its place.
        sys.stdout.write(f"{progress.CLEAR if progress.live() else ''}{line}\n")
        sys.stdout.flush()


def report_at_end(env, apps) -> None:
    """When the program ends, show the verdicts of `apps`, or say that nothing had to be done."""
    if not (GetOption("clean") or GetOption("help") or GetOption("no_exec")):
        atexit.register(_report, apps)


def _verdict(run, failed: list) -> dict | None:
    """Return what this build knows of one app: its verdict, that it has none, or None when the build did not come to
    it."""
    state = run.verdict.get_state() if run.verdict is not None else SCons.Node.no_state
    if state in (SCons.Node.executed, SCons.Node.up_to_date) or run.verdict in failed:
        try:
            return json.loads(Path(run.verdict.get_abspath()).read_text())
        except (OSError, ValueError):
            pass    # it was stopped before it had one, and has said why
    elif state != SCons.Node.failed:
        return None
    # Whatever stands in the file is the verdict on another program, or on an earlier run.
    return {**run.about, "status": "no result"}


def _write_all(apps, failed: list, path: Path) -> None:
    """Write what came of every app, of those too that could not be built: steps/matrix.py asks for it."""
    verdicts = []
    for run in apps.runs:
        if run.verdict is not None:
            built = run.program.get_state() in (SCons.Node.executed, SCons.Node.up_to_date)
            verdict = _verdict(run, failed) if built else None
            verdicts.append({**(verdict or {**run.about, "status": "not built"}), "folder": run.folder})
    path.write_text(json.dumps(verdicts, indent=1) + "\n")


def _report(apps) -> None:
    failed = [failure.node for failure in GetBuildFailures()]
    verdicts = [verdict for run in apps.runs if (verdict := _verdict(run, failed))]
    if verdicts:
        show(verdicts)
        step.write(TOP / BUILD / "results.json", json.dumps(verdicts, indent=1) + "\n")
    if os.environ.get("SKETE_VERDICTS"):
        _write_all(apps, failed, Path(os.environ["SKETE_VERDICTS"]))
    if not _done and not SCons.Script.Main.exit_status and not GetBuildFailures():
        print("skete: nothing had to be done")
