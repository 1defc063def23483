"""What is said while a guest or a long build runs: on a terminal one line that is replaced, elsewhere a line now and then.

The cursor stays at the beginning of that line, so whatever comes next takes its place; several take turns on it.
"""
from __future__ import annotations

import os
import sys
import time
from pathlib import Path

TELL_FIRST_S, TELL_EVERY_S = 5.0, 60.0      # how often a line says that a guest is still running
LIVE_S = 1.0
COUNT_EVERY_S, COUNT_LIVE_S = 5.0, 0.2     # the same of a build's commands
CLEAR = "\x1b[K"        # from the cursor to the end of the line


def live() -> bool:
    """Tell whether standard output is a terminal on which a line can be replaced."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def last_line(output: Path) -> str:
    """Return the last line that the guest has written so far, as much as fits beside the rest, or nothing."""
    with open(output, "rb") as f:
        f.seek(max(0, output.stat().st_size - 400))
        lines = f.read().decode(errors="replace").split("\n")
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(c if c.isprintable() else "?" for c in text)[:60]


def replace(text: str) -> None:
    """Write a line that the next one replaces."""
    text = text[:os.get_terminal_size(sys.stdout.fileno()).columns - 1]
    print(f"\r{text}{CLEAR}", end="\r", flush=True)


class Counter:
    """The progress of a long build, by the lines that its commands have printed: call `line()` for each, `end()` at the end.
    """

    def __init__(self, what: str):
        self.what, self.lines, self.live = what, 0, live()
        self.begun = self.told = time.monotonic()

    def line(self) -> None:
        self.lines += 1
        now = time.monotonic()
        if now - self.told < (COUNT_LIVE_S if self.live else COUNT_EVERY_S):
            return
        self.told = now
        text = f"         {self.what}: {self.lines} commands, {now - self.begun:.0f} s"
        if self.live:
            replace(text)
        else:
            print(text, flush=True)

    def end(self) -> None:
        if self.live and self.told != self.begun:
            print(f"\r{CLEAR}", end="", flush=True)


class Progress:
    """The progress of one run. Call `tell(seconds)`, then again after `pause`; `clear()` when it has ended."""

    def __init__(self, label: str, output: Path, is_live: bool):
        self.label, self.output, self.live = label, output, is_live
        self.pause = LIVE_S if is_live else TELL_FIRST_S

    def tell(self, seconds: float) -> None:
        last = last_line(self.output)
        text = f"         {self.label}: running for {seconds:.0f} s{f', last: {last}' if last else ''}"
        if self.live:
            replace(text)
        else:
            print(text, flush=True)
            self.pause = min(2 * self.pause, TELL_EVERY_S)

    def clear(self) -> None:
        if self.live:
            print(f"\r{CLEAR}", end="", flush=True)
