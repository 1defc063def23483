"""A recipe: what to fetch and how to tell that it is the right thing, as data in TOML.

    name = "musl"                   lower case, as in file names
    title = "musl libc"
    homepage = "https://musl.libc.org/"
    licence = "MIT"                 an SPDX licence expression
    default_version = "1.2.6"       one of [versions]
    patches = "patches/musl"        optional: the folder of the quilt series, relative to the top of the tree
    sources = [                     tried in this order; {name} and {version} are filled in
        "https://musl.libc.org/releases/musl-{version}.tar.gz",
        "debian:pool/main/m/musl/musl_{version}.orig.tar.gz",    the pool of every Debian mirror that apt here uses
    ]

    [versions."1.2.6"]
    sha256 = "d585..."              64 lower-case hex digits
    size = 1082499                  optional, bytes: a server that sends another size is cut off early
    sources = [...]                 optional: other sources for this version alone

    [build]                         optional, the builder's own: strings, integers, booleans, lists of strings, tables
    [host]                          instead of sources, versions, patches and [build]: nothing is fetched, for the
                                    machine has it. The builder's own; default_version is a word for what is there

The file is written by people, so every key is checked, an unknown key is an error, and each error names the file, the
key and the value.
"""

from __future__ import annotations

import difflib
import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from .errors import RecipeError

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]*")    # Debian's upstream versions too: 0.34~cvs20160606
SHA256 = re.compile(r"[0-9a-f]{64}")
FILENAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]*")
POOL = re.compile(r"pool/[a-z0-9.-]+(/[0-9A-Za-z][0-9A-Za-z.+~_-]*)+")
LICENCE_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+:-]*")


@dataclass(frozen=True)
class Release:
    """One version of one recipe: everything that fetching needs."""

    recipe: str
    version: str
    filename: str
    sha256: str
    size: int | None
    """Bytes, where the recipe says."""
    sources: tuple[str, ...]
    """In order of preference: http(s) URLs, or `debian:` and a path below a Debian mirror's root."""


@dataclass(frozen=True)
class Recipe:
    path: Path
    name: str
    title: str
    homepage: str
    licence: str
    default_version: str
    patches: str | None
    releases: Mapping[str, Release]
    build: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    host: Mapping[str, object] | None = None

    def release(self, version: str | None = None) -> Release:
        """The named release, or the default one. RecipeError names the versions there are."""
        wanted = version or self.default_version
        try:
            return self.releases[wanted]
        except KeyError:
            raise RecipeError(f"{self.path}: there is no version {wanted!r} of {self.name}; "
                              f"there are {', '.join(self.releases)}") from None


def load_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe file. RecipeError when it cannot be read, is no TOML, or says something impossible."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as e:
        raise RecipeError(f"{path}: cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise RecipeError(f"{path}: is not UTF-8: {e.reason} at byte {e.start}") from e
    except tomllib.TOMLDecodeError as e:
        raise RecipeError(f"{path}: is not TOML: {e}") from e
    return _recipe(path, table)


def _recipe(path: Path, table: dict) -> Recipe:
    top = _Table(path, "", table)
    name = top.take("name", _matching(NAME, "a lower-case name"))
    host = top.take("host", _build, optional=True)
    if host is not None:
        return _host(path, name, top, host)
    sources = top.take("sources", _sources)
    versions = top.take("versions", _table_of_tables)
    recipe = Recipe(
        path=path,
        name=name,
        title=top.take("title", _line),
        homepage=top.take("homepage", _web_address),
        licence=top.take("licence", _licence),
        default_version=top.take("default_version", _matching(VERSION, "a version")),
        patches=top.take("patches", _folder, optional=True),
        releases=MappingProxyType({version: _release(path, name, version, facts, sources)
                                   for version, facts in versions.items()}),
        build=MappingProxyType(top.take("build", _build, optional=True) or {}),
    )
    top.finish()
    if recipe.default_version not in recipe.releases:
        top.refuse("default_version", "is none of [versions]", recipe.default_version)
    return recipe


def _host(path: Path, name: str, top: _Table, host: dict) -> Recipe:
    """What the machine has: one version, without a source."""
    version = top.take("default_version", _matching(VERSION, "a version"))
    recipe = Recipe(path=path, name=name, title=top.take("title", _line), homepage=top.take("homepage", _web_address),
                    licence=top.take("licence", _licence), default_version=version, patches=None,
                    releases=MappingProxyType({version: Release(name, version, "", "", None, ())}),
                    host=MappingProxyType(host))
    top.finish()
    return recipe


def _release(path: Path, name: str, version: str, facts: dict, sources: tuple[str, ...]) -> Release:
    table = _Table(path, f'versions."{version}".', facts)
    if not VERSION.fullmatch(version):
        table.refuse("", "the version must begin with a letter or digit and hold only letters, digits and . + ~ _ -",
                     version)
    own = table.take("sources", _sources, optional=True)
    filled = tuple(s.format(name=name, version=version) for s in own or sources)
    release = Release(
        recipe=name,
        version=version,
        filename=filled[0].rpartition("/")[2],
        sha256=table.take("sha256", _matching(SHA256, "64 lower-case hex digits")),
        size=table.take("size", _positive, optional=True),
        sources=filled,
    )
    table.finish()
    return release


class _Table:
    """A TOML table whose keys are taken one by one, so that what is left over is a mistake."""

    def __init__(self, path: Path, prefix: str, table: dict):
        self.path, self.prefix, self.left, self.known = path, prefix, dict(table), []

    def take(self, key: str, check: Callable[[object], object], *, optional: bool = False):
        """The checked value of `key`; None where an optional one is missing. `check` raises ValueError(what)."""
        self.known.append(key)
        if key not in self.left:
            if optional:
                return None
            raise RecipeError(f"{self.path}: {self.prefix}{key} is missing")
        value = self.left.pop(key)
        try:
            return check(value)
        except ValueError as e:
            self.refuse(key, str(e), value)

    def refuse(self, key: str, what: str, value: object):
        where = (self.prefix + key).rstrip(".")
        raise RecipeError(f"{self.path}: {where}: {what}; it is {value!r}")

    def finish(self) -> None:
        for key, value in self.left.items():
            near = difflib.get_close_matches(key, self.known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self.known))}"
            self.refuse(key, f"is no key of a recipe, {hint}", value)


def _line(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be one line of text")
    return value


def _matching(pattern: re.Pattern, what: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"must be {what}")
        return value
    return check


def _positive(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("must be a positive number of bytes")
    return value


def _web_address(value: object) -> str:
    parts = urlsplit(_line(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        raise ValueError("must be an http or https address")
    return value


def _licence(value: object) -> str:
    """SPDX 2.3, annex D, as far as the shape goes: whether an id is on SPDX's list is for the SBOM's checker."""
    words = _line(value).replace("(", " ( ").replace(")", " ) ").split()
    depth, wants_id = 0, True
    for word in words:
        if word == "(" and wants_id:
            depth += 1
        elif word == ")" and not wants_id and depth:
            depth -= 1
        elif word in ("AND", "OR", "WITH") and not wants_id:
            wants_id = True
        elif word not in ("AND", "OR", "WITH") and wants_id and LICENCE_WORD.fullmatch(word):
            wants_id = False
        else:
            raise ValueError("must be an SPDX licence expression such as MIT or GPL-2.0-only OR MIT")
    if depth or wants_id:
        raise ValueError("must be a complete SPDX licence expression")
    return value


def _folder(value: object) -> str:
    parts = _line(value).split("/")
    if value.startswith("/") or ".." in parts or "" in parts[:-1]:
        raise ValueError("must be a folder inside the tree, relative to its top")
    return value.rstrip("/")


def _sources(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of at least one URL template")
    for template in value:
        _source(template)
    return tuple(value)


def _source(template: object) -> None:
    try:
        _line(template)
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(template)
                  if name is not None]
    except ValueError as e:
        raise ValueError(f"{template!r} is no URL template: {e}") from None
    for name, spec, conversion in fields:
        if name not in ("name", "version") or spec or conversion:
            raise ValueError(f"{template!r} asks for {{{name}}}; only {{name}} and {{version}} can be filled in")
    filled = template.format(name="n", version="1")
    scheme, _, rest = filled.partition(":")
    if scheme == "debian":
        if not POOL.fullmatch(rest):
            raise ValueError(f"{template!r}: a debian: source is a file below pool/, such as "
                             "debian:pool/main/m/musl/musl_{version}.orig.tar.gz")
    elif scheme not in ("http", "https") or not urlsplit(filled).hostname:
        raise ValueError(f"{template!r} begins with none of https://, http:// and debian:pool/")
    if not FILENAME.fullmatch(filled.rpartition("/")[2]):
        raise ValueError(f"{template!r} does not end in a file name")


def _table_of_tables(value: object) -> dict[str, dict]:
    if not isinstance(value, dict) or not value or not all(isinstance(v, dict) for v in value.values()):
        raise ValueError('must be tables [versions."1.0"], at least one')
    return value


def _build(value: object) -> dict[str, object]:
    """Only the shape is checked here: the words are the builder's, and it must refuse those it does not know."""
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    for key, entry in value.items():
        if isinstance(entry, dict):
            _build(entry)
        elif isinstance(entry, list):
            if not all(isinstance(item, str) for item in entry):
                raise ValueError(f"{key} must be a list of strings")
        elif not isinstance(entry, (str, int, bool)):
            raise ValueError(f"{key} must be a string, an integer, a boolean, a list of strings or a table")
    return value
