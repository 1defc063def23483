"""Find out whether the C compiler works, and which one it is: `python -m steps.compiler OUTPUT`.

What is written is part of what everything compiled depends on: another compiler makes another libc.
"""
from __future__ import annotations

import os
from pathlib import Path

from steps import step
from steps.step import Failure

PROBE = "void _start(void)\n{\n\tfor (;;) ;\n}\n"


def said(command: list[str]) -> str:
    """Return what a command prints. Failure when it cannot be run or does not end with 0."""
    status, words = step.output_of(command, env={**os.environ, "LC_ALL": "C"})
    if status:
        raise Failure(f"the C compiler does not work: {' '.join(command)} ended with {status}\n"
                      f"{words.rstrip()}\non Debian, apt-get install --reinstall gcc binutils sets it right")
    return words.strip()


def main(arguments: list[str]) -> None:
    output = Path(arguments[0])
    with step.workspace(output.parent, "compiler") as work:
        (work / "probe.c").write_text(PROBE)
        said(["gcc", "-nostdlib", "-static", "-o", str(work / "probe"), str(work / "probe.c")])
    target = said(["gcc", "-dumpmachine"])
    if not target.startswith("x86_64"):
        raise Failure(f"gcc compiles for {target}; skete runs on x86_64 only")
    versions = [said([tool, "--version"]).splitlines()[0] for tool in ("gcc", "ld")]
    step.write(output, "\n".join([target, *versions, ""]))


if __name__ == "__main__":
    step.run(main)
