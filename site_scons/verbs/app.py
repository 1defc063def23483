"""The verb App: compile, link, check, run, verify. apps/README.md is its description for users."""
from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from SCons.Script import Dir, File, Flatten, Value

from steps import command
from verbs import headers, source
from verbs.libc import step
from verbs.options import BUILD, OPT, TOP, refuse
from verbs.source import Built, Missing

NEWLIB = "/usr/include/newlib"
NEWLIB_FLAGS = '-nostdinc -isystem $NEWLIB -isystem "$$(gcc -print-file-name=include)" -D__DYNAMIC_REENT__'


@dataclass(frozen=True)
class Pattern:
    """An expectation: found in what the program prints."""
    expression: str


@dataclass(frozen=True)
class Checker:
    """An expectation: this Python program, given the output and the result, says yes."""
    program: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Native:
    """An expectation: what the same program does without a monitor, which is to print something. Where `besides` is found
    in the output, it may differ."""
    expression: str
    besides: str = ""


@dataclass(frozen=True)
class Generated:
    """A file to be made before compiling."""
    target: str
    sources: list[str]
    command: str


@dataclass(frozen=True)
class Run:
    """One declared app: its checked program, and its verdict unless run=no; `about` is what is known before it has
    run."""
    program: object
    check: object
    verdict: object | None = None
    about: dict = field(default_factory=dict)
    folder: str = ""        # the app= that means it
    recipe: bool = False    # it is a program from elsewhere, which a recipe builds


def give(env) -> None:
    """Give `env`, which a SConscript will import, the verbs that it may use."""
    env["NEWLIB"] = NEWLIB
    source.give(env)
    env.AddMethod(_app, "App")
    env.AddMethod(lambda env, expression: Pattern(expression), "Pattern")
    env.AddMethod(lambda env, expression, besides="": Native(expression, besides), "Native")
    env.AddMethod(lambda env, program, *words: Checker(program, words), "Checker")
    env.AddMethod(lambda env, target, sources, command: Generated(target, Flatten([sources]), command), "Generate")


# The keywords of App and what each is when the SConscript does not give it.
DEFAULTS = {
    "args": [], "expect": 0, "status": 0, "libs": [], "defines": {}, "include": [], "cflags": [], "opt": "2",
    "generate": [], "classes": None, "newlib": [], "env": {}, "mounts": [], "files": [], "workdir": False,
    "stdin": None, "tty": None, "timeout": 60, "client": [], "kernel_headers": False, "tmpfs": [], "same_user": False,
    "commands": {},
}


def _app(env, name: str, sources, /, **given) -> None:
    """env.App(name, sources, ...): see apps/README.md."""
    where = f"{env['APP']}: App({name!r})"
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        refuse(f"{where}: there is no keyword {', '.join(unknown)}; there are {', '.join(DEFAULTS)}")
    want = {**DEFAULTS, **given}
    if want["classes"] and env["class"] not in want["classes"]:
        why = f"{where} has no class {env['class']}; it has {', '.join(want['classes'])}"
        if not env["SEVERAL"]:
            refuse(why)
        print(f"skete: {why}: left out")
        return
    made = [g.target for g in want["generate"]]
    given = [*Flatten([sources]), *want["newlib"], *want["files"], *want["client"], *filter(None, [want["stdin"]])]
    if want["kernel_headers"] and (why := headers.missing(env)):
        given.append(Missing(why))
    given += [Missing(f"it runs the host's {command}, which is not installed; on Debian: apt-get install {package}")
              for command, package in want["commands"].items() if not shutil.which(command)]
    for missing in [one for one in given if isinstance(one, Missing)]:
        if not env["SEVERAL"]:
            refuse(f"{where}: {missing.why}")
        print(f"skete: {where}: left out: {missing.why}")
        return
    for path in given:
        if isinstance(path, Built) or path in made:
            continue
        if not (TOP / path[1:] if path.startswith("#") else env["WHERE"] / path).is_file():
            refuse(f"{where}: there is no file {path} in {env['WHERE']}")
    opt = want["opt"] if env["opt"] == "default" else env["opt"]
    if opt not in OPT:
        refuse(f"{where}: opt={opt!r}; there are {', '.join(OPT)}")
    variant = "-".join(filter(None, [f"O{opt}", env["class"] if want["classes"] else "",
                                     f"t{env['threads']}" if env["threads"] != "1" else ""]))
    folder = f"{BUILD}/apps/{env['TOOLCHAIN'].name}/{env['APP']}/{variant}"
    label = env["TITLE"] if name == os.path.basename(env["TITLE"]) else f"{env['TITLE']}:{name}"
    env = env.Clone(LABEL=label, OUT=folder, NAME=name)
    if isinstance(sources, Built):
        program = env.Command(f"#{folder}/{name}", sources.node, env.Said("cp $SOURCE $TARGET", "copy"))
    else:
        program = _program(env, Flatten([sources]), want, opt)
    toolchain = env["TOOLCHAIN"]
    check = step(env, f"#{folder}/{name}.elf.json", program,
                 f"$STEP.elfcheck $SOURCE $TARGET {toolchain.recipe.name} {toolchain.version} "
                 f"{','.join(toolchain.lacks)}")
    verdict = _verdict(env, program, check, want) if env["run"] != "no" else ()
    env["APPS"].runs.append(Run(program[0], check[0], *(verdict or (None, {})), env["APP"], isinstance(sources, Built)))


def _program(env, sources: list[str], want: dict, opt: str):
    """Declare compiling and linking; return the program's node."""
    out, gcc = env["OUT"], env["TOOLCHAIN"].gcc
    defines = [f"-D{key}" if value is None else f"-D{key}={env.subst(str(value))}"
               for key, value in want["defines"].items()]
    newlib = want["newlib"]
    if newlib and (why := _no_newlib(env)):
        print(f"skete: {env['LABEL']}: left out, as {why}: {', '.join(newlib)}")
        newlib = []
    elif newlib:
        defines.append("-DHAVE_NEWLIB")
    generated = [env.Command(f"#{out}/{g.target}", [File(s) for s in g.sources], env.Said(g.command, "generate"))
                 for g in want["generate"]]
    include = [Dir("."), Dir(f"#{out}"), *(Dir(path) for path in want["include"])]
    env.Replace(CC=gcc, LINK=gcc, CPPPATH=include, CPPDEFINES=[], LIBS=Flatten([want["libs"]]), OBJSUFFIX=".o",
                CFLAGS=["-std=gnu11"], CCFLAGS=[*OPT[opt], "-Wall", "-g0", *Flatten([want["cflags"]]), *defines])
    env.Replace(CCCOM=env.Said("$CC -o $TARGET -c $CFLAGS $CCFLAGS $_CCCOMCOM $SOURCE", "compile"),
                ASPPCOM=env.Said("$CC -o $TARGET -c $CCFLAGS $_CCCOMCOM $SOURCE", "compile"),
                LINKCOM=env.Said("$LINK -o $TARGET $LINKFLAGS $SOURCES $_LIBDIRFLAGS $_LIBFLAGS", "link"))
    needed = [env["TOOLCHAIN"].stamp]
    if want["kernel_headers"] and env["TOOLCHAIN"].recipe.host is None:     # the machine's own libc finds them anyhow
        stamp, place = headers.declare(env)
        env.Append(CCFLAGS=["-idirafter", place])
        needed.append(stamp)
    objects = []
    for source in sources:
        made = source in [g.target for g in want["generate"]]
        objects.append(_object(env, f"#{out}/{source}" if made else source, source))
    if newlib:
        foreign = env.Clone(CC=f"gcc {NEWLIB_FLAGS}")
        foreign["CCCOM"] = env.Said("$CC -o $TARGET -c $CFLAGS $CCFLAGS -fno-pie $_CCCOMCOM $SOURCE", "compile")
        objects += [_object(foreign, source, source) for source in newlib]
    env.Requires(objects, generated)
    program = env.Program(f"#{out}/{env['NAME']}", objects)
    env.Depends([*objects, program], needed)
    if opt == "native":
        env.NoCache(objects, program)    # another machine that shares the cache may not be able to run it
    return program


def _no_newlib(env) -> str | None:
    """Return why nothing that was compiled against newlib's headers can be linked in, or None."""
    if "getreent" in env["TOOLCHAIN"].lacks:
        return f"{env['TOOLCHAIN'].recipe.title} has no __getreent()"
    if not Path(env["NEWLIB"]).is_dir():
        return "newlib's headers are not installed (libnewlib-dev)"
    return None


def _object(env, source, name: str):
    """Declare one object file of an app; sources of other folders get a place of their own below the app's."""
    place = os.path.normpath(name.lstrip("#/")).replace("..", "up")
    target = env.StaticObject(f"#{env['OUT']}/{env['NAME']}.obj/{os.path.splitext(place)[0]}.o", source)
    env["APPS"].objects.append((target[0], env))
    return target


def path_of(node) -> str:
    """Return a file's path as a command at the top of the tree needs it; str(node) is relative to the SConscript's
    folder."""
    return node.get_internal_path()


def _spec(env, target: str, content: dict):
    """Declare a small JSON file that says what a step is to do."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    node = env.Command(target, Value(text), env.Said(write_value, "spec"))
    env.NoCache(node)
    return node


def write_value(target, source, env) -> None:
    Path(str(target[0])).write_text(source[0].get_text_contents())


def _verdict(env, program, check, want: dict) -> tuple[object, dict]:
    """Declare the run of a program and the judgement of its result; return the node of the verdict, and Run.about."""
    out, name, engine = env["OUT"], env["NAME"], env["engine"]
    place = f"{out}/{engine}"
    timeout = int(env["timeout"] or want["timeout"])
    fill = lambda text: env.subst(str(text))    # noqa: E731
    made = [g.target for g in want["generate"]]
    files = [path.node if isinstance(path, Built) else File(f"#{out}/{path}" if path in made else path)
             for path in want["files"]]
    stdin = File(want["stdin"]) if want["stdin"] else None
    client = [path.node if isinstance(path, Built) else File(path) for path in want["client"]]
    if isinstance(want["expect"], Native):
        # Else a native run finds the host's commands, which the guest has not: a shell without PATH has one of its own.
        want = {**want, "env": {"PATH": ".", **want["env"]}}
    run = {
        "label": env["LABEL"], "program": path_of(program[0]), "args": [fill(word) for word in want["args"]],
        "env": {key: fill(value) for key, value in want["env"].items()},
        "mounts": [_mount(env, mount) for mount in want["mounts"]], "files": [path_of(f) for f in files],
        "workdir": f"{place}/{name}.work" if want["workdir"] or files else None,
        "stdin": path_of(stdin) if stdin else None, "tty": want["tty"], "timeout": timeout, "engine": engine,
        "tmpfs": want["tmpfs"], "same_user": want["same_user"], "monitor": env["monitor"], "client": [path_of(f) for f in client],
    }
    about = {"app": env["LABEL"], "class": env["class"] if want["classes"] else None, "threads": int(env["threads"]),
             "libc": env["TOOLCHAIN"].name, "engine": engine, "by_hand": command.by_hand(run)}
    described = _spec(env, f"#{place}/{name}.run.json", run)
    env["RUN_DETAILS"] = ", ".join(filter(None, [
        f"class {env['class']}" if want["classes"] else "",
        f"{env['threads']} threads" if env["threads"] != "1" else "",
        "natively" if engine == "native" else f"engine {engine}"]))
    ran = step(env, [f"#{place}/{name}.out", f"#{place}/{name}.result.json"],
               [described, program, check, *files, *client, *([stdin] if stdin else []), *_monitor(env)],
               "$STEP.run $SOURCE $TARGETS", "command", "client")
    if isinstance(want["expect"], Native):
        expect, needs = _native(env, run, [program, check, *files, *client, *([stdin] if stdin else [])], want["expect"])
    else:
        expect, needs = _expectation(env, want)
    judged = _spec(env, f"#{place}/{name}.expect.json", {
        **expect, "status": want["expect"] if expect["kind"] == "status" else want["status"], "about": about,
    })
    verdict = step(env, f"#{place}/{name}.verdict.json", [judged, ran, *needs], "$STEP.verify $SOURCES $TARGET")
    if env["run"] == "again":
        env.AlwaysBuild(ran)
    env.NoCache(ran, verdict)
    env.Clean(ran, f"#{place}/{name}.work")
    return verdict[0], about


def _native(env, run: dict, sources: list, expect: Native) -> tuple[dict, list]:
    """Declare the same run without a monitor, in a folder of its own. Return as _expectation does."""
    if run["engine"] == "native":
        return {"kind": "pattern", "pattern": expect.expression}, []
    out, name = env["OUT"], env["NAME"]
    place = f"{out}/native"
    native = {**run, "engine": "native", "workdir": run["workdir"] and f"{place}/{name}.work",
              "label": f"{run['label']}, natively"}
    targets = [f"#{place}/{name}.out", f"#{place}/{name}.result.json"]
    if not File(targets[0]).has_builder():
        env = env.Clone(LABEL=env["LABEL"], RUN_DETAILS="natively, to compare with")
        ran = step(env, targets, [_spec(env, f"#{place}/{name}.run.json", native), *sources], "$STEP.run $SOURCE $TARGETS",
                   "command", "client")
        if env["run"] == "again":
            env.AlwaysBuild(ran)
        env.NoCache(ran)
        env.Clean(ran, f"#{place}/{name}.work")
    nodes = [File(target) for target in targets]
    return {"kind": "native", "pattern": expect.expression, "output": path_of(nodes[0]), "result": path_of(nodes[1]),
            "folders": [native["workdir"], run["workdir"]], "besides": expect.besides}, nodes


def _expectation(env, want: dict) -> tuple[dict, list]:
    """Return what steps.verify is to compare with, and the files that this depends on."""
    match want["expect"]:
        case Pattern(expression):
            return {"kind": "pattern", "pattern": expression}, []
        case Checker(program, arguments):
            node = File(program)
            words = [env.subst(word) for word in arguments]
            return {"kind": "checker", "program": path_of(node), "arguments": words}, [node]
        case int():
            return {"kind": "status"}, []
        case str(path):
            node = File(env.subst(path))
            if not node.exists():
                refuse(f"{env['LABEL']}: there is no file {env.subst(path)} in {env['WHERE']} to compare with")
            return {"kind": "golden", "file": path_of(node)}, [node]
    refuse(f"{env['LABEL']}: expect={want['expect']!r} is no status, file, env.Pattern(...), "
           "env.Native(...) or env.Checker(...)")


def _monitor(env) -> list:
    """Return what a run depends on besides the program: every file of the monitor, for another monitor may judge
    otherwise."""
    if env["engine"] == "native":
        return []
    files = [path for pattern in ("*.py", "*.c", "*.S", "*.h") for path in (TOP / "skete").rglob(pattern)]
    own = TOP / env["monitor"]
    return [File(str(path)) for path in sorted([*files, *([own] if own.is_file() else [])])]


def _mount(env, mount: str) -> str:
    """Return a mount whose host side is relative to the tree, or absolute for an app that is elsewhere."""
    host, _, rest = mount.partition(":")
    return f"{path_of(Dir(env.subst(host)))}:{rest}"
