"""`scons matrix`: every app with every libc, as a table, as JSON in build/matrix/, and as a picture in docs/."""
from __future__ import annotations

import shlex

from SCons.Script import COMMAND_LINE_TARGETS, Default

from verbs.options import BUILD, MATRIX


def declare(env) -> bool:
    """Declare the target `matrix`, when it is asked for; tell whether that is so.

    Nothing else is declared then: it runs this build once for each libc, and two that know the same files get in each
    other's way.
    """
    if MATRIX not in COMMAND_LINE_TARGETS:
        return False
    given = {key: value for key, value in env["VARIABLES"].args.items() if key != "libc"}
    recipes = " ".join(shlex.quote(str(recipe.path)) for recipe in env["RECIPES"].values())
    words = " ".join(shlex.quote(f"{key}={value}".replace("$", "$$")) for key, value in given.items())
    made = env.Command([f"#{BUILD}/matrix/matrix.json", "#docs/compatibility.svg"], [],
                       env.Said(f"${{STEP}}.matrix $TARGETS {recipes} -- {words}", "matrix"))
    env.NoClean(made)
    env.Precious(made)
    env.NoCache(made)
    env.AlwaysBuild(made, env.Alias(MATRIX, made))
    Default(made)
    return True
