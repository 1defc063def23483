"""Compress an archive for others: `python -m steps.dist ARCHIVE OUTPUT`. gzip with an empty header, so the bytes
depend on ARCHIVE alone."""
from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from steps import step


def main(arguments: list[str]) -> None:
    source, output = map(Path, arguments)
    with step.result(output) as unfinished, open(source, "rb") as plain, open(unfinished, "wb") as f:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=f, mtime=0) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)


if __name__ == "__main__":
    step.run(main)
