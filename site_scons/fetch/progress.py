"""What the user sees while it lasts: a bar on a terminal, a line now and then elsewhere, or nothing. All on stderr."""

from __future__ import annotations

import sys
import time
from typing import Protocol

LINE_EVERY_S = 5
PREFIX = "skete: "


class Progress(Protocol):
    def begin(self, total: int | None, have: int) -> None:
        """A body begins to arrive; sizes in bytes."""

    def advance(self, have: int) -> None: ...

    def note(self, text: str) -> None:
        """Something worth a line: a retry, a wait."""

    def close(self) -> None: ...


class Silent:
    def begin(self, total: int | None, have: int) -> None: ...
    def advance(self, have: int) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


class Lines:
    """For logs: nothing for what is quick, else a line every few seconds."""

    def __init__(self, title: str):
        self._title, self._total = title, None
        self._last = time.monotonic()

    def begin(self, total: int | None, have: int) -> None:
        self._total = total

    def advance(self, have: int) -> None:
        if time.monotonic() - self._last < LINE_EVERY_S:
            return
        share = f" of {self._total / 1e6:.1f} MB ({100 * have // self._total}%)" if self._total else " MB"
        self.note(f"{have / 1e6:.1f}{share}")

    def note(self, text: str) -> None:
        self._last = time.monotonic()
        print(f"{PREFIX}{self._title}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None: ...


class Bar:
    """rich's bar, gone when the download is done. Notes stay as lines above it, or if `quiet` are gone with it."""

    def __init__(self, title: str, quiet: bool):
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress
        self._bar = RichProgress(TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(),
                                 TransferSpeedColumn(), TimeRemainingColumn(),
                                 console=Console(stderr=True), transient=True)
        self._title, self._quiet = title, quiet
        self._task = self._bar.add_task(title, total=None)

    def begin(self, total: int | None, have: int) -> None:
        self._bar.start()
        self._bar.update(self._task, total=total, completed=have, description=self._title)

    def advance(self, have: int) -> None:
        self._bar.update(self._task, completed=have)

    def note(self, text: str) -> None:
        if self._quiet:
            self._bar.start()
            self._bar.update(self._task, description=f"{self._title}: {text}")
        else:
            self._bar.console.print(f"{PREFIX}{self._title}: {text}", markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


def for_stderr(title: str, quiet: bool) -> Progress:
    """A bar on a terminal where rich is installed, else lines. `quiet`: nothing that stays."""
    if sys.stderr.isatty():
        try:
            return Bar(title, quiet)
        except ImportError:
            pass
    return Silent() if quiet else Lines(title)
