"""From a signal to its handler and back: frames, the alternate stack, sigreturn(2)."""
import struct
from errno import EINVAL, ENOMEM, EPERM

import pytest

from skete.abi.signal import (SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTORER, SA_SIGINFO, SI_TKILL, SIGKILL,
                              SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK)
from tests.skete.kernel.fake import DATA, ENDED
from tests.skete.kernel.rig import bit, HANDLER, RESTORER, SECOND, set_regs, STACK


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
