"""System calls that move data through several buffers: readv, writev and their kin."""
from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP

from skete.abi.fcntl import O_APPEND, RWF_APPEND, RWF_DSYNC, RWF_HIPRI, RWF_NOAPPEND, RWF_NOWAIT, RWF_SYNC
from skete.kernel.files.filelimit import within
from skete.kernel.files.transfer import iovec, read_from, readable, spread, writable, write_to
from skete.kernel.row import ADDR, FD, I32, I64, SIZE, Row

__all__ = ["ROWS", "check_flags", "positioned_write"]

_KNOWN = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND


def readv(task, fd: int, iov: int, count: int):
    """readv(2): bytes moved. EBADF EFAULT EINVAL EAGAIN"""
    file = readable(task, fd)
    pieces = iovec(task, iov, count)
    if not any(length for _, length in pieces):
        return 0                # whatever it is
    return read_from(task, file, pieces)


def writev(task, fd: int, iov: int, count: int):
    """writev(2): bytes moved, in one piece among other writers. EBADF EFAULT EINVAL EPIPE EAGAIN"""
    file = writable(task, fd)
    return write_to(task, file, iovec(task, iov, count))


def preadv(task, fd: int, iov: int, count: int, offset: int, high: int = 0) -> int:
    """preadv(2). EBADF EFAULT EINVAL ESPIPE"""
    return _preadv(task, fd, iov, count, offset, 0)


def pwritev(task, fd: int, iov: int, count: int, offset: int, high: int = 0) -> int:
    """pwritev(2). EBADF EFAULT EINVAL ESPIPE"""
    return _pwritev(task, fd, iov, count, offset, 0)


def preadv2(task, fd: int, iov: int, count: int, offset: int, high: int, flags: int):
    """preadv2(2): offset -1 is the file's own. EOPNOTSUPP for flags that the file cannot"""
    readable(task, fd)
    check_flags(flags)
    if offset == -1 and not flags:
        return readv(task, fd, iov, count)
    if offset == -1:
        return _at_position(readable(task, fd), lambda at: _preadv(task, fd, iov, count, at, flags))
    return _preadv(task, fd, iov, count, offset, flags)


def pwritev2(task, fd: int, iov: int, count: int, offset: int, high: int, flags: int):
    """pwritev2(2): offset -1 is the file's own. EOPNOTSUPP for flags that the file cannot"""
    writable(task, fd)
    check_flags(flags)
    if offset == -1 and not flags:
        return writev(task, fd, iov, count)
    if offset == -1:
        return _at_position(writable(task, fd), lambda at: _pwritev(task, fd, iov, count, at, flags))
    return _pwritev(task, fd, iov, count, offset, flags)


def check_flags(flags: int) -> None:
    """RWF_*. EINVAL EOPNOTSUPP"""
    if flags & ~_KNOWN:
        raise OSError(EOPNOTSUPP, f"RWF flags {flags:#x}")
    if flags & RWF_APPEND and flags & RWF_NOAPPEND:
        raise OSError(EINVAL, f"RWF flags {flags:#x}")


def _at_position(file, move) -> int:
    """Move at the file's offset and advance it: nobody comes in between, we are one thread."""
    at = file.seek(0, 1)
    done = move(at)
    file.seek(at + done, 0)
    return done


def _preadv(task, fd: int, iov: int, count: int, offset: int, flags: int) -> int:
    if offset < 0:
        raise OSError(EINVAL, f"offset {offset}")
    file = readable(task, fd)
    return file.pread(spread(task, iovec(task, iov, count), True), offset, flags)


def _pwritev(task, fd: int, iov: int, count: int, offset: int, flags: int) -> int:
    if offset < 0:
        raise OSError(EINVAL, f"offset {offset}")
    file = writable(task, fd)
    return positioned_write(task, file, iovec(task, iov, count), offset, flags)


def positioned_write(task, file, pieces: list, offset: int, flags: int) -> int:
    """Bytes of the guest's buffers written at an offset. EFAULT EFBIG ESPIPE"""
    if not file.flags & O_APPEND:
        # musl's pwrite(3) asks for it each time; hosts before Linux 6.9 do not know it.
        flags &= ~RWF_NOAPPEND
    views = spread(task, pieces, False)
    return file.pwrite(views if task.process.rlimits is None else within(task, file, views, offset), offset, flags)


_FLAGS = "flags with offset -1: regular files only (ESPIPE for streams)"
ROWS = (
    Row(19, readv, (FD, ADDR, SIZE)),
    Row(20, writev, (FD, ADDR, SIZE)),
    Row(295, preadv, (FD, ADDR, SIZE, I64, I64)),
    Row(296, pwritev, (FD, ADDR, SIZE, I64, I64)),
    Row(327, preadv2, (FD, ADDR, SIZE, I64, I64, I32), _FLAGS),
    Row(328, pwritev2, (FD, ADDR, SIZE, I64, I64, I32), _FLAGS),
)
