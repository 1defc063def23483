"""The calls of POSIX message queues: mq_open(2), mq_timedsend(2) and their kin.

A call that waits tries again when its queue has changed. Woken calls go on in the order in which they came, and before
the next trap is served, so nobody overtakes them.
"""
from __future__ import annotations

from errno import EAGAIN, EBADF, EBUSY, EINVAL, EMSGSIZE, ENOENT, ETIMEDOUT
from struct import Struct
from time import clock_gettime_ns, monotonic_ns

from skete.abi.fcntl import O_NONBLOCK
from skete.abi.signal import NSIG
from skete.abi.time import CLOCK_REALTIME
from skete.kernel.events.anonymous import install
from skete.kernel.ipc.mqueue import SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, Mqueues, OpenQueue, Told
from skete.kernel.outcome import SIGNAL, TIMEOUT, Restart, Wait
from skete.kernel.row import ADDR, FD, I32, PATH, SIZE, U32, Row, readable_path
from skete.kernel.time.timespec import FOREVER_NS, read_timespec

__all__ = ["ROWS"]

#: struct mq_attr: flags maxmsg msgsize curmsgs, and four spare
_ATTR = Struct("<4q32x")
_SIGEVENT = Struct("<Qii")
_O_CLOEXEC = 0o2000000
_PRIORITIES = 32768
#: NOTIFY_COOKIE_LEN
_COOKIE = 32


def _mqueues(kernel) -> Mqueues:
    if kernel.mqueues is None:
        kernel.mqueues = Mqueues(kernel)
    return kernel.mqueues


def _name(path: bytes) -> bytes:
    """As getname() has it. EFAULT ENAMETOOLONG ENOENT"""
    if not readable_path(path):
        raise OSError(ENOENT, "the empty name")
    return path


def _open(task, fd: int) -> OpenQueue:
    file = task.files.get(fd)
    if type(file) is not OpenQueue:
        raise OSError(EBADF, f"descriptor {fd} is no message queue")
    return file


def mq_open(task, name: bytes, flags: int, mode: int, attr: int) -> int:
    """mq_open(2): a descriptor, which a program that is executed has not. EACCES EEXIST EFAULT EINVAL EMFILE
    ENAMETOOLONG ENFILE ENOENT ENOSPC"""
    sizes = _ATTR.unpack(task.mm.read(attr, _ATTR.size))[1:3] if attr else None
    _name(name)
    task.files.room()
    return install(task, _mqueues(task.kernel).open(task, name, flags, mode, sizes), _O_CLOEXEC)


def mq_unlink(task, name: bytes) -> int:
    """mq_unlink(2). EACCES EFAULT ENAMETOOLONG ENOENT EPERM"""
    _mqueues(task.kernel).unlink(task, _name(name))
    return 0


def _deadline(task, timeout: int) -> int | None:
    """Where a wait ends, CLOCK_MONOTONIC, of an absolute CLOCK_REALTIME in guest memory. EFAULT EINVAL"""
    if not timeout:
        return None
    at = read_timespec(task.mm, timeout)
    return min(monotonic_ns() + at - clock_gettime_ns(CLOCK_REALTIME), FOREVER_NS)


def _until(queue, wanted, deadline_ns: int | None):
    """Wait in one of its queues until ``wanted()``. Restart ETIMEDOUT"""
    while not wanted():
        why = yield Wait(queue, deadline_ns=deadline_ns)
        if wanted():
            return
        if why is SIGNAL:
            raise Restart
        if why is TIMEOUT:
            raise OSError(ETIMEDOUT, "")


def mq_timedsend(task, fd: int, addr: int, size: int, priority: int, timeout: int):
    """mq_timedsend(2). EAGAIN EBADF EFAULT EINTR EINVAL EMSGSIZE ETIMEDOUT"""
    deadline_ns = _deadline(task, timeout)
    if priority >= _PRIORITIES:
        raise OSError(EINVAL, f"priority {priority}")
    file = _open(task, fd)
    if not file.writable:
        raise OSError(EBADF, "not open for sending")
    queue = file.queue
    if size > queue.largest:
        raise OSError(EMSGSIZE, f"{size} bytes of {queue.largest}")
    data = bytes(task.mm.read(addr, size)) if size else b""
    if len(queue.messages) < queue.most:
        queue.put(priority, data, task)
        return 0
    if file.flags & O_NONBLOCK:
        raise OSError(EAGAIN, f"{queue.most} messages")
    return _sent_later(task, file, priority, data, deadline_ns)


def _sent_later(task, file: OpenQueue, priority: int, data: bytes, deadline_ns: int | None):
    queue = file.hold().queue
    try:
        yield from _until(queue.room, lambda: len(queue.messages) < queue.most, deadline_ns)
        queue.put(priority, data, task)
        return 0
    finally:
        file.drop()


def mq_timedreceive(task, fd: int, addr: int, size: int, priority: int, timeout: int):
    """mq_timedreceive(2): the bytes of the oldest message of the highest priority. EAGAIN EBADF EFAULT EINTR EINVAL
    EMSGSIZE ETIMEDOUT"""
    deadline_ns = _deadline(task, timeout)
    file = _open(task, fd)
    if not file.readable:
        raise OSError(EBADF, "not open for receiving")
    queue = file.queue
    if size < queue.largest:
        raise OSError(EMSGSIZE, f"{size} bytes of {queue.largest}")
    if queue.messages:
        return _received(task, queue, addr, priority)
    if file.flags & O_NONBLOCK:
        raise OSError(EAGAIN, "no message")
    return _received_later(task, file, addr, priority, deadline_ns)


def _received_later(task, file: OpenQueue, addr: int, priority: int, deadline_ns: int | None):
    queue = file.hold().queue
    try:
        yield from _until(queue.news, lambda: queue.messages, deadline_ns)
        return _received(task, queue, addr, priority)
    finally:
        file.drop()


def _received(task, queue, addr: int, priority_at: int) -> int:
    priority, data = queue.take()
    if priority_at:                         # EFAULT loses the message, as on Linux
        task.mm.write_u32(priority_at, priority)
    if data:
        task.mm.write(addr, data)
    return len(data)


def mq_notify(task, fd: int, event: int) -> int:
    """mq_notify(2): be told once of a message that comes to the empty queue; 0 takes that back. EBADF EBUSY EFAULT
    EINVAL ENOTSOCK"""
    value = signo = how = 0
    cookie, socket = b"", None
    if event:
        value, signo, how = _SIGEVENT.unpack(task.mm.read(event, 64)[:_SIGEVENT.size])
        if how not in (SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD) or how == SIGEV_SIGNAL and not 0 <= signo <= NSIG:
            raise OSError(EINVAL, f"sigev_notify {how}, signal {signo}")
        if how == SIGEV_THREAD:
            cookie, socket = task.mm.read(value, _COOKIE), _netlink(task, signo)
    queue, process = _open(task, fd).queue, task.process
    told = queue.told
    if not event:
        if told is not None and told.process is process:
            queue.told = None
            told.forget()
    elif told is not None:
        raise OSError(EBUSY, f"process {told.process.pid} is told already")
    else:
        queue.told = Told(process, how, signo, value, cookie, socket)
    return 0


def _netlink(task, fd: int):
    """The netlink socket behind a descriptor. EBADF EINVAL ENOTSOCK"""
    from skete.kernel.net.netlink import Netlink
    from skete.kernel.net.socket import get
    found = get(task, fd)
    if not isinstance(found, Netlink):
        raise OSError(EINVAL, f"descriptor {fd} is no netlink socket")
    return found


def mq_getsetattr(task, fd: int, new: int, old: int) -> int:
    """mq_getsetattr(2): O_NONBLOCK is what can be set. EBADF EFAULT EINVAL"""
    flags = None
    if new:
        flags = _ATTR.unpack(task.mm.read(new, _ATTR.size))[0]
        if flags & ~O_NONBLOCK:
            raise OSError(EINVAL, f"flags {flags:#x}")
    file = _open(task, fd)
    queue, before = file.queue, file.flags & O_NONBLOCK
    if flags is not None:
        file.flags = file.flags & ~O_NONBLOCK | flags
    if old:
        task.mm.write(old, _ATTR.pack(before, queue.most, queue.largest, len(queue.messages)))
    return 0


ROWS = (
    Row(240, mq_open, (PATH, I32, U32, ADDR)),
    Row(241, mq_unlink, (PATH,)),
    Row(242, mq_timedsend, (FD, ADDR, SIZE, U32, ADDR)),
    Row(243, mq_timedreceive, (FD, ADDR, SIZE, ADDR, ADDR)),
    Row(244, mq_notify, (FD, ADDR)),
    Row(245, mq_getsetattr, (FD, ADDR, ADDR)),
)
