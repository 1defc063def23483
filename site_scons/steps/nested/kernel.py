"""Debian's kernel package: downloaded by apt, unpacked into a folder of the build, never installed."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from steps.step import Failure

META = "linux-image-cloud-amd64"
MODULES = ("irqbypass", "kvm", "kvm-amd")
_REMEDY = "apt-get update && apt-get install --no-install-recommends apt dpkg"


def obtain(folder: Path) -> Path:
    """The unpacked package, in `folder`; downloads what is not there."""
    tree = folder / "tree"
    if tree.is_dir():
        return tree
    packages = sorted(folder.glob("linux-image-*.deb"))
    if not packages:
        folder.mkdir(parents=True, exist_ok=True)
        _apt(["apt-get", "download", _name()], folder)
        packages = sorted(folder.glob("linux-image-*.deb"))
    unfinished = folder / ".tree"
    shutil.rmtree(unfinished, ignore_errors=True)
    _apt(["dpkg-deb", "-x", packages[-1].name, unfinished.name], folder)
    unfinished.rename(tree)
    return tree


def _name() -> str:
    """What the package that always means the newest kernel depends on."""
    answer = _apt(["apt-cache", "depends", META], Path.cwd())
    found = re.search(r"Depends: (linux-image-\S+)", answer)
    if found is None:
        raise Failure(f"apt knows no {META}; it is Debian's, for the emulated machine: apt-get update")
    return found[1]


def _apt(words: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600)
    except FileNotFoundError:
        raise Failure(f"{words[0]} is not here, and the emulated machine's kernel is a Debian package: {_REMEDY}") from None
    if done.returncode:
        raise Failure(f"{' '.join(words)}: {done.stderr.strip()}\ntry: apt-get update; or put a linux-image-*.deb into "
                      f"{folder}")
    return done.stdout


def image(tree: Path) -> Path:
    """The kernel to boot."""
    return _one(tree, "boot/vmlinuz-*")


def modules(tree: Path) -> list[Path]:
    """The modules of KVM, in the order in which they are to be loaded."""
    return [_one(tree, f"lib/modules/*/kernel/**/{name}.ko") for name in MODULES]


def _one(tree: Path, pattern: str) -> Path:
    found = sorted(tree.glob(pattern))
    if not found:
        raise Failure(f"{tree}: there is no {pattern} in this kernel package; remove {tree.parent} to have another one")
    return found[0]
