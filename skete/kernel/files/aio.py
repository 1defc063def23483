"""Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2) and their kin.

An operation is done when it is submitted, as Linux does it too for buffered files, pipes and sockets; its event is then
in the context's ring. The ring is guest memory, with the header that Linux gives it, so whoever takes events from it
without asking (as fio does) finds them there. Where it ends is remembered here, and where it begins is believed
of the guest, which can deceive nobody but itself.
"""
from __future__ import annotations

import os
from errno import EAGAIN, EBADF, EFAULT, EINPROGRESS, EINTR, EINVAL, ESPIPE
from stat import S_ISDIR
from struct import Struct
from time import monotonic_ns

from skete.abi.fcntl import MAX_RW_COUNT, O_PATH
from skete.abi.mman import MAP_SHARED, TASK_SIZE_MAX
from skete.abi.time import NSEC_PER_SEC
from skete.kernel.events.anonymous import Anonymous
from skete.kernel.events.eventfd import EventFd
from skete.kernel.files.calls_vector import check_flags, positioned_write
from skete.kernel.files.transfer import iovec, read_from, spread, write_to
from skete.kernel.memory.mm import page_up
from skete.kernel.memory.sizes import before_mmap
from skete.kernel.outcome import SIGNAL, TIMEOUT, Restart, Wait
from skete.kernel.row import ADDR, I64, U32, U64, Row
from skete.kernel.scheduler import Queue
from skete.kernel.time.timespec import FOREVER_NS

__all__ = ["MOST", "ROWS", "count"]

#: /proc/sys/fs/aio-max-nr
MOST = 65536
#: the largest number of events that a ring is made for
_LARGEST = 0x1000_0000 // 32
#: struct aio_ring: id nr head tail magic compat_features incompat_features header_length
_RING = Struct("<8I")
_MAGIC = 0xa10a_10a1
#: struct io_event: data obj res res2
_EVENT = Struct("<QQqq")
#: struct iocb: data key rw_flags lio_opcode reqprio fildes buf nbytes offset reserved2 flags resfd
_IOCB = Struct("<QIiHhiQQqQIi")
_PAIR = Struct("<qq")
_SIGSET = Struct("<QQ")
_PREAD, _PWRITE, _FSYNC, _FDSYNC, _POLL, _PREADV, _PWRITEV = 0, 1, 2, 3, 5, 7, 8
_RESFD, _IOPRIO = 1, 2


class Context:
    """wanted: operations it was made for, which count against MOST;  room: events in its ring
    tail: where the next goes;  news: who waits for events;  gone: io_destroy(2) has had it
    polls: what it waits for (skete.kernel.files.aio_poll.Polls), once it has waited for something, else ()"""
    __slots__ = ("start", "length", "wanted", "room", "tail", "news", "gone", "polls")

    def __init__(self, start: int, length: int, wanted: int):
        self.start, self.length, self.wanted = start, length, wanted
        self.room = (length - _RING.size) // _EVENT.size
        self.tail, self.news, self.gone, self.polls = 0, Queue(), False, ()

    def close(self) -> None:
        """It is gone, or the memory that it is of."""
        self.gone = True
        if self.polls:
            self.polls.close()

    def held(self, mm) -> int:
        """Events in the ring, or that will be. EFAULT where it was unmapped"""
        return (self.tail - mm.read_u32(self.start + 8) % self.room) % self.room + len(self.polls)

    def put(self, mm, event: bytes) -> None:
        """There is room. What was unmapped since gets nothing, and nobody will ask."""
        try:
            mm.write(self._at(self.tail), event)
            self.tail = (self.tail + 1) % self.room
            mm.write_u32(self.start + 12, self.tail)
        except OSError:
            pass
        self.news.wake()

    def take(self, mm, most: int, addr: int) -> int:
        """Move as many events as there are; how many. EFAULT: then all are still there"""
        head = mm.read_u32(self.start + 8) % self.room
        count = min(most, (self.tail - head) % self.room)
        for done in range(count):
            mm.write(addr + done * _EVENT.size, mm.read(self._at((head + done) % self.room), _EVENT.size))
        if count:
            mm.write_u32(self.start + 8, (head + count) % self.room)
        return count

    def _at(self, index: int) -> int:
        return self.start + _RING.size + index * _EVENT.size


def count(kernel) -> int:
    """/proc/sys/fs/aio-nr: what all contexts of the machine were made for."""
    memories = {id(process.mm): process.mm for process in kernel.processes.values()}
    return sum(context.wanted for mm in memories.values() for context in (mm.aio or {}).values())


def _find(task, number: int) -> Context:
    """By its number, which is where its ring is. EINVAL, also where the ring was unmapped"""
    found = task.mm.aio.get(number) if task.mm.aio else None
    if found is None:
        raise OSError(EINVAL, f"no context {number:#x}")
    try:
        task.mm.read_u32(number)
    except OSError:
        raise OSError(EINVAL, f"the ring of {number:#x} was unmapped") from None
    return found


def io_setup(task, wanted: int, addr: int) -> int:
    """io_setup(2): a context, whose number is put at addr. EAGAIN EFAULT EINVAL ENOMEM"""
    mm = task.mm
    if mm.read_u64(addr) or not wanted:
        raise OSError(EINVAL, f"a context is there already, or {wanted} operations")
    events = 2 * max(wanted, 4 * (os.cpu_count() or 1))
    if events > _LARGEST:
        raise OSError(EINVAL, f"{events} events")
    if count(task.kernel) + wanted > MOST:
        raise OSError(EAGAIN, f"aio-max-nr is {MOST}")
    length = page_up(_RING.size + (events + 2) * _EVENT.size)
    before_mmap(task, 0, length, 3, MAP_SHARED)
    mm.write_u64(addr, 0)           # EFAULT while nothing has been done
    start = mm.place(length)
    mm.add(start, length, 3, name="/[aio] (deleted)")
    made = Context(start, length, wanted)
    mm.write(start, _RING.pack(len(mm.aio or ()), made.room, 0, 0, _MAGIC, 1, 0, _RING.size))
    if mm.aio is None:
        mm.aio = {}
    mm.aio[start] = made
    mm.write_u64(addr, start)
    return 0


def io_destroy(task, number: int) -> int:
    """io_destroy(2). EINVAL"""
    gone = _find(task, number)
    gone.close()
    del task.mm.aio[number]
    task.mm.remove(gone.start, gone.length)
    gone.news.wake()
    return 0


def io_submit(task, number: int, how_many: int, pointers: int):
    """io_submit(2): how many were taken, or what is wrong with the first. EAGAIN EBADF EFAULT EINVAL EOPNOTSUPP"""
    if how_many < 0:
        raise OSError(EINVAL, f"{how_many} operations")
    context, done = _find(task, number), 0
    try:
        while done < min(how_many, context.room):
            yield from _submit(task, context, task.mm.read_u64(pointers + 8 * done))
            done += 1
    except OSError:
        if not done:
            raise
    return done


def _submit(task, context: Context, addr: int):
    """One operation. What is wrong with its struct iocb is raised; how it ends is its event's to say."""
    mm = task.mm
    data, _, rw_flags, opcode, priority, fd, buf, size, offset, reserved, flags, event_fd = \
        _IOCB.unpack(mm.read(addr, _IOCB.size))
    if reserved or size >> 63:
        raise OSError(EINVAL, f"reserved {reserved:#x}, {size} bytes")
    if context.held(mm) >= context.room - 1:
        raise OSError(EAGAIN, f"{context.room} events that nobody has taken")
    file = task.files.get(fd)
    if file.flags & O_PATH:
        raise OSError(EBADF, "opened with O_PATH")
    event = None
    if flags & _RESFD:
        event = task.files.get(event_fd)
        if not isinstance(event, EventFd):
            raise OSError(EINVAL, f"descriptor {event_fd} is no eventfd")
    mm.write_u32(addr + 8, 0)
    if opcode == _POLL:
        if buf >> 16 or size or offset or rw_flags:
            raise OSError(EINVAL, "words that have to be 0")
        return _poll(task, context, file, event, buf, _EVENT.pack(data, addr, 0, 0))
    if opcode in (_FSYNC, _FDSYNC):
        if buf or size or offset or rw_flags:
            raise OSError(EINVAL, "words that have to be 0")
        operation = _synced(file, opcode == _FDSYNC)
    elif opcode in (_PREAD, _PREADV, _PWRITE, _PWRITEV):
        if flags & _IOPRIO:
            from skete.kernel.process.ioprio import check
            check(priority)
        writes = opcode in (_PWRITE, _PWRITEV)
        check_flags(rw_flags)
        if not (file.writable if writes else file.readable):
            raise OSError(EBADF, "not open for that")
        if not _takes(file, writes):
            raise OSError(EINVAL, "no file that could")
        pieces = iovec(task, buf, size) if opcode in (_PREADV, _PWRITEV) else [(buf, min(size, MAX_RW_COUNT))]
        if any(base + length > TASK_SIZE_MAX for base, length in pieces):
            raise OSError(EFAULT, f"a buffer at {buf:#x}")
        if offset < 0:
            raise OSError(EINVAL, f"offset {offset}")
        operation = _moved(task, file, pieces, offset, rw_flags, writes)
    else:
        raise OSError(EINVAL, f"operation {opcode}")
    if event is not None:
        event.hold()
    file.hold()
    try:
        result = yield from operation
        if not context.gone:
            context.put(mm, _EVENT.pack(data, addr, result, 0))
        if event is not None:
            event.count()
    finally:
        file.drop()
        if event is not None:
            event.drop()


def _poll(task, context: Context, file, event, wanted: int, template: bytes) -> None:
    """Wait for a descriptor, here or later. EAGAIN"""
    mm = task.mm
    if type(context.polls) is tuple:
        from skete.kernel.files.aio_poll import Polls
        context.polls = Polls(task.kernel.scheduler)
    if event is not None:
        event.hold()

    def ended(events: int) -> None:
        if not context.gone:
            data, addr, _, _ = _EVENT.unpack(template)
            context.put(mm, _EVENT.pack(data, addr, events, 0))
            if event is not None:
                event.count()
        if event is not None:
            event.drop()
    try:
        context.polls.begin(file, wanted, int.from_bytes(template[8:16], "little"), ended)
    except OSError:
        if event is not None:
            event.drop()
        raise


def _takes(file, writes: bool) -> bool:
    """Whether it can be read and written so. Linux asks for read_iter and write_iter, which these have not."""
    if isinstance(file, Anonymous):
        return isinstance(file, EventFd) and not writes
    return not S_ISDIR(file.stat().st_mode)


def _synced(file, data_only: bool):
    """0, or an errno below it. EINVAL where there is nothing to be synced"""
    try:
        file.sync(data_only)
        return 0
    except OSError as e:
        if e.errno == EINVAL:
            raise
        return -e.errno
    yield           # nothing to wait for


def _moved(task, file, pieces: list, offset: int, flags: int, writes: bool):
    """Bytes moved, or an errno below 0. At a stream, which has no offsets, it waits as read(2) and write(2) do."""
    try:
        try:
            if writes:
                return positioned_write(task, file, pieces, offset, flags)
            return file.pread(spread(task, pieces, True), offset, flags)
        except OSError as e:
            if e.errno != ESPIPE:
                raise
        result = write_to(task, file, pieces) if writes else read_from(task, file, pieces)
        return result if type(result) is int else (yield from result)
    except Restart:
        return -EINTR           # others of the same call may be done
    except OSError as e:
        return -e.errno


def io_cancel(task, number: int, iocb: int, result: int) -> int:
    """io_cancel(2): of what can be under way, which is waiting for a descriptor. EFAULT EINPROGRESS EINVAL"""
    if task.mm.read_u32(iocb + 8):
        raise OSError(EINVAL, "no iocb that was submitted")
    context = _find(task, number)
    if context.polls and context.polls.cancel(iocb):
        raise OSError(EINPROGRESS, "there will be an event")
    raise OSError(EINVAL, "not under way")


def io_getevents(task, number: int, least: int, most: int, addr: int, timeout: int):
    """io_getevents(2): how many events were put at addr. EFAULT EINTR EINVAL"""
    timeout_ns = None
    if timeout:                 # any pair will do, and one below 0 is for ever
        seconds, ns = _PAIR.unpack(task.mm.read(timeout, 16))
        timeout_ns = seconds * NSEC_PER_SEC + ns
        timeout_ns = min(timeout_ns, FOREVER_NS) if timeout_ns >= 0 else None
    context = _find(task, number)
    if not 0 <= least <= most:
        raise OSError(EINVAL, f"{least} to {most} events")
    got = context.take(task.mm, most, addr)
    if got >= least or timeout_ns == 0:
        return got
    deadline_ns = None if timeout_ns is None else min(monotonic_ns() + timeout_ns, FOREVER_NS)
    return _more(task, context, least, most, addr, got, deadline_ns)


def _more(task, context: Context, least: int, most: int, addr: int, got: int, deadline_ns: int | None):
    while got < least:
        why = yield Wait(context.news, deadline_ns=deadline_ns)
        if context.gone:
            if not got:
                raise OSError(EINVAL, "the context was destroyed")
            break
        try:
            got += context.take(task.mm, most - got, addr + got * _EVENT.size)
        except OSError:
            if not got:
                raise
            break
        if why is SIGNAL and not got:
            raise OSError(EINTR, "")
        if why in (SIGNAL, TIMEOUT):
            break
    return got


def io_pgetevents(task, number: int, least: int, most: int, addr: int, timeout: int, masked: int):
    """io_pgetevents(2): the same under a mask of signals. EFAULT EINTR EINVAL"""
    if timeout:
        task.mm.read(timeout, 16)
    if masked:
        mask, size = _SIGSET.unpack(task.mm.read(masked, 16))
        if mask:
            if size != 8:
                raise OSError(EINVAL, f"a signal set of {size} bytes")
            from skete.kernel.signals.pending import borrow_mask
            borrow_mask(task, task.mm.read_u64(mask))
    return io_getevents(task, number, least, most, addr, timeout)


ROWS = (
    Row(206, io_setup, (U32, ADDR)),
    Row(207, io_destroy, (U64,)),
    Row(208, io_getevents, (U64, I64, I64, ADDR, ADDR)),
    Row(209, io_submit, (U64, I64, ADDR), "done at once, but for IOCB_CMD_POLL"),
    Row(210, io_cancel, (U64, ADDR, ADDR)),
    Row(333, io_pgetevents, (U64, I64, I64, ADDR, ADDR, ADDR)),
)
