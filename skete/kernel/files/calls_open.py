"""System calls that make descriptors from paths: open and its kin; and pipes."""
from __future__ import annotations

from errno import EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO

from skete.abi.fcntl import AT_FDCWD, O_ACCMODE, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, \
    O_PATH, O_RDWR, O_TMPFILE, O_TMPFILE_BIT, O_TRUNC, O_WRONLY
from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG
from skete.kernel.files.busy import not_executed
from skete.kernel.files.pipe import make_pipe
from skete.kernel.files.walk import walk
from skete.kernel.row import ADDR, FD, I32, PATH, U32, Row

__all__ = ["PATH_FLAGS", "ROWS", "openat"]

#: What Linux keeps of the flags when O_PATH is among them.
PATH_FLAGS = O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW


def open_(task, path: bytes, flags: int, mode: int):
    """open(2), the raw call. See openat."""
    return openat(task, AT_FDCWD, path, flags, mode)


def creat(task, path: bytes, mode: int):
    """creat(2)"""
    return openat(task, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode)


def openat(task, dirfd: int, path: bytes, flags: int, mode: int, resolve=None):
    """openat(2), openat2(2) with ``resolve``: the lowest free descriptor.
    EACCES EEXIST EINVAL EISDIR ELOOP EMFILE ENOENT ENOTDIR ENXIO EROFS ..."""
    if flags & O_PATH:
        flags &= PATH_FLAGS
    if flags & O_TMPFILE_BIT and not flags & O_PATH and (flags & O_TMPFILE != O_TMPFILE or not flags & O_ACCMODE):
        raise OSError(EINVAL, "O_TMPFILE")
    if flags & O_CREAT and not flags & O_TMPFILE_BIT:
        _check_create(task, dirfd, path, flags)
    task.files.room()
    with _find(task, dirfd, path, flags, resolve) as place:
        _check(place, flags)
        st = place.st
        if st is not None and flags & (O_ACCMODE | O_TRUNC) and not flags & O_PATH and st.st_mode & S_IFMT == S_IFREG:
            not_executed(task.kernel, st)
        if st is not None and st.st_mode & S_IFMT == S_IFIFO and not flags & (O_NONBLOCK | O_PATH) \
                and flags & O_ACCMODE != O_RDWR and not place.parent.is_open:
            return _open_fifo(task, dirfd, path, flags, mode, resolve)
        file = place.parent.open(task, place.name, flags, mode, st)
        if task.kernel.fifos and st is not None:
            from skete.kernel.files.fifo import opened
            opened(task.kernel, st)
        if flags & O_TRUNC and st is not None and task.kernel.mapped_files:
            from skete.kernel.memory.filemap import truncated
            truncated(task.kernel, st, 0)
    return _install(task, file, flags)


def _install(task, file, flags: int) -> int:
    try:
        return task.files.install(file, 0, bool(flags & O_CLOEXEC))
    except OSError:
        file.hold().drop()
        raise


def _find(task, dirfd: int, path: bytes, flags: int, resolve):
    exclusive = flags & O_CREAT and flags & O_EXCL
    return walk(task, dirfd, path, follow=not (flags & O_NOFOLLOW or exclusive), resolve=resolve)


def _check_create(task, dirfd: int, path: bytes, flags: int) -> None:
    """What O_CREAT refuses by the words of the call alone."""
    if flags & O_DIRECTORY:
        # Linux before 6.4 made a regular file and did not say so.
        raise OSError(EINVAL, "O_CREAT with O_DIRECTORY")
    if path[-1:] == b"/" and path.rstrip(b"/").rpartition(b"/")[2] not in (b"", b".", b".."):     # those do exist
        with walk(task, dirfd, path, parent=True):
            raise OSError(EISDIR, "a slash after the name of a file to be made")


def _check(place, flags: int) -> None:
    """What open(2) refuses by what is there, in Linux's order."""
    st = place.st
    if st is None:
        if not flags & O_CREAT:
            raise OSError(ENOENT, place.name.decode(errors="replace"))
        return
    kind = st.st_mode & S_IFMT
    if flags & O_CREAT:
        if flags & O_EXCL:
            raise OSError(EEXIST, "is there")
        if kind == S_IFDIR:
            raise OSError(EISDIR, "a directory")
    if kind == S_IFLNK and not (flags & O_PATH and flags & O_NOFOLLOW):
        raise OSError(ENOTDIR if flags & O_DIRECTORY else ELOOP, "a symbolic link")
    if flags & O_TMPFILE_BIT:
        if kind != S_IFDIR:
            raise OSError(ENOTDIR, "O_TMPFILE")
        return
    if flags & O_DIRECTORY and kind != S_IFDIR:
        raise OSError(ENOTDIR, "no directory")
    if kind == S_IFDIR and flags & (O_ACCMODE | O_TRUNC) and not flags & O_PATH:
        raise OSError(EISDIR, "a directory")


def _open_fifo(task, dirfd: int, path: bytes, flags: int, mode: int, resolve):
    """fifo(7): opening waits for the other side."""
    from skete.kernel.files.fifo import open_fifo

    def attempt() -> tuple:
        with _find(task, dirfd, path, flags, resolve) as place:
            _check(place, flags)
            st = place.found()
            try:
                return place.parent.open(task, place.name, flags, mode, st), st
            except OSError as e:
                if e.errno != ENXIO or flags & O_ACCMODE != O_WRONLY:
                    raise
                return None, st

    file = yield from open_fifo(task, flags, attempt)
    try:
        return _install(task, file, flags)
    finally:
        file.drop()


def pipe(task, fds: int) -> int:
    """pipe(2)"""
    return pipe2(task, fds, 0)


def pipe2(task, fds: int, flags: int) -> int:
    """pipe2(2): two descriptors into guest memory, the reading end first. EFAULT EINVAL EMFILE"""
    reader, writer = (end.hold() for end in make_pipe(flags))
    files, cloexec, made = task.files, bool(flags & O_CLOEXEC), []
    try:
        made.append(files.install(reader, 0, cloexec))
        made.append(files.install(writer, 0, cloexec))
        task.mm.write(fds, made[0].to_bytes(4, "little") + made[1].to_bytes(4, "little"))
    except OSError:
        for fd in made:
            files.close(fd)
        raise
    finally:
        reader.drop()
        writer.drop()
    return 0


_OPEN = "O_ASYNC without effect; a host's devices: EACCES, sockets: ENXIO; at a FIFO a program of the host is " \
    "noticed up to 10 ms late"
ROWS = (
    Row(2, open_, (PATH, I32, U32), _OPEN),
    Row(22, pipe, (ADDR,)),
    Row(85, creat, (PATH, U32), _OPEN),
    Row(257, openat, (FD, PATH, I32, U32), _OPEN),
    Row(293, pipe2, (ADDR, I32), "O_NOTIFICATION_PIPE: EINVAL"),
)
