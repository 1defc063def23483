"""System calls that tell about files: stat, access, readlink, statfs."""
from __future__ import annotations

from errno import EACCES, EINVAL
from os import major, minor

from skete.abi.fcntl import AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, \
    AT_SYMLINK_NOFOLLOW, W_OK
from skete.abi.stat import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, STAT, STATFS, STATX, STATX_BASIC_STATS, STATX_RESERVED
from skete.kernel.files.walk import walk, walk_from
from skete.kernel.row import ADDR, FD, I32, PATH, U32, Row

__all__ = ["ROWS", "stat_bytes"]

_NS = 1_000_000_000


def stat_bytes(st) -> bytes:
    """struct stat from an os.stat_result or what has its fields."""
    accessed, modified, changed = st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns
    return STAT.pack(st.st_dev, st.st_ino, st.st_nlink, st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_size,
                     st.st_blksize, st.st_blocks, accessed // _NS, accessed % _NS, modified // _NS, modified % _NS,
                     changed // _NS, changed % _NS)


def stat(task, path: bytes, addr: int) -> int:
    """stat(2). EFAULT and those of a walk"""
    with walk(task, AT_FDCWD, path) as place:
        task.mm.write(addr, stat_bytes(place.found()))
    return 0


def lstat(task, path: bytes, addr: int) -> int:
    """lstat(2)"""
    with walk(task, AT_FDCWD, path, follow=False) as place:
        task.mm.write(addr, stat_bytes(place.found()))
    return 0


def fstat(task, fd: int, addr: int) -> int:
    """fstat(2). EBADF EFAULT"""
    task.mm.write(addr, stat_bytes(task.files.get(fd).stat()))
    return 0


def find(task, dirfd: int, path: bytes, flags: int):
    """The stat of what an *at call names, AT_EMPTY_PATH included."""
    if not path and flags & AT_EMPTY_PATH:
        if dirfd == AT_FDCWD:
            return task.fs.cwd.stat(b".")
        return task.files.get(dirfd).stat()
    with walk(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW) as place:
        return place.found()


def newfstatat(task, dirfd: int, path: bytes, addr: int, flags: int) -> int:
    """fstatat(2). EINVAL for unknown flags"""
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE):
        raise OSError(EINVAL, f"flags {flags:#x}")
    task.mm.write(addr, stat_bytes(find(task, dirfd, path, flags)))
    return 0


def statx(task, dirfd: int, path: bytes, flags: int, mask: int, addr: int) -> int:
    """statx(2). EINVAL for unknown flags"""
    unknown = flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)
    if unknown or mask & STATX_RESERVED or flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE:
        raise OSError(EINVAL, f"flags {flags:#x}, mask {mask:#x}")
    st = find(task, dirfd, path, flags)
    accessed, modified, changed = st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns
    task.mm.write(addr, STATX.pack(
        STATX_BASIC_STATS, st.st_blksize, 0, st.st_nlink, st.st_uid, st.st_gid, st.st_mode, st.st_ino, st.st_size,
        st.st_blocks, 0, accessed // _NS, accessed % _NS, 0, 0, changed // _NS, changed % _NS,
        modified // _NS, modified % _NS, major(st.st_rdev), minor(st.st_rdev), major(st.st_dev), minor(st.st_dev)))
    return 0


def access(task, path: bytes, mode: int) -> int:
    """access(2)"""
    return faccessat2(task, AT_FDCWD, path, mode, 0)


def faccessat(task, dirfd: int, path: bytes, mode: int) -> int:
    """faccessat(2), the raw call, which has no flags"""
    return faccessat2(task, dirfd, path, mode, 0)


def faccessat2(task, dirfd: int, path: bytes, mode: int, flags: int) -> int:
    """faccessat2(2). EACCES EINVAL EROFS and those of a walk"""
    if mode & ~7 or flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise OSError(EINVAL, f"mode {mode:#x}, flags {flags:#x}")
    real = task.creds if flags & AT_EACCESS else task.creds.real()
    if real is task.creds:
        return _access(task, dirfd, path, mode, flags)
    from skete.kernel.identity.worn import being
    with being(task, real):
        return _access(task, dirfd, path, mode, flags)


def _access(task, dirfd: int, path: bytes, mode: int, flags: int) -> int:
    if not path and flags & AT_EMPTY_PATH:
        if dirfd != AT_FDCWD:
            task.files.get(dirfd)
            namespace = task.fs.namespace
            namespace.task = task
            return _may(walk_from(namespace, namespace.root(), b"/proc/thread-self/fd/%d" % dirfd), mode)
        path = b"."
    return _may(walk(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW), mode)


def _may(place, mode: int) -> int:
    with place:
        kind = place.found().st_mode & S_IFMT
        if mode == 0:
            return 0
        if mode & W_OK and kind in (S_IFREG, S_IFDIR, S_IFLNK):
            place.writable()
        if not place.parent.access(place.name, mode):
            raise OSError(EACCES, "its mode")
    return 0


def readlink(task, path: bytes, addr: int, size: int) -> int:
    """readlink(2): bytes of the text, without a NUL, cut to size. EINVAL and those of a walk"""
    return readlinkat(task, AT_FDCWD, path, addr, size)


def readlinkat(task, dirfd: int, path: bytes, addr: int, size: int) -> int:
    """readlinkat(2). EBADF EFAULT EINVAL ENOENT"""
    if size <= 0:
        raise OSError(EINVAL, f"a buffer of {size} bytes")
    if not path and dirfd != AT_FDCWD:
        text = task.files.get(dirfd).readlink()[:size]
        task.mm.write(addr, text)
        return len(text)
    with walk(task, dirfd, path, follow=False) as place:
        if place.found().st_mode & S_IFMT != S_IFLNK:
            raise OSError(EINVAL, "no symbolic link")
        text = place.parent.readlink(place.name)[:size]
    task.mm.write(addr, text)
    return len(text)


def statfs(task, path: bytes, addr: int) -> int:
    """statfs(2)"""
    with walk(task, AT_FDCWD, path) as place:
        place.found()
        task.mm.write(addr, STATFS.pack(*place.parent.statfs()))
    return 0


def fstatfs(task, fd: int, addr: int) -> int:
    """fstatfs(2). EBADF EFAULT"""
    task.mm.write(addr, STATFS.pack(*task.files.get(fd).statfs()))
    return 0


_STATX = "no birth time, no mount id; always the basic set"
_STATFS = "f_type is ext4's for every host folder"
ROWS = (
    Row(4, stat, (PATH, ADDR)),
    Row(5, fstat, (FD, ADDR)),
    Row(6, lstat, (PATH, ADDR)),
    Row(21, access, (PATH, I32)),
    Row(89, readlink, (PATH, ADDR, I32)),
    Row(137, statfs, (PATH, ADDR), _STATFS),
    Row(138, fstatfs, (FD, ADDR), _STATFS),
    Row(262, newfstatat, (FD, PATH, ADDR, I32)),
    Row(267, readlinkat, (FD, PATH, ADDR, I32)),
    Row(269, faccessat, (FD, PATH, I32)),
    Row(332, statx, (FD, PATH, I32, U32, ADDR), _STATX),
    Row(439, faccessat2, (FD, PATH, I32, I32)),
)
