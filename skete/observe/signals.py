"""siginfo_t in a trace: what came with a signal."""
from __future__ import annotations

from struct import Struct

from skete.observe.flags import table
from skete.observe.values import address, i32, signal_name

__all__ = ["siginfo"]

_HEAD = Struct("<3i4x")
_KILL, _CHILD, _TIMER, _FAULT = Struct("<iI"), Struct("<iIi4xqq"), Struct("<iiQ"), Struct("<Q")
_OF_SIGNAL = {4: "SI_ILL", 5: "SI_TRAP", 7: "SI_BUS", 8: "SI_FPE", 11: "SI_SEGV", 17: "SI_CHLD", 29: "SI_POLL",
              31: "SI_SYS"}
SI_USER, SI_QUEUE, SI_TIMER, SI_TKILL, SI_KERNEL = 0, -1, -2, -6, 0x80


def _code(signo: int, code: int) -> str:
    names = dict(table("SI_ANY")[1])
    name = names.get(code & 0xffff_ffff) if code <= 0 or code == SI_KERNEL else None
    if name is None and signo in _OF_SIGNAL:
        name = dict(table(_OF_SIGNAL[signo])[1]).get(code & 0xffff_ffff)
    return name or (str(code) if code < 0 else f"{code:#x}")


def _errno(number: int) -> str:
    import errno
    return f", si_errno={errno.errorcode.get(number, number)}" if number else ""


def siginfo(data: bytes) -> str:
    """``{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}`` of 128 bytes in Linux's layout."""
    signo, error, code = _HEAD.unpack_from(data)
    text = f"{{si_signo={signal_name(signo)}{_errno(error)}, si_code={_code(signo, code)}"
    if signo == 17 and code > 0 and code != SI_KERNEL:
        pid, uid, status, utime, stime = _CHILD.unpack_from(data, 16)
        ended = str(status) if code == 1 else signal_name(status)
        text += (f", si_pid={pid}, si_uid={uid}, si_status={ended}, si_utime={utime}, si_stime={stime}")
    elif code in (SI_USER, SI_TKILL):
        text += ", si_pid={}, si_uid={}".format(*_KILL.unpack_from(data, 16))
    elif code == SI_TIMER:
        timer, overrun, value = _TIMER.unpack_from(data, 16)
        text += f", si_timerid={number_or_zero(timer)}, si_overrun={overrun}{_sigval(value)}"
    elif code == SI_QUEUE:
        text += ", si_pid={}, si_uid={}".format(*_KILL.unpack_from(data, 16)) + _sigval(*_FAULT.unpack_from(data, 24))
    elif signo in (4, 5, 7, 8, 11):
        text += f", si_addr={address(*_FAULT.unpack_from(data, 16))}"
    elif signo == 31 and code == 1:
        text += f", si_call_addr={address(*_FAULT.unpack_from(data, 16))}"
    return text + "}"


def number_or_zero(value: int) -> str:
    """C's %#x of an int."""
    return f"{value & 0xffff_ffff:#x}" if value else "0"


def _sigval(value: int) -> str:
    return f", si_value={{sival_int={i32(value)}, sival_ptr={address(value)}}}" if value else ""
