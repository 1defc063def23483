"""The download cache: a folder of files named by SHA-256 and file name.

A file gets its name after its hash was checked, by rename, so a name that is there was right once. It is checked
again whenever it is used: disks and users change files. All that writes happens under a lock of the entry's own,
which dies with its holder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import CacheError
from .partial import Part, digest, local
from .recipe import Release

POLL_S = 0.1
# Another file system, too many links, a file system without any, a kernel that protects them from non-owners.
NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EACCES}


def cache_folder(environ: dict[str, str] | os._Environ = os.environ) -> Path:
    """$SKETE_CACHE, else skete in $XDG_CACHE_HOME, else ~/.cache/skete. XDG says that a relative path is ignored."""
    if own := environ.get("SKETE_CACHE"):
        return Path(own).absolute()
    xdg = Path(environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "skete"


class Entry:
    """One file of the cache, there or not."""

    def __init__(self, folder: Path, release: Release):
        self.sha256 = release.sha256
        self.path = folder / "downloads" / f"{release.sha256}-{release.filename}"
        self._lock = self.path.with_name(self.path.name + ".lock")

    def state(self) -> str:
        """"right", or a reason: "not there", "cannot be read: ...", "has the wrong sha256 ..."."""
        return file_state(self.path, self.sha256)

    def discard(self) -> None:
        with local(self.path):
            self.path.unlink(missing_ok=True)

    def part(self, url: str) -> Part:
        return Part(self.path, url)

    def adopt(self, part: Part) -> None:
        """A verified piece becomes the entry. Read-only, for a hard link of it may be what the build has."""
        with local(self.path):
            os.replace(part.path, self.path)
            os.chmod(self.path, 0o444)
            for left in self.path.parent.glob(f"{self.path.name}.*.part*"):
                left.unlink(missing_ok=True)

    @contextmanager
    def locked(self, patience_s: float, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the entry's lock. `waiting` is called once if another process has it. CacheError after `patience_s`."""
        with local(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = self._acquire(patience_s, waiting)
        try:
            yield
        finally:
            # Removed while we hold it: whoever waits on it sees, in _acquire, that it has no name any more.
            self._lock.unlink(missing_ok=True)
            os.close(fd)

    def _acquire(self, patience_s: float, waiting: Callable[[], None]) -> int:
        give_up, told = time.monotonic() + patience_s, False
        while True:
            with local(self._lock):
                fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(fd, self._lock):
                    return fd
                os.close(fd)
                continue
            except OSError as e:
                os.close(fd)
                if e.errno not in (errno.EAGAIN, errno.EACCES):
                    raise CacheError(f"{self._lock}: cannot be locked: {e.strerror}") from e
            if time.monotonic() > give_up:
                raise CacheError(f"{self._lock}: another process has held it for {patience_s:g} s")
            if not told:
                waiting()
                told = True
            time.sleep(POLL_S)

    def place(self, output: Path) -> None:
        """Put the entry at `output`, at once or not at all: a hard link where that can be, else a copy."""
        with local(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            new = output.with_name(f".{output.name}.{secrets.token_hex(4)}.new")
            try:
                self._link_or_copy(new)
                os.replace(new, output)
            finally:
                # After a success too: rename(2) of a link over another link of the same file leaves both.
                new.unlink(missing_ok=True)

    def _link_or_copy(self, new: Path) -> None:
        try:
            os.link(self.path, new)
        except OSError as e:
            if e.errno not in NO_LINK:
                raise
            with open(self.path, "rb") as cached, open(new, "xb") as copy:
                shutil.copyfileobj(cached, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())


def file_state(path: Path, sha256: str) -> str:
    """"right", or why the file at `path` is not the one with this hash."""
    try:
        if path.exists() and not path.is_file():
            return "is not a regular file"
        with open(path, "rb") as file:
            found = digest(file)
    except FileNotFoundError:
        return "not there"
    except OSError as e:
        return f"cannot be read: {e.strerror}"
    return "right" if found == sha256 else f"has the wrong sha256 {found}"


def _same_file(fd: int, path: Path) -> bool:
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), named)
