"""Fetch a release: the cache, then each source in order. Decides, and words what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .aptsources import Skipped
from .cache import Entry, cache_folder, file_state
from .connection import Limits
from .errors import CacheError, FetchError, SourceFailed, shown
from .progress import Progress, Silent
from .recipe import Release
from .sources import addresses
from .transfer import Transfer


@dataclass(frozen=True)
class Fetched:
    path: Path
    """The output, or without one the cache entry."""
    origin: str
    """Where it came from: "already there", "the cache", or a URL."""
    failed: tuple[str, ...] = ()
    """What was tried before, each `source: answer`."""


def fetch(release: Release, *, output: Path | None = None, offline: bool = False, cache: Path | None = None,
          apt_dir: Path | None = None, limits: Limits = Limits(), progress: Progress = Silent()) -> Fetched:
    """Put the verified file of `release` at `output` (without one: only into the cache).

    offline     use the cache alone
    cache       the folder; by default what cache.cache_folder says
    apt_dir     in place of /etc/apt

    Raises FetchError with everything that was tried. What has arrived of a file stays for the next call, whichever way
    this one ends, KeyboardInterrupt and SIGKILL included.
    """
    if output and file_state(output, release.sha256) == "right":
        return Fetched(output, "already there")
    entry = Entry(cache or cache_folder(), release)
    failed: list[str] = []
    with _story(release, entry, failed):
        origin = "the cache"
        if (state := entry.state()) != "right":
            origin = _fill(entry, release, state, offline, apt_dir, limits, progress, failed)
        if output:
            entry.place(output)
    return Fetched(output or entry.path, origin, tuple(failed))


def _fill(entry: Entry, release: Release, state: str, offline: bool, apt_dir: Path | None, limits: Limits,
          progress: Progress, failed: list[str]) -> str:
    """Bring the file into the cache and return its origin."""
    if offline:
        failed.append(f"cache {entry.path}: {state}")
        failed.append("offline: no other source was asked")
        raise FetchError
    found = addresses(release, apt_dir)
    patience_s = limits.total_s * max(1, len(found))
    with entry.locked(patience_s, lambda: progress.note("another process is fetching it, waiting")):
        state = entry.state()    # that other process may have succeeded
        if state == "right":
            return "the cache"
        if state != "not there":
            entry.discard()
            state += ", removed"
        failed.append(f"cache {entry.path}: {state}")
        return _from_sources(entry, release, found, limits, progress, failed)


def _from_sources(entry: Entry, release: Release, found: list, limits: Limits, progress: Progress,
                  failed: list[str]) -> str:
    for source in found:
        if isinstance(source, Skipped):
            failed.append(f"{source.what}: not asked, {source.why}")
            continue
        part = entry.part(source.url)
        try:
            Transfer(release, source, part, limits, progress).run()
        except SourceFailed as answer:
            failed.append(f"{shown(source.url)}: {answer}")
            continue
        entry.adopt(part)
        return shown(source.url)
    raise FetchError


@contextmanager
def _story(release: Release, entry: Entry, failed: list[str]) -> Iterator[None]:
    """Word a failure: what was tried, in order, and what the user can do."""
    try:
        yield
    except FetchError as e:
        lines = [f"{release.filename} ({release.recipe} {release.version}) could not be fetched. Tried, in order:"]
        lines += [f"  {attempt}" for attempt in failed]
        if isinstance(e, CacheError):
            lines.append(f"  then the local disk refused: {e}")
            lines.append("Remedy: make room or give access there, or name another cache folder in SKETE_CACHE.")
        else:
            lines.append(f"Remedy: put the file at {entry.path} yourself;")
            lines.append(f"its sha256 is {release.sha256}.")
        raise FetchError("\n".join(lines)) from e
