"""Signals from sending to the handler and back: signal(7), sigaction(2), sigreturn(2). Frames are read with the
structs of asm/sigcontext.h and asm/ucontext.h, declared here a second time on purpose."""
import struct
import time
from ctypes import LittleEndianStructure, c_char, c_int32, c_uint16, c_uint32, c_uint64, sizeof
from errno import EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH

import pytest

from skete.abi.signal import (SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_RESTORER, SA_SIGINFO, SI_TKILL,
                              SI_USER, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGTSTP,
                              SIGURG, SIGUSR1, SIGUSR2, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK)
from skete.engine import Fault
from tests.skete.kernel.fake import DATA, DATA_SIZE, ENDED, WAITING

HANDLER, RESTORER = 0x1_2000, 0x1_3000
SCRATCH, SECOND, STACK = DATA, DATA + 0x100, DATA + 0x4000
RT1, RT2 = 40, 41


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


@pytest.fixture
def rig(machine, caller):
    return Rig(machine, caller)


def set_regs(task, **values):
    for name, value in values.items():
        setattr(task.vcpu._regs, name, value)


def test_the_frame_is_linuxs(machine, rig):
    task = machine.task
    names = "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rcx".split()
    set_regs(task, **{name: 0x1111 * (n + 1) for n, name in enumerate(names)},
             rip=0x1_1000, rsp=DATA + 0x8008, eflags=0x10_0747)
    task.vcpu.fpu_state = xsave(b"\x5a", 1024)
    rig.on(SIGUSR1, mask=bit(SIGUSR2))
    rig.block(SIGTERM)
    assert rig.raise_(SIGUSR1) is None, "registers were set, rax is not a result"
    regs, frame = task.vcpu.regs, rig.frame()
    at = regs.rsp
    assert at % 16 == 8, "the handler finds the stack as after a call"
    assert (regs.rip, regs.rdi, regs.rsi, regs.rdx, regs.rax) == (HANDLER, SIGUSR1, at + 312, at + 8, 0)
    assert regs.eflags == 0x10_0247, "direction, trap and resume flags are clear"
    assert frame.pretcode == RESTORER
    saved = frame.uc.uc_mcontext
    for n, name in enumerate(names):
        assert getattr(saved, name[1:] if name[1].isalpha() else name) == 0x1111 * (n + 1)
    assert (saved.ip, saved.sp, saved.flags, saved.ax) == (0x1_1000, DATA + 0x8008, 0x10_0747, 0)
    assert (saved.cs, saved.ss) == (0x33, 0x2b)
    assert saved.oldmask == frame.uc.uc_sigmask == bit(SIGTERM)
    assert frame.uc.uc_flags == 7 and frame.uc.uc_link == 0
    assert (frame.uc.uc_stack.ss_sp, frame.uc.uc_stack.ss_flags, frame.uc.uc_stack.ss_size) == (0, SS_DISABLE, 0)
    state = saved.fpstate
    assert state % 64 == 0 and at + 440 <= state and state + 1024 <= DATA + 0x8008 - 128, "the red zone is untouched"
    assert machine.mm.read(state, 1024) == xsave(b"\x5a", 1024)
    assert task.vcpu.fpu_state == bytes(512), "the handler starts with the initial state"
    info = frame.info
    assert (info.si_signo, info.si_code, info.si_pid, info.si_uid) == (SIGUSR1, SI_TKILL, machine.process.pid, 1000)
    assert task.signals.mask == bit(SIGTERM, SIGUSR2, SIGUSR1)


def xsave(fill, size):
    """A state of this many bytes in XSAVE's layout, with the kernel's words at 464 and at the end."""
    state = bytearray(fill * size)
    struct.pack_into("<IIQI", state, 464, 0x4650_5853, size, 7, size - 4)
    state[-4:] = struct.pack("<I", 0x4650_5845)
    return bytes(state)


def test_sigreturn_brings_everything_back(machine, rig):
    task = machine.task
    set_regs(task, rbx=7, r15=8, rip=0x1_1000, rsp=DATA + 0x8000, eflags=0x246)
    task.vcpu.fpu_state = xsave(b"\x11", 1024)
    before = task.vcpu.regs
    rig.on(SIGUSR1)
    rig.block(SIGTERM)
    rig.raise_(SIGUSR1)
    set_regs(task, rbx=0, r15=0, eflags=0x3202)
    task.vcpu.fpu_state = bytes(512)
    assert rig.sigreturn() is None
    after = task.vcpu.regs
    for name in before.NAMES:
        if name not in ("rax", "eflags", "rcx", "r11"):
            assert getattr(after, name) == getattr(before, name), name
    assert after.rax == 0, "what tgkill returned"
    assert after.eflags == 0x3246, "only the flags a program may change come from the frame"
    assert task.vcpu.fpu_state == xsave(b"\x11", 1024)
    assert task.signals.mask == bit(SIGTERM)


def test_a_handler_may_change_its_frame(machine, rig):
    rig.on(SIGUSR1)
    rig.raise_(SIGUSR1)
    at = machine.task.vcpu.regs.rsp
    machine.mm.write_u64(at + 8 + 40 + 16 * 8, 0x1_5000)          # rip
    machine.mm.write_u64(at + 8 + 296, bit(SIGUSR2, SIGKILL))     # the mask
    rig.sigreturn()
    assert machine.task.vcpu.regs.rip == 0x1_5000
    assert machine.task.signals.mask == bit(SIGUSR2), "SIGKILL cannot be blocked this way either"


def test_sigreturn_without_a_frame_is_sigsegv(machine, rig):
    set_regs(machine.task, rsp=0x5008)
    assert rig.sys().rt_sigreturn() is ENDED
    assert machine.kernel.status == ("signalled", SIGSEGV)


def test_no_siginfo_no_copy(machine, rig):
    rig.on(SIGUSR1, flags=SA_RESTORER)
    at = DATA + 0x8000
    machine.mm.write(at - 0x400, b"\xee" * 0x400)
    set_regs(machine.task, rsp=at)
    rig.raise_(SIGUSR1)
    assert bytes(rig.frame().info) == b"\xee" * 128


@pytest.mark.parametrize("why, flags, blocked, again", [
    ("itself and the mask",   0,            bit(SIGUSR1, SIGUSR2), HANDLER),
    ("SA_NODEFER",            SA_NODEFER,   bit(SIGUSR2), HANDLER),
    ("SA_RESETHAND",          SA_RESETHAND, bit(SIGUSR1, SIGUSR2), 0),
])
def test_what_a_handler_blocks(machine, rig, why, flags, blocked, again):
    rig.on(SIGUSR1, flags=flags | SA_RESTORER, mask=bit(SIGUSR2, SIGKILL))
    rig.raise_(SIGUSR1)
    assert machine.task.signals.mask == blocked, why
    assert rig.sys().rt_sigaction(SIGUSR1, 0, SECOND, 8) == 0
    assert machine.mm.read_u64(SECOND) == again, why


def test_no_restorer_is_sigsegv(machine, rig):
    rig.on(SIGUSR1, flags=0)
    assert rig.raise_(SIGUSR1) is ENDED
    assert machine.kernel.status == ("signalled", SIGSEGV)


def test_no_stack_is_sigsegv_on_the_alternate_one(machine, rig):
    machine.mm.write(SECOND, struct.pack("<QI4xQ", STACK, 0, 0x2000))
    assert rig.sys().sigaltstack(SECOND, 0) == 0
    rig.on(SIGSEGV, flags=SA_RESTORER | SA_SIGINFO | SA_ONSTACK)
    rig.on(SIGUSR1)
    set_regs(machine.task, rsp=0x5000)
    rig.raise_(SIGUSR1)
    assert rig.in_handler() == SIGSEGV and STACK < machine.task.vcpu.regs.rsp < STACK + 0x2000


class TestAlternateStack:
    def set(self, rig, sp, flags, size):
        rig.mm.write(SECOND, struct.pack("<QI4xQ", sp, flags, size))
        return rig.sys().sigaltstack(SECOND, 0)

    def get(self, rig):
        assert rig.sys().sigaltstack(0, SECOND) == 0
        return struct.unpack("<QI4xQ", rig.mm.read(SECOND, 24))

    def test_nothing_at_first(self, rig):
        assert self.get(rig) == (0, SS_DISABLE, 0)

    @pytest.mark.parametrize("why, flags, size, errno", [
        ("too small", 0, 2047, ENOMEM), ("unknown flags", 4, 0x2000, EINVAL), ("both", 3, 0x2000, EINVAL)])
    def test_refuses(self, rig, why, flags, size, errno):
        assert self.set(rig, STACK, flags, size) == -errno, why

    def test_handlers_run_on_it_and_cannot_change_it(self, machine, rig):
        assert self.set(rig, STACK, 0, 0x2000) == 0
        rig.on(SIGUSR1, flags=SA_RESTORER | SA_ONSTACK | SA_NODEFER)
        rig.raise_(SIGUSR1)
        first = machine.task.vcpu.regs.rsp
        assert STACK + 0x2000 - 1200 < first < STACK + 0x2000
        assert self.get(rig) == (STACK, SS_ONSTACK, 0x2000)
        assert self.set(rig, STACK, SS_DISABLE, 0) == -EPERM
        rig.raise_(SIGUSR1)
        assert STACK < machine.task.vcpu.regs.rsp < first - 128, "nested: below, red zone kept"
        rig.sigreturn(), rig.sigreturn()
        assert self.set(rig, STACK, SS_DISABLE, 0) == 0
        assert self.get(rig) == (0, SS_DISABLE, 0)

    def test_overflowing_it_is_fatal(self, machine, rig):
        assert self.set(rig, STACK, 0, 2048) == 0
        rig.on(SIGUSR1, flags=SA_RESTORER | SA_ONSTACK | SA_NODEFER)
        rig.raise_(SIGUSR1)
        for _ in range(3):
            if machine.kernel.status is None:
                rig.raise_(SIGUSR1)
        assert machine.kernel.status == ("signalled", SIGSEGV)

    def test_autodisarm(self, machine, rig):
        assert self.set(rig, STACK, SS_AUTODISARM, 0x2000) == 0
        rig.on(SIGUSR1, flags=SA_RESTORER | SA_ONSTACK)
        rig.raise_(SIGUSR1)
        assert self.get(rig) == (0, SS_DISABLE, 0)
        rig.sigreturn()
        assert self.get(rig) == (STACK, SS_AUTODISARM, 0x2000)


@pytest.mark.parametrize("why, call, words, errno", [
    ("signal 0",               "rt_sigaction", (0, SCRATCH, 0, 8), EINVAL),
    ("signal 65",              "rt_sigaction", (65, SCRATCH, 0, 8), EINVAL),
    ("SIGKILL",                "rt_sigaction", (SIGKILL, SCRATCH, 0, 8), EINVAL),
    ("a small sigset_t",       "rt_sigaction", (SIGUSR1, SCRATCH, 0, 4), EINVAL),
    ("a bad pointer",          "rt_sigaction", (SIGUSR1, 0x5000, 0, 8), EFAULT),
    ("a bad old pointer",      "rt_sigaction", (SIGUSR1, 0, 0x5000, 8), EFAULT),
    ("how 3",                  "rt_sigprocmask", (3, SCRATCH, 0, 8), EINVAL),
    ("a bad set",              "rt_sigprocmask", (0, 0x5000, 0, 8), EFAULT),
    ("a small set",            "rt_sigprocmask", (0, 0, 0, 4), EINVAL),
    ("a large set",            "rt_sigpending", (SCRATCH, 9), EINVAL),
    ("a bad set",              "rt_sigpending", (0x5000, 8), EFAULT),
    ("nobody",                 "kill", (4242, 0), ESRCH),
    ("no group",               "kill", (-4242, 0), ESRCH),
    ("everybody else: nobody", "kill", (-1, 0), ESRCH),
    ("signal 65",              "kill", (0, 65), EINVAL),
    ("a negative signal",      "kill", (0, -1), EINVAL),
    ("thread 0",               "tgkill", (1000, 0, SIGUSR1), EINVAL),
    ("group -1",               "tgkill", (-1, 1000, SIGUSR1), EINVAL),
    ("another group's thread", "tgkill", (1001, 1000, SIGUSR1), ESRCH),
    ("thread 0",               "tkill", (0, SIGUSR1), EINVAL),
    ("no thread",              "tkill", (4242, SIGUSR1), ESRCH),
    ("signal 65",              "tkill", (1000, 65), EINVAL),
    ("a bad mask",             "rt_sigsuspend", (0x5000, 8), EFAULT),
    ("a bad timeout",          "rt_sigtimedwait", (SCRATCH, 0, 0x5000, 8), EFAULT),
    ("a bad info",             "rt_sigqueueinfo", (1000, SIGUSR1, 0x5000), EFAULT),
    ("a bad stack",            "sigaltstack", (0x5000, 0), EFAULT),
])
def test_signal_calls_refuse(rig, why, call, words, errno):
    assert getattr(rig.sys(), call)(*words) == -errno, why


def test_the_old_action_is_written(machine, rig):
    rig.on(SIGUSR1, handler=HANDLER, flags=SA_RESTORER | SA_RESTART, mask=bit(SIGUSR2, SIGKILL, SIGSTOP))
    assert rig.sys().rt_sigaction(SIGUSR1, 0, SECOND, 8) == 0
    assert struct.unpack("<4Q", machine.mm.read(SECOND, 32)) == (HANDLER, SA_RESTORER | SA_RESTART, RESTORER,
                                                                bit(SIGUSR2))


@pytest.mark.parametrize("signo, status", [
    (SIGTERM, SIGTERM), (SIGKILL, SIGKILL), (SIGUSR1, SIGUSR1), (RT1, RT1), (SIGSEGV, SIGSEGV),
    (SIGCHLD, None), (SIGURG, None), (SIGCONT, None)])
def test_default_actions(machine, rig, signo, status):
    rig.raise_(signo)
    assert machine.kernel.status == (status and ("signalled", status))
    assert machine.process.space.killed == bool(status)


def test_ignored_signals_vanish_and_blocked_ones_wait(machine, rig):
    rig.on(SIGUSR1, handler=1)
    rig.raise_(SIGUSR1)
    rig.block(SIGUSR1, SIGUSR2)
    rig.raise_(SIGUSR1), rig.raise_(SIGUSR2), rig.raise_(SIGUSR2)
    assert rig.sys().rt_sigpending(SCRATCH, 8) == 0
    assert machine.mm.read_u64(SCRATCH) == bit(SIGUSR1, SIGUSR2)
    rig.on(SIGUSR2)
    rig.on(SIGUSR1, handler=1)
    assert rig.sys().rt_sigpending(SCRATCH, 8) == 0
    assert machine.mm.read_u64(SCRATCH) == bit(SIGUSR2), "ignoring forgets what is pending"
    rig.mm.write_u64(SCRATCH, bit(SIGUSR2))
    rig.sys().rt_sigprocmask(1, SCRATCH, 0, 8)
    assert rig.in_handler() == SIGUSR2
    rig.sigreturn()
    assert rig.in_handler() is None, "a standard signal is pending once"


def test_real_time_signals_queue_in_order(machine, rig):
    rig.on(RT1), rig.on(RT2)
    rig.block(RT1, RT2)
    for signo, value in ((RT2, 1), (RT1, 2), (RT1, 3)):
        machine.mm.write(SECOND, struct.pack("<iii4xiIQ", 0, 0, -1, machine.process.pid, 1000, value).ljust(128, b"\0"))
        assert rig.sys().rt_sigqueueinfo(machine.process.pid, signo, SECOND) == 0
    rig.mm.write_u64(SCRATCH, 0)
    rig.sys().rt_sigprocmask(2, SCRATCH, 0, 8)
    seen = []
    for _ in range(3):
        frame = rig.frame()
        seen.append((rig.in_handler(), struct.unpack("<Q", bytes(frame.info)[24:32])[0]))
        rig.sigreturn()
    # Frames are stacked lowest number first, so the last one built runs first.
    assert seen == [(RT2, 1), (RT1, 2), (RT1, 3)]
    assert rig.in_handler() is None


def test_the_queue_has_a_limit(machine, rig):
    rig.block(RT1)
    machine.mm.write(SECOND, struct.pack("<iii", 0, 0, -1).ljust(128, b"\0"))
    results = {rig.sys().rt_sigqueueinfo(machine.process.pid, RT1, SECOND) for _ in range(4100)}
    assert results == {0, -EAGAIN}


def test_only_the_kernel_may_say_it_is_the_kernel(machine, rig):
    other = machine.thread()
    machine.mm.write(SECOND, struct.pack("<iii", 0, 0, SI_USER).ljust(128, b"\0"))
    assert rig.sys().rt_tgsigqueueinfo(machine.process.pid, other.tid, RT1, SECOND) == -EPERM
    machine.mm.write(SECOND, struct.pack("<iii", 0, 0, SI_TKILL).ljust(128, b"\0"))
    assert rig.sys().rt_tgsigqueueinfo(machine.process.pid, other.tid, RT1, SECOND) == -EPERM


class TestWhichThread:
    def test_the_first_thread_is_preferred(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        assert rig.sys(other).kill(machine.process.pid, SIGUSR1) == 0
        assert machine.task.vcpu.kicked == 1 and other.vcpu.kicked == 0
        machine.kick(machine.task)
        assert rig.in_handler() == SIGUSR1

    def test_one_that_does_not_block_it(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        rig.block(SIGUSR1)
        rig.sys().kill(machine.process.pid, SIGUSR1)
        assert (machine.task.vcpu.kicked, other.vcpu.kicked) == (0, 1)
        machine.kick(other)
        assert rig.in_handler(other) == SIGUSR1

    def test_it_stays_pending_until_somebody_unblocks(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        rig.block(SIGUSR1), rig.block(SIGUSR1, task=other)
        rig.sys().kill(machine.process.pid, SIGUSR1)
        rig.mm.write_u64(SCRATCH, 0)
        rig.sys(other).rt_sigprocmask(2, SCRATCH, 0, 8)
        assert rig.in_handler(other) == SIGUSR1

    def test_one_that_blocks_it_in_time_leaves_it_to_another(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        rig.sys(other).kill(machine.process.pid, SIGUSR1)
        machine.task.notify = False     # as if it were on its way into this very call
        task_mask = bit(SIGUSR1)
        machine.mm.write_u64(SCRATCH, task_mask)
        rig.sys().rt_sigprocmask(2, SCRATCH, 0, 8)
        assert other.vcpu.kicked == 1

    def test_a_thread_that_ends_leaves_it_to_another(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        rig.block(SIGUSR1)
        rig.sys().kill(machine.process.pid, SIGUSR1)
        assert other.vcpu.kicked == 1
        rig.machine.call(other, 60, 0)
        rig.mm.write_u64(SCRATCH, 0)
        rig.sys().rt_sigprocmask(2, SCRATCH, 0, 8)
        assert rig.in_handler() == SIGUSR1

    def test_a_fatal_one_ends_all(self, machine, rig):
        other = machine.thread()
        assert machine.call(other, 34) is WAITING
        rig.raise_(SIGTERM)
        assert machine.kernel.status == ("signalled", SIGTERM) and other.dead and other.call is None


class TestInterruptedCalls:
    """EINTR, or again after the handler."""

    def interrupt(self, machine, rig, task, signo=SIGUSR1):
        other = [t for t in machine.process.tasks.values() if t is not task][0]
        assert rig.sys(other).tgkill(machine.process.pid, task.tid, signo) == 0
        machine.go()

    def waiting(self, machine, rig, flags):
        machine.thread()
        rig.on(SIGUSR1, flags=SA_RESTORER | flags)
        rig.syscall_at(machine.task, DATA + 0x3002)
        assert machine.call(machine.task, 202, DATA + 0x200, 128, 0) is WAITING

    def test_eintr(self, machine, rig):
        self.waiting(machine, rig, 0)
        self.interrupt(machine, rig, machine.task)
        assert rig.in_handler() == SIGUSR1
        saved = rig.frame().uc.uc_mcontext
        assert (saved.ip, saved.ax) == (DATA + 0x3002, (1 << 64) - EINTR)

    def test_sa_restart_backs_up_to_the_instruction(self, machine, rig):
        self.waiting(machine, rig, SA_RESTART)
        self.interrupt(machine, rig, machine.task)
        saved = rig.frame().uc.uc_mcontext
        assert (saved.ip, saved.ax) == (DATA + 0x3000, 202)
        rig.sigreturn()
        assert (machine.task.vcpu.regs.rip, machine.task.vcpu.regs.rax) == (DATA + 0x3000, 202)

    def test_sa_restart_without_an_instruction_is_done_by_sigreturn(self, machine, rig):
        self.waiting(machine, rig, SA_RESTART)
        machine.mm.write(DATA + 0x3000, b"\x90\x90")
        self.interrupt(machine, rig, machine.task)
        assert rig.frame().uc.uc_mcontext.ip == DATA + 0x3002
        assert rig.sigreturn() is WAITING, "the futex call was made again"
        other = [t for t in machine.process.tasks.values() if t is not machine.task][0]
        assert machine.call(other, 202, DATA + 0x200, 129, 1) == 1
        machine.go()
        assert machine.task.vcpu.result == 0

    def test_a_call_is_restarted_once_even_under_two_signals(self, machine, rig):
        self.waiting(machine, rig, SA_RESTART)
        other = [t for t in machine.process.tasks.values() if t is not machine.task][0]
        rig.on(SIGUSR2, flags=SA_RESTORER | SA_RESTART, task=other)
        for signo in (SIGUSR1, SIGUSR2):
            rig.sys(other).tgkill(machine.process.pid, machine.task.tid, signo)
        machine.go()
        assert rig.in_handler() == SIGUSR2
        rig.sigreturn()
        assert rig.in_handler() == SIGUSR1
        rig.sigreturn()
        assert machine.task.vcpu.regs.rip == DATA + 0x3000

    def test_ignored_and_harmless_signals_do_not_wake(self, machine, rig):
        self.waiting(machine, rig, 0)
        for signo in (SIGCHLD, SIGURG):
            self.interrupt(machine, rig, machine.task, signo)
            assert machine.task.wait is not None

    def test_pause_is_never_restarted(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1, flags=SA_RESTORER | SA_RESTART)
        assert rig.sys().pause() is WAITING
        rig.sys(other).kill(machine.process.pid, SIGUSR1)
        machine.go()
        assert rig.frame().uc.uc_mcontext.ax == (1 << 64) - EINTR

    def test_a_signal_that_came_before_the_wait_interrupts_it(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        # It was in the guest when the signal came; its next trap is not the kick but a call that waits.
        rig.sys(other).tgkill(machine.process.pid, machine.task.tid, SIGUSR1)
        assert rig.sys().pause() is None
        assert rig.in_handler() == SIGUSR1

    def test_a_signal_another_thread_took_does_not_interrupt(self, machine, rig):
        other = machine.thread()
        assert rig.sys().pause() is WAITING
        rig.on(SIGUSR1, task=other)
        rig.sys(other).kill(machine.process.pid, SIGUSR1)
        machine.mm.write_u64(SCRATCH, bit(SIGUSR1))
        machine.mm.write(SECOND, struct.pack("<qq", 0, 0))
        assert rig.sys(other).rt_sigtimedwait(SCRATCH, 0, SECOND, 8) == SIGUSR1
        machine.go()
        assert machine.task.wait is not None, "pause goes on"


class TestSuspendAndWait:
    def test_sigsuspend_swaps_the_mask_for_the_wait(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR1)
        rig.block(SIGUSR1, SIGTERM)
        rig.mm.write_u64(SCRATCH, bit(SIGUSR2))
        assert rig.sys().rt_sigsuspend(SCRATCH, 8) is WAITING
        assert machine.task.signals.mask == bit(SIGUSR2)
        rig.sys(other).kill(machine.process.pid, SIGUSR1)
        machine.go()
        assert rig.in_handler() == SIGUSR1
        assert rig.frame().uc.uc_sigmask == bit(SIGUSR1, SIGTERM), "the frame restores the old mask"
        assert machine.task.signals.mask == bit(SIGUSR2, SIGUSR1), "the handler runs under the new one"
        rig.sigreturn()
        assert machine.task.signals.mask == bit(SIGUSR1, SIGTERM)

    def test_sigsuspend_takes_what_is_pending_already(self, machine, rig):
        rig.on(SIGUSR1)
        rig.block(SIGUSR1)
        rig.raise_(SIGUSR1)
        rig.mm.write_u64(SCRATCH, 0)
        assert rig.sys().rt_sigsuspend(SCRATCH, 8) is None
        assert rig.in_handler() == SIGUSR1

    def test_sigtimedwait_takes_what_is_pending(self, machine, rig):
        rig.block(SIGUSR1, RT1)
        rig.raise_(RT1), rig.raise_(SIGUSR1)
        rig.mm.write_u64(SCRATCH, bit(SIGUSR1, RT1))
        assert rig.sys().rt_sigtimedwait(SCRATCH, SECOND, 0, 8) == SIGUSR1
        assert struct.unpack("<iii", machine.mm.read(SECOND, 12)) == (SIGUSR1, 0, SI_TKILL)
        assert rig.sys().rt_sigtimedwait(SCRATCH, 0, 0, 8) == RT1

    def test_sigtimedwait_waits(self, machine, rig):
        other = machine.thread()
        for task in (machine.task, other):
            rig.block(SIGUSR1, SIGCHLD, task=task)
        rig.mm.write_u64(SCRATCH, bit(SIGUSR1, SIGCHLD))
        assert rig.sys(other).rt_sigtimedwait(SCRATCH, 0, 0, 8) is WAITING
        rig.sys().kill(machine.process.pid, SIGUSR1)
        machine.go()
        assert other.vcpu.result == SIGUSR1
        assert rig.sys(other).rt_sigtimedwait(SCRATCH, 0, 0, 8) is WAITING
        rig.sys().kill(machine.process.pid, SIGCHLD)
        machine.go()
        assert other.vcpu.result == SIGCHLD, "ignored by default, but somebody waits for it"

    def test_sigtimedwait_times_out(self, machine, rig):
        rig.mm.write_u64(SCRATCH, bit(SIGUSR1))
        rig.mm.write(SECOND, struct.pack("<qq", 0, 0))
        assert rig.sys().rt_sigtimedwait(SCRATCH, 0, SECOND, 8) == -EAGAIN
        rig.mm.write(SECOND, struct.pack("<qq", 0, 10_000_000))
        assert rig.sys().rt_sigtimedwait(SCRATCH, 0, SECOND, 8) is WAITING
        machine.go(1)
        assert machine.task.vcpu.result == -EAGAIN

    def test_sigtimedwait_is_interrupted_by_another_signal(self, machine, rig):
        other = machine.thread()
        rig.on(SIGUSR2)
        rig.mm.write_u64(SCRATCH, bit(SIGUSR1))
        assert rig.sys().rt_sigtimedwait(SCRATCH, 0, 0, 8) is WAITING
        rig.sys(other).kill(machine.process.pid, SIGUSR2)
        machine.go()
        assert rig.in_handler() == SIGUSR2
        assert rig.frame().uc.uc_mcontext.ax == (1 << 64) - EINTR


class TestFaults:
    def test_a_handler_gets_the_address(self, machine, rig):
        rig.on(SIGSEGV)
        machine.trap(machine.task, Fault(SIGSEGV, 1, 0xdead000, 6, 14))
        assert rig.in_handler() == SIGSEGV
        frame = rig.frame()
        assert (frame.info.si_code, struct.unpack("<Q", bytes(frame.info)[16:24])[0]) == (1, 0xdead000)
        saved = frame.uc.uc_mcontext
        assert (saved.err, saved.trapno, saved.cr2) == (6, 14, 0xdead000)

    @pytest.mark.parametrize("prot", [0, 1])
    def test_what_is_mapped_is_accerr(self, machine, rig, prot):
        rig.on(SIGSEGV)
        addr = rig.sys().mmap(0, 4096, prot, 0x22, -1, 0)
        machine.fault(machine.task, SIGSEGV, 1, addr)
        assert rig.frame().info.si_code == 2

    @pytest.mark.parametrize("why, how", [("blocked", "block"), ("ignored", "ignore"), ("default", "default")])
    def test_fatal(self, machine, rig, why, how):
        if how == "block":
            rig.on(SIGBUS), rig.block(SIGBUS)
        elif how == "ignore":
            rig.on(SIGBUS, handler=1)
        assert machine.fault(machine.task, SIGBUS, 2, 0) is ENDED
        assert machine.kernel.status == ("signalled", SIGBUS), why


class TestStopping:
    @pytest.mark.parametrize("signo", [SIGSTOP, SIGTSTP])
    def test_stop_and_continue(self, machine, rig, signo):
        other = machine.thread()
        assert rig.raise_(signo) is WAITING
        assert other.vcpu.kicked and machine.kick(other) is WAITING
        machine.kernel.signal(SIGCONT)
        machine.go()
        assert (machine.task.vcpu.state, other.vcpu.state) == ("running", "running")
        assert machine.task.vcpu.result == 0, "what tgkill returned"

    def test_sigkill_ends_a_stopped_process(self, machine, rig):
        rig.raise_(SIGSTOP)
        machine.kernel.signal(SIGKILL)
        machine.go()
        assert machine.kernel.status == ("signalled", SIGKILL)

    def test_sigcont_and_stops_cancel_each_other(self, machine, rig):
        rig.block(SIGTSTP, SIGCONT)
        rig.raise_(SIGTSTP), rig.raise_(SIGCONT)
        rig.sys().rt_sigpending(SCRATCH, 8)
        assert machine.mm.read_u64(SCRATCH) == bit(SIGCONT)


class TestTimers:
    def arm(self, rig, which, value_us, interval_us=0):
        rig.mm.write(SECOND, struct.pack("<4q", 0, interval_us, 0, value_us))
        return rig.sys().setitimer(which, SECOND, SECOND + 64)

    def test_itimer_real_interrupts_nanosleep_with_the_remainder(self, machine, rig):
        rig.on(SIGALRM)
        assert self.arm(rig, 0, 20_000) == 0
        rig.mm.write(SECOND, struct.pack("<qq", 3, 0))
        assert rig.sys().nanosleep(SECOND, SECOND + 32) is WAITING
        machine.go(1)
        assert rig.in_handler() == SIGALRM
        assert rig.frame().uc.uc_mcontext.ax == (1 << 64) - EINTR
        seconds, ns = struct.unpack("<qq", machine.mm.read(SECOND + 32, 16))
        assert 2.5 < seconds + ns / 1e9 < 2.985
        assert rig.frame().info.si_code == 0x80

    def test_an_interval_comes_again(self, machine, rig):
        rig.on(SIGALRM)
        self.arm(rig, 0, 1000, 1000)
        for _ in range(3):
            before = machine.task.vcpu.kicked
            while machine.task.vcpu.kicked == before:
                machine.go(0.1)
            machine.kick(machine.task)
            assert rig.in_handler() == SIGALRM
            rig.sigreturn()

    def test_getitimer_and_disarming(self, machine, rig):
        self.arm(rig, 0, 500_000, 250_000)
        assert rig.sys().getitimer(0, SCRATCH) == 0
        interval_s, interval_us, s, us = struct.unpack("<4q", machine.mm.read(SCRATCH, 32))
        assert (interval_s, interval_us, s) == (0, 250_000, 0) and 400_000 < us <= 500_000
        assert self.arm(rig, 0, 0) == 0
        assert struct.unpack("<4q", machine.mm.read(SECOND + 64, 32))[1] == 250_000, "the old one is reported"
        assert machine.kernel.scheduler.timeout_s() is None

    @pytest.mark.parametrize("which, value, errno", [(3, 1, EINVAL), (-1, 1, EINVAL), (0, 1_000_000, EINVAL),
                                                     (0, -1, EINVAL)])
    def test_refuses(self, rig, which, value, errno):
        assert self.arm(rig, which, value) == -errno

    def test_alarm_reports_the_last_one(self, rig):
        assert rig.sys().alarm(10) == 0
        assert rig.sys().alarm(0) == 10
        assert rig.sys().alarm(0) == 0

    def test_itimer_prof_follows_the_cpu_clock(self, machine, rig):
        rig.on(27)
        used = [0]
        machine.process.space.cpu_ns = lambda: used[0]
        assert self.arm(rig, 2, 50_000) == 0
        for _ in range(3):
            machine.go(0.05)
        assert machine.task.vcpu.kicked == 0, "no processor time has passed"
        used[0] = 60_000_000
        deadline = time.monotonic() + 2
        while not machine.task.vcpu.kicked and time.monotonic() < deadline:
            machine.go(0.05)
        machine.kick(machine.task)
        assert rig.in_handler() == 27


def test_stack_top_is_where_the_tests_think():
    assert STACK + 0x2000 < DATA + DATA_SIZE
