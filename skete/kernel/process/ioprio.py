"""ioprio_get(2), ioprio_set(2): priorities of I/O, kept and shown per thread. The host orders its I/O as it likes."""
from __future__ import annotations

from errno import EINVAL, EPERM

from skete.kernel.process.scheduling import KEPT, ranked
from skete.kernel.row import I32, U32, Row

__all__ = ["ROWS", "check"]

#: IOPRIO_CLASS_*, in the three bits above 13 of level
_NONE, _RT, _BE, _IDLE = range(4)
_SHIFT, _LEVELS = 13, 8
#: IOPRIO_WHO_*: one more than getpriority's
_PROCESS, _GROUP, _USER = 1, 2, 3


def check(value: int) -> None:
    """Whether a thread may have this priority. EINVAL EPERM"""
    kind, level = value >> _SHIFT & 7, value & (1 << _SHIFT) - 1
    if kind == _RT:
        raise OSError(EPERM, "real time takes CAP_SYS_NICE")
    if kind > _IDLE or kind == _BE and level >= _LEVELS or kind == _NONE and level:
        raise OSError(EINVAL, f"class {kind}, level {level}")


def ioprio_set(task, which: int, who: int, value: int) -> int:
    """ioprio_set(2). EINVAL EPERM ESRCH"""
    check(value)
    others = _meant(task, which, who)
    if any(task.creds.uid != other.creds.uid and task.creds.euid != other.creds.uid for other in others):
        raise OSError(EPERM, "another user's")
    for other in others:
        other.ioprio = value
    return 0


def ioprio_get(task, which: int, who: int) -> int:
    """ioprio_get(2): of several, the keenest. EINVAL ESRCH"""
    others = _meant(task, which, who)
    if which == _PROCESS:
        return others[0].ioprio
    return min(other.ioprio or _BE << _SHIFT | (other.nice + 20) // 5 for other in others)


def _meant(task, which: int, who: int) -> list:
    if which not in (_PROCESS, _GROUP, _USER):
        raise OSError(EINVAL, f"which {which}")
    return ranked(task, which - 1, who)


ROWS = (
    Row(251, ioprio_set, (I32, I32, U32), KEPT + "; real time: EPERM"),
    Row(252, ioprio_get, (I32, I32)),
)
