"""System calls that change what is known of a file: mode, owner, times. On a host folder the host decides."""
from __future__ import annotations

from errno import EINVAL, EROFS
from struct import Struct
from time import time_ns

from skete.abi.fcntl import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW
from skete.abi.stat import UTIME_NOW, UTIME_OMIT
from skete.kernel.files.calls_io import inode_file
from skete.kernel.files.walk import walk
from skete.kernel.row import ADDR, FD, I32, PATH, U32, Row

__all__ = ["ROWS"]

_PAIR = Struct("<qqqq")
_NS = 1_000_000_000


def _changeable(file):
    if file.readonly:
        raise OSError(EROFS, "mounted read-only")
    return file


def chmod(task, path: bytes, mode: int) -> int:
    """chmod(2)"""
    return fchmodat(task, AT_FDCWD, path, mode)


def fchmodat(task, dirfd: int, path: bytes, mode: int) -> int:
    """fchmodat(2), the raw call, which has no flags. EPERM EROFS and those of a walk"""
    with walk(task, dirfd, path) as place:
        place.found()
        place.writable().parent.chmod(place.name, mode & 0o7777)
    return 0


def fchmod(task, fd: int, mode: int) -> int:
    """fchmod(2). EBADF EPERM EROFS"""
    _changeable(inode_file(task, fd)).chmod(mode & 0o7777)
    return 0


def _id(value: int) -> int:
    """uid_t as os takes it: all ones leave it as it is."""
    return -1 if value == 0xffff_ffff else value


def chown(task, path: bytes, uid: int, gid: int) -> int:
    """chown(2)"""
    return fchownat(task, AT_FDCWD, path, uid, gid, 0)


def lchown(task, path: bytes, uid: int, gid: int) -> int:
    """lchown(2)"""
    return fchownat(task, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)


def fchown(task, fd: int, uid: int, gid: int) -> int:
    """fchown(2). EBADF EPERM EROFS"""
    _changeable(inode_file(task, fd)).chown(_id(uid), _id(gid))
    return 0


def fchownat(task, dirfd: int, path: bytes, uid: int, gid: int, flags: int) -> int:
    """fchownat(2). EINVAL EPERM EROFS and those of a walk"""
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not path and flags & AT_EMPTY_PATH:
        if dirfd != AT_FDCWD:
            _changeable(task.files.get(dirfd)).chown(_id(uid), _id(gid))
            return 0
        path = b"."
    with walk(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW) as place:
        place.found()
        place.writable().parent.chown(place.name, _id(uid), _id(gid))
    return 0


def utime(task, path: bytes, addr: int) -> int:
    """utime(2): whole seconds."""
    times = None
    if addr:
        times = tuple(t * _NS for t in Struct("<qq").unpack(task.mm.read(addr, 16)))
    return _set(task, AT_FDCWD, path, times, 0)


def utimes(task, path: bytes, addr: int) -> int:
    """utimes(2): microseconds."""
    return _set(task, AT_FDCWD, path, _microseconds(task, addr), 0)


def futimesat(task, dirfd: int, path: int, addr: int) -> int:
    """futimesat(2): microseconds; without a path (0), on dirfd. EINVAL"""
    times = _microseconds(task, addr)
    if not path and dirfd != AT_FDCWD:
        _changeable(inode_file(task, dirfd)).utime(times)
        return 0
    return _set(task, dirfd, task.mm.cstr(path), times, 0)


def _microseconds(task, addr: int) -> tuple | None:
    """Two struct timevals as (atime, mtime) in ns; None for now. EFAULT EINVAL"""
    times = None
    if addr:
        s1, us1, s2, us2 = _PAIR.unpack(task.mm.read(addr, 32))
        if not (0 <= us1 < 1_000_000 and 0 <= us2 < 1_000_000):
            raise OSError(EINVAL, f"{us1} and {us2} microseconds")
        times = (s1 * _NS + us1 * 1000, s2 * _NS + us2 * 1000)
    return times


def utimensat(task, dirfd: int, path: int, addr: int, flags: int) -> int:
    """utimensat(2); without a path (0), futimens(3) on dirfd. EINVAL ENOENT EPERM EROFS"""
    times = None
    if addr:
        s1, ns1, s2, ns2 = _PAIR.unpack(task.mm.read(addr, 32))
        for ns in (ns1, ns2):
            if not 0 <= ns < _NS and ns not in (UTIME_NOW, UTIME_OMIT):
                raise OSError(EINVAL, f"{ns} nanoseconds")
        if ns1 == ns2 == UTIME_OMIT:
            return 0
        if not ns1 == ns2 == UTIME_NOW:
            times = ((s1, ns1), (s2, ns2))
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not path and dirfd != AT_FDCWD:
        if flags:
            raise OSError(EINVAL, f"flags {flags:#x}")
        file = _changeable(inode_file(task, dirfd))
        file.utime(_resolve(times, file.stat))
        return 0
    return _set(task, dirfd, task.mm.cstr(path), times, flags)


def _set(task, dirfd: int, path: bytes, times: tuple | None, flags: int) -> int:
    if not path and flags & AT_EMPTY_PATH:
        if dirfd == AT_FDCWD:
            path = b"."
        else:
            file = _changeable(task.files.get(dirfd))
            file.utime(_resolve(times, file.stat))
            return 0
    with walk(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW) as place:
        st = place.found()
        place.writable().parent.utime(place.name, _resolve(times, lambda: st))
    return 0


def _resolve(times: tuple | None, stat) -> tuple | None:
    """Nanoseconds for (atime, mtime) from what the guest gave; None for now. UTIME_OMIT keeps what ``stat`` says."""
    if times is None or isinstance(times[0], int):
        return times
    st = stat() if UTIME_OMIT in (times[0][1], times[1][1]) else None
    return (_nanoseconds(times[0], st and st.st_atime_ns), _nanoseconds(times[1], st and st.st_mtime_ns))


def _nanoseconds(time: tuple, before: int | None) -> int:
    seconds, ns = time
    if ns == UTIME_OMIT:
        return before
    return time_ns() if ns == UTIME_NOW else seconds * _NS + ns


ROWS = (
    Row(90, chmod, (PATH, U32)),
    Row(91, fchmod, (FD, U32)),
    Row(92, chown, (PATH, U32, U32)),
    Row(93, fchown, (FD, U32, U32)),
    Row(94, lchown, (PATH, U32, U32)),
    Row(132, utime, (PATH, ADDR)),
    Row(235, utimes, (PATH, ADDR)),
    Row(260, fchownat, (FD, PATH, U32, U32, I32)),
    Row(261, futimesat, (FD, ADDR, ADDR)),
    Row(268, fchmodat, (FD, PATH, U32)),
    Row(280, utimensat, (FD, ADDR, ADDR, I32), "UTIME_OMIT of one time and UTIME_NOW of one take two host calls"),
)
