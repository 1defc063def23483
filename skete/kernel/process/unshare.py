"""unshare(2) and setns(2): what a process shares with others, and the namespaces that it cannot leave."""
from __future__ import annotations

from errno import EINVAL, EPERM

from skete.abi.sched import CLONE_FILES, CLONE_FS, CLONE_NAMESPACES, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, \
    CLONE_VM
from skete.kernel.process.sharing import own_files, own_fs
from skete.kernel.row import FD, I32, U64, Row

__all__ = ["ROWS"]

_KNOWN = CLONE_FILES | CLONE_FS | CLONE_NAMESPACES | CLONE_SIGHAND | CLONE_THREAD | CLONE_VM | CLONE_SYSVSEM


def unshare(task, flags: int) -> int:
    """unshare(2): descriptors and file system of one's own. EINVAL EPERM"""
    process = task.process
    threads = len(process.tasks) > 1
    if flags & ~_KNOWN:
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) and (threads or process.mm.users > 1):
        raise OSError(EINVAL, "others share this memory")
    if flags & CLONE_NAMESPACES:
        raise OSError(EPERM, "namespaces need CAP_SYS_ADMIN")
    if flags & CLONE_FILES:
        own_files(task)
    if flags & CLONE_FS:
        own_fs(task)
    if flags & CLONE_SYSVSEM and process.semundo is not None and not threads:
        from skete.kernel.ipc.sysv_sem import undo
        undo(process)
    return 0


def setns(task, fd: int, kind: int) -> int:
    """setns(2): no descriptor here is one of a namespace. EBADF EINVAL"""
    task.file(fd)
    raise OSError(EINVAL, f"descriptor {fd} is not of a namespace")


ROWS = (
    Row(272, unshare, (U64,), "namespaces: EPERM; CLONE_SYSVSEM among threads changes nothing: see semop"),
    Row(308, setns, (FD, I32), "EINVAL: there are no namespaces to enter", refused=True),
)
