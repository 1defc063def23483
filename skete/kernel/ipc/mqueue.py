"""POSIX message queues as they are: names, messages by priority, who is told of the first one. mq_overview(7).

All queues of a machine stand in one registry. What may be in them is limited as on Linux: each queue is charged with
all that it could hold when it is made, and RLIMIT_MSGQUEUE bounds the sum.
"""
from __future__ import annotations

import os
from bisect import bisect_left
from errno import EACCES, EEXIST, EINVAL, EMFILE, ENAMETOOLONG, ENOENT, ENOSPC, EPERM
from fcntl import fcntl
from struct import pack
from time import time_ns

from skete.abi.fcntl import F_DUPFD_CLOEXEC, O_ACCMODE, O_CREAT, O_EXCL, SEEK_CUR, SEEK_END, SEEK_SET
from skete.abi.resource import RLIMIT_MSGQUEUE
from skete.abi.signal import SI_MESGQ
from skete.abi.stat import S_IFREG, ST_VALID
from skete.kernel.files.description import Description
from skete.kernel.files.pseudo import Stat
from skete.kernel.process.sharing import held_files
from skete.kernel.scheduler import Queue
from skete.kernel.signals.pending import send_process
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["SIGEV_NONE", "SIGEV_SIGNAL", "SIGEV_THREAD", "MessageQueue", "Mqueues", "OpenQueue", "Told"]

#: /proc/sys/fs/mqueue: queues_max msg_max msgsize_max, which are also what a queue without attributes has
QUEUES, MESSAGES, SIZE = 256, 10, 8192
SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD = range(3)
_PRIORITIES = 32768
#: NOTIFY_WOKENUP, NOTIFY_REMOVED
_WOKEN, _REMOVED = b"\1", b"\2"
#: RLIMIT_MSGQUEUE as programs begin with it
_CHARGED = 819_200
#: what Linux counts for a message (struct msg_msg), and for a priority (struct posix_msg_tree_node)
_MESSAGE, _NODE = 48, 48
_SHOWN_SIZE = 80
_NAME_MAX, _MAGIC = 255, 0x1980_0202
#: what an eventfd has to count to be readable alone
_FULL = (1 << 64) - 2


class MessageQueue:
    """most, largest: messages, bytes of one;  cost: bytes it is charged with;  links: 1 while it has its name
    messages: [(-priority, sequence, bytes)] in the order in which they are received
    room, news: who waits to send, to receive;  told: who asked to be told of the first message, or None
    event: a host eventfd that is ready as the queue is, while somebody has it open, else -1
    """
    __slots__ = ("queues", "name", "mode", "owner", "ino", "most", "largest", "cost", "links", "messages", "bytes",
                 "room", "news", "told", "event", "users", "times", "_sequence", "_shows")

    def __init__(self, queues: "Mqueues", name: bytes, mode: int, owner: tuple, most: int, largest: int, cost: int):
        self.queues, self.name, self.mode, self.owner = queues, name, mode & 0o7777, owner
        self.most, self.largest, self.cost, self.links = most, largest, cost, 1
        self.messages, self.bytes, self._sequence = [], 0, 0
        self.room, self.news, self.told = Queue(), Queue(), None
        self.event, self.users, self._shows = -1, 0, 0
        queues.made += 1
        self.ino = queues.made
        self.times = [time_ns()] * 3        # of access, modification, change

    def may(self, creds, flags: int) -> None:
        """Whether it may be opened with these flags. EACCES"""
        if not creds.may(*self.owner, self.mode, (4, 2, 6, 0)[flags & O_ACCMODE]):
            raise OSError(EACCES, f"mode {self.mode:#o}")

    def own(self, creds) -> None:
        """EPERM"""
        if not creds.owns(self.owner[0]):
            raise OSError(EPERM, f"user {self.owner[0]}'s")

    # messages

    def put(self, priority: int, data: bytes, task) -> None:
        """Add a message; there is room. Whoever waits for one gets it, and nobody else is told then."""
        self._sequence += 1
        entry = (-priority, self._sequence, data)
        self.messages.insert(bisect_left(self.messages, entry), entry)
        self.bytes += len(data)
        self.times[:] = [time_ns()] * 3
        if self.news:
            self.news.wake()
        elif self.told is not None and len(self.messages) == 1:
            told, self.told = self.told, None
            told.tell(task)
        self.show()

    def take(self) -> tuple:
        """(priority, bytes) of the next message; there is one."""
        priority, _, data = self.messages.pop(0)
        self.bytes -= len(data)
        self.times[:] = [time_ns()] * 3
        self.room.wake()
        self.show()
        return -priority, data

    # readiness: nothing counted is writable, one is both, as much as goes in is readable

    def show(self) -> None:
        """Make the eventfd say how it is; also where nothing has changed: to who wants edges that is one more."""
        if self.event < 0:
            return
        wanted = 0 if not self.messages else _FULL if len(self.messages) >= self.most else 1
        if self._shows:
            os.eventfd_read(self.event)
        os.eventfd_write(self.event, wanted)
        self._shows = wanted

    def opened(self) -> int:
        """A host descriptor for one more description of it."""
        if self.event < 0:
            self.event, self._shows = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), 0
            self.show()
        try:
            host_fd = fcntl(self.event, F_DUPFD_CLOEXEC, 0)
        except OSError:
            self._rest()
            raise
        self.users += 1
        return host_fd

    def closed(self) -> None:
        """A description of it less."""
        self.users -= 1
        self._rest()

    def _rest(self) -> None:
        """Nobody may have it open: then it needs no descriptor, and without a name it is gone."""
        if self.users:
            return
        os.close(self.event)
        self.event = -1
        if not self.links:
            self.queues.charged -= self.cost


class Mqueues:
    """by_name: {name: MessageQueue};  charged: bytes, of all that exist, with a name or without;  made: so far"""
    __slots__ = ("kernel", "by_name", "charged", "made")

    def __init__(self, kernel):
        self.kernel, self.by_name, self.charged, self.made = kernel, {}, 0, 0

    def find(self, name: bytes) -> MessageQueue | None:
        """By its name, which begins with no slash. EACCES ENAMETOOLONG"""
        if b"/" in name or name in (b".", b".."):
            raise OSError(EACCES, f"the name {name!r}")
        if len(name) > _NAME_MAX:
            raise OSError(ENAMETOOLONG, f"{len(name)} bytes")
        return self.by_name.get(name)

    def open(self, task, name: bytes, flags: int, mode: int, sizes: tuple | None) -> "OpenQueue":
        """sizes: messages and bytes of each, where it is made. EACCES EEXIST EINVAL EMFILE ENAMETOOLONG ENOENT
        ENOSPC"""
        found = self.find(name)
        if found is None:
            if not flags & O_CREAT:
                raise OSError(ENOENT, f"no queue {name!r}")
            found = self._make(task, name, mode & ~task.fs.umask, sizes or (MESSAGES, SIZE))
        else:
            if flags & O_CREAT and flags & O_EXCL:
                raise OSError(EEXIST, f"queue {name!r}")
            if flags & O_ACCMODE == O_ACCMODE:
                raise OSError(EINVAL, f"flags {flags:#x}")
            found.may(task.creds, flags)
        return OpenQueue(found, flags)

    def _make(self, task, name: bytes, mode: int, sizes: tuple) -> MessageQueue:
        most, largest = sizes
        if len(self.by_name) >= QUEUES:
            raise OSError(ENOSPC, f"{QUEUES} queues")
        if not 0 < most <= MESSAGES or not 0 < largest <= SIZE:
            raise OSError(EINVAL, f"{most} messages of {largest} bytes")
        cost = most * (largest + _MESSAGE) + min(most, _PRIORITIES) * _NODE
        limits = task.process.rlimits
        if self.charged + cost > (limits[RLIMIT_MSGQUEUE][0] if limits is not None else _CHARGED):
            raise OSError(EMFILE, f"RLIMIT_MSGQUEUE: {self.charged} bytes, and {cost}")
        made = MessageQueue(self, name, mode, (task.creds.fsuid, task.creds.fsgid), most, largest, cost)
        self.charged += cost
        self.by_name[name] = made
        return made

    def unlink(self, task, name: bytes) -> None:
        """Take its name away; it is gone when nobody has it open. EACCES ENAMETOOLONG ENOENT EPERM"""
        found = self.find(name)
        if found is None:
            raise OSError(ENOENT, f"no queue {name!r}")
        found.own(task.creds)           # their directory is sticky
        del self.by_name[name]
        found.links = 0
        if not found.users:
            self.charged -= found.cost


class Told:
    """Who wants to be told of a message that comes to an empty queue: a process, once.

    how: SIGEV_*;  signo, value: of the signal
    cookie, socket: for SIGEV_THREAD, what is said on which netlink socket, which is held
    """
    __slots__ = ("process", "how", "signo", "value", "cookie", "socket")

    def __init__(self, process, how: int, signo: int, value: int, cookie: bytes = b"", socket=None):
        self.process, self.how, self.signo, self.value = process, how, signo, value
        self.cookie, self.socket = cookie, socket.hold() if socket is not None else None

    def forget(self) -> None:
        """It is not to be told any more."""
        self._say(_REMOVED)

    def _say(self, what: bytes) -> None:
        """On the socket, and for the last time: the cookie, whose last byte says why."""
        if self.socket is not None:
            self.socket.tell(self.cookie[:-1] + what)
            self.socket.drop()
            self.socket = None

    def tell(self, sender) -> None:
        self._say(_WOKEN)
        if self.how == SIGEV_SIGNAL and self.signo:
            fields = pack("<iIQ", sender.process.pid, sender.creds.uid, self.value)
            try:
                send_process(self.process, SigInfo(self.signo, SI_MESGQ, fields))
            except OSError:
                pass            # its queue of signals is full


class OpenQueue(Description):
    """A description of a queue. It reads as a line about it, has an inode, and is ready as the queue is."""
    __slots__ = ("queue", "position")
    flushes = True

    def __init__(self, queue: MessageQueue, flags: int):
        self.queue, self.position = queue, 0
        host_fd = queue.opened()
        super().__init__(flags, b"/" + queue.name, host_fd, host_fd)

    def release(self) -> None:
        os.close(self.host_fd)
        self.queue.closed()

    def flush(self, files) -> None:
        """A descriptor of it was closed in this table: the process is not told any more."""
        told = self.queue.told
        if told is not None and any(files is one for one in held_files(told.process)):
            self.queue.told = None
            told.forget()

    def reopen(self, flags: int) -> "OpenQueue":
        self.queue.may(self._creds(), flags)
        return OpenQueue(self.queue, flags)

    # as a file

    def _line(self) -> bytes:
        queue, told = self.queue, self.queue.told
        how, signo, pid = (told.how, told.signo, told.process.pid) if told is not None else (0, 0, 0)
        return b"QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n" % (
            queue.bytes, how, signo if how == SIGEV_SIGNAL else 0, pid)

    def read(self, buffers: list) -> int:
        moved = self.pread(buffers, self.position)
        self.position += moved
        return moved

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        line, moved = self._line(), 0
        for view in buffers:
            piece = line[offset + moved:offset + moved + len(view)]
            view[:len(piece)] = piece
            moved += len(piece)
        return moved

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        raise OSError(EINVAL, "cannot be written")

    def seek(self, offset: int, whence: int) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self.position, SEEK_END: _SHOWN_SIZE}.get(whence)
        if base is None or base + offset < 0:
            raise OSError(EINVAL, f"whence {whence}, offset {offset}")
        self.position = base + offset
        return self.position

    def stat(self) -> Stat:
        queue = self.queue
        st = Stat(S_IFREG | queue.mode, queue.ino, _SHOWN_SIZE, 0, *queue.owner)
        st.st_dev, st.st_nlink = 0x13, queue.links
        st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns = queue.times
        return st

    def statfs(self) -> tuple:
        return (_MAGIC, 4096, 0, 0, 0, 0, 0, 0, _NAME_MAX, 4096, ST_VALID)

    def _creds(self):
        """Whose call this is."""
        return self.queue.queues.kernel.current.creds

    def chmod(self, mode: int) -> None:
        self.queue.own(self._creds())
        self.queue.mode = mode & 0o7777
        self.queue.times[2] = time_ns()
