"""Classic BPF as seccomp(2) has it: which programs are taken, and what one says of a call.

A program sees struct seccomp_data as 16 words, and only ever jumps forward, so it ends. It is kept as the guest gave
it, 8 bytes an instruction: code, jt, jf, k.
"""
from __future__ import annotations

from array import array
from errno import EINVAL

__all__ = ["checked", "run"]

_MASK = 0xffff_ffff
#: words of memory that a program has
_CELLS = 16
#: bytes of struct seccomp_data
_SIZE = 64
_LD_ABS, _LD_LEN, _LD_IMM, _LD_MEM = 0x20, 0x80, 0x00, 0x60
_LDX_LEN, _LDX_IMM, _LDX_MEM, _ST, _STX = 0x81, 0x01, 0x61, 0x02, 0x03
_JA, _JEQ, _JGT, _JGE, _JSET = 0x05, 0x15, 0x25, 0x35, 0x45
_RET_K, _RET_A, _TAX, _TXA, _NEG = 0x06, 0x16, 0x07, 0x87, 0x84
#: the bit of a code that says "X" where k would be
_X = 0x08
_DIV, _LSH, _RSH = 0x34, 0x64, 0x74
#: code -> what it makes of A and k or X; a division by 0 is not met here
_ARITHMETIC = {
    0x04: lambda a, b: a + b, 0x14: lambda a, b: a - b, 0x24: lambda a, b: a * b, _DIV: lambda a, b: a // b,
    0x44: lambda a, b: a | b, 0x54: lambda a, b: a & b, _LSH: lambda a, b: a << (b & 31),
    _RSH: lambda a, b: a >> (b & 31), 0xa4: lambda a, b: a ^ b,
}
_CONDITIONS = (_JEQ, _JGT, _JGE, _JSET)
_KNOWN = frozenset((_LD_ABS, _LD_LEN, _LD_IMM, _LD_MEM, _LDX_LEN, _LDX_IMM, _LDX_MEM, _ST, _STX, _JA, _RET_K, _RET_A,
                    _TAX, _TXA, _NEG, *(code | x for code in (*_ARITHMETIC, *_CONDITIONS) for x in (0, _X))))


def checked(code: bytes) -> array:
    """A program of struct sock_filter, at least one, as Linux would take it. EINVAL"""
    program = array("Q", code)
    for pc, word in enumerate(program):
        op, jt, jf, k = word & 0xffff, word >> 16 & 0xff, word >> 24 & 0xff, word >> 32
        left = len(program) - pc - 1
        if op not in _KNOWN \
                or op == _LD_ABS and (k & 3 or k >= _SIZE) \
                or op in (_LD_MEM, _LDX_MEM, _ST, _STX) and k >= _CELLS \
                or op == _DIV and not k or op in (_LSH, _RSH) and k > 31 \
                or op == _JA and k >= left or op & ~_X in _CONDITIONS and max(jt, jf) >= left:
            raise OSError(EINVAL, f"instruction {pc}: {op:#x} {jt} {jf} {k:#x}")
    if program[-1] & 0xffff not in (_RET_K, _RET_A):
        raise OSError(EINVAL, "the last instruction returns nothing")
    _check_cells(program)
    return program


def _check_cells(program: array) -> None:
    """On every way to a load of a cell something was stored there. EINVAL"""
    everything = (1 << _CELLS) - 1
    known = [everything] * len(program)         # cells that are, where a jump arrives
    now = 0
    for pc, word in enumerate(program):
        op, jt, jf, k = word & 0xffff, word >> 16 & 0xff, word >> 24 & 0xff, word >> 32
        now &= known[pc]
        if op in (_ST, _STX):
            now |= 1 << k
        elif op in (_LD_MEM, _LDX_MEM):
            if not now >> k & 1:
                raise OSError(EINVAL, f"instruction {pc}: nothing is in cell {k}")
        elif op == _JA or op & ~_X in _CONDITIONS:
            for to in (k,) if op == _JA else (jt, jf):
                known[pc + 1 + to] &= now
            now = everything


def run(program: array, data: list) -> tuple:
    """(what it returns, the largest offset that it looked at) for the 16 words of struct seccomp_data."""
    a = x = pc = seen = 0
    cells = None
    while True:
        word = program[pc]
        pc += 1
        op, k = word & 0xffff, word >> 32
        if op == _LD_ABS:
            a = data[k >> 2]
            if k > seen:
                seen = k
        elif op & 7 == 5:                       # jumps
            if op == _JA:
                pc += k
                continue
            if op & _X:
                k = x
                op &= ~_X
            holds = a == k if op == _JEQ else a > k if op == _JGT else a >= k if op == _JGE else a & k
            pc += word >> 16 & 0xff if holds else word >> 24 & 0xff
        elif op == _RET_K:
            return k, seen
        elif op == _RET_A:
            return a, seen
        elif op == _NEG:
            a = -a & _MASK
        elif op & 7 == 4:                       # arithmetic
            if op & _X:
                k = x
                op &= ~_X
                if op == _DIV and not k:
                    return 0, seen
            a = _ARITHMETIC[op](a, k) & _MASK
        elif op == _LD_IMM:
            a = k
        elif op == _LDX_IMM:
            x = k
        elif op == _LD_LEN:
            a = _SIZE
        elif op == _LDX_LEN:
            x = _SIZE
        elif op == _TAX:
            x = a
        elif op == _TXA:
            a = x
        elif op in (_ST, _STX):
            cells = cells or [0] * _CELLS
            cells[k] = a if op == _ST else x
        elif op == _LD_MEM:
            a = cells[k]
        else:
            x = cells[k]
