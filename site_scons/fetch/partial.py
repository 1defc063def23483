"""The piece of a file that has arrived so far, kept on disk so that a killed download goes on where it was.

Two files beside the cache entry: `.part` has the bytes, `.part.tag` the validator (ETag or Last-Modified) of the
response that they came from, to be sent as If-Range (RFC 9110, 13.1.5). One pair for each source, since validators
mean nothing to another server. The caller holds the entry's lock.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import CacheError

READ = 1 << 20


class Part:
    def __init__(self, entry: Path, url: str):
        """The piece of `entry` that comes from `url`. Only a hash of the URL is in the name: it may hold a password."""
        self.path = entry.with_name(f"{entry.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part")
        self._tag = self.path.with_name(self.path.name + ".tag")

    def size(self) -> int:
        """Bytes that are there; 0 without a file."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def validator(self) -> str | None:
        try:
            tag = self._tag.read_bytes()[:1000].decode("ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return tag if tag.isprintable() and tag else None

    def begin(self, validator: str | None) -> None:
        """Empty the piece and note the new validator. In this order: bytes must never meet a later response's tag."""
        with local(self.path):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644))
            self._tag.unlink(missing_ok=True)
            if validator:
                self._tag.write_text(validator, encoding="ascii", errors="replace")

    @contextmanager
    def appender(self) -> Iterator[Callable[[bytes], None]]:
        """A function that appends, unbuffered: what it wrote is there even if we are killed the next moment."""
        with local(self.path):
            file = open(self.path, "ab", buffering=0)

        def append(block: bytes) -> None:
            rest = memoryview(block)
            with local(self.path):
                while rest:    # a disk that is nearly full takes a part, and refuses only the next time
                    rest = rest[file.write(rest):]
        with file:
            yield append

    def sha256(self) -> str:
        """Of what is on the disk, after bringing it there: this is what gets the file its name."""
        with local(self.path), open(self.path, "rb") as file:
            os.fsync(file.fileno())
            return digest(file)

    def discard(self) -> None:
        with local(self.path):
            self.path.unlink(missing_ok=True)
            self._tag.unlink(missing_ok=True)


@contextmanager
def local(path: Path) -> Iterator[None]:
    """Turn an error of the disk into CacheError: requests' errors are OSErrors too and must not be taken for it."""
    try:
        yield
    except OSError as e:
        raise CacheError(f"{path}: {e.strerror or e}") from e


def digest(file) -> str:
    """The SHA-256 of an open binary file from where it stands, as 64 hex digits."""
    sum_ = hashlib.sha256()
    while block := file.read(READ):
        sum_.update(block)
    return sum_.hexdigest()
