"""What can be given on the command line, NAME=VALUE, and the environment that every part of the build starts from."""
from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from SCons.Errors import UserError
from SCons.Script import (COMMAND_LINE_TARGETS, BoolVariable, CacheDir, Decider, Dir, EnumVariable, Environment, Exit,
                          GetOption, SConsignFile, SetOption, Variables)

from fetch import RecipeError, load_recipe
from steps.libc import FOREIGN

TOP = Path(__file__).resolve().parents[2]
BUILD = "build"
MATRIX = "matrix"     # the target of verbs/matrix.py
EXPERIMENTS = ("ioctl", "npb")    # modules of experiments/, which verbs/experiment.py runs

OPT = {
    "0": ["-O0"], "1": ["-O1"], "2": ["-O2"], "3": ["-O3"], "s": ["-Os"], "fast": ["-Ofast"],
    "native": ["-O3", "-march=native"],
}


def refuse(text: str) -> None:
    """End with a message for a user who asked for something that there is not."""
    sys.stderr.write(f"skete: {text}\n")
    Exit(2)


def recipes() -> dict[str, object]:
    """Return name -> recipe of every libc in toolchain/; ends with the message of one that is wrong."""
    try:
        found = [load_recipe(path.relative_to(TOP)) for path in sorted((TOP / "toolchain").glob("*.toml"))]
    except RecipeError as error:
        refuse(str(error))
    return {recipe.name: recipe for recipe in found}


def _number(key: str, value: object, env) -> None:
    """Refuse what is no whole number from 1 on; an empty value means that it was not given."""
    if value != "" and not (str(value).isdigit() and int(value) > 0):
        raise UserError(f"Invalid value for {key}: {value}. Valid values are whole numbers from 1 on.")


def _variables(arguments: dict[str, str], libcs: dict[str, object]) -> Variables:
    given = Variables(None, arguments)
    given.FormatVariableHelpText = _variable_help
    yes_no = {"1": "yes", "true": "yes", "on": "yes", "0": "no", "false": "no", "off": "no"}
    given.AddVariables(
        ("app", "which apps to build, run and verify: names with commas between, a family, a folder, or all", "hello"),
        EnumVariable("class", "problem class of the benchmarks", "S", allowed_values=("S", "W", "A", "B", "C")),
        ("threads", "threads that an app may use", "1", _number),
        EnumVariable("libc", "libc to build and to link with", "musl" if "musl" in libcs else next(iter(libcs), ""),
                     allowed_values=tuple(libcs)),
        *(EnumVariable(f"{name}_version", f"version of {recipe.title}", recipe.default_version,
                       allowed_values=tuple(recipe.releases)) for name, recipe in libcs.items()),
        EnumVariable("arch", "machine that the programs are for", "x86_64", allowed_values=("x86_64",)),
        EnumVariable("syscalls", "how the libc makes them; direct: it jumps to the monitor's gate, where there is one",
                     "normal", allowed_values=("normal", "direct")),
        EnumVariable("engine", "what makes the guest; native: no monitor at all", "process",
                     allowed_values=("process", "kvm", "emulator", "native")),
        EnumVariable("kvm", "what scons test is about; nested, shadow: the KVM engine on an emulated kvm_amd", "here",
                     allowed_values=("here", "nested", "shadow")),
        EnumVariable("npb", "what scons test is about; A, B, C: that class of the ten NPB programs, only",
                     "usual", allowed_values=("usual", "A", "B", "C")),
        EnumVariable("experiment", "measure instead of building; results go to results/NAME", "none",
                     allowed_values=("none", *EXPERIMENTS)),
        EnumVariable("run", "run and verify what was built; again: even what is up to date", "yes",
                     allowed_values=("yes", "no", "again"), map=yes_no, ignorecase=1),
        EnumVariable("opt", "optimisation of the apps, instead of what each asks for", "default",
                     allowed_values=("default", *OPT)),
        ("timeout", "seconds that a run may take, instead of what each app asks for", "", _number),
        BoolVariable("verbose", "show the commands and what the guests print", False),
        BoolVariable("offline", "download nothing: use the download cache alone", False),
        ("cache", "folder for results that several trees share; none when empty", ""),
        ("monitor", "command that runs guests", "bin/skete"),
        ("pytest", "more arguments for pytest (with the target test)", ""),
    )
    return given


def environment(arguments: dict[str, str]):
    """Return the construction environment of this build. Ends with a message for an unknown or wrong variable."""
    libcs = recipes()
    if not libcs:
        refuse("toolchain/ has no recipe")
    given = _variables(arguments, libcs)
    try:
        env = Environment(variables=given, tools=["cc", "as", "link"],
                          ENV={key: value for key, value in os.environ.items() if key not in FOREIGN})
    except UserError as error:
        refuse(str(error))
    unknown = given.UnknownVariables()
    if unknown:
        known = ", ".join(sorted(option.key for option in given.options))
        refuse(f"there is no variable {', '.join(sorted(unknown))}; there are {known}")
    env["ENV"].update(PYTHONPATH=str(TOP / "site_scons"), SKETE_VERBOSE="yes" if env["verbose"] else "no")
    env.Replace(
        VARIABLES=given, RECIPES=libcs, BUILD=BUILD, PYTHON=shlex.quote(sys.executable),
        # In $( $), so that another tree with another interpreter finds the same things in a shared cache.
        STEP='$( $PYTHON -P $) -m steps',
        IMPLICIT_COMMAND_DEPENDENCIES=0,
    )
    # Several tasks that remove the same folder get in each other's way.
    SetOption("num_jobs", 1 if GetOption("clean") else len(os.sched_getaffinity(0)))
    (TOP / BUILD).mkdir(exist_ok=True)    # else SCons makes it, and says so
    # `matrix` and the experiments start builds of their own, which keep their knowledge where all do.
    apart = MATRIX in COMMAND_LINE_TARGETS or env["experiment"] != "none"
    SConsignFile(f"{BUILD}/.sconsign-{MATRIX}" if apart else f"{BUILD}/.sconsign")
    # Not content-timestamp: it sees whole seconds, and a small app is built, changed and built again within one.
    Decider("content")
    if env["cache"]:
        CacheDir(Dir(os.path.expanduser(env["cache"])).abspath)
    return env


def jobs() -> int:
    """Return how many commands may run at once: -j, else the processors there are."""
    return GetOption("num_jobs")


def _variable_help(env, key: str, text: str, default: object, actual: object, aliases=None) -> str:
    """Return what `scons -h` says about one variable: its value in force, then what it means."""
    actual = {"True": "yes", "False": "no"}.get(str(actual), actual)
    return f"    {f'{key}={actual}':<39} {text}\n"


def help_text(env, apps: list[str]) -> str:
    """Return the text of `scons -h`."""
    return f"""skete: static Linux programs under a monitor that serves their system calls.

    scons app=NAME      build, run and verify an app
    scons test          build what the tests need, and run them, as many at a time as -j says
                        (kvm=nested: guests on a hardware KVM that QEMU emulates; takes minutes)
                        (npb=A: class A of all NPB programs, natively and on each engine; takes minutes)
    scons dist          pack the patched libc's source and its sysroot, with checksums and SBOM, into dist/
    scons matrix        every app with every libc: a table, build/matrix/matrix.json, docs/compatibility.svg
    scons experiment=NAME  measure, into results/NAME; goes on where it was interrupted
    scons -c            remove what was built (not what was downloaded)

Apps: {", ".join(apps)}; a folder elsewhere with an SConscript is an app as well (apps/README.md).

Variables, with the values that they have now:
{env["VARIABLES"].GenerateHelpText(env, sort=False)}"""
