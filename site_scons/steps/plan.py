"""The [build] table of a libc's recipe: how the libc is built, and what makes a sysroot of it.

    [build]
    steps = ["{source}/configure --prefix=", "make -j{jobs}", ...]
                        commands, run one after the other in an empty folder. Filled in: {source} the patched source,
                        {root} the folder to install into, both relative to the folder that the steps run in, {jobs} how
                        many processors, {map} the compiler flag that keeps {source} out of the objects
    provides = ["lib/libc.a"]       what must be there afterwards
    licences = ["COPYRIGHT"]        files of the source that go along with everything made from it
    [build.environment]             variables for the steps; flags of the user's own environment are not passed on
    [build.direct]                  the same, instead, where system calls are to be jumps (syscalls=direct): where the
                                    libc can do that, and its start files get -DSKETE_DIRECT
    [build.crt]
    defines = "-DNAME={name}"       flags for our start files; {name} and {version} are filled in
    wrap = ["crt1.o"]               start files of the libc, in its lib/, that ours are put in front of
    entry = "_start"                their entry point
    [build.files]                   what else the sysroot has: its path there = template in toolchain/
    "bin/skete-gcc" = "skete-gcc.j2"
    [build.macros]                  values for the templates besides name, version, arch

The [host] table of a libc that the machine has:

    compiler = "gcc -static"        the command that compiles and links
    package = "libc6-dev"           what to install where that does not work

Both may say `lacks`, a list: what programs of this libc do not have, so that nobody looks for it.

    getreent        the per-thread state that code compiled against newlib's headers asks for
    note            our ELF note, which comes with our start files
    blindness       ignorance of the vDSO
"""
from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import Mapping

from fetch import Recipe, RecipeError


@dataclass(frozen=True)
class Plan:
    """The table above; every key must be there except environment, direct and macros, and no other may."""
    steps: list[str]
    provides: list[str]
    licences: list[str]
    crt: Mapping[str, object]
    files: Mapping[str, str]
    environment: Mapping[str, str]
    direct: Mapping[str, str]
    macros: Mapping[str, object]
    lacks: list[str]

    def commands(self, **values: object) -> list[list[str]]:
        """Return the steps as argument lists, with `values` filled in after splitting: a path may hold blanks."""
        return [[word.format(**values) for word in shlex.split(step)] for step in self.steps]


CRT_KEYS = {"defines": str, "wrap": list, "entry": str}
OPTIONAL = {"environment": {}, "direct": {}, "macros": {}, "lacks": []}
KINDS = {"steps": list, "provides": list, "licences": list, "crt": dict, "files": dict, "environment": dict, "direct": dict,
         "macros": dict, "lacks": list}
HOST_KEYS = {"compiler": str, "package": str, "lacks": list}
LACKS = ("getreent", "note", "blindness")


def plan(recipe: Recipe) -> Plan:
    """Return a recipe's plan. RecipeError names the file and the key when it lacks something or has an unknown word."""
    known = [field.name for field in fields(Plan)]
    table = {**OPTIONAL, **recipe.build}
    check(recipe, "build", table, KINDS)
    check(recipe, "build.crt", table["crt"], CRT_KEYS)
    for step in table["steps"]:
        _check_step(recipe, step)
    _check_lacks(recipe, "build", table["lacks"])
    return Plan(**{name: table[name] for name in known})


def host(recipe: Recipe) -> Mapping[str, object]:
    """Return the [host] table of a libc that the machine has. RecipeError names the file and the key that is wrong."""
    table = {"lacks": [], **recipe.host}
    check(recipe, "host", table, HOST_KEYS)
    _check_lacks(recipe, "host", table["lacks"])
    return table


def _check_lacks(recipe: Recipe, where: str, lacks: list[str]) -> None:
    for word in lacks:
        if word not in LACKS:
            raise RecipeError(f"{recipe.path}: {where}.lacks: there is no word {word!r}; there are {', '.join(LACKS)}")


def check(recipe: Recipe, where: str, table: Mapping[str, object], kinds: Mapping[str, type]) -> None:
    """RecipeError where a table lacks a key of `kinds`, has another one, or a value of another type."""
    for key in table:
        if key not in kinds:
            raise RecipeError(f"{recipe.path}: {where}.{key} is no key of a recipe; known are {', '.join(kinds)}")
    for key, kind in kinds.items():
        if key not in table:
            raise RecipeError(f"{recipe.path}: {where}.{key} is missing")
        if not isinstance(table[key], kind):
            raise RecipeError(f"{recipe.path}: {where}.{key} must be a {kind.__name__}; it is {table[key]!r}")


def _check_step(recipe: Recipe, step: str) -> None:
    try:
        for word in shlex.split(step):
            word.format(source="", root="", jobs=1, map="")
    except (KeyError, IndexError, ValueError) as error:
        raise RecipeError(f"{recipe.path}: build.steps: {step!r} cannot be filled in: {error}") from error
