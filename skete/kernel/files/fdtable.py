"""The descriptor table of a process: small numbers, each on an open file description, with one flag."""
from __future__ import annotations

import os
from errno import EBADF, EMFILE, ENFILE

__all__ = ["DEFAULT_LIMIT", "FdTable", "host_limit"]

#: RLIMIT_NOFILE as Linux starts programs with it.
DEFAULT_LIMIT = 1024
#: Host descriptors that stay for the monitor itself: engine, sockets, the components of a walk.
_RESERVE = 64


def host_limit() -> int:
    """How many descriptors a guest may have so that the monitor never runs out of its own.

    A guest descriptor costs at most two of ours (a directory being listed).
    """
    try:
        mine = os.sysconf("SC_OPEN_MAX")
    except (OSError, ValueError):
        return DEFAULT_LIMIT
    if mine <= 0:
        return DEFAULT_LIMIT
    return max(16, min(DEFAULT_LIMIT, (mine - _RESERVE) // 2))


def _highest() -> int:
    """The host hands out the lowest number that is free: one as high as this means that few are left."""
    mine = os.sysconf("SC_OPEN_MAX")
    return mine - _RESERVE if mine > 2 * _RESERVE else 1 << 31


class FdTable:
    """fd -> Description, with the close-on-exec flags.

    limit: RLIMIT_NOFILE's soft value: one more than the highest number that can be given out. ``ceiling`` is what
    the host leaves us: a raised limit stays below it.
    """
    __slots__ = ("slots", "cloexec", "ceiling", "refs", "locks", "facts", "_limit", "_free", "_last")

    def __init__(self, limit: int | None = None):
        self.slots: list = []           # None where closed
        self.cloexec: set = set()
        self.ceiling = host_limit()
        self._last = _highest()         # host descriptors from here on are the monitor's, whatever all processes have
        self.refs = 1                   # processes that share it (CLONE_FILES)
        self.locks = None               # the machine's record locks, once this has some
        self.facts = None               # what the engine's gate knows of its descriptors: skete.kernel.answers
        self._limit = self.ceiling if limit is None else limit
        self._free = 0                  # no number below this is free

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        self._limit = min(value, 1 << 20)

    def get(self, fd: int):
        """The description behind fd. EBADF"""
        if 0 <= fd < len(self.slots):
            description = self.slots[fd]
            if description is not None:
                return description
        raise OSError(EBADF, f"descriptor {fd}")

    def install(self, description, lowest: int = 0, cloexec: bool = False) -> int:
        """Give a description the lowest free number from ``lowest`` on. EMFILE ENFILE; then the caller still owns it."""
        fd = max(lowest, self._free)
        slots = self.slots
        while fd < len(slots) and slots[fd] is not None:
            fd += 1
        if fd >= min(self._limit, self.ceiling):
            raise OSError(EMFILE, f"limit {self._limit}")
        if description.host_fd >= self._last:
            raise OSError(ENFILE, "the host's descriptors are used up")
        if lowest <= self._free:
            self._free = fd + 1
        self._put(fd, description, cloexec)
        return fd

    def room(self) -> None:
        """EMFILE when ``install`` would say so: asked before an open that has effects."""
        fd = self._free
        while fd < len(self.slots) and self.slots[fd] is not None:
            fd += 1
        self._free = fd
        if fd >= min(self._limit, self.ceiling):
            raise OSError(EMFILE, f"limit {self._limit}")

    def _put(self, fd: int, description, cloexec: bool) -> None:
        if self.facts is not None:
            self.facts.forget(fd)
        slots = self.slots
        if fd >= len(slots):
            slots.extend([None] * (fd + 1 - len(slots)))
        slots[fd] = description.hold()
        if cloexec:
            self.cloexec.add(fd)
        else:
            self.cloexec.discard(fd)

    def replace(self, fd: int, description, cloexec: bool = False) -> int:
        """dup2: make fd refer to this description; what it was is closed silently. EBADF beyond the limit"""
        if not 0 <= fd < min(self._limit, self.ceiling):
            raise OSError(EBADF, f"descriptor {fd}, limit {self._limit}")
        old = self.slots[fd] if fd < len(self.slots) else None
        self._put(fd, description, cloexec)
        if old is not None:
            if self.locks is not None:
                self.locks.drop(old, self)
            if old.flushes:
                old.flush(self)
            old.drop()
        return fd

    def close(self, fd: int) -> None:
        """Free the number. EBADF"""
        description = self.get(fd)
        if self.facts is not None:
            self.facts.forget(fd)
        self.slots[fd] = None
        self.cloexec.discard(fd)
        if fd < self._free:
            self._free = fd
        if self.locks is not None:
            self.locks.drop(description, self)      # whichever descriptor of the file it was: fcntl(2)
        if description.flushes:
            description.flush(self)
        description.drop()

    def numbers(self) -> list:
        """The open descriptors, ascending."""
        return [fd for fd, description in enumerate(self.slots) if description is not None]

    def share(self) -> None:
        """One process more uses this very table: the gate of one would not see what the other does."""
        self.refs += 1
        self.forget_facts()

    def forget_facts(self) -> None:
        """The gate is to answer nothing about its descriptors any more."""
        if self.facts is not None:
            self.facts.forget(-1)
            self.facts = None

    def fork(self) -> "FdTable":
        """A copy on the same descriptions: fork(2), close_range's UNSHARE."""
        copy = FdTable(self._limit)
        copy.ceiling, copy._free = self.ceiling, self._free
        copy.slots = [d.hold() if d is not None else None for d in self.slots]
        copy.cloexec = set(self.cloexec)
        return copy

    def on_exec(self) -> None:
        """Close what is marked close-on-exec."""
        for fd in sorted(self.cloexec):
            self.close(fd)

    def close_all(self) -> None:
        """The process has ended (or the last one that shares the table)."""
        self.refs -= 1
        if self.refs > 0:
            return
        for fd in self.numbers():
            self.close(fd)
