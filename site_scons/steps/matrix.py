"""Which app is verified with which libc: `python -m steps.matrix JSON PICTURE LIBC... -- VARIABLE=VALUE...`.

For each libc the whole build runs, as a user would start it, and goes on where something fails. An app that could not
be built is built once more by itself, so that what it lacks can be told from the messages: the symbols that the linker
missed, the header, or else the first error. The result is a table on the terminal, a JSON file and a picture.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from fetch import load_recipe
from steps import step
from steps.step import Failure

MISSING = re.compile(r"undefined reference to [`'‘]([^`'’]+)['’]")
HEADER = re.compile(r"fatal error: (\S+): No such file or directory")
UNDECLARED = re.compile(r"error: [`'‘]([^`'’]+)['’] undeclared")
INCOMPLETE = re.compile(r"error: .*?[`'‘](?:const )?(struct [^`'’]+)['’]")
ERROR = re.compile(r"error: (.*)|(skete: .*)")
NAMED = 4       # symbols of a long list that the table and the picture name


def build(libc: str, words: list[str], log: Path, report: Path | None = None) -> str:
    """Run scons for a libc and return all that it said, which `log` has too."""
    command = [sys.executable, "-P", "-m", "SCons", "-Q", "-k", f"libc={libc}", *words]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SKETE_VERBOSE")}
    if report:
        environment["SKETE_VERDICTS"] = str(report.absolute())
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env=environment)
    log.write_text(done.stdout)
    return done.stdout


def lacking(said: str) -> dict:
    """Return {"lacks": names} or {"why": words} for a build that failed with these messages."""
    for pattern, shape in ((MISSING, "{}"), (HEADER, "<{}>"), (UNDECLARED, "{}"), (INCOMPLETE, "{}")):
        found = sorted(set(pattern.findall(said)))
        if found:
            return {"lacks": [shape.format(name) for name in found]}
    error = ERROR.search(said)
    return {"why": (error[1] or error[2])[:120] if error else "the build ended without a word"}


def cell(verdict: dict, libc: str, words: list[str], folder: Path) -> dict:
    """Return what is known of one app with one libc."""
    if verdict["status"] in ("verified", "failed"):
        return {"status": verdict["status"], **({"why": verdict["why"]} if verdict.get("why") else {}),
                "calls": verdict["calls"], "by_hand": verdict["by_hand"]}
    if verdict["status"] == "no result":
        return {"status": "failed", "why": "the run came to no result", "by_hand": verdict["by_hand"]}
    name = verdict["folder"]
    log = folder / f"{libc}-{name.replace('/', '-')}.log"
    again = [word for word in words if not word.startswith(("app=", "run="))]
    return {"status": "not built", **lacking(build(libc, [*again, f"app={name}", "run=no"], log)), "log": str(log)}


def survey(libcs: list[str], words: list[str], folder: Path) -> list[dict]:
    """Return one row for each app: its label, and what came of it with each libc."""
    rows: dict[str, dict] = {}
    if not any(word.startswith("app=") for word in words):
        words = [*words, "app=all"]
    for libc in libcs:
        print(f"         {libc}: every app", flush=True)
        report = folder / f"{libc}.json"
        report.unlink(missing_ok=True)
        said = build(libc, words, folder / f"{libc}.log", report)
        if not report.exists():
            raise Failure(f"the build with libc={libc} came to no end; its last words, of {folder / f'{libc}.log'}:\n"
                          + "\n".join(said.splitlines()[-5:]))
        for verdict in json.loads(report.read_text()):
            row = rows.setdefault(verdict["app"], {"app": verdict["app"], "class": verdict["class"], "cells": {}})
            row["cells"][libc] = cell(verdict, libc, words, folder)
    return sorted(rows.values(), key=lambda row: ("/" in row["app"], row["app"]))


def words_of(cell: dict | None) -> str:
    """Return a cell as the table shows it."""
    if cell is None:
        return "-"
    if cell["status"] != "not built":
        return cell["status"]
    names = cell.get("lacks")
    if not names:
        return "not built"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"lacks {', '.join(names[:NAMED])}{more}"


def show(libcs: list[str], rows: list[dict]) -> None:
    table = [("app", *libcs), *((row["app"], *(words_of(row["cells"].get(libc)) for libc in libcs)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        print("  " + "  ".join(f"{text:<{width}}" for text, width in zip(line, widths)).rstrip())


def picture(libcs: list[dict], rows: list[dict]) -> str:
    """Return the table as SVG, drawn from the template beside this file."""
    import jinja2
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, keep_trailing_newline=True)
    shown = [{"app": row["app"], "class": row["class"],
              "cells": [{"status": (row["cells"].get(libc["name"]) or {"status": "-"})["status"],
                         "text": words_of(row["cells"].get(libc["name"]))} for libc in libcs]} for row in rows]
    return environment.get_template("matrix.svg.j2").render(libcs=libcs, rows=shown)


def main(arguments: list[str]) -> None:
    at = arguments.index("--")
    (output, drawing, *recipes), words = arguments[:at], arguments[at + 1:]
    folder = Path(output).parent
    folder.mkdir(parents=True, exist_ok=True)
    libcs = [{"name": recipe.name, "title": recipe.title, "version": recipe.default_version}
             for recipe in map(load_recipe, recipes)]
    names = [libc["name"] for libc in libcs]
    rows = survey(names, words, folder)
    show(names, rows)
    found = {"schema": 1, "variables": words, "libcs": libcs, "apps": rows}
    step.write(Path(output), json.dumps(found, indent=1) + "\n")
    step.write(Path(drawing), picture(libcs, rows))


if __name__ == "__main__":
    step.run(main)
