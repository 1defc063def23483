"""The archives that apt on this machine is configured with: sources.list(5), in the one-line and the deb822 form.

We look for a place that mirrors Debian's pool, so this reads less than apt does (architectures, trust and targets do
not matter: the archive is checked by its hash) and never fails: an entry that cannot serve is put aside with a reason,
which the user sees if in the end no source delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import shown

# apt ignores files with other names, editors' backups among them (apt.conf(5), Dir::Etc::sourceparts).
LIST_NAME = re.compile(r"[A-Za-z0-9_.-]+\.(list|sources)")
# A word may hold groups with blanks: [arch=amd64 trusted=yes], cdrom:[Debian 12 amd64]/, "quoted".
WORD = re.compile(r'(?:\[[^\]]*\]|"[^"]*"|[^\s\["])+')
UNCOMMENTED = re.compile(r"(?:\[[^\]]*\]|[^#])*")
FALSE = {"no", "false", "without", "off", "disable", "0"}    # apt-pkg/contrib/strutl.cc, StringToBool


@dataclass(frozen=True)
class Archive:
    """One URI of one entry."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str
    where: str
    """File and line."""


@dataclass(frozen=True)
class Skipped:
    """Something that was not asked, and why not."""

    what: str
    why: str


def read_sources(main_list: Path, parts: Path) -> tuple[list[Archive], list[Skipped]]:
    """All entries that are switched on, in apt's order: the main list, then the folder's files by name."""
    archives: list[Archive] = []
    skipped: list[Skipped] = []
    try:
        more = sorted(p for p in parts.iterdir() if LIST_NAME.fullmatch(p.name))
    except (FileNotFoundError, NotADirectoryError):    # apt is told to have none by naming /dev/null
        more = []
    except OSError as e:
        more = []
        skipped.append(Skipped(str(parts), f"cannot be read: {e.strerror}"))
    for path in [main_list, *more]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as e:
            skipped.append(Skipped(str(path), f"cannot be read: {e.strerror}"))
            continue
        entries = deb822_entries if path.suffix == ".sources" else one_line_entries
        for entry in entries(text, str(path)):
            (archives if isinstance(entry, Archive) else skipped).append(entry)
    return archives, skipped


def one_line_entries(text: str, path: str) -> Iterator[Archive | Skipped]:
    """`deb [options] uri suite component...`, one a line; `#` begins a comment, except inside brackets."""
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        if not words:
            continue
        where = f"{path}:{number}"
        kind, *rest = words
        options: dict[str, str] = {}
        if rest and rest[0].startswith("["):
            options = dict(o.partition("=")[::2] for o in rest.pop(0).strip("[]").split())
        if kind not in ("deb", "deb-src") or len(rest) < 2 or ":" not in rest[0]:
            yield Skipped(where, "is no `deb uri suite component...` line")
            continue
        uri, suite, *components = rest
        yield Archive(uri, (suite,), tuple(components), options.get("signed-by", ""), where)


def _words(line: str) -> list[str]:
    return [word.replace('"', "") for word in WORD.findall(UNCOMMENTED.match(line)[0])]


def deb822_entries(text: str, path: str) -> Iterator[Archive | Skipped]:
    """Stanzas of `Field: value` with continuation lines, parted by blank lines; each URI of a stanza is an entry."""
    for number, fields in _stanzas(text):
        where = f"{path}:{number}"
        if fields.get("enabled", "yes").strip().lower() in FALSE:
            continue
        types, uris, suites = (tuple(fields.get(f, "").split()) for f in ("types", "uris", "suites"))
        if not uris or not suites or not {"deb", "deb-src"} & set(types):
            yield Skipped(where, "is no stanza with Types, URIs and Suites")
            continue
        for uri in uris:
            yield Archive(uri, suites, tuple(fields.get("components", "").split()), fields.get("signed-by", ""), where)


def _stanzas(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, fields by lower-case name) of each stanza; comment lines may stand even inside a value."""
    begins, fields, last = 0, {}, ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield begins, fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if last:
                fields[last] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            begins = begins if fields else number
            last = name.strip().lower()
            fields[last] = value.strip()


def pool_mirrors(archives: list[Archive], component: str) -> tuple[list[str], list[Skipped]]:
    """The archives that may hold pool/`component`/, as URIs without the last slash, each once, the likeliest first."""
    chosen: dict[str, int] = {}
    skipped: dict[str, Skipped] = {}
    for archive in archives:
        uri = archive.uri.rstrip("/")
        if why := _unfit(archive, component):
            skipped.setdefault(uri, Skipped(f"{shown(archive.uri)} ({archive.where})", why))
            continue
        # Others have pools too, a vendor's `main` for one. Debian's own key, or the folder name that its mirrors
        # use by agreement, marks the archive that we mean; the rest is asked last.
        likely = "debian-archive" in archive.signed_by or urlsplit(uri).path.rpartition("/")[2] == "debian"
        chosen[uri] = min(chosen.get(uri, 1), 0 if likely else 1)
    return sorted(chosen, key=chosen.__getitem__), [s for uri, s in skipped.items() if uri not in chosen]


def _unfit(archive: Archive, component: str) -> str | None:
    """Why this archive is not asked, or None."""
    try:
        parts = urlsplit(archive.uri)
    except ValueError as e:
        return f"it is no address: {e}"
    if parts.scheme.startswith("mirror"):
        return "a list of mirrors, which only apt knows how to choose from"
    if parts.scheme not in ("http", "https"):
        return f"only http and https are fetched, not {parts.scheme or 'a bare path'}"
    if not parts.hostname:
        return "it has no host"
    if all(suite.endswith("/") and not _is_security(suite) for suite in archive.suites):
        return "a flat repository has no pool"
    if "security" in parts.path or all(map(_is_security, archive.suites)):
        return "a security archive holds only updates, in a pool of its own"
    if component not in archive.components:
        return f"it is used without the component {component}"
    return None


def _is_security(suite: str) -> bool:
    return suite.rstrip("/").endswith(("-security", "/updates"))
