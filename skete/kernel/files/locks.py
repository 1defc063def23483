"""Record locks, fcntl(2): who holds which bytes of which file.

Two kinds of owner: a process (its descriptor table, as in Linux) for F_SETLK, a description for F_OFD_SETLK. They
are told apart by identity, and conflict with each other alike. Between guests this table decides. What they hold
together is held on the host as well, by one open file description of ours for each locked file, so that other
programs, and other machines, see it.
"""
from __future__ import annotations

import os
from errno import EACCES, EAGAIN, EBADF, EDEADLK, ENOLCK, EROFS
from fcntl import fcntl
from struct import Struct

from skete.abi.fcntl import F_OFD_GETLK, F_OFD_SETLK, F_RDLCK, F_UNLCK, F_WRLCK, O_CLOEXEC, O_RDONLY, O_RDWR
from skete.kernel.scheduler import Queue

__all__ = ["END", "FLOCK", "HostConflict", "Lock", "Locks", "locks_of"]

#: struct flock: type whence; start len; pid
FLOCK = Struct("<hh4xqqi4x")
#: where a lock of "all that follows" ends
END = 1 << 63
#: locks of one file: each is looked at whenever one is asked for
MOST = 4096


class HostConflict(OSError):
    """Another program of the host holds it. There is nobody here who will wake us."""


class Lock:
    """Bytes [start, end) held by owner. kind: F_RDLCK or F_WRLCK; pid: what F_GETLK says, -1 for a description's"""
    __slots__ = ("owner", "kind", "start", "end", "pid")

    def __init__(self, owner, kind: int, start: int, end: int, pid: int):
        self.owner, self.kind, self.start, self.end, self.pid = owner, kind, start, end, pid


class InodeLocks:
    """The locks of one file. queue: who waits for some of them to go; host_fd: what holds them on the host, or -1"""
    __slots__ = ("held", "queue", "host_fd")

    def __init__(self, host_fd: int):
        self.held, self.queue, self.host_fd = [], Queue(), host_fd

    def conflict(self, owner, kind: int, start: int, end: int) -> Lock | None:
        """The first lock of somebody else that stands in the way."""
        for lock in self.held:
            if lock.owner is not owner and lock.start < end and start < lock.end and F_WRLCK in (kind, lock.kind):
                return lock
        return None

    def set(self, owner, kind: int, start: int, end: int, pid: int) -> None:
        """Replace what the owner holds of a range. BlockingIOError: another program has it"""
        if kind != F_UNLCK:
            if len(self.held) >= MOST:
                raise OSError(ENOLCK, f"{len(self.held)} locks of a file")
            self._host(kind, start, end)
        kept, mine = [], []
        for lock in self.held:
            if lock.owner is not owner:
                kept.append(lock)
                continue
            if lock.start < start:
                mine.append(Lock(owner, lock.kind, lock.start, min(lock.end, start), lock.pid))
            if lock.end > end:
                mine.append(Lock(owner, lock.kind, max(lock.start, end), lock.end, lock.pid))
        if kind != F_UNLCK:
            mine.append(Lock(owner, kind, start, end, pid))
        self.held = kept + _joined(mine)
        self.held.sort(key=lambda lock: lock.start)
        if kind == F_UNLCK:
            self._let_go(start, end)
        self.queue.wake(1 << 30)

    def drop(self, owner) -> None:
        """The owner lets go of everything."""
        if any(lock.owner is owner for lock in self.held):
            self.set(owner, F_UNLCK, 0, END, 0)

    def _host(self, kind: int, start: int, end: int) -> None:
        if self.host_fd >= 0:
            length = 0 if end == END else end - start
            try:
                fcntl(self.host_fd, F_OFD_SETLK, FLOCK.pack(kind, 0, start, length, 0))
            except (BlockingIOError, PermissionError):
                raise HostConflict(EAGAIN, "locked on the host") from None
            except OSError as e:
                if e.errno != EBADF:        # we could not open it for writing: a lock among guests then
                    raise

    def _let_go(self, start: int, end: int) -> None:
        """Release on the host what nobody holds any more: what readers still hold stays."""
        at = start
        for lock in self.held:
            if lock.end > at and lock.start < end:
                if lock.start > at:
                    self._host(F_UNLCK, at, lock.start)
                at = max(at, lock.end)
        if at < end:
            self._host(F_UNLCK, at, end)

    def ask_host(self, kind: int, start: int, end: int) -> tuple | None:
        """(type, start, length) of another program's lock in the way."""
        if self.host_fd < 0:
            return None
        length = 0 if end == END else end - start
        answer = FLOCK.unpack(fcntl(self.host_fd, F_OFD_GETLK, FLOCK.pack(kind, 0, start, length, 0)))
        return None if answer[0] == F_UNLCK else (answer[0], answer[2], answer[3])


class Locks:
    """The locked files of a machine.

    inodes: {(device, inode): InodeLocks};  waiting: {owner: the owner it waits for}, to find deadlocks
    """

    def __init__(self):
        self.inodes, self.waiting = {}, {}

    def of(self, file) -> InodeLocks:
        """The locks of an open file."""
        st = file.stat()
        key = st.st_dev, st.st_ino
        locks = self.inodes.get(key)
        if locks is None:
            locks = self.inodes[key] = InodeLocks(_open_again(file))
        return locks

    def lock(self, file, owner, kind: int, start: int, end: int, pid: int) -> Lock | None:
        """Take or release; the lock in the way, if there is one. HostConflict"""
        locks = self.of(file)
        blocker = locks.conflict(owner, kind, start, end) if kind != F_UNLCK else None
        if blocker is None:
            locks.set(owner, kind, start, end, pid)
            self.tidy(file, locks)
        return blocker

    def waits_for(self, owner, blocker) -> None:
        """``owner`` is about to wait. EDEADLK where it would wait for itself in the end"""
        other = blocker
        while other in self.waiting:
            other = self.waiting[other]
            if other is owner:
                raise OSError(EDEADLK, "a circle of waiting")
        self.waiting[owner] = blocker

    def drop(self, file, owner) -> None:
        """A descriptor of the file was closed: the owner's locks on it go."""
        st = file.stat()
        locks = self.inodes.get((st.st_dev, st.st_ino))
        if locks is not None:
            locks.drop(owner)
            self.tidy(file, locks)

    def tidy(self, file, locks: InodeLocks) -> None:
        """Forget a file that nobody holds a lock of."""
        if not locks.held and not locks.queue.tasks:
            st = file.stat()
            self.inodes.pop((st.st_dev, st.st_ino), None)
            if locks.host_fd >= 0:
                os.close(locks.host_fd)

    def close(self) -> None:
        """Let go of the host."""
        for locks in self.inodes.values():
            if locks.host_fd >= 0:
                os.close(locks.host_fd)
        self.inodes.clear()


def locks_of(namespace) -> Locks:
    """The namespace's, made when first needed."""
    if namespace.locks is None:
        namespace.locks = Locks()
    return namespace.locks


def _joined(mine: list) -> list:
    """Neighbours of one kind as one."""
    mine.sort(key=lambda lock: lock.start)
    out = []
    for lock in mine:
        if out and out[-1].end == lock.start and out[-1].kind == lock.kind:
            out[-1].end = lock.end
        else:
            out.append(lock)
    return out


def _open_again(file) -> int:
    """A description of our own of the same file, for writing if that can be, or -1."""
    if file.host_fd < 0:
        return -1
    for flags in (O_RDWR, O_RDONLY):
        if flags == O_RDWR and file.readonly:
            continue
        try:
            return os.open(b"/proc/self/fd/%d" % file.host_fd, flags | os.O_NONBLOCK | O_CLOEXEC)
        except OSError as e:
            if e.errno not in (EACCES, EROFS):
                return -1
    return -1
