"""Build a program from its source: `python -m steps.program RECIPE SOURCE FOLDER --cc COMMAND --jobs N [--headers DIR]`.

SOURCE is the source archive, patched where the recipe has patches; FOLDER gets the files that the recipe says it
provides. The steps run in a workspace, in the source tree itself, for few programs can be built elsewhere. The whole
output of the commands goes to FOLDER's name with `.log`, and its end is shown when one of them fails.

    [build]
    steps = ["make CC=skete-cc", ...]   commands, run one after the other; {jobs} is filled in. skete-cc compiles and links
                                        static programs with the chosen libc
    libcs = ["musl"]                    optional: those it can be built with, where that is not each
    kernel_headers = true               optional: it includes <linux/*.h> or <asm/*.h>, which no libc has; steps/headers.py
    [build.commands]                    commands that the steps need besides what every build does = Debian's package
    tclsh = "tcl"
    [build.environment]                 variables for the steps
    [build.provides]                    the name that apps know a file by = its path in the source tree
    lua = "src/lua"
"""
from __future__ import annotations

import argparse
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from fetch import Recipe, RecipeError, load_recipe
from steps import archive, step
from steps.libc import run, settings
from steps.plan import check
from steps.progress import Counter
from steps.step import Failure

KINDS = {"steps": list, "libcs": list, "environment": dict, "provides": dict, "commands": dict,
         "kernel_headers": bool}
OPTIONAL = {"libcs": [], "environment": {}, "commands": {}, "kernel_headers": False}
ELF = b"\x7fELF"


@dataclass(frozen=True)
class Plan:
    """The table above."""
    steps: list[str]
    libcs: list[str]
    environment: Mapping[str, str]
    provides: Mapping[str, str]
    commands: Mapping[str, str]
    kernel_headers: bool


def plan(recipe: Recipe) -> Plan:
    """Return a recipe's plan. RecipeError names the file and the key that is wrong."""
    table = {**OPTIONAL, **recipe.build}
    check(recipe, "build", table, KINDS)
    for line in table["steps"]:
        try:
            line.format(jobs=1)
            shlex.split(line)
        except (KeyError, IndexError, ValueError) as error:
            raise RecipeError(f"{recipe.path}: build.steps: {line!r} cannot be filled in: {error}") from error
    for name, path in table["provides"].items():
        if "/" in name or not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
            raise RecipeError(f"{recipe.path}: build.provides.{name} must be a path in the source tree; it is {path!r}")
    return Plan(**table)


def wrapper(folder: Path, command: str, headers: Path | None) -> None:
    """Make `skete-cc` there, which is that command, and finds the kernel's headers in `headers`."""
    words = shlex.split(command)
    if Path(words[0]).exists():
        words[0] = os.path.abspath(words[0])
    if headers is not None:
        words += ["-idirafter", os.path.abspath(headers)]
    folder.mkdir()
    script = folder / "skete-cc"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    script.chmod(0o755)


def dynamic(program: bytes) -> bool:
    """Tell whether an ELF file of 64 bits names an interpreter (PT_INTERP): it is none of ours then."""
    at, size, count = (int.from_bytes(program[where:where + n], "little") for where, n in ((32, 8), (54, 2), (56, 2)))
    return any(program[where:where + 4] == b"\3\0\0\0" for where in range(at, at + size * count, size or 1))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="steps.program")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--headers", type=Path, help="the folder of the kernel's headers, for a program that wants them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    recipe = load_recipe(options.recipe)
    how = plan(recipe)
    for command, package in how.commands.items():
        if not shutil.which(command):
            raise Failure(f"{recipe.title} cannot be built without {command}; on Debian: apt-get install {package}")
    name = options.folder.name
    with step.workspace(options.folder.parent, "program") as work:
        source, commands = work / "source", work / "bin"
        archive.extract(options.source, source)
        wrapper(commands, options.cc, options.headers)
        environment = settings({**how.environment, "PATH": f"{commands}:{os.environ['PATH']}"})
        with open(options.folder.with_name(f"{name}.log"), "w") as log:
            for line in how.steps:
                words = [word.format(jobs=options.jobs) for word in shlex.split(line)]
                run(words, source, environment, log, Counter(name))
        for title, path in how.provides.items():
            if not (source / path).is_file():
                raise Failure(f"{recipe.path}: the steps made no {path}, which is to be {title}")
            with open(source / path, "rb") as file:
                head = file.read(1 << 16)
            if head.startswith(ELF) and dynamic(head):
                raise Failure(f"{recipe.path}: {path} is a dynamic program: the steps did not link it with skete-cc")
        options.folder.mkdir(parents=True, exist_ok=True)
        for title, path in how.provides.items():
            with step.result(options.folder / title) as unfinished:
                shutil.copy2(source / path, unfinished)


if __name__ == "__main__":
    step.run(main)
