"""The frame a signal handler runs on, and the way back from it. arch/x86/kernel/signal_64.c; layout in abi/sigframe.

From the top: 128 bytes of red zone (or the top of the alternate stack), the FPU state at a multiple of 64, the frame
8 below a multiple of 16, so that the handler finds the stack as if it had been called.
"""
from __future__ import annotations

from errno import EINVAL, ENOMEM, EPERM
from struct import pack, unpack_from

from skete.abi import sigframe as abi
from skete.abi.signal import (MINSIGSTKSZ, SA_ONSTACK, SA_RESTORER, SA_SIGINFO, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK,
                              UNBLOCKABLE)
from skete.kernel.signals.pending import set_mask

__all__ = ["on_stack", "pop", "push", "set_stack"]

RED_ZONE = 128
#: eflags that a handler starts without, and those that rt_sigreturn takes from the frame (FIX_EFLAGS)
_TF, _DF, _RF = 0x100, 0x400, 0x1_0000
_CLEARED = _TF | _DF | _RF
_RESTORED = 0x4_0000 | 0x800 | _DF | _TF | 0x80 | 0x40 | 0x10 | 0x4 | 0x1 | _RF
_FLAGS = abi.UC_SIGCONTEXT_SS | abi.UC_STRICT_RESTORE_SS
#: addresses wrap around, as a register does: a stack pointer of 0 leads to the end of the address space
_WORD = (1 << 64) - 1


def on_stack(task, sp: int) -> bool:
    """Whether sp is on the alternate stack, as Linux's on_sig_stack has it."""
    if task.signals.stack_flags & SS_AUTODISARM:
        return False
    base, size = task.signals.stack
    return base < sp <= base + size


def push(task, regs, info, action, mask: int) -> int | None:
    """Build the frame for a handler and point the vcpu at it; its address, None where it cannot be written."""
    signals, vcpu = task.signals, task.vcpu
    if not action.flags & SA_RESTORER:
        return None
    fpu = vcpu.fpu()
    sp = regs.rsp - RED_ZONE
    nested = on_stack(task, regs.rsp)
    entering = False
    if action.flags & SA_ONSTACK and not nested and signals.stack[1]:
        sp, entering = signals.stack[0] + signals.stack[1], True
    state_at = 0
    if fpu:
        state_at = sp = sp - len(fpu) & -64 & _WORD
    frame = (sp - abi.FRAME_SIZE & -16) - 8 & _WORD
    if (nested or entering) and not signals.stack[0] < frame <= signals.stack[0] + signals.stack[1]:
        return None
    error, trapno, cr2 = signals.fault
    context = pack(
        "<5Q18Q4H4QQ8Q", _FLAGS | (abi.UC_FP_XSTATE if _has_xsave(fpu) else 0), 0,
        signals.stack[0], signals.stack_flags, signals.stack[1],
        regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15, regs.rdi, regs.rsi, regs.rbp,
        regs.rbx, regs.rdx, regs.rax, regs.rcx, regs.rsp, regs.rip, regs.eflags,
        abi.USER_CS, 0, 0, abi.USER_DS, error, trapno, mask, cr2, state_at, *(0,) * 8)
    data = pack("<Q", action.restorer) + context + pack("<Q", mask)
    if action.flags & SA_SIGINFO:
        data += info.pack()
    try:
        task.mm.write(frame, data)
        if fpu:
            task.mm.write(state_at, fpu)
    except OSError:
        return None
    regs.rdi, regs.rsi, regs.rdx = info.signo, frame + abi.SIGINFO, frame + abi.UC
    regs.rax, regs.rip, regs.rsp = 0, action.handler, frame
    regs.eflags &= ~_CLEARED
    vcpu.regs = regs
    vcpu.set_fpu(None)
    if signals.stack_flags & SS_AUTODISARM:
        signals.stack, signals.stack_flags = (0, 0), SS_DISABLE
    return frame


def pop(task) -> int:
    """Take the vcpu back to where the frame above its stack pointer says. The frame's address. EFAULT"""
    vcpu, mm = task.vcpu, task.mm
    regs = vcpu.regs
    frame = regs.rsp - 8 & 0xffff_ffff_ffff_ffff
    data = mm.read(frame, abi.SIGINFO)
    values = unpack_from("<18Q", data, abi.UC + abi.UC_GREGS)
    for name, value in zip(regs.NAMES, values):
        setattr(regs, name, value)
    eflags = vcpu.regs.eflags
    regs.eflags = eflags & ~_RESTORED | regs.eflags & _RESTORED
    state_at, = unpack_from("<Q", data, abi.UC + abi.UC_FPSTATE)
    state = None
    if state_at:
        state = mm.read(state_at, abi.FXSAVE_SIZE)
        size = abi.fpstate_size(state, 0, 1 << 16)
        if size > abi.FXSAVE_SIZE:
            state = mm.read(state_at, size)
    sp, flags, size = unpack_from("<QI4xQ", data, abi.UC + abi.UC_STACK)
    mask, = unpack_from("<Q", data, abi.UC + abi.UC_SIGMASK)
    vcpu.regs = regs
    vcpu.set_fpu(state)
    set_stack(task, sp, flags, size, regs.rsp, quiet=True)
    set_mask(task, mask & ~UNBLOCKABLE)
    return frame


def set_stack(task, sp: int, flags: int, size: int, rsp: int, quiet: bool = False) -> None:
    """sigaltstack(2)'s new stack. EPERM while on it, EINVAL, ENOMEM below MINSIGSTKSZ; ``quiet``: then nothing."""
    signals = task.signals
    mode = flags & ~SS_AUTODISARM
    errno = 0
    if on_stack(task, rsp):
        errno = EPERM
    elif mode not in (0, SS_DISABLE, SS_ONSTACK):
        errno = EINVAL
    elif mode == SS_DISABLE:
        sp = size = 0
    elif size < MINSIGSTKSZ:
        errno = ENOMEM
    if errno:
        if quiet:
            return
        raise OSError(errno, f"alternate stack {sp:#x}+{size:#x}, flags {flags:#x}")
    signals.stack, signals.stack_flags = (sp, size), flags


def _has_xsave(fpu: bytes) -> bool:
    return len(fpu) > abi.FXSAVE_SIZE


