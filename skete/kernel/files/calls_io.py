"""System calls that move data through one buffer, and the offset: read, write, lseek, truncation, sync."""
from __future__ import annotations

from errno import EBADF, EFAULT, EFBIG, EINVAL, EISDIR, EOPNOTSUPP, EOVERFLOW, ESPIPE
from time import monotonic_ns

from skete.abi.fcntl import AT_FDCWD, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_KEEP_SIZE, \
    FALLOC_FL_PUNCH_HOLE, FALLOC_FL_SUPPORTED, FALLOC_FL_UNSHARE_RANGE, MAX_RW_COUNT, O_NONBLOCK, O_PATH, \
    SEEK_CUR, SYNC_FILE_RANGE_ALL
from skete.abi.mman import TASK_SIZE_MAX
from skete.abi.stat import S_IFBLK, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from skete.kernel.files.busy import not_executed
from skete.kernel.files.filelimit import check_size, within
from skete.kernel.files.transfer import broken_pipe, read_from, read_later, readable, writable, write_to
from skete.kernel.files.walk import walk
from skete.kernel.outcome import Wait
from skete.kernel.row import ADDR, FD, I32, I64, PATH, SIZE, U32, Row

__all__ = ["ROWS"]

#: a larger buffer is moved in pieces, and others are served between them
_PIECE, _MOMENT_NS = 64 << 20, 100_000


def read(task, fd: int, addr: int, count: int):
    """read(2): bytes moved, 0 at the end. EBADF EFAULT EISDIR EINVAL EAGAIN"""
    file = readable(task, fd)
    if count > _PIECE:
        count = _clamped(addr, count)
        if file.poll_fd < 0:
            return _in_pieces(task, file, addr, count, True, lambda views, done: file.read(views))
    try:
        views = task.mm.views(addr, count, True)
        if file.poll_fd < 0 or not count or len(views[0]) == count:
            return file.read(views)
    except BlockingIOError:
        if file.flags & O_NONBLOCK:
            raise
        return read_later(task, file, [(addr, count)])
    except OSError as e:
        if e.errno != EFAULT:
            raise
    return read_from(task, file, [(addr, count)])


def write(task, fd: int, addr: int, count: int):
    """write(2): bytes moved. EBADF EFAULT EPIPE EAGAIN ENOSPC"""
    file = writable(task, fd)
    if count > _PIECE:
        count = _clamped(addr, count)
        if file.poll_fd < 0:
            return _in_pieces(task, file, addr, count, False, lambda views, done: file.write(
                views if task.process.rlimits is None else within(task, file, views)))
    if file.poll_fd < 0:
        views = task.mm.views(addr, count)
        return file.write(views if task.process.rlimits is None else within(task, file, views))
    try:
        views = task.mm.views(addr, count)
    except OSError:
        views = None
    if not views or len(views[0]) < count:
        views = None            # in pieces, or bad: the longer way
    return write_to(task, file, [(addr, count)], views)


def _clamped(addr: int, count: int) -> int:
    """MAX_RW_COUNT at most, of a buffer that could be: whether it ends below the kernel's addresses is asked first."""
    if count <= MAX_RW_COUNT:
        return count
    if addr + count > TASK_SIZE_MAX:
        raise OSError(EFAULT, f"a count of {count:#x}")
    return MAX_RW_COUNT


def _in_pieces(task, file, addr: int, count: int, into: bool, move):
    """``move(views, done)`` what a file and a large buffer have in common, and nothing but SIGKILL ends that early."""
    file.hold()     # another thread may close the descriptor meanwhile
    done = 0
    try:
        while True:
            wanted = min(_PIECE, count - done)
            try:
                moved = move(task.mm.views(addr + done, wanted, into), done)
            except OSError:
                if not done:
                    raise
                return done
            done += moved
            if moved < wanted or done == count:
                return done
            yield Wait(deadline_ns=monotonic_ns() + _MOMENT_NS, interruptible=False)
    finally:
        file.drop()


def _size(count: int) -> None:
    if count >> 63:
        raise OSError(EINVAL, f"a count of {count:#x}")


def pread64(task, fd: int, addr: int, count: int, offset: int):
    """pread(2). EBADF EFAULT EINVAL ESPIPE EISDIR"""
    if offset < 0:
        raise OSError(EINVAL, f"offset {offset}")
    file = readable(task, fd)
    if count > _PIECE:
        count = _clamped(addr, count)
        if file.poll_fd < 0:
            return _in_pieces(task, file, addr, count, True, lambda views, done: file.pread(views, offset + done))
    return file.pread(task.mm.views(addr, count, True), offset)


def pwrite64(task, fd: int, addr: int, count: int, offset: int):
    """pwrite(2). EBADF EFAULT EINVAL ESPIPE"""
    if offset < 0:
        raise OSError(EINVAL, f"offset {offset}")
    file = writable(task, fd)
    if count > _PIECE:
        count = _clamped(addr, count)
        if file.poll_fd < 0:
            return _in_pieces(task, file, addr, count, False, lambda views, done: file.pwrite(
                views if task.process.rlimits is None else within(task, file, views, offset + done), offset + done))
    views = task.mm.views(addr, count)
    return file.pwrite(views if task.process.rlimits is None else within(task, file, views, offset), offset)


def inode_file(task, fd: int):
    """A description that is more than a handle. EBADF for O_PATH"""
    file = task.files.get(fd)
    if file.flags & O_PATH:
        raise OSError(EBADF, "opened with O_PATH")
    return file


def lseek(task, fd: int, offset: int, whence: int) -> int:
    """lseek(2): the new offset in bytes. EBADF EINVAL ENXIO ESPIPE"""
    file = inode_file(task, fd)
    if not 0 <= whence <= 4:
        raise OSError(EINVAL, f"whence {whence}")
    return file.seek(offset, whence)


def ftruncate(task, fd: int, length: int) -> int:
    """ftruncate(2). EBADF EINVAL"""
    if length < 0:
        raise OSError(EINVAL, f"length {length}")
    file = inode_file(task, fd)
    if not file.writable:
        raise OSError(EINVAL, "not open for writing")
    if task.process.rlimits is not None:
        check_size(task, file.stat().st_size, length)
    file.truncate(length)
    if task.kernel.mapped_files:
        from skete.kernel.memory.filemap import truncated
        truncated(task.kernel, file.stat(), length)
    return 0


def truncate(task, path: bytes, length: int) -> int:
    """truncate(2). EINVAL EISDIR EROFS and those of a walk"""
    if length < 0:
        raise OSError(EINVAL, f"length {length}")
    with walk(task, AT_FDCWD, path) as place:
        kind = place.found().st_mode & S_IFMT
        if kind == S_IFDIR:
            raise OSError(EISDIR, "a directory")
        place.writable()
        not_executed(task.kernel, place.st)
        if task.process.rlimits is not None:
            check_size(task, place.st.st_size, length)
        place.parent.truncate(place.name, length)
        if task.kernel.mapped_files:
            from skete.kernel.memory.filemap import truncated
            truncated(task.kernel, place.st, length)
    return 0


_PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE


def _check_mode(mode: int) -> None:
    """What fallocate(2) refuses by the mode alone: EOPNOTSUPP for what does not go with a flag, EINVAL for what a flag
    that stands alone comes with."""
    if mode & ~FALLOC_FL_SUPPORTED or mode & FALLOC_FL_PUNCH_HOLE and mode != _PUNCH:
        raise OSError(EOPNOTSUPP, f"mode {mode:#x}")
    for flag, beside in ((FALLOC_FL_COLLAPSE_RANGE, 0), (FALLOC_FL_INSERT_RANGE, 0),
                         (FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_KEEP_SIZE)):
        if mode & flag and mode & ~(flag | beside):
            raise OSError(EINVAL, f"mode {mode:#x}")


def fallocate(task, fd: int, mode: int, offset: int, length: int) -> int:
    """fallocate(2). EBADF EINVAL EFBIG EOPNOTSUPP ESPIPE ENODEV"""
    file = inode_file(task, fd)
    if offset < 0 or length <= 0:
        raise OSError(EINVAL, f"offset {offset}, length {length}")
    _check_mode(mode)
    if not file.writable:
        raise OSError(EBADF, "not open for writing")
    if offset + length >> 63:
        raise OSError(EFBIG, f"offset {offset}, length {length}")
    if task.process.rlimits is not None and not mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_COLLAPSE_RANGE):
        check_size(task, file.stat().st_size, offset + length)
    file.allocate(mode, offset, length)
    if mode & FALLOC_FL_COLLAPSE_RANGE and task.kernel.mapped_files:
        from skete.kernel.memory.filemap import truncated
        st = file.stat()
        truncated(task.kernel, st, st.st_size)
    return 0


def fsync(task, fd: int) -> int:
    """fsync(2). EBADF EINVAL"""
    inode_file(task, fd).sync()
    return 0


def fdatasync(task, fd: int) -> int:
    """fdatasync(2). EBADF EINVAL"""
    inode_file(task, fd).sync(True)
    return 0


def sync(task) -> int:
    """sync(2): nothing is buffered here, and a guest does not get to flush the whole host."""
    return 0


def syncfs(task, fd: int) -> int:
    """syncfs(2): what this file system has written for us is on disk when the file is. EBADF"""
    file = inode_file(task, fd)
    if file.host_fd >= 0 and file.poll_fd < 0:
        from skete.kernel.files import hostcall
        hostcall.syncfs(file.host_fd)
    return 0


def sync_file_range(task, fd: int, offset: int, length: int, flags: int) -> int:
    """sync_file_range(2). EBADF EINVAL ESPIPE"""
    file = inode_file(task, fd)
    if flags & ~SYNC_FILE_RANGE_ALL or offset < 0 or length < 0 or offset + length >> 63:
        raise OSError(EINVAL, f"offset {offset}, length {length}, flags {flags:#x}")
    if file.poll_fd >= 0 or file.stat().st_mode & S_IFMT not in (S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK):
        raise OSError(ESPIPE, "no file")
    if flags:
        file.sync(True)
    return 0


def readahead(task, fd: int, offset: int, count: int) -> int:
    """readahead(2): advice that we do not need. EBADF EINVAL"""
    file = readable(task, fd)
    if file.poll_fd >= 0 or file.stat().st_mode & S_IFMT not in (S_IFREG, S_IFBLK):
        raise OSError(EINVAL, "no regular file")
    return 0


def fadvise64(task, fd: int, offset: int, length: int, advice: int) -> int:
    """posix_fadvise(2): advice that we do not need. EBADF EINVAL ESPIPE"""
    file = inode_file(task, fd)
    if file.poll_fd >= 0:
        raise OSError(ESPIPE, "no file")
    if not 0 <= advice <= 5 or length < 0:
        raise OSError(EINVAL, f"advice {advice}")
    return 0


#: The largest offset there is.
_OFFSET_MAX = (1 << 63) - 1
#: What one call of sendfile or copy_file_range moves at most: the rest of the machine waits meanwhile.
_COPY_MOST = 1 << 20


def sendfile(task, out_fd: int, in_fd: int, offset_addr: int, count: int):
    """sendfile(2): bytes moved. EBADF EINVAL EFAULT EAGAIN"""
    source, target = readable(task, in_fd), writable(task, out_fd)
    _size(count)
    if source.poll_fd >= 0 and offset_addr:
        raise OSError(ESPIPE, "no offset there")
    if source.poll_fd >= 0 or target.append or source.stat().st_mode & S_IFMT == S_IFDIR:
        raise OSError(EINVAL, "cannot send from there, or to there")
    offset = None
    if offset_addr:
        offset = task.mm.read_u64(offset_addr)
        if offset >> 63:
            raise OSError(EINVAL, f"offset {offset}")
    data = _take(source, offset, min(count, _COPY_MOST))
    if not data:
        return 0
    try:
        view = [memoryview(data)]
        done = target.write(view if task.process.rlimits is None else within(task, target, view))
    except BlockingIOError:
        done = 0
        if target.flags & O_NONBLOCK:
            _put_back(source, offset, len(data))
            raise
    except BrokenPipeError:
        _put_back(source, offset, len(data))
        broken_pipe(task)
        raise
    except OSError:
        _put_back(source, offset, len(data))
        raise
    if done == 0:
        _put_back(source, offset, len(data))
        return _send_later(task, out_fd, in_fd, offset_addr, count, target)
    _put_back(source, offset, len(data) - done)
    if offset_addr:
        task.mm.write_u64(offset_addr, offset + done)
    return done


def _send_later(task, out_fd, in_fd, offset_addr, count, target):
    from select import EPOLLOUT

    from skete.kernel.outcome import SIGNAL, Restart, Wait
    target.hold()
    try:
        if (yield Wait(host_fd=target.poll_fd, events=EPOLLOUT)) is SIGNAL:
            raise Restart
    finally:
        target.drop()
    result = sendfile(task, out_fd, in_fd, offset_addr, count)
    return result if type(result) is int else (yield from result)


def _take(source, offset: int | None, count: int) -> bytearray:
    data = bytearray(count)
    got = source.read([memoryview(data)]) if offset is None else source.pread([memoryview(data)], offset)
    return data[:got]


def _put_back(source, offset: int | None, count: int) -> None:
    """What was read and could not be written was not read."""
    if offset is None and count:
        source.seek(-count, 1)


def _no_overlap(source, target, start: int | None, to: int | None, count: int) -> None:
    """The ranges of one file must not overlap. EINVAL"""
    one, other = source.stat(), target.stat()
    if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino):
        return
    start = source.seek(0, SEEK_CUR) if start is None else start
    to = target.seek(0, SEEK_CUR) if to is None else to
    count = max(0, min(count, one.st_size - start))
    if start < to + count and to < start + count:
        raise OSError(EINVAL, "the ranges overlap")


def copy_file_range(task, in_fd: int, in_addr: int, out_fd: int, out_addr: int, count: int, flags: int) -> int:
    """copy_file_range(2): bytes moved. EBADF EINVAL EISDIR EFAULT"""
    files = task.files.get(in_fd), task.files.get(out_fd)
    if flags:
        raise OSError(EINVAL, f"flags {flags:#x}")
    kinds = [file.stat().st_mode & S_IFMT for file in files]
    if S_IFDIR in kinds:
        raise OSError(EISDIR, "a directory")
    if kinds != [S_IFREG, S_IFREG]:
        raise OSError(EINVAL, "no regular file")
    source, target = readable(task, in_fd), writable(task, out_fd)
    _size(count)
    if target.append:
        raise OSError(EBADF, "opened with O_APPEND")
    start = task.mm.read_u64(in_addr) if in_addr else None
    to = task.mm.read_u64(out_addr) if out_addr else None
    if any((at or 0) + count >> 64 for at in (start, to)):
        raise OSError(EOVERFLOW, "the range wraps around")
    if (start or 0) >> 63 or (to or 0) >> 63:
        raise OSError(EINVAL, "a negative offset")
    if to == _OFFSET_MAX:
        raise OSError(EFBIG, f"to {to}")
    _no_overlap(source, target, start, to, count)
    data = _take(source, start, min(count, _COPY_MOST))
    if not data:
        return 0
    view = [memoryview(data)]
    if task.process.rlimits is not None:
        try:
            view = within(task, target, view, to)
        except OSError:
            _put_back(source, start, len(data))
            raise
    done = target.write(view) if to is None else target.pwrite(view, to)
    _put_back(source, start, len(data) - done)
    if in_addr:
        task.mm.write_u64(in_addr, start + done)
    if out_addr:
        task.mm.write_u64(out_addr, to + done)
    return done


_COPY = "at most 1 MiB a call; through memory, so no reflinks"
ROWS = (
    Row(0, read, (FD, ADDR, SIZE)),
    Row(1, write, (FD, ADDR, SIZE)),
    Row(8, lseek, (FD, I64, I32)),
    Row(17, pread64, (FD, ADDR, SIZE, I64)),
    Row(18, pwrite64, (FD, ADDR, SIZE, I64)),
    Row(40, sendfile, (FD, FD, ADDR, SIZE), "at most 1 MiB a call; not from pipes"),
    Row(74, fsync, (FD,)),
    Row(75, fdatasync, (FD,)),
    Row(76, truncate, (PATH, I64)),
    Row(77, ftruncate, (FD, I64)),
    Row(162, sync, (), "does nothing: no guest flushes the whole host; fsync acts"),
    Row(187, readahead, (FD, I64, SIZE), "checked, without effect"),
    Row(277, sync_file_range, (FD, I64, I64, U32), "the whole file, like fdatasync"),
    Row(306, syncfs, (FD,)),
    Row(221, fadvise64, (FD, I64, I64, I32), "accepted, without effect"),
    Row(285, fallocate, (FD, I32, I64, I64), "what the host's file system can"),
    Row(326, copy_file_range, (FD, ADDR, FD, ADDR, SIZE, I32), _COPY),
)
