"""`scons test`: build the sysroot and every app's program, then run pytest."""
from __future__ import annotations

import importlib.util
import os

from SCons.Script import COMMAND_LINE_TARGETS

from verbs.options import TOP, refuse


def declare(env, toolchain, apps) -> None:
    """Declare the target `test`. It is run whenever it is asked for, and its status is pytest's."""
    if "test" not in COMMAND_LINE_TARGETS:
        return
    if importlib.util.find_spec("pytest") is None:
        refuse(f"pytest is not there for {env['PYTHON']}: use ./scons, or install requirements.txt")
    env = env.Clone()
    env["ENV"] = {**env["ENV"], "SKETE_SYSROOT": str(TOP / os.path.dirname(os.path.dirname(toolchain.gcc)))}
    # -rs: why a test was skipped is part of the result.
    run = env.Command("test", [toolchain.stamp, *apps.programs], env.Said('$PYTHON -m pytest -rs $pytest', "test"))
    env.AlwaysBuild(env.Alias("test", run))
    env.AlwaysBuild(run)
    env.NoCache(run)
