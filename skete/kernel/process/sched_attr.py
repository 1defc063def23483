"""sched_setattr(2) and sched_getattr(2): policy, nice value and flags in one structure that may grow."""
from __future__ import annotations

from errno import E2BIG, EINVAL, EOPNOTSUPP, EPERM
from struct import Struct

from skete.abi.sched import (SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER, SCHED_RESET_ON_FORK,
                             SCHED_RR)
from skete.engine import PAGE
from skete.kernel.process.scheduling import KEPT, find_thread, scheduled
from skete.kernel.row import ADDR, I32, U32, Row

__all__ = ["ROWS"]

#: struct sched_attr: size policy flags nice priority; runtime deadline period; util_min util_max
_ATTR = Struct("<IIQiI3Q2I")
_VER0 = 48
_RESET, _KEEP_POLICY, _KEEP_PARAMS, _CLAMPS, _ALL = 0x01, 0x08, 0x10, 0x60, 0x7f


def sched_setattr(task, tid: int, addr: int, flags: int) -> int:
    """sched_setattr(2): what Linux lets one without privilege do; nothing else. E2BIG EFAULT EINVAL EPERM ESRCH"""
    if not addr or tid < 0 or flags:
        raise OSError(EINVAL, f"thread {tid}, attributes at {addr:#x}, flags {flags:#x}")
    _, policy, wanted, nice, priority, *_ = _ATTR.unpack(_read(task.mm, addr))
    if policy >> 31 or wanted & ~_ALL:
        raise OSError(EINVAL, f"policy {policy}, flags {wanted:#x}")
    other = find_thread(task, tid)
    if wanted & _KEEP_POLICY:
        policy = other.policy & ~SCHED_RESET_ON_FORK
    if policy in (SCHED_FIFO, SCHED_RR) and 1 <= priority <= 99 or policy == SCHED_DEADLINE and not priority:
        raise OSError(EPERM, "RLIMIT_RTPRIO is 0")
    if policy not in (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE) or priority:
        raise OSError(EINVAL, f"policy {policy}, priority {priority}")
    if wanted & _CLAMPS:
        raise OSError(EOPNOTSUPP, "built without utilization clamping")
    reset = SCHED_RESET_ON_FORK if wanted & _RESET else 0
    nice = other.nice if wanted & _KEEP_PARAMS else max(-20, min(19, nice))
    if nice < other.nice or other.policy & SCHED_RESET_ON_FORK and not reset:
        raise OSError(EPERM, "takes CAP_SYS_NICE")
    scheduled(task, tid)
    other.policy, other.nice = policy | reset, nice
    return 0


def _read(mm, addr: int) -> bytes:
    """A structure of any age: short ones end in zeros, long ones may have only zeros more. E2BIG EFAULT"""
    size = mm.read_u32(addr) or _VER0
    if _VER0 <= size <= PAGE:
        data = bytes(mm.read(addr, size))
        if not any(data[_ATTR.size:]):
            return data[:_ATTR.size].ljust(_ATTR.size, b"\0")
    mm.write_u32(addr, _ATTR.size)
    raise OSError(E2BIG, f"{size} bytes of attributes")


def sched_getattr(task, tid: int, addr: int, size: int, flags: int) -> int:
    """sched_getattr(2). EFAULT EINVAL ESRCH"""
    if not addr or tid < 0 or not _VER0 <= size <= PAGE or flags:
        raise OSError(EINVAL, f"thread {tid}, {size} bytes at {addr:#x}, flags {flags:#x}")
    other = find_thread(task, tid)
    size = min(size, _ATTR.size)
    reset = _RESET if other.policy & SCHED_RESET_ON_FORK else 0
    data = _ATTR.pack(size, other.policy & ~SCHED_RESET_ON_FORK, reset, other.nice, 0, 0, 0, 0, 0, 0)
    task.mm.write(addr, data[:size])
    return 0


ROWS = (
    Row(314, sched_setattr, (I32, ADDR, U32), KEPT + "; real-time policies: EPERM"),
    Row(315, sched_getattr, (I32, ADDR, U32, U32)),
)
