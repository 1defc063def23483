"""Gather the kernel's headers: `python -m steps.headers STAMP --arch A`. The folder is STAMP's own.

<linux/*.h> and <asm/*.h> are the kernel's, not a libc's, and the same for each. The machine has them, in Debian's
linux-libc-dev, among those of its own libc; programs get a folder with these alone, in which nothing of that libc is.
"""
from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from steps import step
from steps.step import Failure

PACKAGE = "linux-libc-dev"
INCLUDE = Path("/usr/include")
#: what make headers_install makes, but for drm, rdma, scsi and xen, in which other packages have headers too
NEEDED, MORE = ("linux", "asm-generic"), ("misc", "mtd", "sound", "video")
RELEASE = INCLUDE / "linux" / "version.h"


def found(arch: str, include: Path = INCLUDE) -> dict[str, Path]:
    """Return what there is: the name that programs know a folder by, and the folder. Failure says what to install."""
    places = {name: include / name for name in (*NEEDED, *MORE)}
    several = include / f"{arch}-linux-gnu" / "asm"     # where a machine has headers for many
    places["asm"] = several if several.is_dir() else include / "asm"
    for name, header in (("linux", "version.h"), ("asm-generic", "types.h"), ("asm", "types.h")):
        if not (places[name] / header).is_file():
            raise Failure(f"the kernel's headers are not installed: there is no {places[name] / header}; "
                          f"on Debian: apt-get install {PACKAGE}")
    return {name: folder for name, folder in places.items() if folder.is_dir()}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="steps.headers")
    parser.add_argument("stamp", type=Path)
    parser.add_argument("--arch", required=True)
    options = parser.parse_args(arguments)
    folder = options.stamp.parent
    with step.workspace(folder.parent, "headers") as work:
        for name, place in found(options.arch).items():
            shutil.copytree(place, work / "new" / name, ignore=shutil.ignore_patterns(".*"))
        (work / "new" / options.stamp.name).write_text(RELEASE.read_text())
        if folder.exists():
            folder.rename(work / "old")
        (work / "new").rename(folder)


if __name__ == "__main__":
    step.run(main)
