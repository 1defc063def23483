"""The verb Source: programs from elsewhere, fetched and built by a recipe in toolchain/programs/, for apps to run."""
from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import Mapping

from SCons.Script import COMMAND_LINE_TARGETS, File, GetOption, Value

from fetch import RecipeError, load_recipe
from steps.patch import read_series
from steps.program import plan
from steps.step import Failure
from verbs import headers
from verbs.libc import compiler_node, download_node, patched_node, step
from verbs.options import BUILD, TOP, jobs, refuse

FOLDER = TOP / "toolchain" / "programs"
#: those that are built and verified before the tests, and their apps; the others take minutes
TESTED_PROGRAMS = ("lua", "bzip2", "zlib", "dash")


@dataclass(frozen=True)
class Built:
    """A file that a program's recipe provides."""
    node: object
    name: str


@dataclass(frozen=True)
class Missing:
    """It cannot be had; `why` is for the user."""
    why: str

    def __getitem__(self, name: str) -> Missing:
        return self


def give(env) -> None:
    env.AddMethod(_source, "Source")


def names() -> list[str]:
    """Return the programs that there are recipes of."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def unfetched(env, recipe, version: str) -> str:
    """Fetch a source into the download cache now; return why that cannot be done, or nothing."""
    command = [sys.executable, "-P", "-m", "fetch", str(recipe.path), "--version", version, "--quiet", "--tries", "2",
               *(["--offline"] if env["offline"] else [])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env["ENV"], cwd=TOP)
    return done.stderr.strip() if done.returncode else ""


def _source(env, name: str) -> Mapping[str, Built] | Missing:
    """env.Source(name): the files that it provides, by name."""
    if name not in names():
        refuse(f"{env['APP']}: Source({name!r}): there is no {name}.toml in toolchain/programs; "
               f"there are {', '.join(names())}")
    try:
        recipe = load_recipe(FOLDER / f"{name}.toml")
        how = plan(recipe)
        patches = read_series(TOP / recipe.patches / "series") if recipe.patches else []
    except (RecipeError, Failure, OSError) as error:
        refuse(str(error))
    toolchain = env["TOOLCHAIN"]
    if how.libcs and toolchain.recipe.name not in how.libcs:
        return Missing(f"{recipe.title} is built with {', '.join(how.libcs)}, not with {toolchain.recipe.title}")
    if how.kernel_headers and (why := headers.missing(env)):
        return Missing(f"{recipe.title} wants the kernel's headers: {why}")
    version = recipe.default_version
    # Among others, one that cannot be had is left out. Asked for by name, its fetching is what fails.
    if "test" in COMMAND_LINE_TARGETS and name in TESTED_PROGRAMS and not GetOption("clean") and not GetOption("no_exec"):
        why = unfetched(env, recipe, version)
        if why:
            return Missing(why)
    folder = f"{BUILD}/programs/{toolchain.name}/{name}-{version}"
    targets = {title: File(f"#{folder}/{title}") for title in how.provides}
    if not next(iter(targets.values())).has_builder():      # another app's, too
        env = env.Clone(RECIPE=str(recipe.path.relative_to(TOP)), VERSION=version, JOBS=jobs(), FETCHFLAGS="--offline" if env["offline"]
                        else "")
        source = download_node(env, recipe, recipe.release(version))
        if patches:
            source = patched_node(env, recipe, f"{name}-{version}", source, patches)
        env["CCWORDS"] = shlex.quote(toolchain.gcc)
        # The machine's own libc finds the machine's headers anyhow.
        stamp, env["HEADERS"] = None, ""
        if how.kernel_headers and toolchain.recipe.host is None:
            stamp, place = headers.declare(env)
            env["HEADERS"] = f" --headers {place}"
        made = step(env, list(targets.values()), [source, compiler_node(env), Value(repr(how))],
                    f"$STEP.program $RECIPE $SOURCE {folder} --cc $CCWORDS$HEADERS $( --jobs $JOBS $)", "archive", "libc")
        env.Depends(made, [toolchain.stamp, *filter(None, [stamp])])
        env.Clean(made, [f"#{folder}", f"#{folder}.log"])
    return {title: Built(node, title) for title, node in targets.items()}
