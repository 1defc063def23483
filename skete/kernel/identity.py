"""Who the guest is: process and user ids, groups, capabilities.

The identity is configured (skete.kernel.config) and has no power on the host, where only what was mounted can be
reached. An id can be set to what it is already, as for any user without capabilities.
"""
from __future__ import annotations

from errno import EINVAL, EPERM, ESRCH
from struct import pack

from skete.kernel.row import ADDR, I32, U32, Row

__all__ = ["ROWS"]

_SAME = 0xffff_ffff
_CAPABILITY_VERSIONS = {0x1998_0330: 1, 0x2007_1026: 2, 0x2008_0522: 2}


def getpid(task) -> int:
    """getpid(2)."""
    return task.process.pid


def gettid(task) -> int:
    """gettid(2)."""
    return task.tid


def getppid(task) -> int:
    """getppid(2): 0 for a process that the machine started."""
    return task.process.ppid


def getuid(task) -> int:
    """getuid(2), geteuid(2)."""
    return task.kernel.config.uid


def getgid(task) -> int:
    """getgid(2), getegid(2)."""
    return task.kernel.config.gid


def _three(task, a: int, b: int, c: int, value: int) -> int:
    for addr in (a, b, c):
        task.mm.write_u32(addr, value)
    return 0


def getresuid(task, real: int, effective: int, saved: int) -> int:
    """getresuid(2). EFAULT"""
    return _three(task, real, effective, saved, task.kernel.config.uid)


def getresgid(task, real: int, effective: int, saved: int) -> int:
    """getresgid(2). EFAULT"""
    return _three(task, real, effective, saved, task.kernel.config.gid)


def _may_be(wanted: tuple, mine: int) -> int:
    for value in wanted:
        if value not in (mine, _SAME):
            raise OSError(EPERM, f"id {value}")
    return 0


def setuid(task, uid: int) -> int:
    """setuid(2). EINVAL for -1; EPERM for any id but one's own"""
    if uid == _SAME:
        raise OSError(EINVAL, "id -1")
    return _may_be((uid,), task.kernel.config.uid)


def setgid(task, gid: int) -> int:
    """setgid(2). EINVAL for -1; EPERM for any id but one's own"""
    if gid == _SAME:
        raise OSError(EINVAL, "id -1")
    return _may_be((gid,), task.kernel.config.gid)


def setreuid(task, real: int, effective: int) -> int:
    """setreuid(2). EPERM"""
    return _may_be((real, effective), task.kernel.config.uid)


def setregid(task, real: int, effective: int) -> int:
    """setregid(2). EPERM"""
    return _may_be((real, effective), task.kernel.config.gid)


def setresuid(task, real: int, effective: int, saved: int) -> int:
    """setresuid(2). EPERM"""
    return _may_be((real, effective, saved), task.kernel.config.uid)


def setresgid(task, real: int, effective: int, saved: int) -> int:
    """setresgid(2). EPERM"""
    return _may_be((real, effective, saved), task.kernel.config.gid)


def setfsuid(task, uid: int) -> int:
    """setfsuid(2): the id before, whatever was asked for; it never fails."""
    return task.kernel.config.uid


def setfsgid(task, gid: int) -> int:
    """setfsgid(2): the id before, whatever was asked for; it never fails."""
    return task.kernel.config.gid


def getgroups(task, size: int, addr: int) -> int:
    """getgroups(2): the supplementary groups; how many there are. EINVAL EFAULT"""
    groups = task.kernel.config.groups
    if size < 0 or 0 < size < len(groups):
        raise OSError(EINVAL, f"room for {size} of {len(groups)}")
    if size:
        task.mm.write(addr, pack(f"<{len(groups)}I", *groups))
    return len(groups)


def setgroups(task, size: int, addr: int) -> int:
    """setgroups(2): needs CAP_SETGID. EPERM"""
    raise OSError(EPERM, "CAP_SETGID")


def _capabilities(task, header: int) -> int:
    """How many words of data a header's version has; 0 for an unknown one, which is corrected. EINVAL EFAULT"""
    version = task.mm.read_u32(header)
    words = _CAPABILITY_VERSIONS.get(version, 0)
    if not words:
        task.mm.write_u32(header, 0x2008_0522)
    return words


def capget(task, header: int, data: int) -> int:
    """capget(2): none. EINVAL ESRCH EFAULT"""
    words = _capabilities(task, header)
    if not words:
        if data:
            raise OSError(EINVAL, "unknown version")
        return 0        # a null data pointer asks which version there is
    pid = task.mm.read_u32(header + 4)
    if pid >> 31:
        raise OSError(EINVAL, "negative pid")
    if pid and pid not in task.process.tasks and pid not in task.kernel.processes:
        raise OSError(ESRCH, f"no thread {pid}")
    if data:
        task.mm.write(data, bytes(12 * words))
    return 0


def capset(task, header: int, data: int) -> int:
    """capset(2): none can be gained, so only the empty set is taken. EINVAL EPERM EFAULT"""
    words = _capabilities(task, header)
    if not words:
        raise OSError(EINVAL, "unknown version")
    if task.mm.read_u32(header + 4) not in (0, task.tid):
        raise OSError(EPERM, "another thread")
    if any(task.mm.read(data, 12 * words)):
        raise OSError(EPERM, "there are no capabilities")
    return 0


ROWS = (
    Row(39, getpid), Row(186, gettid), Row(110, getppid),
    Row(102, getuid), Row(107, getuid), Row(104, getgid), Row(108, getgid),
    Row(105, setuid, (U32,), "one's own id only"), Row(106, setgid, (U32,), "one's own id only"),
    Row(113, setreuid, (U32, U32), "one's own id only"), Row(114, setregid, (U32, U32), "one's own id only"),
    Row(115, getgroups, (I32, ADDR)), Row(116, setgroups, (I32, ADDR), "always EPERM"),
    Row(117, setresuid, (U32, U32, U32), "one's own id only"), Row(118, getresuid, (ADDR, ADDR, ADDR)),
    Row(119, setresgid, (U32, U32, U32), "one's own id only"), Row(120, getresgid, (ADDR, ADDR, ADDR)),
    Row(122, setfsuid, (U32,)), Row(123, setfsgid, (U32,)),
    Row(125, capget, (ADDR, ADDR), "there are no capabilities"),
    Row(126, capset, (ADDR, ADDR), "only the empty set"),
)
