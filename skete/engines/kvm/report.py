"""The last words of a virtual machine that died: why, its registers, and what its programs asked for last."""
from __future__ import annotations

import struct

from skete.abi import kvm
from skete.abi.syscalls import NAMES
from skete.engine import EngineError
from skete.engines.kvm import layout
from skete.engines.kvm.processor import IN_FRAME

__all__ = ["death"]

_ROWS = (("rax", "rbx", "rcx", "rdx"), ("rsi", "rdi", "rbp", "rsp"), ("r8", "r9", "r10", "r11"),
         ("r12", "r13", "r14", "r15"), ("rip", "eflags"))


def death(engine, vcpu) -> EngineError:
    """The error to raise. Its ``address`` is where the program was."""
    processor = vcpu.processor
    run = processor.run
    reason, = struct.unpack_from("<I", run, kvm.RUN_EXIT_REASON)
    detail, = struct.unpack_from("<Q", run, kvm.RUN_DETAILS)
    what = f"the virtual machine stopped with KVM_EXIT_{kvm.EXITS.get(reason, reason)}"
    regs = processor.get_regs()
    if reason == kvm.KVM_EXIT_SHUTDOWN:
        what += ", a triple fault"
    elif reason == kvm.KVM_EXIT_FAIL_ENTRY:
        what += f", hardware reason {detail:#x}"
    elif reason == kvm.KVM_EXIT_INTERNAL_ERROR:
        what += f", suberror {detail & 0xffff_ffff}"
    elif reason == kvm.KVM_EXIT_IO:
        what, regs = _exception(processor)
    lines = [what + "; its registers:"]
    lines += ["  " + "  ".join(f"{name:>3}={getattr(regs, name):016x}" for name in row) for row in _ROWS]
    sregs = dict(zip(("cr2", "cr3"), struct.unpack_from("<QQ", run, kvm.RUN_SREGS + kvm.SREGS_CR2)))
    sregs.update(fs=processor.get_base(False), gs=processor.get_base(True))
    lines.append("  " + "  ".join(f"{name:>3}={value:016x}" for name, value in sregs.items()))
    lines.append("the last system calls, oldest first:")
    lines += [f"  {NAMES.get(trap.nr, hex(trap.nr))}({', '.join(map(hex, trap.words))})"
              f"{'' if who is vcpu else '  (another thread)'}" for who, trap in engine.recent] or ["  none"]
    error = EngineError("\n".join(lines))
    error.address = regs.rip
    return error


def _exception(processor) -> tuple:
    """An exception that no program can cause, or one in ring 0: a mistake of ours, or of this KVM's."""
    port, = struct.unpack_from("<H", processor.run, kvm.RUN_DETAILS + 2)
    processor.state = IN_FRAME
    cs = processor.frame()[1]
    error = f", error code {processor.error_code():#x}" if port in layout.WITH_ERROR else ""
    return f"the virtual machine took exception {port} in ring {cs & 3}{error}", processor.get_regs()
