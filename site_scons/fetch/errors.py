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
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable address"
    host = parts.netloc.rpartition("@")[2]
    return printable(urlunsplit((parts.scheme, host, parts.path, "..." if parts.query else "", "")))


def printable(text: str) -> str:
    """One line that is safe on a terminal: what a server says may hold line ends and escape sequences."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:1000])
