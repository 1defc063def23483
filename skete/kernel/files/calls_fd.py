"""System calls on descriptors themselves: close, dup, fcntl, ioctl, flock, getdents64."""
from __future__ import annotations

from errno import EAGAIN, EBADF, EINVAL, ENOTTY, EOPNOTSUPP, EOVERFLOW
from time import monotonic_ns

from skete.abi.fcntl import CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, F_ADD_SEALS, F_DUPFD, F_DUPFD_CLOEXEC, \
    F_GET_SEALS, F_GETFD, F_GETFL, \
    F_GETLK, F_GETPIPE_SZ, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_SETFD, F_SETFL, \
    F_SETLK, F_SETLKW, F_SETPIPE_SZ, F_UNLCK, F_WRLCK, FD_CLOEXEC, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, \
    O_ASYNC, O_CLOEXEC, O_NONBLOCK, O_PATH, SEEK_CUR, SEEK_END, SEEK_SET
from skete.abi.ioctls import FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, TIOCGWINSZ
from skete.kernel.files.calls_io import inode_file
from skete.kernel.outcome import SIGNAL, Restart, Wait
from skete.kernel.process.sharing import own_files
from skete.kernel.row import ADDR, FD, I32, U32, U64, Row

__all__ = ["ROWS"]

#: How often a call that waits for a lock looks again, in ns: first, and at most.
_LOCK_FIRST_NS, _LOCK_MOST_NS = 1_000_000, 20_000_000


def close(task, fd: int) -> int:
    """close(2). EBADF"""
    task.files.close(fd)
    return 0


def close_range(task, first: int, last: int, flags: int) -> int:
    """close_range(2). EINVAL"""
    if first > last or flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC):
        raise OSError(EINVAL, f"{first} to {last}, flags {flags:#x}")
    if flags & CLOSE_RANGE_UNSHARE:
        own_files(task)
    files = task.files
    for fd in files.numbers():
        if first <= fd <= last:
            if flags & CLOSE_RANGE_CLOEXEC:
                files.cloexec.add(fd)
            else:
                files.close(fd)
    return 0


def dup(task, fd: int) -> int:
    """dup(2): the lowest free descriptor. EBADF EMFILE"""
    return task.files.install(task.files.get(fd))


def dup2(task, old: int, new: int) -> int:
    """dup2(2). EBADF"""
    file = task.files.get(old)
    return new if old == new else task.files.replace(new, file)


def dup3(task, old: int, new: int, flags: int) -> int:
    """dup3(2). EBADF EINVAL"""
    if flags & ~O_CLOEXEC or old == new:
        raise OSError(EINVAL, f"{old} to {new}, flags {flags:#x}")
    return task.files.replace(new, task.files.get(old), bool(flags & O_CLOEXEC))


def fcntl(task, fd: int, command: int, arg: int):
    """fcntl(2): what comes back depends on the command. EBADF EINVAL EMFILE EAGAIN EPERM"""
    files = task.files
    file = files.get(fd)
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        lowest = arg & 0xffff_ffff
        if lowest >= files.limit:
            raise OSError(EINVAL, f"{lowest} is not below the limit")
        return files.install(file, lowest, command == F_DUPFD_CLOEXEC)
    if command == F_GETFD:
        return FD_CLOEXEC if fd in files.cloexec else 0
    if command == F_SETFD:
        (files.cloexec.add if arg & FD_CLOEXEC else files.cloexec.discard)(fd)
        return 0
    if command == F_GETFL:
        return file.flags
    if file.flags & O_PATH:
        raise OSError(EBADF, "opened with O_PATH")
    if command == F_SETFL:
        if (arg ^ file.flags) & O_ASYNC:
            from skete.kernel.files.sigio import change
            change(task, file, fd, bool(arg & O_ASYNC))
        file.set_flags(arg & 0xffff_ffff)
        return 0
    if command in (F_GETPIPE_SZ, F_SETPIPE_SZ):
        if file.poll_fd < 0:
            raise OSError(EBADF, "no pipe")
        if command == F_SETPIPE_SZ and arg & 0xffff_ffff > 1 << 31:
            raise OSError(EINVAL, f"a pipe of {arg} bytes")
        return file.fcntl(command, arg & 0xffff_ffff)
    if command in (F_ADD_SEALS, F_GET_SEALS):
        return _seals(file, command, arg & 0xffff_ffff)
    if command in (F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW):
        return _lock(task, file, command, arg)
    from skete.kernel.files import owner
    if command in owner.COMMANDS:
        return owner.command(task, file, command, arg)
    raise OSError(EINVAL, f"fcntl {command}")


def _seals(file, command: int, arg: int) -> int:
    try:
        return file.fcntl(command, arg)
    except OSError as e:
        if e.errno == EBADF:        # what no other command of this kind of file knows
            raise OSError(EINVAL, "cannot be sealed") from None
        raise


def _lock(task, file, command: int, addr: int):
    from skete.kernel.files.locks import FLOCK, locks_of
    kind, whence, start, length, pid = FLOCK.unpack(task.mm.read(addr, FLOCK.size))
    own = command >= F_OFD_GETLK
    if own and pid:
        raise OSError(EINVAL, f"l_pid {pid}")
    asks = command in (F_GETLK, F_OFD_GETLK)
    if kind not in (F_RDLCK, F_WRLCK, F_UNLCK) or asks and kind == F_UNLCK:
        raise OSError(EINVAL, f"lock type {kind}")
    start, end = _range(file, whence, start, length)
    locks, owner = locks_of(task.fs.namespace), file if own else task.files
    if asks:
        held = locks.of(file)
        answer = _ask(held, owner, kind, whence, start, end, length)
        locks.tidy(file, held)
        task.mm.write(addr, answer)
        return 0
    if kind == F_RDLCK and not file.readable or kind == F_WRLCK and not file.writable:
        raise OSError(EBADF, "not open for that")
    if kind != F_UNLCK:
        _owns(locks, file, owner, own)
    pid = -1 if own else task.process.pid
    return _take(locks, file, owner, (kind, start, end, pid), command in (F_SETLKW, F_OFD_SETLKW))


def _range(file, whence: int, start: int, length: int) -> tuple:
    """struct flock's range as [start, end). EINVAL EOVERFLOW"""
    from skete.kernel.files.locks import END
    if whence == SEEK_CUR:
        start += file.seek(0, SEEK_CUR)
    elif whence == SEEK_END:
        start += file.stat().st_size
    elif whence != SEEK_SET:
        raise OSError(EINVAL, f"whence {whence}")
    if start >= END or start + length > END:
        raise OSError(EOVERFLOW, f"{start}+{length}")
    start, end = (start + length, start) if length < 0 else (start, start + length if length else END)
    if start < 0:
        raise OSError(EINVAL, f"from {start}")
    return start, end


def _ask(locks, owner, kind: int, whence: int, start: int, end: int, length: int) -> bytes:
    """F_GETLK's answer: the lock in the way, or F_UNLCK and the rest as it was asked."""
    from skete.kernel.files.locks import END, FLOCK
    lock = locks.conflict(owner, kind, start, end)
    if lock is not None:
        return FLOCK.pack(lock.kind, 0, lock.start, 0 if lock.end == END else lock.end - lock.start, lock.pid)
    other = locks.ask_host(kind, start, end)
    if other is not None:
        return FLOCK.pack(other[0], 0, other[1], other[2], 0)       # of no process that the guest could see
    return FLOCK.pack(F_UNLCK, whence, start, length, 0)


def _owns(locks, file, owner, own: bool) -> None:
    """Remember whom to take locks from when a descriptor, or the description, is closed."""
    if own:
        if hasattr(file, "locks"):
            file.locks = locks
    else:
        owner.locks = locks


def _take(locks, file, owner, wanted: tuple, wait: bool):
    from skete.kernel.files.locks import HostConflict
    try:
        if locks.lock(file, owner, *wanted) is None:
            return 0
    except HostConflict:
        if not wait:
            raise
    if not wait:
        raise OSError(EAGAIN, "locked")
    return _take_later(locks, file, owner, wanted)


def _take_later(locks, file, owner, wanted: tuple):
    from skete.kernel.files.locks import HostConflict
    pause = _LOCK_FIRST_NS
    file.hold()
    try:
        while True:
            try:
                blocker = locks.lock(file, owner, *wanted)
                if blocker is None:
                    return 0
                if owner is not file:
                    locks.waits_for(owner, blocker.owner)
                wait = Wait(queue=locks.of(file).queue)
            except HostConflict:
                wait = Wait(deadline_ns=monotonic_ns() + pause)
                pause = min(2 * pause, _LOCK_MOST_NS)
            why = yield wait
            locks.waiting.pop(owner, None)
            if why is SIGNAL:
                raise Restart
    finally:
        locks.waiting.pop(owner, None)
        file.drop()


def flock(task, fd: int, operation: int):
    """flock(2). EBADF EINVAL EAGAIN"""
    file = inode_file(task, fd)
    if operation & ~LOCK_NB not in (LOCK_SH, LOCK_EX, LOCK_UN):
        raise OSError(EINVAL, f"flock {operation:#x}")
    take = getattr(file, "flock", None)
    if take is None:
        raise OSError(EOPNOTSUPP, "no host file")
    return _try(file, lambda: take(operation & ~LOCK_NB), not operation & LOCK_NB)


def _try(file, take, wait: bool):
    """Take a lock of the host, which holds off other programs, too: at once, or by trying again and again."""
    try:
        take()
        return 0
    except (BlockingIOError, PermissionError):
        if not wait:
            raise OSError(EAGAIN, "locked") from None
    return _try_later(file, take)


def _try_later(file, take):
    pause = _LOCK_FIRST_NS
    file.hold()
    try:
        while True:
            if (yield Wait(deadline_ns=monotonic_ns() + pause)) is SIGNAL:
                raise Restart
            try:
                take()
                return 0
            except (BlockingIOError, PermissionError):
                pause = min(2 * pause, _LOCK_MOST_NS)
    finally:
        file.drop()


def ioctl(task, fd: int, request: int, arg: int) -> int:
    """ioctl(2). EBADF EFAULT EINVAL ENOTTY"""
    file = task.files.get(fd)
    if file.flags & O_PATH:
        raise OSError(EBADF, "opened with O_PATH")
    if request == FIOCLEX:
        task.files.cloexec.add(fd)
        return 0
    if request == FIONCLEX:
        task.files.cloexec.discard(fd)
        return 0
    if request == FIONBIO:
        on = task.mm.read(arg, 4) != bytes(4)
        file.set_flags(file.flags | O_NONBLOCK if on else file.flags & ~O_NONBLOCK)
        return 0
    if request == FIOASYNC:
        on = task.mm.read(arg, 4) != bytes(4)
        if on != bool(file.flags & O_ASYNC):
            if not file.tells:
                raise OSError(ENOTTY, "tells nothing by signals")
            from skete.kernel.files.sigio import change
            change(task, file, fd, on)
        return 0
    if request == TIOCGWINSZ and task.kernel.answers is not None:
        try:
            return file.ioctl(task, request, arg)
        except OSError as e:
            if e.errno == ENOTTY:
                task.kernel.answers.no_terminal(task, fd)
            raise
    return file.ioctl(task, request, arg)


def getdents64(task, fd: int, addr: int, size: int) -> int:
    """getdents64(2): bytes of entries, 0 at the end. EBADF EFAULT EINVAL ENOENT ENOTDIR"""
    file = inode_file(task, fd)
    task.fs.namespace.task = task
    before = getattr(file, "position", 0)
    entries = file.getdents(size)
    if entries:
        try:
            task.mm.write(addr, entries)
        except OSError:
            file.position = before      # nothing was delivered
            raise
    return len(entries)


def getdents(task, fd: int, addr: int, size: int) -> int:
    """getdents(2), the old form: the type stands in an entry's last byte. EBADF EFAULT EINVAL ENOENT ENOTDIR"""
    file = inode_file(task, fd)
    task.fs.namespace.task = task
    before = getattr(file, "position", 0)
    entries = bytearray(file.getdents(size))
    at = 0
    while at < len(entries):
        # As struct linux_dirent64 but for the type, which it has before the name.
        length = int.from_bytes(entries[at + 16:at + 18], "little")
        kind = entries[at + 18]
        entries[at + 18:at + length - 1] = entries[at + 19:at + length]
        entries[at + length - 1] = kind
        at += length
    if entries:
        try:
            task.mm.write(addr, bytes(entries))
        except OSError:
            file.position = before
            raise
    return len(entries)


_FCNTL = "a lock that another program of the host holds is waited for by polling; ENOLCK from 4096 locks of a file on; no leases, no " \
    "F_NOTIFY; the owner of a socket hears nothing of urgent data; O_NONBLOCK is per guest descriptor for 0, 1 and 2"
_IOCTL = "FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC, FIONREAD; sockets: owner, bytes waiting; terminals: TCGETS to TCSETAF, TCSBRK(P), TCXONC, TCFLSH, " \
    "window size, process group, session; TIOCSTI and TIOCSCTTY: EPERM"
ROWS = (
    Row(3, close, (FD,)),
    Row(16, ioctl, (FD, U32, U64), _IOCTL),
    Row(32, dup, (FD,)),
    Row(33, dup2, (FD, FD)),
    Row(72, fcntl, (FD, U32, U64), _FCNTL),
    Row(73, flock, (FD, I32), "waits by polling"),
    Row(78, getdents, (FD, ADDR, U32)),
    Row(217, getdents64, (FD, ADDR, U32)),
    Row(292, dup3, (FD, FD, I32)),
    Row(436, close_range, (U32, U32, U32), "CLOSE_RANGE_UNSHARE leaves the threads of one process sharing"),
)
