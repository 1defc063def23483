"""Moving data for a call, and waiting where the description cannot go on.

The common case, data or room at hand, is one call of the description and no generator. Only when it answers EAGAIN,
or a stream takes a part, does a call become a generator, which looks up guest memory anew after each wait.
"""
from __future__ import annotations

from errno import EAGAIN, EBADF, EFAULT, EINTR, EINVAL
from select import EPOLLIN, EPOLLOUT
from struct import Struct

from skete.abi.fcntl import IOV_MAX, MAX_RW_COUNT, O_NONBLOCK
from skete.kernel.outcome import READY, SIGNAL, TIMEOUT, Restart, Wait

__all__ = ["broken_pipe", "buffers", "interrupted", "iovec", "read_from", "read_later", "readable", "spread",
           "writable", "write_to"]

_IOVEC = Struct("<Qq")
_PAGE = 4096


def readable(task, fd: int):
    """The description, which must be open for reading. EBADF"""
    file = task.files.get(fd)
    if not file.readable:
        raise OSError(EBADF, "not open for reading")
    return file


def writable(task, fd: int):
    """The description, which must be open for writing. EBADF"""
    file = task.files.get(fd)
    if not file.writable:
        raise OSError(EBADF, "not open for writing")
    return file


def iovec(task, addr: int, count: int) -> list:
    """struct iovec[count] as [(address, length)], clamped together to MAX_RW_COUNT. EFAULT, EINVAL"""
    if count > IOV_MAX:
        raise OSError(EINVAL, f"{count} pieces")
    pieces, left = [], MAX_RW_COUNT
    for base, length in _IOVEC.iter_unpack(task.mm.read(addr, count * _IOVEC.size)):
        if length < 0:
            raise OSError(EINVAL, f"a length of {length}")
        pieces.append((base, min(length, left)))
        left -= min(length, left)
    return pieces


def spread(task, pieces: list, into: bool, skip: int = 0) -> list:
    """The guest's buffers as memoryviews, after ``skip`` bytes; up to the first bad page.

    into: they are to be written to. EFAULT where nothing at all can be accessed.
    """
    views = []
    for base, length in pieces:
        if skip >= length:
            skip -= length
            continue
        base, length, skip = base + skip, length - skip, 0
        try:
            found = task.mm.views(base, length, into)
        except OSError:
            if views:
                break
            raise
        views += found
        if sum(map(len, found)) < length:
            break
    return views


def buffers(task, file, pieces: list, into: bool, skip: int = 0) -> list:
    """:func:`spread` for a description: a pipe of the host is shown what is bad, too (``shows_bad``)."""
    if not file.shows_bad:
        return spread(task, pieces, into, skip)
    try:
        views = spread(task, pieces, into, skip)
    except OSError:
        views = []
    short = sum(length for _, length in pieces) - skip - sum(map(len, views))
    if short > 0:
        from skete.kernel.files.stream import bad
        return views + bad(short)
    return views


def _read(task, file, pieces: list) -> int:
    try:
        views = buffers(task, file, pieces, True)
    except OSError as e:
        if e.errno != EFAULT:
            raise
        return file.read_nowhere(sum(length for _, length in pieces))
    if file.least and sum(map(len, views)) < file.least <= sum(length for _, length in pieces):
        return file.read_nowhere(file.least)
    return file.read(views)


def read_from(task, file, pieces: list):
    """Read into the guest's buffers: the bytes moved, or a generator that waits for the first of them."""
    try:
        return _read(task, file, pieces)
    except BlockingIOError:
        if file.flags & O_NONBLOCK:
            raise
    return read_later(task, file, pieces)


def read_later(task, file, pieces: list):
    """The generator, for a description that has answered EAGAIN just now and is not non-blocking."""
    file.hold()     # another thread may close the descriptor meanwhile
    wait = file.waits(EPOLLIN)
    try:
        while True:
            why = yield wait
            if why is SIGNAL:
                raise interrupted(wait)
            try:
                return _read(task, file, pieces)
            except BlockingIOError:
                if why is TIMEOUT:
                    raise
    finally:
        file.drop()


def write_to(task, file, pieces: list, views: list | None = None):
    """Write the guest's buffers: the bytes moved, or a generator that waits until a stream has taken all of them.

    views: the buffers, where the caller has looked them up already
    """
    if file.writer is not None:
        # Somebody's write is half done. Ours must not end up in the middle of it.
        if file.flags & O_NONBLOCK:
            raise OSError(EAGAIN, "another write is in progress")
        return _write_later(task, file, pieces, 0)
    if views is None:
        views = buffers(task, file, pieces, False)
    if file.poll_fd >= 0 and sum(map(len, views)) < (total := sum(length for _, length in pieces)) <= _PAGE:
        raise OSError(EFAULT, "a pipe takes a page whole")
    if file.poll_fd < 0 and task.process.rlimits is not None:
        from skete.kernel.files.filelimit import within
        return file.write(within(task, file, views))
    try:
        done = file.write(views)
    except BlockingIOError:
        if file.flags & O_NONBLOCK:
            raise
        done = 0
    except BrokenPipeError:
        broken_pipe(task)
        raise
    if file.poll_fd < 0 or done == sum(map(len, views)) or file.flags & O_NONBLOCK:
        return done
    return _write_later(task, file, pieces, done)


def _write_later(task, file, pieces: list, done: int):
    from skete.kernel.scheduler import Queue
    file.hold()
    mine, wait = False, None
    try:
        if file.turn is None:
            file.turn = Queue()
        while file.writer is not None:
            if (yield Wait(queue=file.turn)) is SIGNAL:
                raise Restart
        file.writer, mine = task, True
        while True:
            views = buffers(task, file, pieces, False, done) if _left(pieces, done) else []
            if not views:
                return done
            try:
                done += file.write(views)
                continue
            except BlockingIOError:
                pass
            except BrokenPipeError:
                broken_pipe(task)
                if done:
                    return done
                raise
            wait = wait or file.waits(EPOLLOUT)
            why = yield wait
            if why is SIGNAL and not done:
                raise interrupted(wait)
            if why is TIMEOUT and not done:
                raise OSError(EAGAIN, "no room in time")
            if why is not READY:
                return done
    except OSError:
        if done:
            return done     # a bad page after some good ones
        raise
    finally:
        if mine:
            file.writer = None
            file.turn.wake(1)
        file.drop()


def _left(pieces: list, done: int) -> bool:
    return sum(length for _, length in pieces) > done


def interrupted(wait: Wait) -> Exception:
    """What a signal makes of a wait: the call is made again, or EINTR where it had a timeout of its own."""
    return Restart() if wait.deadline_ns is None else OSError(EINTR, "")


def broken_pipe(task) -> None:
    """SIGPIPE to the writer, as pipe(7) has it; EPIPE is the caller's."""
    from skete.abi.signal import SIGPIPE
    from skete.kernel.signals.pending import send_task
    from skete.kernel.signals.siginfo import SigInfo
    send_task(task, SigInfo.sent(SIGPIPE, 0, task.process.pid, task.creds.uid))
