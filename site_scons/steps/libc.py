"""Build a libc: `python -m steps.libc RECIPE SOURCE OUTPUT [--direct] --jobs N`.

SOURCE is the patched source archive, OUTPUT a tar file of what the recipe's steps installed. The build happens out of
tree in a workspace, and the objects are the same wherever that was. The whole output of the commands goes to OUTPUT's
name with `.log`, and its end is shown when one of them fails.
"""
from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from fetch import load_recipe
from steps import archive, step
from steps.patch import newest_member
from steps.plan import plan
from steps.progress import Counter
from steps.step import Failure

# What would change the libc behind the recipe's back when it is set in the user's environment.
FOREIGN = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS", "CROSS_COMPILE", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH",
           "GCC_EXEC_PREFIX", "COMPILER_PATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "SKETE_GCC")
LOG_LINES = 30


def settings(given: dict[str, str]) -> dict[str, str]:
    """Return the environment of a build's commands: the user's without FOREIGN, and what is given."""
    return {**{key: value for key, value in os.environ.items() if key not in FOREIGN}, "LC_ALL": "C", **given}


def run(command: list[str], folder: Path, environment: dict[str, str], log, counter: Counter) -> None:
    """Run one command of the build with its output in `log`. Failure with the end of the output when it does not end
    well."""
    log.write(f"+ {shlex.join(command)}\n")
    try:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        raise Failure(f"{command[0]} cannot be started: {error.strerror}") from error
    lines = []
    try:
        for line in child.stdout:
            log.write(line)
            lines = [*lines[1 - LOG_LINES:], line]
            counter.line()
        status = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
        counter.end()
    if status:
        raise Failure(f"{shlex.join(command[:2])} ended with status {status}; the whole output is in {log.name}\n"
                      f"{''.join(lines).rstrip()}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="steps.libc")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--direct", action="store_true", help="with system calls that are jumps")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    recipe = load_recipe(options.recipe)
    how = plan(recipe)
    name = options.output.stem
    with step.workspace(options.output.parent, "libc") as work:
        source, build, root = work / "source", work / "build", work / "root"
        archive.extract(options.source, source)
        build.mkdir()
        # Relative to the build folder: neither the objects nor the commands then know where the workspace is, and a
        # folder with a blank in its name, which configure scripts and makefiles cannot bear, does not reach them.
        values = {"source": "../source", "root": "../root", "jobs": options.jobs,
                  "map": "-ffile-prefix-map=../source=."}
        given = {**how.environment, **(how.direct if options.direct else {})}
        environment = settings({key: value.format(**values) for key, value in given.items()})
        with open(options.output.with_suffix(".log"), "w") as log:
            for command in how.commands(**values):
                run(command, build, environment, log, Counter(name))
        for path in how.provides:
            if not (root / path).exists():
                raise Failure(f"{recipe.path}: the steps installed no {path}")
        for path in how.licences:
            target = root / "share" / "licenses" / recipe.name / Path(path).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, target)
        with step.result(options.output) as unfinished:
            archive.pack(root, unfinished, name, newest_member(options.source))


if __name__ == "__main__":
    step.run(main)
