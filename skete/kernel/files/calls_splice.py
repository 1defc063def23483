"""System calls that move data between a pipe and something else: splice, tee, vmsplice.

The host does it where both ends are its own; what lives in our memory is copied. Either way nothing waits inside.
"""
from __future__ import annotations

import os
from errno import EAGAIN, EBADF, EINVAL, ESPIPE
from select import EPOLLIN, EPOLLOUT, POLLIN, poll

from skete.abi.fcntl import O_NONBLOCK, SPLICE_F_ALL, SPLICE_F_NONBLOCK
from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFMT
from skete.kernel.files.filelimit import room
from skete.kernel.files.transfer import broken_pipe, iovec, read_from, readable, spread, writable, write_to
from skete.kernel.outcome import SIGNAL, Restart, Wait
from skete.kernel.row import ADDR, FD, SIZE, U32, Row

__all__ = ["ROWS"]

#: What one call moves at most, in bytes: the rest of the machine waits meanwhile.
_MOST = 1 << 20


def _kind(file) -> int:
    return file.stat().st_mode & S_IFMT


def splice(task, in_fd: int, in_addr: int, out_fd: int, out_addr: int, count: int, flags: int):
    """splice(2): bytes moved, 0 at the end. EAGAIN EBADF EINVAL ESPIPE EPIPE EFAULT"""
    if flags & ~SPLICE_F_ALL:
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not count:
        return 0
    source, target = readable(task, in_fd), writable(task, out_fd)
    from_pipe, to_pipe = _kind(source) == S_IFIFO, _kind(target) == S_IFIFO
    if from_pipe and in_addr or to_pipe and out_addr:
        raise OSError(ESPIPE, "a pipe has no offset")
    if not (from_pipe or to_pipe) or target.append or S_IFDIR in (_kind(source), _kind(target)) \
            or from_pipe and to_pipe and source.stat().st_ino == target.stat().st_ino:
        raise OSError(EINVAL, "not between these two")
    if in_addr and source.poll_fd >= 0 or out_addr and target.poll_fd >= 0:
        raise OSError(EINVAL, "no offset there")
    return _moved(task, source, in_addr, target, out_addr, min(count, _MOST), flags, _splice)


def tee(task, in_fd: int, out_fd: int, count: int, flags: int):
    """tee(2): bytes that both pipes have now. EAGAIN EBADF EINVAL"""
    if flags & ~SPLICE_F_ALL:
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not count:
        return 0
    source, target = readable(task, in_fd), writable(task, out_fd)
    if _kind(source) != S_IFIFO or _kind(target) != S_IFIFO or source.stat().st_ino == target.stat().st_ino:
        raise OSError(EINVAL, "not two pipes")
    return _moved(task, source, 0, target, 0, min(count, _MOST), flags, _tee)


def _tee(source, start, target, to, count: int) -> int:
    from skete.kernel.files import hostcall
    done = hostcall.tee(source.host_fd, target.host_fd, count, SPLICE_F_NONBLOCK)
    target.moved()
    return done


def _splice(source, start: int | None, target, to: int | None, count: int) -> int:
    ours = source.host_fd < 0 or source.in_frames
    if not ours and target.host_fd >= 0 and not target.in_frames:
        done = os.splice(source.host_fd, target.host_fd, count, start, to, SPLICE_F_NONBLOCK)
        source.moved()
        target.moved()
        return done
    data = memoryview(bytearray(min(count, 1 << 16)))
    if ours:
        got = source.read([data]) if start is None else source.pread([data], start)
        done = target.write([data[:got]]) if got else 0     # a pipe, which may take a part
        if start is None and done < got:
            source.seek(done - got, 1)
        return done
    got = source.read([data])
    return (target.write([data[:got]]) if to is None else target.pwrite([data[:got]], to)) if got else 0


def _moved(task, source, in_addr: int, target, out_addr: int, count: int, flags: int, move):
    """One attempt, and where that finds nothing to read or no room, a generator that goes on trying."""
    try:
        return _attempt(task, source, in_addr, target, out_addr, count, move)
    except BlockingIOError:
        if flags & SPLICE_F_NONBLOCK or (source.flags | target.flags) & O_NONBLOCK:
            raise OSError(EAGAIN, "would wait") from None
    return _later(task, source, in_addr, target, out_addr, count, move)


def _attempt(task, source, in_addr: int, target, out_addr: int, count: int, move) -> int:
    start = _offset(task, in_addr)
    to = _offset(task, out_addr)
    if task.process.rlimits is not None:
        count = room(task, target, count, to)
    try:
        done = move(source, start, target, to, count)
    except BrokenPipeError:
        broken_pipe(task)
        raise
    if in_addr:
        task.mm.write_u64(in_addr, start + done)
    if out_addr:
        task.mm.write_u64(out_addr, to + done)
    return done


def _offset(task, addr: int) -> int | None:
    if not addr:
        return None
    offset = task.mm.read_u64(addr)
    if offset >> 63:
        raise OSError(EINVAL, f"offset {offset}")
    return offset


def _later(task, source, in_addr: int, target, out_addr: int, count: int, move):
    source.hold()
    target.hold()
    try:
        while True:
            wait = Wait(host_fd=target.poll_fd, events=EPOLLOUT)
            if source.poll_fd >= 0:
                poller = poll()
                poller.register(source.poll_fd, POLLIN)
                if not poller.poll(0):
                    wait = Wait(host_fd=source.poll_fd, events=EPOLLIN)
            if (yield wait) is SIGNAL:
                raise Restart
            try:
                return _attempt(task, source, in_addr, target, out_addr, count, move)
            except BlockingIOError:
                pass
    finally:
        source.drop()
        target.drop()


def vmsplice(task, fd: int, iov: int, count: int, flags: int):
    """vmsplice(2): memory into a pipe, or a pipe into memory. EAGAIN EBADF EINVAL EFAULT"""
    if flags & ~SPLICE_F_ALL:
        raise OSError(EINVAL, f"flags {flags:#x}")
    file = task.files.get(fd)
    if _kind(file) != S_IFIFO:
        raise OSError(EBADF, "no pipe")
    pieces = iovec(task, iov, count)
    if flags & SPLICE_F_NONBLOCK and not file.flags & O_NONBLOCK:
        # One attempt at what is never a host's waiting call.
        return file.write(spread(task, pieces, False)) if file.writable else file.read(spread(task, pieces, True))
    if file.writable:
        return write_to(task, file, pieces)
    return read_from(task, readable(task, fd), pieces)


_COPIES = "at most 1 MiB a call"
ROWS = (
    Row(275, splice, (FD, ADDR, FD, ADDR, SIZE, U32), _COPIES),
    Row(276, tee, (FD, FD, SIZE, U32), _COPIES),
    Row(278, vmsplice, (FD, ADDR, SIZE, U32), "copies; SPLICE_F_GIFT without effect"),
)
