"""Floating point and vector state: KVM's XSAVE area, and the same bytes as a signal frame holds them.

Both have the standard layout of XSAVE. In a frame Linux uses 48 bytes that the processor leaves alone
(struct _fpx_sw_bytes, asm/sigcontext.h) to say how large it is, and ends it with a magic word.
"""
from __future__ import annotations

import struct

from skete.abi.sigframe import FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2, FXSAVE_SIZE, SW_RESERVED

__all__ = ["INITIAL", "area", "frame", "initial"]

_MXCSR, _MXCSR_MASK = 24, 28
_HEADER = FXSAVE_SIZE           # XSTATE_BV, XCOMP_BV, 48 bytes of zero
_LEGACY = 3                     # x87 and SSE
#: a processor's state after reset, as Linux starts programs: FCW 0x37f, MXCSR 0x1f80
INITIAL = struct.pack("<H22xI", 0x37f, 0x1f80).ljust(FXSAVE_SIZE, b"\0")


def frame(area, size: int, xcr0: int) -> bytes:
    """The state in ``area`` (KVM_GET_XSAVE) for a signal frame: ``size`` bytes and the magic word."""
    if size <= FXSAVE_SIZE:
        return bytes(area[:FXSAVE_SIZE])
    head = struct.pack("<IIQI28x", FP_XSTATE_MAGIC1, size + 4, xcr0, size)
    return b"".join((area[:SW_RESERVED], head, area[FXSAVE_SIZE:size], FP_XSTATE_MAGIC2.to_bytes(4, "little")))


def area(state: bytes, before, size: int, xcr0: int) -> bytearray:
    """What KVM_SET_XSAVE takes for a frame's state, which comes from guest memory: nothing in it is refused.

    before: the area now, for the mask of MXCSR's bits;  size: of the state in xcr0
    """
    new = bytearray(len(before))
    legacy = min(len(state), SW_RESERVED)
    new[:legacy] = state[:legacy]
    mask = struct.unpack_from("<I", before, _MXCSR_MASK)[0] or 0xffbf
    mxcsr, = struct.unpack_from("<I", new, _MXCSR)
    struct.pack_into("<II", new, _MXCSR, mxcsr & mask, mask)
    present = _LEGACY
    if len(state) >= _HEADER + 64 and struct.unpack_from("<I", state, SW_RESERVED)[0] == FP_XSTATE_MAGIC1:
        present, = struct.unpack_from("<Q", state, _HEADER)
        end = min(len(state) - 4, size)
        new[_HEADER + 64:end] = state[_HEADER + 64:end]
    struct.pack_into("<Q", new, _HEADER, present & (xcr0 or _LEGACY))
    return new


def initial(before) -> bytearray:
    """What KVM_SET_XSAVE takes for the state that a program starts with."""
    new = bytearray(len(before))
    new[:FXSAVE_SIZE] = INITIAL
    new[_MXCSR_MASK:_MXCSR_MASK + 4] = before[_MXCSR_MASK:_MXCSR_MASK + 4]
    return new
