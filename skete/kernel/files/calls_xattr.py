"""System calls on extended attributes, xattr(7): user.* where the host keeps them, the rest of the namespaces not."""
from __future__ import annotations

from errno import E2BIG, EBADF, EINVAL, ENAMETOOLONG, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EROFS

from skete.abi.fcntl import AT_FDCWD
from skete.abi.stat import S_IFDIR, S_IFMT, S_IFREG
from skete.abi.xattr import SECURITY_PREFIX, TRUSTED_PREFIX, USER_PREFIX, XATTR_CREATE, XATTR_LIST_MAX, \
    XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX
from skete.kernel.files.calls_io import inode_file
from skete.kernel.files.walk import walk
from skete.kernel.row import ADDR, FD, I32, PATH, SIZE, Row

__all__ = ["ROWS"]


def _name(task, addr: int) -> bytes:
    """An attribute's name. ERANGE for the empty one and for more than 255 bytes; EFAULT"""
    try:
        name = task.mm.cstr(addr, XATTR_NAME_MAX + 1)
    except OSError as e:
        raise OSError(ERANGE if e.errno == ENAMETOOLONG else e.errno, "the name") from None
    if not name:
        raise OSError(ERANGE, "an empty name")
    return name


def _served(name: bytes, changes: bool, where) -> None:
    """Only user.* is, of files and directories. trusted.* takes CAP_SYS_ADMIN to change and is invisible without;
    security.* takes it too, and there is no module that would have set one."""
    if name.startswith((TRUSTED_PREFIX, SECURITY_PREFIX)):
        raise OSError(EPERM if changes else ENODATA, "trusted and security attributes")
    if not name.startswith(USER_PREFIX):
        raise OSError(EOPNOTSUPP, "not in the user namespace")
    if name == USER_PREFIX:
        raise OSError(EINVAL, "no name after the prefix")
    if where is None:
        raise OSError(EPERM if changes else ENODATA, "no file and no directory")


def _by_path(task, path: bytes, follow: bool, act, changes: bool = False):
    with walk(task, AT_FDCWD, path, follow=follow) as place:
        place.found()
        if changes:
            place.writable()
        return act(place.parent.xattr_path(place.name, changes))


def _by_fd(task, fd: int, act, changes: bool = False):
    file = inode_file(task, fd)
    if changes and file.readonly:
        raise OSError(EROFS, "mounted read-only")
    if file.stat().st_mode & S_IFMT not in (S_IFREG, S_IFDIR):
        return act(None)
    if file.host_fd < 0:
        if not hasattr(file, "directory"):
            raise OSError(EOPNOTSUPP, "no host file")
        return act(file.directory.xattr_path(b".", changes))
    if not hasattr(file, "mount") and not hasattr(file, "directory"):
        raise OSError(EBADF if file.poll_fd < 0 else EOPNOTSUPP, "no file of a mount")
    if changes and hasattr(file, "change"):
        file.change()
    return act(file.host_fd)


def _setter(task, name_at: int, addr: int, size: int, flags: int):
    if flags & ~(XATTR_CREATE | XATTR_REPLACE):
        raise OSError(EINVAL, f"flags {flags:#x}")
    name = _name(task, name_at)
    if size > XATTR_SIZE_MAX:
        raise OSError(E2BIG, f"a value of {size} bytes")
    value = task.mm.read(addr, size) if size else b""

    def act(where) -> int:
        import os
        _served(name, True, where)
        os.setxattr(where, name, value, flags, **_nofollow(where))
        return 0
    return act


def _nofollow(where) -> dict:
    return {} if isinstance(where, int) else {"follow_symlinks": False}


def _getter(task, name_at: int, addr: int, size: int):
    name = _name(task, name_at)

    def act(where) -> int:
        import os
        _served(name, False, where)
        return _give(task, os.getxattr(where, name, **_nofollow(where)), addr, min(size, XATTR_SIZE_MAX))
    return act


def _lister(task, addr: int, size: int):
    def act(where) -> int:
        import os
        names = [] if where is None else [os.fsencode(name) for name in os.listxattr(where, **_nofollow(where))]
        return _give(task, b"".join(name + b"\0" for name in names if name.startswith(USER_PREFIX)), addr,
                     min(size, XATTR_LIST_MAX))
    return act


def _give(task, data: bytes, addr: int, size: int) -> int:
    """Size 0 only asks for the length. ERANGE where it does not fit."""
    if size:
        if len(data) > size:
            raise OSError(ERANGE, f"{size} bytes are too few")
        task.mm.write(addr, data)
    return len(data)


def _remover(task, name_at: int):
    name = _name(task, name_at)

    def act(where) -> int:
        import os
        _served(name, True, where)
        os.removexattr(where, name, **_nofollow(where))
        return 0
    return act


def setxattr(task, path: bytes, name: int, addr: int, size: int, flags: int) -> int:
    """setxattr(2). EEXIST ENODATA EINVAL ERANGE E2BIG EOPNOTSUPP EPERM EROFS ENOSPC"""
    return _by_path(task, path, True, _setter(task, name, addr, size, flags), True)


def lsetxattr(task, path: bytes, name: int, addr: int, size: int, flags: int) -> int:
    """lsetxattr(2)"""
    return _by_path(task, path, False, _setter(task, name, addr, size, flags), True)


def fsetxattr(task, fd: int, name: int, addr: int, size: int, flags: int) -> int:
    """fsetxattr(2)"""
    return _by_fd(task, fd, _setter(task, name, addr, size, flags), True)


def getxattr(task, path: bytes, name: int, addr: int, size: int) -> int:
    """getxattr(2): bytes of the value. ENODATA EOPNOTSUPP ERANGE"""
    return _by_path(task, path, True, _getter(task, name, addr, size))


def lgetxattr(task, path: bytes, name: int, addr: int, size: int) -> int:
    """lgetxattr(2)"""
    return _by_path(task, path, False, _getter(task, name, addr, size))


def fgetxattr(task, fd: int, name: int, addr: int, size: int) -> int:
    """fgetxattr(2)"""
    return _by_fd(task, fd, _getter(task, name, addr, size))


def listxattr(task, path: bytes, addr: int, size: int) -> int:
    """listxattr(2): bytes of names, each with its NUL. EOPNOTSUPP ERANGE"""
    return _by_path(task, path, True, _lister(task, addr, size))


def llistxattr(task, path: bytes, addr: int, size: int) -> int:
    """llistxattr(2)"""
    return _by_path(task, path, False, _lister(task, addr, size))


def flistxattr(task, fd: int, addr: int, size: int) -> int:
    """flistxattr(2)"""
    return _by_fd(task, fd, _lister(task, addr, size))


def removexattr(task, path: bytes, name: int) -> int:
    """removexattr(2). ENODATA EOPNOTSUPP EPERM EROFS"""
    return _by_path(task, path, True, _remover(task, name), True)


def lremovexattr(task, path: bytes, name: int) -> int:
    """lremovexattr(2)"""
    return _by_path(task, path, False, _remover(task, name), True)


def fremovexattr(task, fd: int, name: int) -> int:
    """fremovexattr(2)"""
    return _by_fd(task, fd, _remover(task, name), True)


_USER = "user.* on mounts whose host file system keeps them; trusted.* and security.*: EPERM, ENODATA; the rest: " \
    "EOPNOTSUPP"
ROWS = (
    Row(188, setxattr, (PATH, ADDR, ADDR, SIZE, I32), _USER),
    Row(189, lsetxattr, (PATH, ADDR, ADDR, SIZE, I32), _USER),
    Row(190, fsetxattr, (FD, ADDR, ADDR, SIZE, I32), _USER),
    Row(191, getxattr, (PATH, ADDR, ADDR, SIZE), _USER),
    Row(192, lgetxattr, (PATH, ADDR, ADDR, SIZE), _USER),
    Row(193, fgetxattr, (FD, ADDR, ADDR, SIZE), _USER),
    Row(194, listxattr, (PATH, ADDR, SIZE), _USER),
    Row(195, llistxattr, (PATH, ADDR, SIZE), _USER),
    Row(196, flistxattr, (FD, ADDR, SIZE), _USER),
    Row(197, removexattr, (PATH, ADDR), _USER),
    Row(198, lremovexattr, (PATH, ADDR), _USER),
    Row(199, fremovexattr, (FD, ADDR), _USER),
)
