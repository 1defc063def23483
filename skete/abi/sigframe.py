"""The frame that Linux puts on the stack for a signal: struct rt_sigframe of x86-64.

asm/sigframe.h, asm/ucontext.h, asm/sigcontext.h. Offsets and sizes in bytes::

    0    pretcode       address the handler returns to (SA_RESTORER)
    8    struct ucontext   uc_flags uc_link uc_stack | 18 registers, segments, err trapno oldmask cr2, fpstate | mask
    312  siginfo_t      128 bytes
    then the fpstate, 64-byte aligned: FXSAVE area, XSAVE header and areas, magic word
"""
import struct

UC = 8                              # of the frame: the ucontext
UC_STACK = 16                       # of the ucontext: ss_sp, ss_flags, ss_size
UC_GREGS = 40                       # r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags
UC_SEGMENTS = 184                   # cs gs fs ss, 16 bits each
UC_ERR = 192                        # err, trapno, oldmask, cr2
UC_FPSTATE = 224
UC_SIGMASK = 296
SIGINFO = 312                       # of the frame
SIGINFO_SIZE = 128
FRAME_SIZE = 440                    # up to the fpstate

UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS = 1, 2, 4

FXSAVE_SIZE = 512
FP_XSTATE_MAGIC1 = 0x4650_5853
FP_XSTATE_MAGIC2 = 0x4650_5845
SW_RESERVED = 464                   # of the FXSAVE area: magic1 extended_size xfeatures(8) xstate_size

USER_CS, USER_DS = 0x33, 0x2b


def fpstate_size(memory, start: int, room: int) -> int:
    """Size of the state at ``memory[start:]``: what its own header says where that is possible, else FXSAVE's."""
    magic, extended = struct.unpack_from("<II", memory, start + SW_RESERVED)
    if magic == FP_XSTATE_MAGIC1 and FXSAVE_SIZE < extended <= room:
        return extended
    return FXSAVE_SIZE


def frame(address: int, restorer: int, stack: tuple, regs, fpu: bytes, mask: int = 0, info: bytes = b"") -> bytes:
    """A whole frame for ``address``. stack: (ss_sp, ss_size); regs: skete.engine.Regs; fpu: as ``Vcpu.fpu``
    gives it, or b"" for the processor's initial state. The caller puts ``address`` 8 below a 16-byte boundary
    where a handler is to be called on it."""
    state_at = (address + FRAME_SIZE + 63) & ~63 if fpu else 0
    context = struct.pack(
        "<QQQQQ18Q4H4QQ8Q", (UC_FP_XSTATE if fpu else 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, 0,
        stack[0], 0, stack[1], *(getattr(regs, name) for name in regs.NAMES),
        USER_CS, 0, 0, USER_DS, 0, 0, mask, 0, state_at, *(0,) * 8)
    head = struct.pack("<Q", restorer) + context + struct.pack("<Q", mask)
    head += info.ljust(SIGINFO_SIZE, b"\0")
    if not fpu:
        return head
    return head.ljust(state_at - address, b"\0") + fpu
