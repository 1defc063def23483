"""Exceptions as Linux tells programs of them: arch/x86/kernel/traps.c, mm/fault.c."""
from __future__ import annotations

import struct

from skete.abi.signal import (BUS_ADRALN, FPE_INTDIV, ILL_ILLOPN, SEGV_MAPERR, SI_KERNEL, SIGBUS, SIGFPE, SIGILL,
                              SIGSEGV, SIGTRAP, TRAP_BRKPT, TRAP_TRACE)
from skete.engine import Fault

__all__ = ["DEBUG", "PAGE_FAULT", "SIMD", "TASK_SIZE", "UNDEFINED", "X87", "fault", "float_code", "undefined"]

TASK_SIZE = 0x7fff_ffff_f000        # x86-64 with four page table levels: arch/x86 TASK_SIZE_MAX

DEBUG, UNDEFINED, PROTECTION, PAGE_FAULT, X87, SIMD = 1, 6, 13, 14, 16, 19
_PRESENT, _RESERVED = 1, 8

#: vector -> (signal, si_code, whether si_addr is the instruction)
_KINDS = {
    0: (SIGFPE, FPE_INTDIV, True), 3: (SIGTRAP, SI_KERNEL, False), 6: (SIGILL, ILL_ILLOPN, True),
    11: (SIGBUS, SI_KERNEL, False), 12: (SIGBUS, SI_KERNEL, False), 17: (SIGBUS, BUS_ADRALN, False),
}


def undefined(code: bytes) -> tuple:
    """(vector, error) of what is said to be an undefined instruction; code: its first bytes.

    A software-backed KVM emulates what faults, and calls undefined what its emulator does not know.
    """
    if len(code) > 1 and code[0] == 0xcd:                                   # int n
        return PROTECTION, code[1] << 3 | 2
    if code[:2] == b"\x0f\xae" and len(code) > 2 and code[2] >> 3 & 7 == 2 and code[2] < 0xc0:   # ldmxcsr
        return PROTECTION, 0
    return UNDEFINED, 0


def fault(vector: int, error: int, rip: int, address: int = 0, code: int = 0, flags: int = 0) -> Fault:
    """vector, error: the processor's;  address: of a page fault;  code: of a floating point exception;
    flags: rflags at a debug exception"""
    if vector == PAGE_FAULT:
        if address >= TASK_SIZE:        # as if there were something, so that nobody learns what there is
            error = error & ~_RESERVED | _PRESENT
        return Fault(SIGSEGV, SEGV_MAPERR, address, error, vector)      # which of the two, the kernel knows
    if vector in (X87, SIMD):
        return Fault(SIGFPE, code, rip, error, vector)
    if vector == DEBUG:
        return Fault(SIGTRAP, TRAP_TRACE if flags & 0x100 else TRAP_BRKPT, rip, error, vector)
    signo, code, here = _KINDS.get(vector, (SIGSEGV, SI_KERNEL, False))
    return Fault(signo, code, rip if here else 0, error, vector)


def float_code(area, simd: bool) -> int:
    """si_code of a floating point exception, in the order in which Linux looks: fpu__exception_code().

    area: as FXSAVE stores it
    """
    if simd:
        mxcsr, = struct.unpack_from("<I", area, 24)
        raised = ~(mxcsr >> 7) & mxcsr
    else:
        control, status = struct.unpack_from("<HH", area)
        raised = status & ~control
    for bits, code in ((1, 7), (4, 3), (8, 4), (0x12, 5), (0x20, 6)):   # INV; DIV; OVF; UND, denormal too; RES
        if raised & bits:
            return code
    return 0
