"""inotify(7): the host's, on what was mounted. So changes that other programs of the host make are seen as well."""
from __future__ import annotations

from errno import EINVAL

from skete.abi.fcntl import AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY
from skete.kernel.files.stream import Fifo
from skete.kernel.files.walk import walk
from skete.kernel.row import FD, I32, PATH, U32, Row

__all__ = ["ROWS"]

#: linux/inotify.h
_IN_DONT_FOLLOW, _IN_ONLYDIR, _IN_MASK_ADD, _IN_MASK_CREATE, _IN_ALL = 0x0200_0000, 0x0100_0000, 0x2000_0000, \
    0x1000_0000, 0xfff
_KNOWN = 0xf700_0000 | 0xefff


class Inotify(Fifo):
    """The descriptor: a stream of struct inotify_event, whole ones only."""
    __slots__ = ()

    def seek(self, offset: int, whence: int) -> int:
        return 0        # noop_llseek


def inotify_init(task) -> int:
    """inotify_init(2)"""
    return inotify_init1(task, 0)


def inotify_init1(task, flags: int) -> int:
    """inotify_init1(2): a descriptor. EINVAL EMFILE"""
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise OSError(EINVAL, f"flags {flags:#x}")
    task.files.room()
    from skete.kernel.files import hostcall
    file = Inotify(hostcall.inotify_init(), O_RDONLY | flags & O_NONBLOCK, b"anon_inode:inotify").hold()
    try:
        return task.files.install(file, 0, bool(flags & O_CLOEXEC))
    finally:
        file.drop()


def inotify_add_watch(task, fd: int, path: bytes, mask: int) -> int:
    """inotify_add_watch(2): the watch's number. EBADF EINVAL EEXIST ENOTDIR ENOSPC and those of a walk"""
    if not mask & _KNOWN:
        raise OSError(EINVAL, f"mask {mask:#x}")
    file = task.files.get(fd)
    if mask & _IN_MASK_ADD and mask & _IN_MASK_CREATE or not isinstance(file, Inotify):
        raise OSError(EINVAL, f"mask {mask:#x}")
    from skete.kernel.files import hostcall
    with walk(task, AT_FDCWD, path, follow=not mask & _IN_DONT_FOLLOW) as place:
        place.found()
        return hostcall.inotify_add_watch(file.host_fd, place.parent.watch_path(place.name), mask | _IN_DONT_FOLLOW)


def inotify_rm_watch(task, fd: int, watch: int) -> int:
    """inotify_rm_watch(2). EBADF EINVAL"""
    file = task.files.get(fd)
    if not isinstance(file, Inotify):
        raise OSError(EINVAL, "no inotify descriptor")
    from skete.kernel.files import hostcall
    hostcall.inotify_rm_watch(file.host_fd, watch)
    return 0


_WHERE = "on host folders; copy-on-write and elsewhere: ENOSPC"
ROWS = (
    Row(253, inotify_init),
    Row(254, inotify_add_watch, (FD, PATH, U32), _WHERE),
    Row(255, inotify_rm_watch, (FD, I32)),
    Row(294, inotify_init1, (I32,)),
)
