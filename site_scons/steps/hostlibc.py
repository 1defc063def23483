"""See whether the machine's own libc can be linked statically: `python -m steps.hostlibc RECIPE OUTPUT`.

A program is compiled, linked and run; what it says about its libc is OUTPUT.
"""
from __future__ import annotations

import shlex
from pathlib import Path

from fetch import load_recipe
from steps import step
from steps.compiler import said
from steps.plan import host
from steps.step import Failure

PROBE = """\
#include <stdio.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
int main(void) { return printf("glibc %s\\n", gnu_get_libc_version()) < 0; }
#else
int main(void) { return puts("not glibc") < 0; }
#endif
"""


def main(arguments: list[str]) -> None:
    recipe, output = map(Path, arguments)
    how = host(load_recipe(recipe))
    with step.workspace(output.parent, "hostlibc") as work:
        (work / "probe.c").write_text(PROBE)
        command = [*shlex.split(how["compiler"]), "-o", str(work / "probe"), str(work / "probe.c")]
        status, words = step.output_of(command)
        if status:
            raise Failure(f"no static program can be linked with {how['compiler']}: on Debian, apt-get install "
                          f"{how['package']}\n{words.rstrip()}")
        step.write(output, said([str(work / "probe")]) + "\n")


if __name__ == "__main__":
    step.run(main)
