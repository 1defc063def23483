"""What tests of signals share: the structs of asm/sigcontext.h and asm/ucontext.h, declared a second time on purpose, and a
task's signal calls with the structs filled in."""
import struct
from ctypes import LittleEndianStructure, c_char, c_int32, c_uint16, c_uint32, c_uint64, sizeof

from skete.abi.signal import SA_RESTORER, SA_SIGINFO
from tests.skete.kernel.fake import DATA, DATA_SIZE

HANDLER, RESTORER = 0x1_2000, 0x1_3000
SCRATCH, SECOND, STACK = DATA, DATA + 0x100, DATA + 0x4000
RT1, RT2 = 40, 41
assert STACK + 0x2000 < DATA + DATA_SIZE


class StackT(LittleEndianStructure):
    _fields_ = [("ss_sp", c_uint64), ("ss_flags", c_int32), ("pad", c_int32), ("ss_size", c_uint64)]


class SigContext(LittleEndianStructure):
    _fields_ = [(name, c_uint64) for name in "r8 r9 r10 r11 r12 r13 r14 r15 di si bp bx dx ax cx sp ip flags".split()] \
        + [(name, c_uint16) for name in "cs gs fs ss".split()] \
        + [(name, c_uint64) for name in "err trapno oldmask cr2 fpstate".split()] + [("reserved1", c_uint64 * 8)]


class UContext(LittleEndianStructure):
    _fields_ = [("uc_flags", c_uint64), ("uc_link", c_uint64), ("uc_stack", StackT), ("uc_mcontext", SigContext),
                ("uc_sigmask", c_uint64)]


class SigInfoT(LittleEndianStructure):
    _fields_ = [("si_signo", c_int32), ("si_errno", c_int32), ("si_code", c_int32), ("pad", c_int32),
                ("si_pid", c_int32), ("si_uid", c_uint32), ("rest", c_char * 104)]


class RtSigframe(LittleEndianStructure):
    _fields_ = [("pretcode", c_uint64), ("uc", UContext), ("info", SigInfoT)]


assert (sizeof(SigContext), sizeof(UContext), sizeof(SigInfoT), sizeof(RtSigframe)) == (256, 304, 128, 440)


def bit(*signos):
    return sum(1 << n - 1 for n in signos)


class Rig:
    """A task's signal calls with the structs filled in."""

    def __init__(self, machine, caller):
        self.machine, self.mm, self.caller = machine, machine.mm, caller

    def sys(self, task=None):
        return self.caller(self.machine, task or self.machine.task)

    def on(self, signo, handler=HANDLER, flags=SA_SIGINFO | SA_RESTORER, mask=0, task=None):
        self.mm.write(SCRATCH, struct.pack("<4Q", handler, flags, RESTORER, mask))
        assert self.sys(task).rt_sigaction(signo, SCRATCH, 0, 8) == 0

    def mask(self, how, bits, task=None):
        self.mm.write_u64(SCRATCH, bits)
        assert self.sys(task).rt_sigprocmask(how, SCRATCH, 0, 8) == 0

    def block(self, *signos, task=None):
        self.mask(0, bit(*signos), task)

    def raise_(self, signo, task=None):
        task = task or self.machine.task
        return self.sys(task).tgkill(self.machine.process.pid, task.tid, signo)

    def frame(self, task=None):
        regs = (task or self.machine.task).vcpu.regs
        return RtSigframe.from_buffer_copy(self.mm.read(regs.rsp, sizeof(RtSigframe)))

    def in_handler(self, task=None):
        """The number the handler was called with, or None."""
        regs = (task or self.machine.task).vcpu.regs
        return regs.rdi if regs.rip == HANDLER else None

    def sigreturn(self, task=None):
        """As the restorer does: the handler's ret has popped pretcode."""
        task = task or self.machine.task
        task.vcpu._regs.rsp += 8
        return self.sys(task).rt_sigreturn()

    def syscall_at(self, task, addr):
        """The task has just executed a syscall instruction before addr."""
        self.mm.write(addr - 2, b"\x0f\x05")
        task.vcpu._regs.rip = addr


def set_regs(task, **values):
    for name, value in values.items():
        setattr(task.vcpu._regs, name, value)
