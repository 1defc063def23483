"""struct timespec and timeval in guest memory, as nanoseconds."""
from __future__ import annotations

from errno import EINVAL
from struct import Struct

from skete.abi.time import KTIME_SEC_MAX, NSEC_PER_SEC

__all__ = ["FOREVER_NS", "read_timespec", "read_timeval", "write_timespec", "write_timeval"]

PAIR = Struct("<qq")
#: ktime_t's maximum: what any longer time is taken for
FOREVER_NS = (1 << 63) - 1


def read_timespec(mm, addr: int) -> int:
    """A duration or time in ns, at most FOREVER_NS. EFAULT; EINVAL below 0 or with tv_nsec out of range"""
    seconds, nanoseconds = PAIR.unpack(mm.read(addr, 16))
    if seconds < 0 or not 0 <= nanoseconds < NSEC_PER_SEC:
        raise OSError(EINVAL, f"timespec {seconds} s {nanoseconds} ns")
    if seconds >= KTIME_SEC_MAX:
        return FOREVER_NS
    return seconds * NSEC_PER_SEC + nanoseconds


def write_timespec(mm, addr: int, ns: int) -> None:
    """EFAULT"""
    mm.write(addr, PAIR.pack(*divmod(ns, NSEC_PER_SEC)))


def read_timeval(mm, addr: int) -> int:
    """A duration in ns. EFAULT; EINVAL below 0 or with tv_usec out of range"""
    seconds, microseconds = PAIR.unpack(mm.read(addr, 16))
    if seconds < 0 or not 0 <= microseconds < 1_000_000:
        raise OSError(EINVAL, f"timeval {seconds} s {microseconds} us")
    return min(FOREVER_NS, seconds * NSEC_PER_SEC + microseconds * 1000)


def write_timeval(mm, addr: int, ns: int) -> None:
    """Rounded down to microseconds. EFAULT"""
    seconds, ns = divmod(ns, NSEC_PER_SEC)
    mm.write(addr, PAIR.pack(seconds, ns // 1000))
