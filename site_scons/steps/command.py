"""The command that runs a guest, from the description of a run: the one that the build uses and the one it tells the
user."""
from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from steps import client


def load(path: Path) -> dict:
    """Read the description of a run or of an expectation, as verbs/app.py writes it."""
    return json.loads(path.read_text())


def guest(run: dict, result: Path | None = None) -> list[str]:
    """Return the command, relative to the top of the tree. `result`: where the monitor is to write its JSON."""
    if run["engine"] == "native":
        settings = [f"{key}={value}" for key, value in run["env"].items()]
        return ["env", "-i", *settings, run["program"], *run["args"]]
    words = [*shlex.split(run["monitor"]), "run", "--engine", run["engine"], "--timeout", str(run["timeout"])]
    if result:
        words += ["--json", str(result)]
    if run["workdir"]:
        words += ["--mount", f"{run['workdir']}:/app", "--cwd", "/app"]
    for ports in run.get("publish", []):
        words += ["--publish", ports]
    for mount in run["mounts"]:
        words += ["--mount", mount]
    for folder in run.get("tmpfs", []):
        words += ["--tmpfs", folder]
    if run.get("same_user"):
        words += ["--user", f"{os.getuid()}:{os.getgid()}"]
    for key, value in run["env"].items():
        words += ["--env", f"{key}={value}"]
    return [*words, run["program"], *run["args"]]


def by_hand(run: dict) -> str:
    """Return the line that runs it again, for a shell at the top of the tree."""
    run = client.filled(run, client.PORT_BY_HAND) if run.get("client") else run
    if run["engine"] == "native" and (folder := run["workdir"]):
        # The line goes there first, and paths are from there.
        run = {**run, "program": os.path.relpath(run["program"], folder),
               "stdin": run["stdin"] and os.path.relpath(run["stdin"], folder)}
        line = f"cd {shlex.quote(folder)} && {shlex.join(guest(run))}"
    else:
        line = shlex.join(guest(run))
    return f"{line} <{shlex.quote(run['stdin'])}" if run["stdin"] else line
