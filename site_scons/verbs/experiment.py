"""`scons experiment=NAME`: measure, and leave data, an executed notebook and a picture in results/NAME."""
from __future__ import annotations

from SCons.Script import ARGUMENTS, Default


def declare(env) -> bool:
    """Declare the experiment that is asked for; tell whether one is.

    Nothing else is declared then, as for the matrix: an experiment starts a build of its own for what it measures.
    """
    name = env["experiment"]
    if name == "none":
        return False
    # PYTHONPATH is site_scons for the build's own steps; an experiment is found from the top of the tree.
    # The problem class is the experiment's own to choose where the command line does not.
    env = env.Clone(EXPERIMENT=name, CLASS=ARGUMENTS.get("class", "") if name == "npb" else "")
    env["ENV"]["PYTHONPATH"] = env.Dir("#").abspath
    run = env.Alias(f"experiment={name}", [], env.Said("$PYTHON -P -m experiments.$EXPERIMENT $CLASS", "experiment"))
    env.AlwaysBuild(run)
    Default(run)
    return True
