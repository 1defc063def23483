"""futex(2), with as many fake threads as it takes."""
import struct
import time
from errno import EAGAIN, EFAULT, EINTR, EINVAL, ENOSYS, EPERM, ETIMEDOUT

import pytest

from skete.abi.futex import (FUTEX_CLOCK_REALTIME, FUTEX_CMP_REQUEUE, FUTEX_OWNER_DIED, FUTEX_PRIVATE_FLAG,
                             FUTEX_REQUEUE, FUTEX_UNLOCK_PI, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAITERS, FUTEX_WAKE,
                             FUTEX_WAKE_BITSET, FUTEX_WAKE_OP)
from tests.skete.kernel.fake import DATA, ENDED, WAITING

NR, EXIT = 202, 60
A, B, TIME = DATA, DATA + 64, DATA + 128
PRIVATE = FUTEX_PRIVATE_FLAG
ANY = 0xffff_ffff


@pytest.fixture
def crowd(machine):
    """Five threads beside the first one."""
    return [machine.thread() for _ in range(5)]


def wait(machine, task, addr=A, value=0, timeout=0, op=FUTEX_WAIT | PRIVATE, bitset=0):
    return machine.call(task, NR, addr, op, value, timeout, 0, bitset)


def awake(machine, crowd):
    """Which of the crowd went on, in the order they did, with what."""
    order = []
    for task in crowd:
        resume = task.vcpu.resume
        task.vcpu.resume = lambda result=None, task=task, resume=resume: (order.append((crowd.index(task), result)),
                                                                          resume(result))
    machine.go()
    for task in crowd:
        del task.vcpu.resume
    return order


@pytest.mark.parametrize("why, words, errno", [
    ("another value",                 (A, FUTEX_WAIT, 1, 0, 0, 0), EAGAIN),
    ("not aligned",                   (A + 2, FUTEX_WAIT, 0, 0, 0, 0), EINVAL),
    ("nothing there",                 (0x5000, FUTEX_WAIT, 0, 0, 0, 0), EFAULT),
    ("nothing there, private",        (0x5000, FUTEX_WAIT | PRIVATE, 0, 0, 0, 0), EFAULT),
    ("kernel address",                (1 << 63, FUTEX_WAIT | PRIVATE, 0, 0, 0, 0), EFAULT),
    ("a bad timeout",                 (A, FUTEX_WAIT, 0, 0x5000, 0, 0), EFAULT),
    ("no bits",                       (A, FUTEX_WAIT_BITSET, 0, 0, 0, 0), EINVAL),
    ("no bits to wake",               (A, FUTEX_WAKE_BITSET, 1, 0, 0, 0), EINVAL),
    ("wake, not aligned",             (A + 1, FUTEX_WAKE, 1, 0, 0, 0), EINVAL),
    ("wake, shared, nothing there",   (0x5000, FUTEX_WAKE, 1, 0, 0, 0), EFAULT),
    ("unlock of nobody's lock",       (A, FUTEX_UNLOCK_PI, 0, 0, 0, 0), EPERM),
    ("no such operation",             (A, 77, 0, 0, 0, 0), ENOSYS),
    ("realtime with FUTEX_WAIT",      (A, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), ENOSYS),
    ("requeue a negative number",     (A, FUTEX_REQUEUE, -1, 1, B, 0), EINVAL),
    ("requeue, the word has changed", (A, FUTEX_CMP_REQUEUE, 1, 1, B, 1), EAGAIN),
    ("wake_op of unknown operation",  (A, FUTEX_WAKE_OP, 1, 1, B, 0x5000_0000), ENOSYS),
    ("wake_op of unknown comparison", (A, FUTEX_WAKE_OP, 1, 1, B, 0x0700_0000), ENOSYS),
    ("wake_op on unwritable memory",  (A, FUTEX_WAKE_OP, 1, 1, 0x5000, 0), EFAULT),
])
def test_futex_refuses(machine, why, words, errno):
    assert machine.call(machine.task, NR, *words) == -errno, why


@pytest.mark.parametrize("tv, errno", [((-1, 0), EINVAL), ((0, -1), EINVAL), ((0, 1_000_000_000), EINVAL)])
def test_a_timeout_that_is_no_time(machine, tv, errno):
    machine.mm.write(TIME, struct.pack("<qq", *tv))
    assert wait(machine, machine.task, timeout=TIME) == -errno


def test_a_private_wake_needs_no_memory(machine):
    # Linux names a private futex by its address alone; musl wakes words whose memory is gone already.
    assert machine.call(machine.task, NR, 0x5000, FUTEX_WAKE | PRIVATE, 1, 0, 0, 0) == 0


def test_waiters_wake_in_order_of_arrival(machine, crowd):
    for task in crowd:
        assert wait(machine, task) is WAITING
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 2) == 2
    assert awake(machine, crowd) == [(0, 0), (1, 0)]
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 0x7fff_ffff) == 3
    assert awake(machine, crowd) == [(2, 0), (3, 0), (4, 0)]
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 1) == 0
    assert not machine.mm.futexes, "an empty queue is forgotten"


def test_wake_zero_wakes_one_as_linux_does(machine, crowd):
    wait(machine, crowd[0]), wait(machine, crowd[1])
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 0) == 1


def test_private_and_shared_are_different_futexes(machine, crowd):
    wait(machine, crowd[0])
    assert machine.call(machine.task, NR, A, FUTEX_WAKE, 9) == 0
    wait(machine, crowd[1], op=FUTEX_WAIT)
    assert machine.call(machine.task, NR, A, FUTEX_WAKE, 9) == 1
    assert awake(machine, crowd) == [(1, 0)]


def test_bitsets_choose(machine, crowd):
    for task, bits in zip(crowd, (1, 2, 4, 1, 6)):
        assert wait(machine, task, op=FUTEX_WAIT_BITSET | PRIVATE, bitset=bits) is WAITING
    assert machine.call(machine.task, NR, A, FUTEX_WAKE_BITSET | PRIVATE, 9, 0, 0, 2) == 2
    assert awake(machine, crowd) == [(1, 0), (4, 0)]
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 2) == 2
    assert awake(machine, crowd) == [(0, 0), (2, 0)]


def test_requeue_wakes_some_and_moves_some(machine, crowd):
    for task in crowd:
        wait(machine, task)
    assert machine.call(machine.task, NR, A, FUTEX_CMP_REQUEUE | PRIVATE, 1, 3, B, 0) == 4
    assert awake(machine, crowd) == [(0, 0)]
    assert machine.call(machine.task, NR, A, FUTEX_WAKE | PRIVATE, 9) == 1
    assert machine.call(machine.task, NR, B, FUTEX_WAKE | PRIVATE, 2) == 2
    assert awake(machine, crowd) == [(4, 0), (1, 0), (2, 0)]
    assert machine.call(machine.task, NR, B, FUTEX_WAKE | PRIVATE, 9) == 1
    machine.go()
    assert not machine.mm.futexes


def test_a_requeued_waiter_times_out_of_its_new_queue(machine, crowd):
    machine.mm.write(TIME, struct.pack("<qq", 0, 5_000_000))
    wait(machine, crowd[0], timeout=TIME)
    assert machine.call(machine.task, NR, A, FUTEX_REQUEUE | PRIVATE, 0, 1, B) == 1
    machine.go(1)
    assert crowd[0].vcpu.result == -ETIMEDOUT
    assert not machine.mm.futexes


@pytest.mark.parametrize("op, clock, absolute", [
    (FUTEX_WAIT, time.CLOCK_MONOTONIC, False),
    (FUTEX_WAIT_BITSET, time.CLOCK_MONOTONIC, True),
    (FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, time.CLOCK_REALTIME, True),
])
def test_timeouts(machine, op, clock, absolute):
    ns = 20_000_000 + (time.clock_gettime_ns(clock) if absolute else 0)
    machine.mm.write(TIME, struct.pack("<qq", *divmod(ns, 10**9)))
    began = time.monotonic_ns()
    assert wait(machine, machine.task, timeout=TIME, op=op, bitset=ANY) is WAITING
    machine.go(1)
    assert machine.task.vcpu.result == -ETIMEDOUT
    assert time.monotonic_ns() - began > 19_000_000


def test_a_deadline_in_the_past_is_over_at_once(machine):
    machine.mm.write(TIME, struct.pack("<qq", 0, 0))
    assert wait(machine, machine.task, timeout=TIME) == -ETIMEDOUT


def op_code(op, oparg, cmp, cmparg):
    return (op & 15) << 28 | (cmp & 15) << 24 | (oparg & 0xfff) << 12 | cmparg & 0xfff


@pytest.mark.parametrize("why, op, oparg, cmp, cmparg, old, new, second", [
    ("set, equal",              0, 7, 0, 5, 5, 7, True),
    ("set, not equal",          0, 7, 0, 4, 5, 7, False),
    ("add, different",          1, 7, 1, 4, 5, 12, True),
    ("add a negative number",   1, -1, 2, 4, 5, 4, False),
    ("or, less",                2, 8, 2, 6, 5, 13, True),
    ("andnot, at most",         3, 1, 3, 5, 5, 4, True),
    ("xor, greater",            4, 5, 4, 5, 5, 0, False),
    ("at least",                0, 0, 5, 5, 5, 0, True),
    ("a shifted argument",      2 | 8, 31, 4, 5, 5, 0x8000_0005, False),
    ("signed comparison",       0, 0, 2, 0, 0xffff_ffff, 0, True),
])
def test_wake_op(machine, crowd, why, op, oparg, cmp, cmparg, old, new, second):
    wait(machine, crowd[0], A)
    machine.mm.write_u32(B, old)
    wait(machine, crowd[1], B, old)
    woken = machine.call(machine.task, NR, A, FUTEX_WAKE_OP | PRIVATE, 1, 1, B, op_code(op, oparg, cmp, cmparg))
    assert (woken, machine.mm.read_u32(B)) == (1 + second, new), why


def test_exit_clears_the_tid_and_wakes_the_joiner(machine, crowd):
    thread = crowd[0]
    machine.mm.write_u32(A, thread.tid)
    machine.call(thread, 218, A)
    assert wait(machine, machine.task, A, thread.tid, op=FUTEX_WAIT) is WAITING
    assert machine.call(thread, EXIT, 0) is ENDED
    assert machine.mm.read_u32(A) == 0
    machine.go()
    assert machine.task.vcpu.result == 0


def robust_list(machine, task, entries, pending=0, offset=-16):
    """A list head at DATA+0x1000 with these entries; the futex word is 16 before each."""
    head = DATA + 0x1000
    chain = [head, *entries, head]
    for here, following in zip(chain, chain[1:]):
        machine.mm.write_u64(here, following)
    machine.mm.write(head + 8, struct.pack("<qQ", offset, pending))
    assert machine.call(task, 273, head, 24) == 0
    return head


def test_a_dead_owner_is_marked_and_one_waiter_woken(machine, crowd):
    dying, first, second = crowd[:3]
    entries = [DATA + 0x2010, DATA + 0x2050]
    words = [entry - 16 for entry in entries]
    robust_list(machine, dying, entries)
    machine.mm.write_u32(words[0], dying.tid | FUTEX_WAITERS)
    machine.mm.write_u32(words[1], first.tid)
    for task in (first, second):
        wait(machine, task, words[0], dying.tid | FUTEX_WAITERS, op=FUTEX_WAIT)
    machine.call(dying, EXIT, 0)
    assert machine.mm.read_u32(words[0]) == FUTEX_WAITERS | FUTEX_OWNER_DIED
    assert machine.mm.read_u32(words[1]) == first.tid, "somebody else's lock is left alone"
    assert awake(machine, crowd) == [(1, 0)]


def test_a_lock_being_taken_counts_too(machine, crowd):
    word = DATA + 0x2000
    robust_list(machine, crowd[0], [], pending=word + 16)
    machine.mm.write_u32(word, crowd[0].tid)
    machine.call(crowd[0], EXIT, 0)
    assert machine.mm.read_u32(word) == FUTEX_OWNER_DIED


@pytest.mark.parametrize("why, head", [("unmapped", 0x5000), ("kernel half", 1 << 63), ("odd", DATA + 3)])
def test_a_nonsense_robust_list_ends_the_walk_only(machine, crowd, why, head):
    assert machine.call(crowd[0], 273, head, 24) == 0
    assert machine.call(crowd[0], EXIT, 0) is ENDED, why


def test_a_circular_robust_list_ends(machine, crowd):
    head = robust_list(machine, crowd[0], [DATA + 0x2010])
    machine.mm.write_u64(DATA + 0x2010, DATA + 0x2010)
    assert head and machine.call(crowd[0], EXIT, 0) is ENDED


def test_get_robust_list(machine, crowd):
    machine.call(crowd[0], 273, 0x1234, 24)
    assert machine.call(crowd[0], 273, 0, 25) == -EINVAL
    assert machine.call(machine.task, 274, crowd[0].tid, A, B) == 0
    assert (machine.mm.read_u64(A), machine.mm.read_u64(B)) == (0x1234, 24)
    assert machine.call(machine.task, 274, 99999, A, B) == -3


def test_a_million_words_leave_nothing_behind(machine):
    machine.mm.write(TIME, struct.pack("<qq", 3600, 0))
    other = machine.thread()
    for n in range(2000):
        addr = DATA + n % 1000 * 4 + 0x2000
        wait(machine, other, addr, timeout=TIME)
        machine.call(machine.task, NR, addr, FUTEX_WAKE | PRIVATE, 1)
        machine.go()
        assert other.vcpu.result == 0
    assert not machine.mm.futexes
    assert len(machine.kernel.scheduler.heap) < 200, "deadlines that no longer matter are cleared away"


def test_a_handler_interrupts_a_timed_wait(machine, crowd):
    machine.mm.write(TIME, struct.pack("<qq", 3600, 0))
    machine.mm.write(B, struct.pack("<4Q", 0x1_2000, 0x1400_0000, 0x1_3000, 0))
    assert machine.call(machine.task, 13, 10, B, 0, 8) == 0
    wait(machine, crowd[0], timeout=TIME)
    machine.call(machine.task, 234, machine.process.pid, crowd[0].tid, 10)
    machine.go()
    regs = crowd[0].vcpu.regs
    assert regs.rip == 0x1_2000
    assert struct.unpack("<q", machine.mm.read(regs.rsp + 8 + 40 + 13 * 8, 8))[0] == -EINTR


def signal_taken_by_another(machine, crowd, rig):
    """The first thread, which waits, is woken by a signal, and has not run when another takes it."""
    rig.on(10, task=crowd[0])
    assert machine.call(crowd[0], 62, machine.process.pid, 10) == 0
    machine.mm.write_u64(TIME, 1 << 9)
    assert machine.call(crowd[1], 128, TIME, 0, 0, 8) == 10, "rt_sigtimedwait"


def test_a_signal_that_another_thread_takes_is_a_spurious_wake(machine, crowd, rig):
    machine.mm.write(A, bytes(8))
    assert wait(machine, machine.task) is WAITING
    signal_taken_by_another(machine, crowd, rig)
    assert machine.call(crowd[0], NR, A, FUTEX_WAKE | PRIVATE, 1) == 0, "nobody stands in the queue now"
    machine.go()
    assert machine.task.call is None and machine.task.vcpu.result == 0, "asleep again it would never have been woken"


def test_what_came_while_such_a_signal_was_on_its_way_is_seen(machine, crowd, rig):
    queue = machine.call(machine.task, 68, 0, 0o600)
    assert machine.call(machine.task, 70, queue, B, 8, 0, 0) is WAITING, "msgrcv"
    signal_taken_by_another(machine, crowd, rig)
    machine.mm.write(A, struct.pack("<q8s", 7, b"a letter"))
    assert machine.call(crowd[0], 69, queue, A, 8, 0) == 0, "msgsnd"
    machine.go()
    assert machine.task.call is None and machine.task.vcpu.result == 8
    assert machine.mm.read(B + 8, 8) == b"a letter"


def test_several_words_are_looked_at_again_after_such_a_signal(machine, crowd, rig):
    words = DATA + 0x800        # where the rig writes nothing
    machine.mm.write(words, bytes(8))
    machine.mm.write(B, struct.pack("<QQIIQQII", 0, words, 2, 0, 0, words + 4, 2, 0))
    for changed in False, True:
        assert machine.call(machine.task, 449, B, 2, 0, 0, 0) is WAITING
        signal_taken_by_another(machine, crowd, rig)
        machine.mm.write_u32(words + 4, changed)
        machine.go()
        if not changed:
            assert machine.task.call is not None, machine.task.vcpu.result
            assert machine.call(crowd[0], NR, words + 4, FUTEX_WAKE, 1) == 1
            machine.go()
            assert machine.task.vcpu.result == 1
    assert machine.task.call is None and machine.task.vcpu.result == -EAGAIN


def test_nothing_is_left_of_those_who_ended_waiting(machine, crowd):
    assert wait(machine, crowd[0], op=FUTEX_WAIT) is WAITING
    assert wait(machine, crowd[1], B, op=FUTEX_WAIT) is WAITING
    assert machine.call(crowd[2], 231, 0) is ENDED
    assert machine.kernel.futexes == {}
