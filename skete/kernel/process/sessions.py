"""Process groups and sessions: setpgid(2), getpgid(2), setsid(2), getsid(2), credentials(7)."""
from __future__ import annotations

from errno import EACCES, EINVAL, EPERM, ESRCH

from skete.kernel.process.children import members
from skete.kernel.row import I32, Row

__all__ = ["ROWS"]


def _process(task, pid: int):
    """A living process, or a zombie. ESRCH"""
    if not pid:
        return task.process
    kernel = task.kernel
    process = kernel.processes.get(pid) or kernel.zombies.get(pid)
    if process is None:
        raise OSError(ESRCH, f"no process {pid}")
    return process


def getpgid(task, pid: int) -> int:
    """getpgid(2). ESRCH"""
    return _process(task, pid).pgid


def getpgrp(task) -> int:
    """getpgrp(2)."""
    return task.process.pgid


def getsid(task, pid: int) -> int:
    """getsid(2). ESRCH"""
    return _process(task, pid).sid


def setpgid(task, pid: int, group: int) -> int:
    """setpgid(2): a group of one's own, or one of the session. EACCES EINVAL EPERM ESRCH"""
    if (group or pid) < 0:
        raise OSError(EINVAL, f"group {group or pid}")
    mine, process = task.process, _process(task, pid)
    group = group or process.pid
    if process is not mine:
        if process.parent is not mine:
            raise OSError(ESRCH, f"{process} is no child")
        if process.sid != mine.sid:
            raise OSError(EPERM, "of another session")
        if process.has_executed:
            raise OSError(EACCES, "executes a program of its own")
    if process.sid == process.pid:
        raise OSError(EPERM, "leads a session")
    if group != process.pid and not any(p.sid == process.sid for p in members(task.kernel, group)):
        raise OSError(EPERM, f"no group {group} in this session")
    process.pgid = group
    return 0


def setsid(task) -> int:
    """setsid(2): a session of one's own, without a terminal. EPERM for a group leader"""
    process = task.process
    if members(task.kernel, process.pid):
        raise OSError(EPERM, "leads a group already")
    process.pgid = process.sid = process.pid
    process.tty = None
    return process.sid


ROWS = (
    Row(109, setpgid, (I32, I32)),
    Row(111, getpgrp),
    Row(112, setsid),
    Row(121, getpgid, (I32,)),
    Row(124, getsid, (I32,)),
)
