"""Unpack a sysroot: `python -m steps.unpack ARCHIVE STAMP`. The folder is STAMP's own; STAMP holds the archive's
SHA-256."""
from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from steps import archive, step


def main(arguments: list[str]) -> None:
    source, stamp = map(Path, arguments)
    folder = stamp.parent
    with step.workspace(folder.parent, "unpack") as work:
        archive.extract(source, work / "new")
        (work / "new" / stamp.name).write_text(hashlib.sha256(source.read_bytes()).hexdigest() + "\n")
        if folder.exists():
            folder.rename(work / "old")    # its removal takes a while; the gap without a sysroot is two renames
        (work / "new").rename(folder)
        shutil.rmtree(work / "old", ignore_errors=True)


if __name__ == "__main__":
    step.run(main)
