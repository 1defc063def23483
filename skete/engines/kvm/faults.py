"""Exceptions as Linux tells programs of them: arch/x86/kernel/traps.c, mm/fault.c."""
from __future__ import annotations

from skete.abi.signal import (BUS_ADRALN, FPE_INTDIV, ILL_ILLOPN, SEGV_MAPERR, SI_KERNEL, SIGBUS, SIGFPE, SIGILL,
                              SIGSEGV, SIGTRAP, TRAP_BRKPT, TRAP_TRACE)
from skete.engine import Fault

__all__ = ["DEBUG", "PAGE_FAULT", "SIMD", "X87", "fault"]

DEBUG, PAGE_FAULT, X87, SIMD = 1, 14, 16, 19

#: vector -> (signal, si_code, whether si_addr is the instruction)
_KINDS = {
    0: (SIGFPE, FPE_INTDIV, True), 3: (SIGTRAP, SI_KERNEL, False), 6: (SIGILL, ILL_ILLOPN, True),
    11: (SIGBUS, SI_KERNEL, False), 12: (SIGBUS, SI_KERNEL, False), 17: (SIGBUS, BUS_ADRALN, False),
}


def fault(vector: int, error: int, rip: int, address: int = 0, code: int = 0, flags: int = 0) -> Fault:
    """vector, error: the processor's;  address: of a page fault;  code: of a floating point exception;
    flags: rflags at a debug exception"""
    if vector == PAGE_FAULT:
        return Fault(SIGSEGV, SEGV_MAPERR, address, error, vector)      # which of the two, the kernel knows
    if vector in (X87, SIMD):
        return Fault(SIGFPE, code, rip, error, vector)
    if vector == DEBUG:
        return Fault(SIGTRAP, TRAP_TRACE if flags & 0x100 else TRAP_BRKPT, rip, error, vector)
    signo, code, here = _KINDS.get(vector, (SIGSEGV, SI_KERNEL, False))
    return Fault(signo, code, rip if here else 0, error, vector)
