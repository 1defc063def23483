"""`scons test`: build the sysroots and every app's program, then run pytest.

`scons test kvm=nested` instead runs a few apps in an emulated machine that has a hardware KVM: see steps/nested.
`scons test npb=A` instead runs the test of the NPB programs with that class.
"""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from SCons.Script import COMMAND_LINE_TARGETS, GetOption

from steps.plan import plan
from verbs import libc
from verbs.source import TESTED_PROGRAMS, unfetched
from verbs.options import BUILD, TOP, jobs, refuse

#: libcs that tests are about, beside the chosen one
TESTED = ("dietlibc",)
#: what npb= is about
NPB = "tests/apps/npb/test_classes.py"


def declare(env, toolchain, apps) -> None:
    """Declare the target `test`. It is run whenever it is asked for, and its status is pytest's."""
    if "test" not in COMMAND_LINE_TARGETS:
        return
    if toolchain.sysroot is None:
        refuse(f"libc={toolchain.recipe.name}: the tests are about a libc of ours; app=all verifies the apps")
    if env["kvm"] != "here":
        _nested(env, apps)
        return
    if importlib.util.find_spec("pytest") is None:
        refuse(f"pytest is not there for {env['PYTHON']}: use ./scons, or install requirements.txt")
    env = env.Clone()
    # -rs: why a test was skipped is part of the result.
    if env["npb"] == "usual":
        others, more = _others(env, toolchain)
        verified = [run.verdict for run in apps.runs if run.recipe and run.folder in TESTED_PROGRAMS and run.verdict is not None]
        needs, words = [toolchain.stamp, *others, *apps.programs, *verified], f"-rs {_beside()}"
    else:
        # Each takes its time, so each is named.
        needs, words, more = [toolchain.stamp], f"-rs -v {NPB}", {"SKETE_NPB": env["npb"]}
    env["ENV"] = {**env["ENV"], **_settings(toolchain), **more}
    run = env.Command("test", needs, env.Said(f"$PYTHON -m pytest {words} $pytest", "test"))
    env.AlwaysBuild(env.Alias("test", run))
    env.AlwaysBuild(run)
    env.NoCache(run)


def _beside() -> str:
    """Return the words by which pytest runs as many tests beside each other as -j says, where it can (pytest-xdist).

    Each process begins with a part of the list of its own, so neighbours, which share fixtures, stay together, and in the
    end takes over what another has not come to.
    """
    if jobs() == 1 or importlib.util.find_spec("xdist") is None:
        return ""
    return f"-n {jobs()} --dist worksteal"


def _others(env, toolchain) -> tuple[list, dict[str, str]]:
    """Declare the other libcs that tests are about, and the variants that call the gate; return
    their nodes, and why any cannot be had, for those tests.

    Whether the source can be had decides what there is to build, so it is fetched now, into the download cache.
    """
    nodes, lacking = [], {}
    for name in TESTED:
        if name == toolchain.recipe.name or name not in env["RECIPES"] or GetOption("clean") or GetOption("no_exec"):
            continue
        recipe = env["RECIPES"][name]
        why = unfetched(env, recipe, env[f"{name}_version"])
        if why:
            print(f"skete: {name} cannot be had, so its tests are skipped:\n{why}", file=sys.stderr)
            lacking[f"SKETE_NO_{name.upper()}"] = why
        else:
            nodes.append(libc.declare(env, name).stamp)
            if plan(env["RECIPES"][name]).direct:
                nodes.append(libc.declare(env, name, direct=True).stamp)
    if plan(toolchain.recipe).direct and env["syscalls"] != "direct":
        nodes.append(libc.declare(env, toolchain.recipe.name, direct=True).stamp)
    return nodes, lacking


def _nested(env, apps) -> None:
    """Declare the same target, about the KVM engine on an emulated processor."""
    log = f"{BUILD}/nested/{env['kvm']}.log"
    parameters = "npt=0" if env["kvm"] == "shadow" else ""
    programs = [run.program for run in apps.runs]
    run = env.Command(log, [*apps.programs], env.Said(f"${{STEP}}.nested $TARGET {' '.join(str(p) for p in programs)} -- "
                                                       + parameters, "nested"))
    env.Precious(run)       # the log of a run that failed is what one wants to read
    env.AlwaysBuild(run)
    env.NoCache(run)
    env.Alias("test", run)


def _settings(toolchain) -> dict[str, str]:
    """Return what tests find in their environment: the sysroot, and a compiler where the host's has no C library."""
    gcc = TOP / toolchain.gcc
    settings = {"SKETE_SYSROOT": str(gcc.parent.parent)}
    if "CC" not in os.environ and not _host_has_libc():
        print("skete: gcc has no C library here (libc6-dev): skete-gcc compiles what the tests compile for the host")
        settings["CC"] = str(gcc)
    return settings


def _host_has_libc() -> bool:
    """Tell whether gcc can make static programs: it answers with a path when it finds the file."""
    found = subprocess.run(["gcc", "-print-file-name=libc.a"], capture_output=True, text=True)
    return os.path.isabs(found.stdout.strip())
