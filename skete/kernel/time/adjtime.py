"""adjtimex(2) and clock_adjtime(2): the state of a clock that nobody here may set."""
from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP, EPERM
from struct import Struct

from skete.abi.time import CLOCK_REALTIME
from skete.kernel.row import ADDR, I32, Row
from skete.kernel.time.clock import now, read_clock

__all__ = ["ROWS"]

#: struct timex: modes; offset freq maxerror esterror; status; constant precision tolerance; time; tick; eleven of
#: PPS and TAI, and padding
_TIMEX = Struct("<I4x4qi4x3q2qq112x")
assert _TIMEX.size == 208
_ADJTIME, _SINGLESHOT, _READONLY = 0x8000, 0x0001, 0x2000
_STA_UNSYNC, _TIME_ERROR = 0x40, 5
_MAXERROR_US, _CONSTANT, _PRECISION_US, _TOLERANCE, _TICK_US = 16_000_000, 2, 1, 500 << 16, 10_000


def adjtimex(task, addr: int) -> int:
    """adjtimex(2): TIME_ERROR, since nothing says that the clock is synchronised. EFAULT EINVAL EPERM"""
    modes, *_ = _TIMEX.unpack(task.mm.read(addr, _TIMEX.size))
    if modes & _ADJTIME and not modes & _SINGLESHOT:
        raise OSError(EINVAL, f"modes {modes:#x}")
    if modes and not (modes & _ADJTIME and modes & _READONLY):
        raise OSError(EPERM, "takes CAP_SYS_TIME")
    seconds, ns = divmod(now(task, CLOCK_REALTIME), 1_000_000_000)
    task.mm.write(addr, _TIMEX.pack(modes, 0, 0, _MAXERROR_US, _MAXERROR_US, _STA_UNSYNC, _CONSTANT, _PRECISION_US,
                                    _TOLERANCE, seconds, ns // 1000, _TICK_US))
    return _TIME_ERROR


def clock_adjtime(task, clock: int, addr: int) -> int:
    """clock_adjtime(2). EFAULT EINVAL EOPNOTSUPP EPERM"""
    if clock == CLOCK_REALTIME:
        return adjtimex(task, addr)
    read_clock(task, clock)         # EINVAL for none
    task.mm.read(addr, _TIMEX.size)
    raise OSError(EOPNOTSUPP, f"clock {clock} cannot be adjusted")


_READS = "tells the state of a clock that is not synchronised; setting takes CAP_SYS_TIME: EPERM"

ROWS = (
    Row(159, adjtimex, (ADDR,), _READS),
    Row(305, clock_adjtime, (I32, ADDR), _READS),
)
