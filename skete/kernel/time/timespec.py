"""struct timespec in guest memory, as nanoseconds."""
from __future__ import annotations

from errno import EINVAL
from struct import Struct

from skete.abi.time import KTIME_SEC_MAX, NSEC_PER_SEC

__all__ = ["FOREVER_NS", "read_timespec", "write_timespec"]

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
