"""The table of system calls as people and programs read it: what ``skete syscalls`` prints.

One row for each call of Linux, served or not, so that a gap shows. The states:

served      what Linux does, as far as a program can tell
partly      served, but for what the note says
refused     answered on purpose with the errno of a kernel that was built without it
not served  ENOSYS, counted, and named at the end of the run
"""
from __future__ import annotations

from skete.abi.syscalls import NAMES

__all__ = ["STATES", "as_json", "as_markdown", "as_text", "chosen", "entries", "render"]

STATES = ("served", "partly", "refused", "not served")


def render(wanted: str = "", form: str = "text") -> str:
    """What ``skete syscalls [FILTER]`` prints; "" where the filter keeps nothing. form: "text", "json" or "markdown"."""
    from skete.kernel.table import SYSCALLS

    rows = chosen(entries(SYSCALLS), wanted)
    if not rows:
        return ""
    if form != "text":
        return as_json(rows) if form == "json" else as_markdown(rows)
    import os
    import sys

    # Lines of a pipe's reader are as long as they are: only a terminal folds notes.
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 1000
    return as_text(rows, width)


def entries(syscalls: dict) -> list:
    """[(nr, name, state, note), ...] by number. syscalls: {nr: skete.kernel.row.Row}"""
    found = []
    for nr in sorted(set(NAMES) | set(syscalls)):
        row = syscalls.get(nr)
        if row is None:
            state = "not served"
        elif row.refused:
            state = "refused"
        else:
            state = "partly" if row.partly else "served"
        found.append((nr, NAMES.get(nr, f"syscall_{nr:#x}"), state, row.partly if row else ""))
    return found


def chosen(rows: list, wanted: str) -> list:
    """The rows that a filter keeps: a number, a state, or a part of a name. Empty: all."""
    if not wanted:
        return rows
    if wanted in STATES:
        return [row for row in rows if row[2] == wanted]
    if wanted.isdecimal():
        return [row for row in rows if row[0] == int(wanted)]
    return [row for row in rows if wanted in row[1]]


def summary(rows: list) -> str:
    """``362 calls: 120 served, 14 partly, 3 refused, 225 not served``"""
    counts = [(len([row for row in rows if row[2] == state]), state) for state in STATES]
    shown = ", ".join([f"{count} {state}" for count, state in counts if count])
    return f"{len(rows)} call{'' if len(rows) == 1 else 's'}: {shown}"


def as_text(rows: list, width: int = 100) -> str:
    """Aligned columns, notes wrapped to the width (columns of the terminal), and the summary."""
    import textwrap

    name_width = max([len(row[1]) for row in rows], default=0)
    margin = 5 + name_width + 2 + 12
    lines = []
    for nr, name, state, note in rows:
        head = f"{nr:3}  {name:<{name_width}}  {state:<10}  "
        folded = textwrap.wrap(note, max(width - margin, 24)) or [""]
        lines.append((head + folded[0]).rstrip())
        lines += [" " * len(head) + more for more in folded[1:]]
    lines.append("\n" + summary(rows))
    return "\n".join(lines) + "\n"


def as_json(rows: list) -> str:
    """A list of {"nr", "name", "state", "note"}."""
    import json

    return json.dumps([{"nr": nr, "name": name, "state": state, "note": note} for nr, name, state, note in rows],
                      indent=1) + "\n"


def as_markdown(rows: list) -> str:
    """A page for docs/: the summary, a table of what has a row, and the names of what has none."""
    text = f"# System calls\n\n{summary(rows)}. The numbers are those of x86-64, Linux 6.1.\n\n"
    text += "| nr | call | state | what is left out |\n|---:|---|---|---|\n"
    for nr, name, state, note in rows:
        if state != "not served":
            text += f"| {nr} | `{name}` | {state} | {note.replace('|', chr(92) + '|')} |\n"
    missing = [f"`{name}`" for _, name, state, _ in rows if state == "not served"]
    if missing:
        import textwrap

        text += "\nNot served (ENOSYS, named at the end of the run):\n"
        text += "\n".join(textwrap.wrap(", ".join(missing), 110)) + "\n"
    return text
