"""What only experiments need (requirements-experiments.txt), in a folder of its own: ./scons does without it."""
from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

from experiments.harness import TREE, Failure

FOLDER = TREE / "build" / "experiments" / "packages"


def provide() -> None:
    """Install it, once, and make it importable here."""
    wanted = TREE / "requirements-experiments.txt"
    mark = f"{hashlib.sha256(wanted.read_bytes()).hexdigest()} {sys.version.split()[0]}"
    stamp = FOLDER / "stamp"
    if not stamp.exists() or stamp.read_text() != mark:
        print(f"  PIP    {wanted.name} into {FOLDER.relative_to(TREE)}", file=sys.stderr, flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-q",
                               "--require-hashes", "--target", str(FOLDER), "-r", str(wanted)],
                              capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"pip could not install {wanted.name}:\n{done.stderr[-2000:]}")
        temporary = stamp.with_name("stamp.new")
        temporary.write_text(mark)
        temporary.replace(stamp)
    sys.path.append(str(FOLDER))
