"""Threads begin and end: clone(2), clone3(2), exit(2), exit_group(2), set_tid_address(2), arch_prctl(2)."""
from errno import E2BIG, EAGAIN, EBADF, EINVAL, ENOSYS, EPERM

import pytest

from skete.abi import sched
from skete.engine import Died
from skete.observe.observer import Observer
from tests.skete.kernel.fake import DATA, ENDED, WAITING

#: what musl's and glibc's pthread_create ask for
MUSL = 0x7d_0f00
GLIBC = 0x3d_0f00
STACK, PTID, CTID, TLS = DATA + 0x8000, DATA + 8, DATA + 16, DATA + 0x9000


@pytest.mark.parametrize("flags", [MUSL, GLIBC])
def test_a_thread_as_the_libcs_start_it(machine, sys, flags):
    machine.task.vcpu._regs.rbx, machine.task.vcpu._regs.rip = 77, 0x1_1000
    machine.task.vcpu.fpu_state = b"\x33" * 512
    machine.task.signals.mask = 0x55
    machine.call(machine.task, 157, 15, DATA + 100)
    tid = sys.clone(flags, STACK, PTID, CTID, TLS)
    child = machine.process.tasks[tid]
    regs = child.vcpu.regs
    assert tid == machine.process.pid + 1 and machine.kernel.tasks[child.vcpu] is child
    assert (regs.rax, regs.rsp, regs.rip, regs.rbx) == (0, STACK, 0x1_1000, 77)
    assert child.vcpu.fs_base == TLS and child.vcpu.fpu_state == b"\x33" * 512
    assert child.signals.mask == 0x55 and child.signals.stack == (0, 0)
    assert machine.mm.read_u32(PTID) == tid and machine.mm.read_u32(CTID) == 0
    assert child.clear_child_tid == CTID
    assert machine.call(child, 186) == tid and machine.call(child, 39) == machine.process.pid


def test_the_child_may_find_its_tid_in_memory(machine, sys):
    tid = sys.clone(GLIBC | sched.CLONE_CHILD_SETTID, STACK, 0x5000, CTID, TLS)
    assert tid > 0 and machine.mm.read_u32(CTID) == tid


def test_without_settls_the_thread_pointer_is_inherited(machine, sys):
    assert sys.arch_prctl(sched.ARCH_SET_FS, 0x7000) == 0
    tid = sys.clone(GLIBC & ~sched.CLONE_SETTLS, STACK, PTID, CTID, 0)
    assert machine.process.tasks[tid].vcpu.fs_base == 0x7000


@pytest.mark.parametrize("why, flags, errno", [
    ("sighand without vm",      sched.CLONE_SIGHAND, EINVAL),
    ("thread without sighand",  sched.CLONE_THREAD | sched.CLONE_VM, EINVAL),
    ("fs with a new namespace", sched.CLONE_FS | sched.CLONE_NEWNS, EINVAL),
    ("pidfd of a thread",       GLIBC | sched.CLONE_PIDFD, EINVAL),
    ("a namespace",             sched.CLONE_NEWUSER, EPERM),
    ("fork",                    17, ENOSYS),
    ("vfork",                   sched.CLONE_VM | sched.CLONE_VFORK | 17, ENOSYS),
])
def test_clone_refuses(machine, sys, why, flags, errno):
    assert sys.clone(flags, STACK, PTID, CTID, TLS) == -errno, why
    assert len(machine.process.tasks) == 1
    assert machine.kernel.unserved == ({56: 1} if errno == ENOSYS else {}), "a fork is named at the end"


def test_a_machine_has_so_many_threads_and_no_more(machine, sys):
    machine.kernel.config.threads = 2
    assert sys.clone(GLIBC, STACK, PTID, CTID, TLS) > 0
    assert sys.clone(GLIBC, STACK, PTID, CTID, TLS) == -EAGAIN


def test_clone_says_when_the_engine_has_no_room(machine, sys):
    machine.process.space.room = 2
    assert sys.clone(GLIBC, STACK, PTID, CTID, TLS) > 0
    assert sys.clone(GLIBC, STACK, PTID, CTID, TLS) == -EAGAIN


def test_clone_with_a_thread_pointer_of_the_kernels(sys):
    assert sys.clone(GLIBC, STACK, PTID, CTID, 1 << 63) == -EPERM


def clone_args(machine, **fields) -> int:
    """The address of a struct clone_args."""
    names = ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid",
             "set_tid_size", "cgroup", "unknown")
    machine.mm.write(DATA, b"".join(fields.get(name, 0).to_bytes(8, "little") for name in names))
    return DATA


THREAD = dict(flags=GLIBC, stack=STACK - 4096, stack_size=4096, parent_tid=PTID, child_tid=CTID, tls=TLS)


@pytest.mark.parametrize("size", [64, 80, 88, 96])
def test_clone3_starts_a_thread_whatever_the_size_of_its_struct(machine, sys, size):
    tid = sys.clone3(clone_args(machine, **THREAD), size)
    assert tid > 0 and machine.mm.read_u32(PTID) == tid
    assert machine.process.tasks[tid].vcpu.regs.rsp == STACK
    assert machine.process.tasks[tid].clear_child_tid == CTID


@pytest.mark.parametrize("why, size, fields, errno", [
    ("too short", 63, {}, EINVAL), ("longer than a page", 4097, {}, E2BIG), ("a field of the future", 96,
                                                                               {"unknown": 1}, E2BIG),
    ("numbers without a count", 88, {"set_tid": PTID}, EINVAL), ("a count without numbers", 88, {"set_tid_size": 1},
                                                                  EINVAL),
    ("no such signal", 88, {"exit_signal": 65}, EINVAL), ("a signal in the flags", 88, {"flags": 17}, EINVAL),
    ("a thread with an exit signal", 88, {**THREAD, "exit_signal": 17}, EINVAL),
    ("an unknown flag", 88, {"flags": 1 << 34}, EINVAL), ("half a stack", 88, {"stack": STACK}, EINVAL),
    ("the other half", 88, {"stack_size": 4096}, EINVAL), ("handlers shared and cleared", 88,
                                                           {"flags": 0x1_0000_0900}, EINVAL),
    ("a cgroup", 88, {"flags": 1 << 33}, EBADF), ("a cgroup in a short struct", 80, {"flags": 1 << 33}, EINVAL),
    ("pidfd and tid in one word", 88, {"flags": 0x10_1000, "pidfd": PTID, "parent_tid": PTID}, EINVAL),
    ("a number of its own", 88, {"set_tid": STACK, "set_tid_size": 1}, EINVAL),
])
def test_clone3_refuses(machine, sys, why, size, fields, errno):
    assert sys.clone3(clone_args(machine, **fields), size) == -errno, why


def test_fork_is_not_there_where_the_engine_has_one_process(machine, sys):
    for name in ("fork", "vfork"):
        assert getattr(sys, name)() == -ENOSYS
    assert machine.kernel.unserved == {56: 2}


def test_exit_ends_one_thread_and_the_last_one_the_process(machine, sys):
    other = machine.thread()
    assert sys.exit(7) is ENDED, "the first thread leaves; the process goes on"
    assert machine.kernel.status is None and machine.process.leader is None
    assert machine.call(other, 60, 9) is ENDED
    assert machine.kernel.status == ("exited", 9), "since Linux 6.0 the last one's"
    assert machine.process.space.killed and not machine.kernel.tasks and not machine.kernel.processes


@pytest.mark.parametrize("code, status", [(0, 0), (3, 3), (256 + 5, 5), (-1, 255)])
def test_exit_group_from_any_thread_ends_all(machine, code, status):
    threads = [machine.thread() for _ in range(3)]
    assert machine.call(threads[0], 34) is WAITING
    assert machine.call(threads[1], 202, DATA, 128, 0) is WAITING
    assert machine.call(threads[2], 231, code) is ENDED
    assert machine.kernel.status == ("exited", status)
    assert all(t.dead and t.wait is None and t.call is None for t in (machine.task, *threads))
    assert machine.kernel.scheduler.timeout_s() is None
    machine.go()


def test_a_lost_address_space_ends_its_process(machine):
    machine.kernel.take(machine.process.space, Died(9))
    assert machine.kernel.status == ("signalled", 9)


def test_observers_see_calls_begin_and_end(machine, sys):
    seen = []

    class Recorder(Observer):
        def entered(self, task, nr, words):
            seen.append(("in", task.tid, nr, words[0]))

        def waits(self, task):
            seen.append(("waits", task.tid))

        def left(self, task, nr, words, result):
            seen.append(("out", task.tid, nr, result))

        def signalled(self, task, signo, info):
            seen.append(("signal", task.tid, signo, info.code))

        def exited(self, task, status):
            seen.append(("exit", task.tid, status))
    other = machine.thread()
    machine.kernel.observers.append(Recorder())
    a, b = machine.task.tid, other.tid
    sys.getpid()
    machine.call(machine.task, 202, DATA, 128, 0)
    machine.call(other, 202, DATA, 129, 1)
    machine.go()
    machine.call(other, 999)
    machine.call(other, 60, 4)
    machine.call(machine.task, 200, a, 15)
    assert seen == [
        ("in", a, 39, 0), ("out", a, 39, a),
        ("in", a, 202, DATA), ("waits", a), ("in", b, 202, DATA), ("out", b, 202, 1), ("out", a, 202, 0),
        ("in", b, 999, 0), ("out", b, 999, -ENOSYS),
        ("in", b, 60, 4), ("out", b, 60, None), ("exit", b, ("exited", 4)),
        ("in", a, 200, a), ("out", a, 200, 0), ("signal", a, 15, -6), ("exit", a, ("signalled", 15))]


def test_python_handlers_come_first(machine, sys):
    def refuse(task, nr, words):
        raise OSError(EPERM, "")
    machine.kernel.handlers.update({39: lambda task, nr, words: 4711, 186: lambda task, nr, words: None, 102: refuse})
    assert (sys.getpid(), sys.gettid(), sys.getuid()) == (4711, machine.task.tid, -EPERM)


def test_our_own_bugs_are_not_errnos(machine, sys):
    machine.kernel.handlers[39] = lambda task, nr, words: {}["missing"]
    with pytest.raises(KeyError):
        sys.getpid()


@pytest.mark.parametrize("why, nr, served", [
    ("the upper half of rax is ignored", 39 | 7 << 32, True), ("x32", 39 | 0x4000_0000, False),
    ("minus one", (1 << 64) - 1, False)])
def test_numbers_nobody_knows(machine, why, nr, served):
    result = machine.call(machine.task, nr)
    assert (result == machine.process.pid) == served, why
    assert sum(machine.kernel.unserved.values()) == (not served)


def test_arch_prctl(machine, sys):
    assert sys.arch_prctl(sched.ARCH_SET_FS, 0x1234) == sys.arch_prctl(sched.ARCH_SET_GS, 0x5678) == 0
    assert sys.arch_prctl(sched.ARCH_GET_FS, DATA) == sys.arch_prctl(sched.ARCH_GET_GS, DATA + 8) == 0
    assert (machine.mm.read_u64(DATA), machine.mm.read_u64(DATA + 8)) == (0x1234, 0x5678)
    assert sys.arch_prctl(sched.ARCH_SET_FS, 1 << 63) == -EPERM
    assert sys.arch_prctl(sched.ARCH_GET_FS, 0x5000) == -14
    assert sys.arch_prctl(0x3001, DATA) == -EINVAL, "CET status"
    assert sys.set_tid_address(DATA) == machine.task.tid
