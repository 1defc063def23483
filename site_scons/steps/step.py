"""What every step has: one way to fail, one way to write a result, a place to work in."""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator

from fetch import RecipeError


class Failure(Exception):
    """A step cannot give its result; the text is for the user and may have several lines."""


def run(main: Callable[[list[str]], None]) -> None:
    """Run a step's `main(arguments)` and end the program: 0, 1 with the failure, or what is wrong with a recipe, on stderr,
    130 when interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))    # unwinds, so workspaces are removed
    try:
        main(sys.argv[1:])
    except (Failure, RecipeError) as failure:
        sys.stdout.flush()
        sys.stderr.write(f"skete: {failure}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@contextlib.contextmanager
def workspace(beside: Path, name: str) -> Iterator[Path]:
    """Give an empty folder in `beside` (made if need be) and remove it afterwards.

    It is locked for as long as we live, however we end: what a killed step left behind is not, and is removed by the
    next step that looks here.
    """
    beside.mkdir(parents=True, exist_ok=True)
    for old in beside.glob(".work-*"):
        lock = _lock(old)
        if lock is not None:
            shutil.rmtree(old, ignore_errors=True)
            os.close(lock)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".work-{name}-", dir=beside))
        lock = _lock(folder)
        if lock is not None and folder.exists():
            break    # else somebody took it for a leftover before it was locked
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder; return the descriptor that holds the lock, which no child inherits, or None when it cannot be
    had."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except OSError:
        os.close(fd)
        return None


@contextlib.contextmanager
def result(path: Path) -> Iterator[Path]:
    """Give a name to write to; when the block ends well the file there becomes `path`, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with result(path) as unfinished:
        unfinished.write_text(text)


def verbose() -> bool:
    """Tell whether the user asked for verbose=yes."""
    return os.environ.get("SKETE_VERBOSE") == "yes"
