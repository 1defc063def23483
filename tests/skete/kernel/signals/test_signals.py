"""Signals from sending to being taken, by whom and to what effect: signal(7), sigaction(2)."""
import struct
from errno import EAGAIN, EFAULT, EINVAL, EPERM, ESRCH

import pytest

from skete.abi.signal import (SA_RESTART, SA_RESTORER, SI_TKILL, SI_USER, SIGBUS, SIGCHLD, SIGCONT, SIGKILL, SIGSEGV,
                              SIGSTOP, SIGTERM, SIGTSTP, SIGURG, SIGUSR1, SIGUSR2)
from skete.engine import Fault
from tests.skete.kernel.fake import ENDED, WAITING
from tests.skete.kernel.rig import bit, HANDLER, RESTORER, RT1, RT2, SCRATCH, SECOND


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
