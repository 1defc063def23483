"""tgkill(2), which Python's os module lacks. Apart, because importing ctypes costs 5 ms and few guests need it."""
import ctypes
import os

__all__ = ["tgkill"]

_NR_TGKILL = 234
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = [ctypes.c_long] * 4


def tgkill(pid: int, tid: int, signo: int) -> None:
    """Send a signal to one thread. A thread that has ended meanwhile is no error; others raise OSError."""
    if _syscall(_NR_TGKILL, pid, tid, signo) and ctypes.get_errno() != 3:      # ESRCH
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
