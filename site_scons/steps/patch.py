"""Apply a quilt series to a source archive: `python -m steps.patch ARCHIVE SERIES OUTPUT --folder NAME`.

The archive is unpacked in a workspace, every patch of the series is applied there with patch(1), and the whole tree is
packed as OUTPUT, whose members lie below NAME and bear the day of the newest file in the archive (or
SOURCE_DATE_EPOCH). A patch that does not apply ends the step with the patch, the file and the reject. One that would
apply with fuzz does not: it may be in the wrong place; one series fits several releases because lines may have moved.
"""
from __future__ import annotations

import argparse
import os
import tarfile
from pathlib import Path

from steps import archive, step
from steps.step import Failure


def read_series(series: Path) -> list[tuple[Path, str]]:
    """Return (patch, strip option) of each line of a quilt series file. Failure where a patch is missing."""
    patches = []
    for line in series.read_text().splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        patch = series.parent / words[0]
        if not patch.is_file():
            raise Failure(f"{series} lists {words[0]}, which is not there")
        patches.append((patch, words[1] if len(words) > 1 else "-p1"))
    return patches


def apply(patch: Path, strip: str, tree: Path, place: str) -> None:
    """Apply one patch to `tree`. Failure, with what was rejected, where a hunk does not fit. `place`: "2 of 4"."""
    status, said = step.output_of(
        ["patch", strip, "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-d", str(tree),
         "-i", str(patch.resolve())], env={**os.environ, "LC_ALL": "C"})
    if status == 0:
        return
    words = [f"patch {patch} ({place} of the series) does not apply"]
    for reject in sorted(tree.rglob("*.rej")):
        words += [f"file: {reject.relative_to(tree).with_suffix('')}", "reject:",
                  reject.read_text(errors="replace").rstrip()]
    raise Failure("\n".join([*words, "patch(1) said:", said.rstrip()]))


def newest_member(path: Path) -> int:
    """Return the time (s) of the newest member of a tar file: the day the release was made."""
    with tarfile.open(path) as tar:
        return int(max(member.mtime for member in tar))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="steps.patch")
    parser.add_argument("archive", type=Path)
    parser.add_argument("series", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--folder", required=True)
    options = parser.parse_args(arguments)
    patches = read_series(options.series)
    with step.workspace(options.output.parent, "patch") as work:
        tree = work / "tree"
        archive.extract(options.archive, tree)
        for number, (patch, strip) in enumerate(patches, 1):
            apply(patch, strip, tree, f"{number} of {len(patches)}")
        mtime = int(os.environ.get("SOURCE_DATE_EPOCH") or newest_member(options.archive))
        with step.result(options.output) as unfinished:
            archive.pack(tree, unfinished, options.folder, mtime)


if __name__ == "__main__":
    step.run(main)
