"""Calls that signals interrupt or that wait for them, and the timers that send some: signal(7), setitimer(2)."""
import struct
import time
from errno import EAGAIN, EINTR, EINVAL

import pytest

from skete.abi.signal import SA_RESTART, SA_RESTORER, SI_TKILL, SIGALRM, SIGCHLD, SIGTERM, SIGURG, SIGUSR1, SIGUSR2
from tests.skete.kernel.fake import DATA, WAITING
from tests.skete.kernel.rig import bit, RT1, SCRATCH, SECOND


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
