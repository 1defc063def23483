"""What can go wrong, in words that a user can act on."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


class FetchError(Exception):
    """The file could not be had. str() is the whole story, several lines of it, without a prefix."""


class RecipeError(FetchError):
    """A recipe that cannot be used; names file, key and value."""


class CacheError(FetchError):
    """The local disk refused, so another source would not help."""


class SourceFailed(Exception):
    """One source did not deliver; str() is what it answered. The next source may."""


def shown(url: str) -> str:
    """The URL as it may be printed: a mirror's password or a signed query must not end up in a build log."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "..." if parts.query else "", ""))
