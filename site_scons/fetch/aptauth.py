"""Logins for apt's archives: apt_auth.conf(5), `machine [scheme://]host[:port][/path] login NAME password WORD`.

Without a scheme an entry is for https only, so that no password goes over the wire in the clear unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from .aptsources import Skipped


@dataclass(frozen=True)
class Login:
    machine: str
    name: str
    password: str = field(repr=False)

    def fits(self, url: str) -> bool:
        """Whether this is for that URL: same scheme and host; port and path where the entry has them,
        spelled out in both."""
        scheme, slashes, rest = self.machine.rpartition("://")
        try:
            mine, asked = urlsplit(f"{scheme if slashes else 'https'}://{rest}"), urlsplit(url)
            port, other = mine.port, asked.port
        except ValueError:      # a port that is no number
            return False
        return (mine.scheme, mine.hostname) == (asked.scheme, asked.hostname) and port in (None, other) \
            and asked.path.startswith(mine.path)


def read_logins(main: Path, parts: Path) -> tuple[list[Login], list[Skipped]]:
    """All entries, in apt's order: the main file, then the folder's *.conf by name. The first that fits counts."""
    logins: list[Login] = []
    skipped: list[Skipped] = []
    try:
        more = sorted(path for path in parts.iterdir() if path.suffix == ".conf")
    except (FileNotFoundError, NotADirectoryError):
        more = []
    except OSError as e:
        more = []
        skipped.append(Skipped(str(parts), f"cannot be read: {e.strerror}"))
    for path in [main, *more]:
        try:
            logins += entries(path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            pass
        except OSError as e:        # they are root's own more often than not
            skipped.append(Skipped(str(path), f"cannot be read: {e.strerror}"))
    return logins, skipped


def entries(text: str) -> Iterator[Login]:
    """The entries of one file. Words that are none of the three keys are passed over."""
    words = iter([word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()])
    found: dict[str, str] = {}
    for word in words:
        if word == "machine" and found:
            yield _login(found)
            found = {}
        if word in ("machine", "login", "password"):
            found[word] = next(words, "")
    if found:
        yield _login(found)


def _login(found: dict[str, str]) -> Login:
    return Login(found.get("machine", ""), found.get("login", ""), found.get("password", ""))


def with_login(url: str, logins: list[Login]) -> str:
    """The URL with name and password in it, where it has none and an entry fits. errors.shown() never prints them."""
    parts = urlsplit(url)
    login = next((entry for entry in logins if entry.machine and entry.fits(url)), None)
    if login is None or parts.username is not None:
        return url
    who = f"{quote(login.name, safe='')}:{quote(login.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc}"))
