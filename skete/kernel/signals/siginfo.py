"""siginfo_t as the kernel carries it: what a signal says of where it came from."""
from __future__ import annotations

from struct import pack, unpack_from

from skete.abi.signal import SI_KERNEL

__all__ = ["SigInfo"]


class SigInfo:
    """siginfo_t of x86-64, 128 bytes: si_signo, si_errno, si_code, 4 bytes of padding, then a union.

    signo, errno, code: ints;  fields: the union's bytes, at most 112, whose meaning depends on the code
    """
    __slots__ = ("signo", "code", "errno", "fields")

    def __init__(self, signo: int, code: int = SI_KERNEL, fields: bytes = b"", errno: int = 0):
        self.signo, self.code, self.errno, self.fields = signo, code, errno, fields

    def __repr__(self):
        return f"SigInfo({self.signo}, code {self.code}, {self.fields.hex()})"

    @classmethod
    def sent(cls, signo: int, code: int, pid: int, uid: int) -> SigInfo:
        """From kill(2) (SI_USER) or tgkill(2) (SI_TKILL)."""
        return cls(signo, code, pack("<iI", pid, uid))

    @classmethod
    def fault(cls, signo: int, code: int, addr: int) -> SigInfo:
        """From an instruction that faulted: si_addr."""
        return cls(signo, code, pack("<Q", addr))

    @classmethod
    def timer(cls, signo: int, code: int, timer_id: int, overrun: int, value: int) -> SigInfo:
        """From a POSIX timer: si_timerid, si_overrun, si_value."""
        return cls(signo, code, pack("<iiQ", timer_id, overrun, value))

    @classmethod
    def unpack(cls, data: bytes) -> SigInfo:
        """From the 128 bytes a guest gave."""
        signo, errno, code = unpack_from("<iii", data)
        return cls(signo, code, data[16:128].rstrip(b"\0"), errno)

    def pack(self) -> bytes:
        """The 128 bytes for a guest."""
        return pack("<iiii", self.signo, self.errno, self.code, 0) + self.fields.ljust(112, b"\0")

    def words(self, layout: str) -> tuple:
        """The union's fields by a struct layout: "<iI" is si_pid and si_uid, "<Q" is si_addr."""
        return unpack_from(layout, self.fields.ljust(112, b"\0"))
