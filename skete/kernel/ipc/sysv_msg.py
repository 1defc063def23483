"""SysV message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

As with the semaphores, a call that waits tries again when its queue has changed.
"""
from __future__ import annotations

from errno import E2BIG, EAGAIN, EIDRM, EINTR, EINVAL, ENOMEM, ENOMSG, EPERM
from struct import Struct
from time import time

from skete.kernel.ipc.sysv import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, PERM, Object, Registry
from skete.kernel.outcome import SIGNAL, Wait
from skete.kernel.row import ADDR, I32, I64, Row
from skete.kernel.scheduler import Queue

__all__ = ["ROWS"]

MSG_STAT, MSG_INFO, MSG_STAT_ANY = 11, 12, 13
MSG_NOERROR, MSG_EXCEPT, MSG_COPY = 0o10000, 0o20000, 0o40000
#: bytes of a message, of a queue; queues; messages in all, since even an empty one costs the monitor memory
MSGMAX, MSGMNB, MSGMNI, _MOST = 8192, 16384, 256, 1 << 17
_LONG_MAX = (1 << 63) - 1
_TYPE = Struct("<q")
#: struct msqid64_ds after its perm: stime rtime ctime cbytes qnum qbytes lspid lrpid, two spare
_STATE = Struct("<3q3Q2i16x")
_INFO = Struct("<7iH2x")


class Messages(Object):
    """messages: [(type, bytes)] in order; bytes: in them; room, news: who waits to send, to receive."""
    __slots__ = ("messages", "bytes", "limit", "times", "pids", "room", "news")

    def __init__(self, key: int, mode: int, creds):
        super().__init__(key, mode, creds)
        self.messages, self.bytes, self.limit = [], 0, MSGMNB
        self.times, self.pids = [0, 0], [0, 0]      # of the last message sent, received
        self.room, self.news = Queue(), Queue()

    def described(self) -> bytes:
        return self.perm() + _STATE.pack(*self.times, self.changed, self.bytes, len(self.messages), self.limit,
                                         *self.pids)

    def accepts(self, size: int) -> bool:
        return self.bytes + size <= self.limit and len(self.messages) < self.limit

    def pick(self, kind: int, flags: int) -> int:
        """The index of the message that msgrcv(2) would take, -1 if none is there."""
        if not kind:
            return 0 if self.messages else -1
        if kind < 0:
            low = min(self.messages, key=lambda message: message[0], default=None)
            if low is None or low[0] > min(-kind, _LONG_MAX):
                return -1
            return next(i for i, message in enumerate(self.messages) if message[0] == low[0])
        other = bool(flags & MSG_EXCEPT)
        return next((i for i, message in enumerate(self.messages) if (message[0] == kind) is not other), -1)


def _queues(kernel) -> Registry:
    if kernel.messages is None:
        kernel.messages = Registry(MSGMNI)
    return kernel.messages


def _count(queues: Registry) -> int:
    return sum(len(queue.messages) for queue in queues.objects.values())


def msgget(task, key: int, flags: int) -> int:
    """msgget(2): the number of a queue. EACCES EEXIST ENOENT ENOSPC"""
    return _queues(task.kernel).get(task.creds, key, flags, lambda: Messages(key, flags, task.creds))


def msgsnd(task, number: int, addr: int, size: int, flags: int):
    """msgsnd(2). EACCES EAGAIN EFAULT EIDRM EINTR EINVAL ENOMEM"""
    mm, queues = task.mm, _queues(task.kernel)
    kind, = _TYPE.unpack(mm.read(addr, 8))
    if number < 0 or not 0 <= size <= MSGMAX or kind < 1:
        raise OSError(EINVAL, f"queue {number}, type {kind}, {size} bytes")
    data = bytes(mm.read(addr + 8, size)) if size else b""
    queue = queues.find(number)
    queue.may(task.creds, 2)
    if queue.accepts(size):
        return _put(task, queue, kind, data)
    if flags & IPC_NOWAIT:
        raise OSError(EAGAIN, f"{queue.bytes} of {queue.limit} bytes")
    return _until_sent(task, queue, kind, data)


def _until_sent(task, queue: Messages, kind: int, data: bytes):
    while True:
        why = yield Wait(queue.room)
        if queue.removed:
            raise OSError(EIDRM, f"queue {queue.id}")
        queue.may(task.creds, 2)
        if queue.accepts(len(data)):
            return _put(task, queue, kind, data)
        if why is SIGNAL:
            raise OSError(EINTR, "")


def _put(task, queue: Messages, kind: int, data: bytes) -> int:
    if _count(_queues(task.kernel)) >= _MOST:
        raise OSError(ENOMEM, f"{_MOST} messages")
    queue.messages.append((kind, data))
    queue.bytes += len(data)
    queue.times[0], queue.pids[0] = int(time()), task.process.pid
    queue.news.wake()
    return 0


def msgrcv(task, number: int, addr: int, size: int, kind: int, flags: int):
    """msgrcv(2): the bytes of a message. E2BIG EACCES EFAULT EIDRM EINTR EINVAL ENOMSG"""
    if number < 0 or size < 0:
        raise OSError(EINVAL, f"queue {number}, {size} bytes")
    if flags & MSG_COPY:
        if flags & MSG_EXCEPT or not flags & IPC_NOWAIT:
            raise OSError(EINVAL, "MSG_COPY goes with IPC_NOWAIT")
    queue = _queues(task.kernel).find(number)
    queue.may(task.creds, 4)
    if flags & MSG_COPY:        # kind is a place in the queue
        found = kind if 0 <= kind < len(queue.messages) else -1
    else:
        found = queue.pick(kind, flags)
    if found >= 0:
        return _take(task, queue, found, addr, size, flags)
    if flags & IPC_NOWAIT:
        raise OSError(ENOMSG, f"no message of type {kind}")
    return _until_received(task, queue, addr, size, kind, flags)


def _until_received(task, queue: Messages, addr: int, size: int, kind: int, flags: int):
    while True:
        why = yield Wait(queue.news)
        if queue.removed:
            raise OSError(EIDRM, f"queue {queue.id}")
        found = queue.pick(kind, flags)
        if found >= 0:
            return _take(task, queue, found, addr, size, flags)
        if why is SIGNAL:
            raise OSError(EINTR, "")


def _take(task, queue: Messages, found: int, addr: int, size: int, flags: int) -> int:
    kind, data = queue.messages[found]
    if len(data) > size and not flags & MSG_NOERROR:
        raise OSError(E2BIG, f"{len(data)} bytes for {size}")
    if flags & MSG_COPY:
        if len(data) > size:
            raise OSError(EINVAL, f"a copy of {len(data)} bytes into {size}")
        task.mm.write(addr, _TYPE.pack(kind) + data)
        return len(data)
    del queue.messages[found]
    queue.bytes -= len(data)
    queue.times[1], queue.pids[1] = int(time()), task.process.pid
    queue.room.wake()
    data = data[:size]
    task.mm.write(addr, _TYPE.pack(kind) + data)        # EFAULT loses the message, as on Linux
    return len(data)


def msgctl(task, number: int, command: int, addr: int) -> int:
    """msgctl(2). EACCES EFAULT EINVAL EPERM"""
    mm, queues = task.mm, _queues(task.kernel)
    if number < 0 or command < 0:
        raise OSError(EINVAL, f"queue {number}, command {command}")
    if command in (IPC_INFO, MSG_INFO):
        held = list(queues.objects.values())
        used = (len(held), _count(queues), sum(queue.bytes for queue in held)) if command == MSG_INFO else \
            (MSGMNI * MSGMNB >> 10, MSGMNB, MSGMNB)
        mm.write(addr, _INFO.pack(used[0], used[1], MSGMAX, MSGMNB, MSGMNI, 16, used[2], 0xffff))
        return queues.highest()
    if command in (MSG_STAT, MSG_STAT_ANY):
        queue = queues.at(number)
        if command == MSG_STAT:
            queue.may(task.creds, 4)
        mm.write(addr, queue.described())
        return queue.id
    if command == IPC_STAT:
        queue = queues.find(number)
        queue.may(task.creds, 4)
        mm.write(addr, queue.described())
    elif command == IPC_SET:
        perm, *_, limit, _, _ = mm.read(addr, PERM.size), *_STATE.unpack(mm.read(addr + PERM.size, _STATE.size))
        queue = queues.find(number)
        if limit > MSGMNB:
            raise OSError(EPERM, "more than MSGMNB takes CAP_SYS_RESOURCE")
        queue.set(task.creds, perm)
        queue.limit = limit
        queue.news.wake()
        queue.room.wake()
    elif command == IPC_RMID:
        queue = queues.find(number)
        queue.own(task.creds)
        queues.remove(queue)
        queue.messages.clear()
        queue.news.wake()
        queue.room.wake()
    else:
        raise OSError(EINVAL, f"command {command}")
    return 0


ROWS = (
    Row(68, msgget, (I32, I32)),
    Row(69, msgsnd, (I32, ADDR, I64, I32)),
    Row(70, msgrcv, (I32, ADDR, I64, I64, I32)),
    Row(71, msgctl, (I32, I32, ADDR)),
)
