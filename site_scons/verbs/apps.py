"""Which apps a build is about: app=NAME, families, lists, folders elsewhere. What an SConscript says is read by
verbs/app.py."""
from __future__ import annotations

import hashlib
import json
import os
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from SCons.Errors import UserError
from SCons.Script import COMMAND_LINE_TARGETS, GetLaunchDir, SConscript, Value

from verbs import app
from verbs.app import Run, path_of, write_value
from verbs.libc import Toolchain
from verbs.options import BUILD, TOP, refuse

APPS = TOP / "apps"
#: what `scons test kvm=nested` runs
IN_NESTED = "hello,errno,threads,npb/bt"


@dataclass
class Apps:
    """The apps that this build is about."""
    known: list[str]
    runs: list[Run] = field(default_factory=list)
    objects: list[tuple[object, object]] = field(default_factory=list)    # with the environment each is compiled in
    index: object = None

    @property
    def programs(self) -> list[object]:
        """The programs of ours and their checks, with nothing run."""
        return [node for run in self.runs if not run.recipe for node in (run.program, run.check)]

    @property
    def targets(self) -> list[object]:
        """What `scons app=...` makes."""
        return [run.verdict or run.check for run in self.runs] + [self.index]


def known() -> list[str]:
    """Return the names of the apps in the tree: folders below apps/ with an SConscript."""
    return sorted(path.parent.relative_to(APPS).as_posix() for path in APPS.rglob("SConscript"))


def chosen(wanted: str, names: list[str]) -> list[tuple[str, Path]]:
    """Return (name, folder) of every app that `app=wanted` means. Ends with a message for one that there is not."""
    found: dict[str, Path] = {}
    for word in filter(None, wanted.split(",")):
        inside = word.rstrip("/") + "/"
        family = names if word == "all" else [name for name in names if name == word or name.startswith(inside)]
        if family:
            found.update((name, APPS / name) for name in family)
            continue
        folder = Path(GetLaunchDir(), os.path.expanduser(word)).resolve()
        if not (folder / "SConscript").is_file():
            why = f"the folder {folder} has no SConscript" if folder.is_dir() else f"there is no folder {folder}"
            refuse(f"there is no app {word}, and {why}; there are the apps {', '.join(names)}")
        if folder.is_relative_to(APPS):
            found[folder.relative_to(APPS).as_posix()] = folder
        else:
            found[f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"] = folder
    if not found:
        refuse(f"app= names no app; there are the apps {', '.join(names)}")
    return list(found.items())


def _read(script: Path, env) -> None:
    """Read an SConscript. A mistake in it is told with its place, without all that stands between it and us."""
    try:
        SConscript(str(script), exports={"env": env})
    except UserError:       # SCons's own words, which have the place
        raise
    except SyntaxError as error:
        refuse(f"{script}:{error.lineno}: {error.msg}")
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == script.name]
        if not lines:
            raise
        refuse(f"{script}:{lines[-1]}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def declare(env, toolchain: Toolchain) -> Apps:
    """Read the SConscripts of the chosen apps."""
    apps = Apps(known())
    testing = "test" in COMMAND_LINE_TARGETS
    usual = "all" if env["kvm"] == "here" else IN_NESTED
    wanted = usual if testing and "app" not in env["VARIABLES"].args else env["app"]
    here = chosen(wanted, apps.known)
    for name, folder in here:
        title = name if folder.is_relative_to(APPS) else folder.name
        own = env.Clone(APP=name, TITLE=title, APPS=apps, TOOLCHAIN=toolchain, WHERE=folder, SEVERAL=len(here) > 1)
        app.give(own)
        _read(folder / "SConscript", own)
    if not apps.runs:
        refuse(f"{wanted}: the SConscript declares no app")
    apps.index = _index(env, apps)
    if env.GetOption("clean") and "app" not in env["VARIABLES"].args:
        # Nothing in particular was named: what other variables made goes too. Downloads stay.
        env.Clean(apps.index, [f"#{path.relative_to(TOP)}" for path in [*(TOP / BUILD).iterdir(), TOP / "dist"]
                               if path.name != "downloads" and not path.name.startswith(".sconsign")])
    return apps


def _index(env, apps: Apps):
    """Declare compile_commands.json for the chosen apps."""
    entries = []
    for target, compiler in apps.objects:
        source = target.sources[0]
        command = compiler.subst("$CC -o $TARGET -c $CFLAGS $CCFLAGS $_CCCOMCOM $SOURCE", target=[target],
                                 source=[source])
        entries.append({"directory": str(TOP), "file": str(TOP / path_of(source)), "command": command,
                        "output": path_of(target)})
    text = json.dumps(entries, indent=1) + "\n"
    node = env.Command("#compile_commands.json", Value(text), env.Said(write_value, "index"))
    env.NoCache(node)
    return node[0]
