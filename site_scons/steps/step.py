"""What every step has: one way to fail, to run a command, to write a result; a place to work in."""
from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator

from fetch import RecipeError

TIMEOUT_S = 300     # of a command that takes a moment
#: what a disk says when it does not take or give a file
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


class Failure(Exception):
    """A step cannot give its result; the text is for the user and may have several lines."""


def run(main: Callable[[list[str]], None]) -> None:
    """Run a step's `main(arguments)` and end the program: 0; 1 with the failure, or what is wrong with a recipe or the disk,
    on stderr; 130 when interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))    # unwinds, so workspaces are removed
    try:
        main(sys.argv[1:])
    except (Failure, RecipeError) as failure:
        sys.stdout.flush()
        sys.stderr.write(f"skete: {failure}\n")
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK:
            raise
        # Of what was written to a buffer the name is lost.
        sys.stderr.write(f"skete: {error.filename or Path.cwd()}: {error.strerror}: make room or give access there; the same "
                         "command then goes on\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def output_of(words: list[str], timeout_s: float = TIMEOUT_S, **more) -> tuple[int, str]:
    """Run a command that takes a moment; return its status and all that it printed. Failure where it cannot be started or
    comes to no end. `more` is subprocess's."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout_s, **more)
    except OSError as error:
        raise Failure(f"{words[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise Failure(f"{shlex.join(map(str, words))}: not finished after {timeout_s:g} s") from None
    return done.returncode, done.stdout


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
