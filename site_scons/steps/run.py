"""Run a program under the monitor: `python -m steps.run RUN OUTPUT RESULT`.

RUN is a description made by verbs/app.py; OUTPUT gets the guest's standard output, RESULT what the monitor says about
the run (`skete run --json`). What the guest did is not judged here: the step fails only when there is nothing to
judge, because the monitor failed or time ran out. Standard error goes to the terminal as it comes.
"""
from __future__ import annotations

import fcntl
import json
import os
import pty
import resource
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from steps import client, command, progress, step
from steps.progress import Progress
from steps.step import Failure

GRACE_S = 15        # for the monitor to end a guest whose time is over, and to write its result
MONITOR_FAILED = 125


def prepare(run: dict) -> None:
    """Make the guest's working directory anew, with the files that it is to find there."""
    if not run["workdir"]:
        return
    folder = Path(run["workdir"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in run["files"]:
        shutil.copy(name, folder / Path(name).name)


def copy(source: int, targets: list) -> None:
    """Copy a descriptor to files until it ends; a terminal whose other side was closed says EIO."""
    while True:
        try:
            data = os.read(source, 1 << 16)
        except OSError:
            return
        if not data:
            return
        for target in targets:
            target.write(data)
            target.flush()


def start(run: dict, words: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen, int]:
    """Start the command; return it and the descriptor that its output comes from."""
    folder = run["workdir"] if run["engine"] == "native" else None
    if run["tty"]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *run["tty"], 0, 0))
        attributes = termios.tcgetattr(theirs)
        attributes[1] &= ~termios.OPOST    # so that a newline stays one
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        stdin = theirs
    else:
        ours, theirs = os.pipe()
        stdin = os.open(run["stdin"] or os.devnull, os.O_RDONLY)
    try:
        child = subprocess.Popen(words, stdin=stdin, stdout=theirs, env=environment, cwd=folder)
    except OSError as error:
        raise Failure(f"{words[0]} cannot be started: {error.strerror}") from error
    finally:
        os.close(theirs)
        if stdin != theirs:
            os.close(stdin)
    return child, ours


def wait(child: subprocess.Popen, timeout: float, told: Progress) -> int:
    """Wait for the command's end; return its status as a shell gives it, 124 when it had to be killed. Meanwhile tell of
    its progress."""
    begun = time.monotonic()
    while True:
        left = begun + timeout - time.monotonic()
        pause = told.pause
        try:
            status = child.wait(max(0, min(pause, left)))
        except subprocess.TimeoutExpired:
            if left <= pause:
                child.kill()
                child.wait()
                return 124
            told.tell(time.monotonic() - begun)
            continue
        return status if status >= 0 else 128 - status


def native_result(run: dict, status: int, wall_s: float) -> dict:
    """Return for a run without a monitor what the monitor would have said."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    kind = "timeout" if status == 124 else "signalled" if status > 128 else "exited"
    return {"schema": 1, "program": run["program"], "argv": [run["program"], *run["args"]], "engine": "native",
            "status": {"kind": kind, "code": status - 128 if kind == "signalled" else status}, "exit_status": status,
            "time": {"wall_s": wall_s, "guest_s": used.ru_utime + used.ru_stime, "monitor_s": 0.0},
            "syscalls": {}, "unserved": {}}


def read(result: Path) -> dict | None:
    """Return what the monitor said, or None when it came to nothing or to half of it."""
    try:
        return json.loads(result.read_text())
    except (OSError, ValueError):
        return None


def main(arguments: list[str]) -> None:
    description, output, result = map(Path, arguments)
    run = command.load(description)
    prepare(run)
    again = f"by hand: {command.by_hand(run)}"
    port = client.free_port() if run.get("client") else None
    if port:
        run = client.filled(run, port)
    native = run["engine"] == "native"
    # The build's own PYTHONPATH is none of the monitor's business.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with step.result(output) as unfinished, step.result(result) as words:
        told = Progress(run["label"], unfinished, progress.live() and not step.verbose())
        line = command.guest({**run, "program": os.path.abspath(run["program"])} if native else run, words)
        begun = time.monotonic()
        child, ours = start(run, line, environment)
        # What is judged with a client is what that says; a server may print what it likes.
        with open(output.with_suffix(".server") if port else unfinished, "wb") as f:
            targets = [f, sys.stdout.buffer] if step.verbose() else [f]
            reader = threading.Thread(target=copy, args=(ours, targets))
            reader.start()
            try:
                if port:
                    client.talk(run, port, unfinished, child, environment)
                status = wait(child, run["timeout"] + (0 if native else GRACE_S), told)
            finally:
                told.clear()
                if child.poll() is None:
                    child.terminate()
                reader.join(GRACE_S)
                os.close(ours)
        if native:
            words.write_text(json.dumps(native_result(run, status, time.monotonic() - begun), indent=1) + "\n")
        said = read(words)
        if status == 124 and (said is None or said["status"]["kind"] == "timeout"):
            raise Failure(f"{run['label']}: not finished after {run['timeout']} s (timeout= gives it longer)\n{again}")
        if said is None:
            why = "the monitor failed" if status == MONITOR_FAILED else f"ended with status {status} and no result"
            raise Failure(f"{run['label']}: {why}\n{again}")


if __name__ == "__main__":
    step.run(main)
