"""Write SHA256SUMS: `python -m steps.sums FILE... OUTPUT`, as sha256sum -c reads it."""
from __future__ import annotations

import hashlib
from pathlib import Path

from steps import step


def main(arguments: list[str]) -> None:
    *files, output = map(Path, arguments)
    step.write(output, "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
                               for path in sorted(files, key=lambda path: path.name)))


if __name__ == "__main__":
    step.run(main)
