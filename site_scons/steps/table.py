"""The table of verdicts: with rich on a terminal, as plain columns elsewhere."""
from __future__ import annotations

import sys

HEADINGS = ("app", "class", "engine", "verdict", "guest", "monitor", "system calls")
ENGINE, VERDICT = 2, 3
NUMBERS = (4, 5, 6, 7, 8)   # columns whose right edges are one below the other
REPORTED = ("time", "Mop/s")    # what benchmarks measure themselves: only where one of them has


def seconds(value: float) -> str:
    """Return a time in s as a table shows it."""
    return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def reported(verdict: dict) -> tuple[str, str]:
    """Return what a benchmark says of itself, for the last two columns."""
    said = verdict.get("reported", {})
    time, speed = said.get("seconds"), said.get("mops")
    return ("-" if time is None else f"{time:.2f} s"), ("-" if speed is None else f"{speed:.0f}")


def row(verdict: dict) -> tuple[str, ...]:
    """Return one line of the table; a verdict without a time is that of a run which came to no result."""
    shape = " ".join(filter(None, [verdict["class"], f"x{verdict['threads']}" if verdict["threads"] != 1 else ""]))
    guest = monitor = calls = "-"
    if "time" in verdict:
        guest = seconds(verdict["time"]["guest_s"])
        if verdict["engine"] != "native":
            monitor, calls = seconds(verdict["time"]["monitor_s"]), str(verdict["calls"])
    return verdict["app"], shape or "-", verdict["engine"], verdict["status"], guest, monitor, calls


def show(verdicts: list[dict]) -> None:
    """Print the table, and below it how each is run by hand."""
    rows, headings = [row(verdict) for verdict in verdicts], HEADINGS
    if any(verdict.get("reported") for verdict in verdicts):
        rows = [cells + reported(verdict) for cells, verdict in zip(rows, verdicts)]
        headings += REPORTED
    if sys.stdout.isatty():
        _rich(headings, rows)
    else:
        _plain(headings, rows)
    for verdict in verdicts:
        print(f"  {verdict['app']}: {verdict['by_hand']}")
    sys.stdout.flush()


def _plain(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    for cells in (headings, *rows):
        line = (f"{cell:>{width}}" if i in NUMBERS else f"{cell:<{width}}"
                for i, (cell, width) in enumerate(zip(cells, widths)))
        print("  " + "  ".join(line).rstrip())


def _rich(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    console, wide = Console(), Console(width=1000)
    table = _rich_table(headings, rows, ())
    engines = {cells[ENGINE] for cells in rows}
    if wide.measure(table).maximum > console.width and len(engines) == 1:
        table = _rich_table(headings, rows, (ENGINE,))
        table.caption, table.caption_justify = f"engine {engines.pop()}", "left"
    # What is still too wide is for the terminal to break: a cell that is cut short says nothing.
    console.width = max(console.width, wide.measure(table).maximum)
    console.print(table)


def _rich_table(headings: tuple[str, ...], rows: list[tuple[str, ...]], without: tuple[int, ...]):
    from rich import box
    from rich.table import Table
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for i, heading in enumerate(headings):
        if i not in without:
            table.add_column(heading.replace(" ", "\n"), justify="right" if i in NUMBERS else "left", no_wrap=True,
                             vertical="bottom")
    for cells in rows:
        colour = "green" if cells[VERDICT] == "verified" else "red"
        table.add_row(*(f"[{colour}]{cell}[/]" if i == VERDICT else cell for i, cell in enumerate(cells)
                        if i not in without))
    return table
