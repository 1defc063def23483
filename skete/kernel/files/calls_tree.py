"""System calls that change the tree and the working directory: mkdir, unlink, rename, link, chdir."""
from __future__ import annotations

from errno import EACCES, EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, ERANGE, \
    EXDEV

from skete.abi.fcntl import AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE, \
    RENAME_NOREPLACE, RENAME_WHITEOUT
from skete.abi.stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from skete.kernel.files.fs import enter
from skete.kernel.files.node import Place
from skete.kernel.files.walk import walk
from skete.kernel.identity.credentials import SYS_CHROOT
from skete.kernel.row import ADDR, FD, I32, PATH, SIZE, U32, Row, readable_path

__all__ = ["ROWS"]


def _new(task, dirfd: int, path: bytes, directory: bool = False) -> Place:
    """The place for something new. EEXIST ENOENT EROFS, in Linux's order. The caller closes it."""
    place = walk(task, dirfd, path, parent=True)
    try:
        if place.special or place.covered or _exists(place):
            raise OSError(EEXIST, "is there")
        if place.trailing and not directory:
            raise OSError(ENOENT, "a slash after the name")
        return place.writable()
    except BaseException:
        place.parent.close()
        raise


def _exists(place: Place) -> bool:
    try:
        place.parent.stat(place.name)
    except FileNotFoundError:
        return False
    return True


def mkdir(task, path: bytes, mode: int) -> int:
    """mkdir(2)"""
    return mkdirat(task, AT_FDCWD, path, mode)


def mkdirat(task, dirfd: int, path: bytes, mode: int) -> int:
    """mkdirat(2). EACCES EEXIST ENOENT ENOSPC ENOTDIR EROFS"""
    with _new(task, dirfd, path, directory=True) as place:
        place.parent.mkdir(place.name, mode, task.fs.umask)
    return 0


def mknod(task, path: bytes, mode: int, device: int) -> int:
    """mknod(2)"""
    return mknodat(task, AT_FDCWD, path, mode, device)


def mknodat(task, dirfd: int, path: bytes, mode: int, device: int) -> int:
    """mknodat(2): FIFOs, sockets and regular files. EPERM for devices, EINVAL"""
    kind = mode & S_IFMT
    if kind == S_IFDIR:
        raise OSError(EPERM, "mkdir makes directories")
    if kind in (S_IFCHR, S_IFBLK):
        raise OSError(EPERM, "a device")
    if kind not in (0, S_IFREG, S_IFIFO, S_IFSOCK):
        raise OSError(EINVAL, f"mode {mode:#o}")
    with _new(task, dirfd, path) as place:
        if kind == S_IFSOCK:
            from skete.kernel.net.local import make_file
            make_file(place.parent, place.name, mode & 0o7777, task.fs.umask)
            return 0
        make = place.parent.mkfifo if kind == S_IFIFO else place.parent.mkfile
        make(place.name, mode, task.fs.umask)
    return 0


def symlink(task, text: bytes, path: bytes) -> int:
    """symlink(2)"""
    return symlinkat(task, text, AT_FDCWD, path)


def symlinkat(task, text: bytes, dirfd: int, path: bytes) -> int:
    """symlinkat(2): the text means what it means in the guest's tree. EEXIST ENOENT EROFS"""
    if not readable_path(text):
        raise OSError(ENOENT, "an empty link")
    with _new(task, dirfd, path) as place:
        place.parent.symlink(text, place.name)
    return 0


def link(task, old: bytes, new: bytes) -> int:
    """link(2)"""
    return linkat(task, AT_FDCWD, old, AT_FDCWD, new, 0)


def linkat(task, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> int:
    """linkat(2). EEXIST EINVAL ENOENT EPERM EROFS EXDEV"""
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if not old:
        # With AT_EMPTY_PATH it takes CAP_DAC_READ_SEARCH, and says this without it.
        raise OSError(ENOENT, "the empty path")
    with walk(task, old_fd, old, follow=bool(flags & AT_SYMLINK_FOLLOW)) as source:
        kind = source.found().st_mode & S_IFMT
        with _new(task, new_fd, new) as place:
            if hasattr(source.parent, "link_into"):
                source.parent.link_into(place)
                return 0
            if source.parent.mount is not place.parent.mount:
                raise OSError(EXDEV, "another mount")
            if kind == S_IFDIR:
                raise OSError(EPERM, "a directory")
            source.parent.link(source.name, place.parent, place.name)
    return 0


def unlink(task, path: bytes) -> int:
    """unlink(2)"""
    return unlinkat(task, AT_FDCWD, path, 0)


def rmdir(task, path: bytes) -> int:
    """rmdir(2)"""
    return unlinkat(task, AT_FDCWD, path, AT_REMOVEDIR)


def unlinkat(task, dirfd: int, path: bytes, flags: int) -> int:
    """unlinkat(2). EBUSY for a mount point; EINVAL EISDIR ENOENT ENOTDIR ENOTEMPTY EROFS"""
    if flags & ~AT_REMOVEDIR:
        raise OSError(EINVAL, f"flags {flags:#x}")
    with walk(task, dirfd, path, parent=True) as place:
        if place.special:
            if not flags & AT_REMOVEDIR:
                raise OSError(EISDIR, "a directory")
            raise OSError({b".": EINVAL, b"..": ENOTEMPTY}.get(place.special, EBUSY), "not by this name")
        if place.covered:
            raise OSError(EBUSY, "a mount point")
        place.writable()
        if flags & AT_REMOVEDIR:
            place.parent.rmdir(place.name)
        else:
            _unlink(place)
    return 0


def _unlink(place: Place) -> None:
    if place.trailing:
        kind = place.parent.stat(place.name).st_mode & S_IFMT
        raise OSError(EISDIR if kind == S_IFDIR else ENOTDIR, "a slash after the name")
    place.parent.unlink(place.name)


def rename(task, old: bytes, new: bytes) -> int:
    """rename(2)"""
    return renameat2(task, AT_FDCWD, old, AT_FDCWD, new, 0)


def renameat(task, old_fd: int, old: bytes, new_fd: int, new: bytes) -> int:
    """renameat(2)"""
    return renameat2(task, old_fd, old, new_fd, new, 0)


def renameat2(task, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> int:
    """renameat2(2). EBUSY for a mount point; EEXIST EINVAL ENOENT EROFS EXDEV and the host's"""
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) \
            or flags & RENAME_EXCHANGE and flags & (RENAME_NOREPLACE | RENAME_WHITEOUT):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & RENAME_WHITEOUT:
        raise OSError(EPERM, "takes CAP_MKNOD")
    with walk(task, old_fd, old, parent=True) as source, walk(task, new_fd, new, parent=True) as target:
        if source.parent.mount is not target.parent.mount:
            raise OSError(EXDEV, "another mount")
        if source.special or target.special:
            if target.special and flags & RENAME_NOREPLACE and not source.special:
                raise OSError(EEXIST, "is there")
            raise OSError(EBUSY, "not by this name")
        if source.covered or target.covered:
            raise OSError(EBUSY, "a mount point")
        source.writable()
        directory = source.parent.stat(source.name).st_mode & S_IFMT == S_IFDIR
        other = directory
        if flags & RENAME_NOREPLACE and _exists(target):
            raise OSError(EEXIST, "is there")
        if flags & RENAME_EXCHANGE:
            other = target.parent.stat(target.name).st_mode & S_IFMT == S_IFDIR
        if not directory and (source.trailing or target.trailing and not flags & RENAME_EXCHANGE) \
                or not other and target.trailing:
            raise OSError(ENOTDIR, "a slash after what is no directory")
        source.parent.rename(source.name, target.parent, target.name, flags)
        if flags & RENAME_EXCHANGE:
            task.fs.namespace.exchanged(source.path, target.path)
        elif directory:
            task.fs.namespace.renamed(source.path, target.path)
    return 0


def chdir(task, path: bytes) -> int:
    """chdir(2). EACCES ENOENT ENOTDIR"""
    with walk(task, AT_FDCWD, path) as place:
        if place.found().st_mode & S_IFMT != S_IFDIR:
            raise OSError(ENOTDIR, "no directory")
        _search(place.parent, place.name)
        task.fs.enter(place)
    return 0


def chroot(task, path: bytes) -> int:
    """chroot(2): takes CAP_SYS_CHROOT. EPERM and those of a walk"""
    with walk(task, AT_FDCWD, path) as place:
        if place.found().st_mode & S_IFMT != S_IFDIR:
            raise OSError(ENOTDIR, "no directory")
        _search(place.parent, place.name)
        if not task.creds.has(SYS_CHROOT):
            raise OSError(EPERM, "no CAP_SYS_CHROOT")
        node = enter(task.fs.namespace, place)
    if node.path:
        task.fs.change_root(node)
    else:
        node.drop()
        task.fs.change_root(None)
    return 0


def _search(node, name: bytes) -> None:
    if not node.access(name, 1):
        raise OSError(EACCES, "no search permission")


def fchdir(task, fd: int) -> int:
    """fchdir(2). EACCES EBADF ENOTDIR"""
    node = task.files.get(fd).node
    _search(node, b".")
    task.fs.move(node.dup())
    return 0


def getcwd(task, addr: int, size: int) -> int:
    """getcwd(2), the raw call: bytes written, the NUL included. ENOENT ERANGE EFAULT"""
    path = task.fs.cwd_path() + b"\0"
    if len(path) > size:
        raise OSError(ERANGE, f"{size} bytes are too few")
    task.mm.write(addr, path)
    return len(path)


def umask(task, mask: int) -> int:
    """umask(2): the mask before."""
    before, task.fs.umask = task.fs.umask, mask & 0o777
    return before


_NODES = "FIFOs and regular files; the rest: EPERM"
_FLAGS = "RENAME_WHITEOUT: EPERM"
ROWS = (
    Row(79, getcwd, (ADDR, SIZE)),
    Row(80, chdir, (PATH,)),
    Row(81, fchdir, (FD,)),
    Row(82, rename, (PATH, PATH)),
    Row(83, mkdir, (PATH, U32)),
    Row(84, rmdir, (PATH,)),
    Row(86, link, (PATH, PATH)),
    Row(87, unlink, (PATH,)),
    Row(88, symlink, (PATH, PATH)),
    Row(95, umask, (U32,)),
    Row(161, chroot, (PATH,)),
    Row(133, mknod, (PATH, U32, U32), _NODES),
    Row(258, mkdirat, (FD, PATH, U32)),
    Row(259, mknodat, (FD, PATH, U32, U32), _NODES),
    Row(263, unlinkat, (FD, PATH, I32)),
    Row(264, renameat, (FD, PATH, FD, PATH)),
    Row(265, linkat, (FD, PATH, FD, PATH, I32), "the empty path: ENOENT"),
    Row(266, symlinkat, (PATH, FD, PATH)),
    Row(316, renameat2, (FD, PATH, FD, PATH, U32), _FLAGS),
)
