"""kcmp(2): whether two threads share something."""
from __future__ import annotations

from errno import EBADF, EINVAL, EOPNOTSUPP, ESRCH

from skete.kernel.memory.process_vm import traceable
from skete.kernel.row import I32, U64, Row

__all__ = ["ROWS"]

_FILE, _VM, _FILES, _FS, _SIGHAND, _IO, _SYSVSEM, _EPOLL_TFD = range(8)
_SHARED = {
    _VM: lambda task: task.mm,
    _FILES: lambda task: task.files,
    _FS: lambda task: task.fs,
    _SIGHAND: lambda task: task.process.signals.actions,
    _IO: lambda task: task if task.ioprio else None,
    _SYSVSEM: lambda task: task.process.semundo,
}


def kcmp(task, pid: int, pid2: int, kind: int, index: int, index2: int) -> int:
    """kcmp(2): 0 for one and the same, else 1 or 2: an order, which says nothing but holds. EBADF EINVAL EPERM ESRCH"""
    one, two = _thread(task, pid), _thread(task, pid2)
    for other in (one, two):
        traceable(task, other.process)
    if kind == _FILE:
        return _order(_file(one, index), _file(two, index2))
    if kind == _EPOLL_TFD:
        raise OSError(EOPNOTSUPP, "what an epoll instance watches")
    if kind not in _SHARED:
        raise OSError(EINVAL, f"type {kind}")
    return _order(_SHARED[kind](one), _SHARED[kind](two))


def _thread(task, tid: int):
    for process in task.kernel.processes.values():
        if tid in process.tasks:
            return process.tasks[tid]
    raise OSError(ESRCH, f"no thread {tid}")


def _file(task, fd: int):
    if fd >> 31:
        raise OSError(EBADF, f"descriptor {fd}")
    return task.files.get(fd)


def _order(one, two) -> int:
    return 0 if one is two else 1 if id(one) < id(two) else 2


ROWS = (
    Row(312, kcmp, (I32, I32, I32, U64, U64), "KCMP_EPOLL_TFD: EOPNOTSUPP"),
)
