"""The chain from a recipe to a sysroot: download, patched source, built libc, sysroot archive, unpacked sysroot.

Or, where the recipe says that the machine has the libc, the proof that it has.
"""
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from SCons.Script import File, Glob, Value

from fetch import RecipeError
from steps.patch import read_series
from steps.plan import host, plan
from steps.step import Failure
from verbs.options import BUILD, TOP, jobs, refuse


@dataclass(frozen=True)
class Toolchain:
    """One libc, built: its nodes, and the compiler wrapper as a path relative to the top of the tree."""
    recipe: object
    version: str
    name: str           # musl-1.2.6-x86_64
    source: object      # patched source, tar; None for the host's libc
    sysroot: object     # sysroot, tar; None for the host's libc
    stamp: object       # the sysroot is unpacked
    gcc: str
    lacks: tuple[str, ...] = ()     # steps/plan.py


def step(env, target, source, words: str, *modules: str):
    """Declare that a step makes `target` from `source`. The step's own code, and `modules` it uses, count as sources.
    """
    name = words.split()[0].removeprefix("$STEP.").removeprefix("${STEP}.")
    node = env.Command(target, source, env.Said(words.replace("$STEP.", "${STEP}."), name))
    env.Depends(node, [f"#site_scons/steps/{module}.py" for module in (name, *modules)])
    return node


def declare(env, libc: str = "", direct: bool = False) -> Toolchain:
    """Declare the chosen libc, or the one named. Ends with a message when its recipe or its series is wrong.

    direct: in the variant that calls the gate, which for the chosen one `syscalls` says
    """
    recipe = env["RECIPES"][libc or env["libc"]]
    version = env[f"{recipe.name}_version"]
    release = recipe.release(version)
    direct = direct if libc else env["syscalls"] == "direct"
    if recipe.host is not None:
        if direct:
            refuse(f"libc={recipe.name} is as the machine has it: there is no syscalls=direct of it")
        return _declare_host(env, recipe, version)
    try:
        how = plan(recipe)
        patches = read_series(TOP / recipe.patches / "series") if recipe.patches else []
    except (RecipeError, Failure, OSError) as error:
        refuse(str(error))
    if direct and not how.direct:
        able = [name for name, other in env["RECIPES"].items() if other.host is None and plan(other).direct]
        refuse(f"libc={recipe.name} has no syscalls=direct; there is one of {', '.join(able) or 'none'}")
    env = env.Clone(DIRECT=" --direct" if direct else "", RECIPE=os.path.relpath(recipe.path, TOP) if recipe.path.is_absolute() else str(recipe.path),
                    VERSION=version, FETCHFLAGS="--offline" if env["offline"] else "", JOBS=jobs())
    name = f"{recipe.name}-{version}"
    variant = f"{name}-{env['arch']}" + ("-direct" if direct else "")
    compiler = compiler_node(env)
    download = download_node(env, recipe, release)
    source = patched_node(env, recipe, name, download, patches)
    built = step(
        env, f"#{BUILD}/libc/{variant}.tar",
        [source, compiler, Value(_text(how.steps, how.environment, how.direct, how.provides, how.licences))],
        "$STEP.libc $RECIPE $SOURCE $TARGET$DIRECT $( --jobs $JOBS $)", "archive", "plan")
    sysroot = step(
        env, f"#{BUILD}/sysroot/{variant}.tar",
        [built, compiler, Value(_text(how.crt, how.files, how.macros)), Glob("#crt/*.[chS]"),
         Glob(f"#crt/{env['arch']}/*"), [f"#toolchain/{template}" for template in how.files.values()]],
        "$STEP.sysroot $RECIPE $SOURCE $TARGET --version $VERSION --arch $arch$DIRECT --crt crt --templates toolchain",
        "archive", "plan")
    folder = f"{BUILD}/sysroot/{variant}"
    stamp = step(env, f"#{folder}/.complete", [sysroot], "$STEP.unpack $SOURCE $TARGET", "archive")
    env.NoCache(stamp)
    env.Clean(stamp, f"#{folder}")
    env.Clean(built, f"#{BUILD}/libc/{variant}.log")
    wrapper = how.macros.get("wrapper", "skete-gcc")
    return Toolchain(recipe, version, variant, source, sysroot, stamp, f"{folder}/bin/{wrapper}",
                     tuple(how.lacks))


def compiler_node(env):
    """Declare the probe of the C compiler; return its node."""
    compiler = File(f"#{BUILD}/compiler.txt")
    if not compiler.has_builder():      # each libc wants it
        step(env, compiler, [_gcc()], "$STEP.compiler $TARGET")
        env.NoCache(compiler)
    return compiler


def download_node(env, recipe, release):
    """Declare the fetching of a release, with $RECIPE, $VERSION and $FETCHFLAGS; return the archive's node."""
    download = File(f"#{BUILD}/downloads/{release.filename}")
    if not download.has_builder():      # of another variant, too
        env.Command(download, Value(f"{release.sha256} {' '.join(release.sources)}"),
                    env.Said("$( $PYTHON -P $) -m fetch $RECIPE --version $VERSION --output $TARGET $( $FETCHFLAGS $)",
                             "fetch"))
        env.NoClean(download)
        env.Precious(download)
        env.NoCache(download)
    return download


def patched_node(env, recipe, name: str, download, patches):
    """Declare the patching of an archive; return the node of the new one, whose members are below `name`-skete."""
    source = File(f"#{BUILD}/source/{name}.tar")
    if not source.has_builder():
        step(env, source,
             [download, f"#{recipe.patches}/series", *(f"#{patch.relative_to(TOP)}" for patch, _ in patches),
              Value(os.environ.get("SOURCE_DATE_EPOCH", ""))],
             f"$STEP.patch $SOURCE ${{SOURCES[1]}} $TARGET --folder {name}-skete", "archive")
    return source


def _declare_host(env, recipe, version: str) -> Toolchain:
    """Declare the libc that this machine has: all there is to do is to see whether it can be linked with."""
    try:
        how = host(recipe)
    except RecipeError as error:
        refuse(str(error))
    name = f"{recipe.name}-{version}-{env['arch']}"
    stamp = step(env.Clone(RECIPE=str(recipe.path)), f"#{BUILD}/libc/{name}.txt", [_gcc(), Value(_text(how))],
                 "$STEP.hostlibc $RECIPE $TARGET", "plan", "compiler")
    env.NoCache(stamp)
    return Toolchain(recipe, version, name, None, None, stamp, how["compiler"], tuple(how["lacks"]))


def _gcc() -> Value:
    """Return which gcc there is, so that another one is noticed."""
    import shutil
    path = Path(shutil.which("gcc")).resolve()
    return Value(f"{path} {path.stat().st_mtime_ns}")


def _text(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True, default=dict)
