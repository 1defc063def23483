"""What is said while a guest runs: on a terminal one line that is replaced every second, elsewhere ever rarer lines.

The cursor stays at the beginning of that line, so whatever comes next takes its place; several runs take turns on it.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

TELL_FIRST_S, TELL_EVERY_S = 5.0, 60.0      # how often a line says that a guest is still running
LIVE_S = 1.0
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


class Progress:
    """The progress of one run. Call `tell(seconds)`, then again after `pause`; `clear()` when it has ended."""

    def __init__(self, label: str, output: Path, is_live: bool):
        self.label, self.output, self.live = label, output, is_live
        self.pause = LIVE_S if is_live else TELL_FIRST_S

    def tell(self, seconds: float) -> None:
        last = last_line(self.output)
        text = f"         {self.label}: running for {seconds:.0f} s{f', last: {last}' if last else ''}"
        if self.live:
            text = text[:os.get_terminal_size(sys.stdout.fileno()).columns - 1]
            print(f"\r{text}{CLEAR}", end="\r", flush=True)
        else:
            print(text, flush=True)
            self.pause = min(2 * self.pause, TELL_EVERY_S)

    def clear(self) -> None:
        if self.live:
            print(f"\r{CLEAR}", end="", flush=True)
