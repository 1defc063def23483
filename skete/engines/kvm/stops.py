"""What a processor has stopped for."""
from __future__ import annotations

import struct

from skete.abi import kvm
from skete.engine import Kicked, Syscall
from skete.engines import faults
from skete.engines.kvm import layout
from skete.engines.kvm.processor import IN_FRAME, IN_SYSCALL, IN_USER

__all__ = ["trap"]

_EXIT = struct.Struct(kvm.RUN_EXIT)
_REGS = struct.Struct(kvm.REGS)
_SELECTOR = kvm.RUN_SREGS + kvm.SREGS_CS + 12
_IO, _SYSCALL = kvm.KVM_EXIT_IO, layout.PORT_SYSCALL
_RUN_REGS, _RUN_REASON = kvm.RUN_REGS, kvm.RUN_EXIT_REASON


def trap(engine, vcpu, failure: int):
    """The trap; None where there is none, and it is to run on. failure: errno of its KVM_RUN, or 0. EngineError"""
    processor = vcpu.processor
    if failure:
        return _interrupted(engine, vcpu)
    run = processor.run
    reason, port = _EXIT.unpack_from(run, _RUN_REASON)
    if reason == _IO:
        processor.ring = run[_SELECTOR] & 3
        if port == _SYSCALL:
            processor.state = IN_SYSCALL
            vcpu.running = False
            nr, _, rcx, rdx, rsi, rdi, rsp, _, r8, r9, r10, r11, _, _, _, _, _, _ = _REGS.unpack_from(run, _RUN_REGS)
            processor.back = rcx, r11, rsp
            return Syscall(nr, (rdi, rsi, rdx, r10, r8, r9))
        processor.state = IN_FRAME
        return _exception(engine, vcpu, port)
    if reason == kvm.KVM_EXIT_INTR:
        return _interrupted(engine, vcpu)
    return _die(engine, vcpu)


def _exception(engine, vcpu, vector: int):
    processor = vcpu.processor
    rip, cs, flags, _, _ = processor.frame()
    if not cs & 3 or vector in (2, 8, 18) or vector >= layout.VECTORS:
        return _die(engine, vcpu)      # in ring 0, or nothing that a program can cause
    error = processor.error_code() if vector in layout.WITH_ERROR else 0
    address = code = 0
    if vector == faults.PAGE_FAULT:
        address = processor.page_fault_address()
        if vcpu.space.page_fault(vcpu, address, error):
            if vcpu.ended or processor.prepare(None):
                return None
    elif vector == faults.UNDEFINED:
        vector, error = faults.undefined(vcpu.space.peek(rip, 3))
    elif vector in (faults.X87, faults.SIMD):
        code = faults.float_code(processor.area(), vector == faults.SIMD)
    if engine.post.faulted(vcpu) and processor.prepare(None):
        return None
    vcpu.running = vcpu.kicked = False
    return faults.fault(vector, error, rip, address, code, flags)


def _interrupted(engine, vcpu):
    """A signal ended KVM_RUN: report a kick, if there was one and the registers are the program's."""
    processor = vcpu.processor
    if not vcpu.kicked:
        return None
    if processor.run[kvm.RUN_DIRTY] == 0:       # else it has not been in there since prepare
        ring = processor.run[_SELECTOR] & 3
        processor.ring = ring
        if processor.injecting():
            return None
        rip = processor.get_rip()
        if layout.STUB <= rip < layout.STUB_END:
            if ring or processor.state != IN_FRAME or rip != layout.IRET:
                return None         # on its way here with a trap of its own
        else:
            processor.state = IN_USER
    if engine.post.kicked(vcpu):
        vcpu.kicked = False
        return None
    vcpu.running = vcpu.kicked = False
    return Kicked()


def _die(engine, vcpu):
    from skete.engines.kvm.report import death
    raise death(engine, vcpu)
