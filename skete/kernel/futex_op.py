"""FUTEX_WAKE_OP: change one word, wake its waiters, and those of another if the old value says so. futex(2)."""
from __future__ import annotations

from errno import ENOSYS

from skete.abi.futex import (FUTEX_OP_ADD, FUTEX_OP_ANDN, FUTEX_OP_CMP_EQ, FUTEX_OP_CMP_GE, FUTEX_OP_CMP_GT,
                             FUTEX_OP_CMP_LE, FUTEX_OP_CMP_LT, FUTEX_OP_CMP_NE, FUTEX_OP_OPARG_SHIFT, FUTEX_OP_OR,
                             FUTEX_OP_SET, FUTEX_OP_XOR)
from skete.kernel.futex import wake

__all__ = ["wake_op"]

OPERATIONS = {
    FUTEX_OP_SET: lambda old, arg: arg,
    FUTEX_OP_ADD: lambda old, arg: old + arg,
    FUTEX_OP_OR: lambda old, arg: old | arg,
    FUTEX_OP_ANDN: lambda old, arg: old & ~arg,
    FUTEX_OP_XOR: lambda old, arg: old ^ arg,
}
COMPARISONS = {
    FUTEX_OP_CMP_EQ: lambda old, arg: old == arg,
    FUTEX_OP_CMP_NE: lambda old, arg: old != arg,
    FUTEX_OP_CMP_LT: lambda old, arg: old < arg,
    FUTEX_OP_CMP_LE: lambda old, arg: old <= arg,
    FUTEX_OP_CMP_GT: lambda old, arg: old > arg,
    FUTEX_OP_CMP_GE: lambda old, arg: old >= arg,
}


def wake_op(task, addr: int, addr2: int, count: int, count2: int, code: int, private: int) -> int:
    """Returns how many were woken in all. ENOSYS for an unknown operation or comparison, EINVAL EFAULT

    code: operation in bits 31-28 (bit 31: the argument is a shift), comparison 27-24, arguments 23-12 and 11-0,
    signed. Comparisons are of signed 32-bit values.
    """
    operation = OPERATIONS.get(code >> 28 & 7)
    argument, against = _signed12(code >> 12), _signed12(code)
    if code >> 28 & FUTEX_OP_OPARG_SHIFT:
        argument = 1 << (argument & 31)
    if operation is None:
        raise OSError(ENOSYS, f"futex operation {code >> 28 & 7}")
    wake(task, addr, 0, private, 0x1_0000_0000)             # a bitset nobody has: checks the address only
    wake(task, addr2, 0, private, 0x1_0000_0000)
    old = task.mm.read_u32(addr2)
    # The processor offers us no compare-and-swap: between these two lines a guest thread can write. The row says so.
    task.mm.write_u32(addr2, operation(old, argument))
    compare = COMPARISONS.get(code >> 24 & 15)
    if compare is None:
        raise OSError(ENOSYS, f"futex comparison {code >> 24 & 15}")
    woken = wake(task, addr, count, private)
    if compare(old - (1 << 32) if old & 1 << 31 else old, against):
        woken += wake(task, addr2, count2, private)
    return woken


def _signed12(bits: int) -> int:
    bits &= 0xfff
    return bits - 0x1000 if bits & 0x800 else bits
