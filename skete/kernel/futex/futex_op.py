"""FUTEX_WAKE_OP: change one word, wake its waiters, and those of another if the old value says so. futex(2)."""
from __future__ import annotations

from errno import ENOSYS

from skete.abi.futex import (FUTEX_OP_ADD, FUTEX_OP_ANDN, FUTEX_OP_CMP_EQ, FUTEX_OP_CMP_GE, FUTEX_OP_CMP_GT,
                             FUTEX_OP_CMP_LE, FUTEX_OP_CMP_LT, FUTEX_OP_CMP_NE, FUTEX_OP_OPARG_SHIFT, FUTEX_OP_OR,
                             FUTEX_OP_SET, FUTEX_OP_XOR)
from skete.kernel.futex.atomic import fetch_and_change
from skete.kernel.futex.futex import wake

__all__ = ["wake_op"]

#: as fetch_and_change() takes them: bits that are kept, bits that are turned over, what is added
OPERATIONS = {
    FUTEX_OP_SET: lambda arg: (0, arg, 0),
    FUTEX_OP_ADD: lambda arg: (-1, 0, arg),
    FUTEX_OP_OR: lambda arg: (~arg, arg, 0),
    FUTEX_OP_ANDN: lambda arg: (~arg, 0, 0),
    FUTEX_OP_XOR: lambda arg: (-1, arg, 0),
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
    old = fetch_and_change(task.mm, addr2, *operation(argument))
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
