"""The kernel's headers for programs that ask for them: steps/headers.py gathers them, once for all libcs."""
from __future__ import annotations

from SCons.Script import File

from steps import headers
from steps.step import Failure
from verbs.libc import step
from verbs.options import BUILD


def missing(env) -> str:
    """Return why they cannot be had, or nothing."""
    try:
        headers.found(env["arch"])
    except Failure as failure:
        return str(failure)
    return ""


def declare(env) -> tuple[object, str]:
    """Declare the folder; return the node of its stamp, and the folder's path from the top of the tree."""
    folder = f"{BUILD}/headers/{env['arch']}"
    stamp = File(f"#{folder}/.complete")
    if not stamp.has_builder():
        step(env, stamp, [File(str(headers.RELEASE))], "$STEP.headers $TARGET --arch $arch")
        env.NoCache(stamp)
        env.Clean(stamp, f"#{folder}")
    return stamp, folder
