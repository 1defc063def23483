"""What only the process engine has: its filter, its slots, its processes. The rest is in test_engines.py."""
import errno
import mmap
import os
import resource
import signal
import struct

import pytest
from elftools.elf.elffile import ELFFile

from skete.abi import sigframe
from skete.engine import Died, EngineError, Fault, Regs, Syscall
from skete.engines.gate.layout import MAX_SLOTS, RESERVED_END, RING_NR, SLOT_SIZE, SLOTS_BASE, STUB_BASE
from skete.engines.process import engine, layout
from skete.engines.process.engine import ProcessEngine
from tests.skete.engines.conftest import FLAGS, GETPPID, SPIN, STACK, TEXT, Bare, fork

UD2 = "0f0b"


@pytest.fixture
def bare():
    made = []

    def make(code):
        made.append(Bare(ProcessEngine(), code))
        return made[-1]
    yield make
    for machine in made:
        machine.engine.close()


def test_calls_the_filter_would_know_by_number_trap_like_any_other(bare):
    """rt_sigreturn, sendmsg on other descriptors, clone: nothing passes because of its number alone."""
    for nr in (15, 46, 56, 59, 231):
        m = bare(f"b8{nr:02x}000000 0f05")
        _, trap = m.next()
        assert type(trap) is Syscall and trap.nr == nr


def test_where_the_gate_yields_nothing_else_passes(bare):
    m = bare(SPIN)
    yielding = m.engine.post._yielding_at
    for nr in (15, 39, 56):
        m = bare(f"b8{nr:02x}000000 48bb{yielding.to_bytes(8, 'little').hex()} ffe3")
        _, trap = m.next()
        assert type(trap) is Syscall and trap.nr == nr and m.vcpu.rip == yielding + 2


def test_sendmsg_on_the_channel_number_reaches_nothing(bare):
    """The one call that the filter lets through names a descriptor that is closed: EBADF from the host."""
    m = bare("48bf0300000074656b73 31f6 31d2 b82e000000 0f05 4889c7" + GETPPID)
    _, trap = m.next()
    assert (trap.nr, trap.words[0]) == (110, 2 ** 64 - 9)


def test_a_guests_own_sendmsg_on_the_channel_number_is_a_call_like_any_other(bare):
    m = bare("bf03000000 31f6 31d2 b82e000000 0f05 4889c7" + GETPPID)
    _, trap = m.next()
    assert (trap.nr, trap.words[0]) == (46, 3)


def test_int80_and_a_32_bit_code_segment_end_the_guest(bare):
    m = bare("b814000000 cd80" + SPIN)
    source, trap = m.next()
    assert type(trap) in (Died, Fault)


def test_more_orders_than_one_answer_holds(bare):
    m = bare(GETPPID + GETPPID)
    m.next()
    for page in range(3 * layout.MAX_ORDERS):
        m.space.map(0x1_0000_0000 + page * 0x2000, 0x1000, 3, 0x10000)
    m.vcpu.resume(0)
    _, trap = m.next()
    assert type(trap) is Syscall
    with open(f"/proc/{m.space.pid}/maps") as maps:
        assert sum("skete-ram" in line for line in maps) >= 3 * layout.MAX_ORDERS


def test_nothing_else_is_mapped_in_the_guest(bare):
    m = bare(GETPPID)
    m.next()
    with open(f"/proc/{m.space.pid}/maps") as maps:
        for line in maps:
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            ours = STUB_BASE <= start and end <= RESERVED_END
            assert ours or "skete-ram" in line or "[vsyscall]" in line, line


def test_the_guest_process_holds_only_its_memory_file(bare):
    m = bare(GETPPID)
    m.next()
    assert os.listdir(f"/proc/{m.space.pid}/fd") == [str(layout.FD_RAM)]


def test_slots_of_ended_threads_are_used_again(bare):
    m = bare(GETPPID + "ebf7")          # call for ever
    child = m.code(0x100, GETPPID)
    for _ in range(MAX_SLOTS + 50):
        vcpu, _ = m.next()
        second = m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
        m.vcpu.resume(0)
        waiting = False
        while True:
            vcpu, _ = m.next()
            if vcpu is second:
                break
            waiting = True
            stopped = vcpu
        second.end()
        if waiting:
            stopped.resume(0)


def test_a_guest_that_overwrites_its_slot_only_hurts_itself(bare):
    """mov $-1 over the whole slot header, then a call: whatever comes is a trap or a death, never an error of ours."""
    slot = SLOTS_BASE
    m = bare("48bf" + slot.to_bytes(8, "little").hex() + "b900100000 b0ff f3aa" + GETPPID + SPIN)
    source, trap = m.next()
    assert type(trap) in (Syscall, Fault, Died)


def test_a_guest_that_rings_by_itself_gets_no_order_through(bare):
    """It jumps to the doorbell with mmap's number, and later with that of an exit it was never ordered."""
    m = bare(GETPPID + SPIN)
    m.next()
    assert called_in_the_gate(m, "ring", 9) == (110, 2 ** 64 - 38), "ENOSYS, and nothing mapped"


@pytest.mark.parametrize("nr, words, passes", [
    (11, (0x3_0000_0000, 0x1000), True), (158, (0x1002, 0), True), (158, (0x1001, 0), True),
    (24, (0, 0), True), (157, (1, 9), True), (157, (1, 0), False), (157, (4, 9), False), (158, (0x1011, 0), False), (9, (0, 0), False), (10, (TEXT, 0x1000), False), (60, (0, 0), False)])
def test_what_passes_without_asking_is_what_a_guest_may_do_to_itself(bare, nr, words, passes):
    """munmap, FS and GS, yielding, dying with the monitor; the rest is a call like any other there."""
    m = bare(GETPPID + SPIN)
    m.next()
    trap = called_in_the_gate(m, "own", nr, words)
    assert trap == ((110, 0) if passes else (nr, words[0]))


def called_in_the_gate(m, name: str, nr: int, words: tuple = (), before: str = "") -> tuple:
    """Have the guest call a function of the gate, and getppid with its result; (number, first word) of what traps."""
    call_in_the_gate(m, name, nr, words, before)
    _, trap = m.next()
    return trap.nr, trap.words[0]


def call_in_the_gate(m, name: str, nr: int, words: tuple = (), before: str = "") -> None:
    with open(m.engine.stub, "rb") as file:
        at, = (s["st_value"] for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols() if s.name == name)
    start, given = STACK + 0x100, b"".join(word.to_bytes(8, "little") for word in words)
    m.engine.ram[0x2100:0x2100 + len(given)] = given
    m.code(0x200, before + f"bf{nr.to_bytes(4, 'little').hex()} 48be{start.to_bytes(8, 'little').hex()} 48b8{at.to_bytes(8, 'little').hex()}"
           + " ffd0 4889c7" + GETPPID + SPIN)
    regs = m.vcpu.regs
    regs.rip = TEXT + 0x200
    m.vcpu.regs = regs
    m.vcpu.resume()


def test_who_says_that_an_order_failed_and_has_none_ends_only_itself(bare):
    """mov $slot, %rax; movq $KIND_DONE, (%rax); movq $1, SLOT_FAILED(%rax); and it rings."""
    m = bare(GETPPID + SPIN)
    m.next()
    child = fork(m, GETPPID + "ebf7")
    m.next()
    call_in_the_gate(m, "ring", RING_NR, (SLOTS_BASE,),
                     f"48b8{SLOTS_BASE.to_bytes(8, 'little').hex()} 48c70003000000 48c780a000000001000000")
    source, trap = m.next()
    assert source is m.space and type(trap) is Died and trap.signo == signal.SIGKILL
    assert m.engine.notes == ("a process was killed, since it interferes with its own system calls",)
    child.resume(0)
    assert m.next()[0] is child


def test_an_order_that_the_host_refuses_is_said(bare):
    m = bare(GETPPID + GETPPID)
    m.next()
    m.space.protect(0x6000_0000, 0x1000, 3)         # where nothing is
    m.vcpu.resume(0)
    with pytest.raises(EngineError, match=r"call 10\(0x60000000, .*Cannot allocate memory; is one of its limits"):
        m.next()


def test_death_of_the_process_is_reported(bare):
    m = bare(GETPPID + SPIN)
    m.next()
    m.vcpu.resume(0)
    os.kill(m.space.pid, signal.SIGKILL)
    source, trap = m.next()
    assert source is m.space and type(trap) is Died and trap.signo == signal.SIGKILL


def test_close_leaves_no_process_and_no_descriptor(bare):
    before = len(os.listdir("/proc/self/fd"))
    m = bare(GETPPID + SPIN)
    m.next()
    pid = m.space.pid
    m.engine.close()
    assert not os.path.exists(f"/proc/{pid}")
    del m.engine.ram
    assert len(os.listdir("/proc/self/fd")) <= before + 2, "the two mappings go with their memory"


def test_fork_makes_a_process_of_its_own_whose_traps_arrive_beside_the_parents(bare):
    m = bare(GETPPID + GETPPID)
    m.next()
    child = fork(m, "c7042500f0ff7f00000000".replace("00f0ff7f", "0000ff7f") + GETPPID)
    assert child.space is not m.space and child.space.pid != m.space.pid
    m.vcpu.resume(5)
    seen = [m.next() for _ in range(2)]
    assert {vcpu for vcpu, _ in seen} == {m.vcpu, child}
    assert child.regs.rbx == 7 and m.vcpu.regs.rbx == 0
    child.space.kill()
    m.vcpu.resume(0)


def test_a_forked_process_sees_other_frames_where_it_is_told_to(bare):
    m = bare(GETPPID + GETPPID)
    m.next()
    m.engine.ram[0x2000] = 1
    m.engine.copy(0x2000, 0x5000, 0x1000)
    assert m.engine.ram[0x5000] == 1
    fork(m, "c604250000ff7f 2a" + GETPPID, [(STACK, 0x1000, 3, 0x5000, False)])     # movb $42, STACK
    m.next()
    assert (m.engine.ram[0x2000], m.engine.ram[0x5000]) == (1, 42)


def test_a_forked_process_holds_nothing_of_its_parents_slots(bare):
    m = bare(GETPPID + GETPPID)
    m.next()
    child = fork(m, GETPPID)
    m.next()
    maps = [open(f"/proc/{space.pid}/maps").read().splitlines() for space in (m.space, child.space)]
    slots = [next(line.split()[2] for line in lines if line.startswith(f"{SLOTS_BASE:x}")) for lines in maps]
    assert slots[0] != slots[1]
    assert os.listdir(f"/proc/{child.space.pid}/fd") == [str(layout.FD_RAM)]


def test_forks_leave_no_process_and_no_descriptor(bare):
    m = bare(GETPPID + "ebf7")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        m.next()
        child = fork(m, GETPPID)
        m.next()
        child.space.kill()
        assert not os.path.exists(f"/proc/{child.space.pid}")
        m.vcpu.resume(0)
    assert len(os.listdir("/proc/self/fd")) == before
    m.next()


def test_a_child_outlives_its_parent_and_can_fork(bare):
    m = bare(GETPPID + SPIN)
    m.next()
    child = fork(m, GETPPID + "ebf7")
    m.next()
    m.space.kill()
    child.resume(0)
    assert m.next()[0] is child
    grandchild = child.space.fork(child, child.regs, 0, [(TEXT, 0x1000, 5, 0x1000, True)])
    grandchild.resume()
    assert m.next()[0] is grandchild


def test_a_fork_that_the_guest_disturbs_is_refused_and_leaves_nothing(bare, monkeypatch):
    """A thread beside it overwrites the word on which the child is to begin: the child spins where nobody knows it."""
    monkeypatch.setattr(engine, "SOON_S", 0.5)
    m = bare(GETPPID + SPIN)
    m.next()
    lost = m.code(0x280, SPIN)
    at = 2 * SLOT_SIZE + layout.SLOT_BIRTH
    spoil = m.code(0x200, "48b8" + (SLOTS_BASE + at).to_bytes(8, "little").hex()
                   + "48b9" + lost.to_bytes(8, "little").hex() + "488908 ebfb")      # mov %rcx, (%rax), again and again
    m.space.vcpu(Regs(rip=spoil, rsp=STACK + 0x400, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    for _ in range(1000):
        if m.space.slots[at:at + 8] == lost.to_bytes(8, "little"):
            break
        assert m.next(0.01) is None
    m.vcpu.kick()
    m.next()
    refused = None
    for _ in range(200):        # on a busy host the other thread may not run just then, and the fork succeeds
        try:
            fork(m, SPIN).space.kill()
        except OSError as error:
            refused = error
            break
    assert refused is not None and refused.errno == errno.EAGAIN
    source, trap = m.next()
    assert source is m.space and type(trap) is Died
    assert not children()


def test_a_fork_that_goes_wrong_ends_its_own_process_only(bare):
    m = bare(GETPPID + SPIN)
    m.next()
    child = fork(m, GETPPID + SPIN)
    m.next()
    m.engine.until = lambda *_: False
    with pytest.raises(OSError) as refused:
        child.space.fork(child, child.regs, 0, [(TEXT, 0x1000, 5, 0x1000, True)])
    assert refused.value.errno == errno.EAGAIN
    child.resume(-errno.EAGAIN)
    source, trap = m.next()
    assert source is child.space and type(trap) is Died
    assert children() == {str(m.space.pid)}
    m.vcpu.resume(0)


def test_a_slot_is_its_threads_until_that_is_gone_whatever_it_says(bare):
    """It is told to exit, says that it has, and has not."""
    m = bare(GETPPID + SPIN)
    m.next()
    child = m.code(0x100, GETPPID + SPIN)
    other = m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    assert m.next()[0] is other
    other.ended = True
    m.space.slots[other.base + layout.SLOT_TID:other.base + layout.SLOT_TID + 4] = bytes(4)
    assert m.space._free_slot() != 1
    other.ended = False


def test_a_vector_state_that_is_too_large_is_none_of_the_processors(bare):
    m = bare(GETPPID + SPIN)
    m.next()
    struct.pack_into("<Q", m.space.slots, m.vcpu.context + sigframe.UC_FPSTATE, SLOTS_BASE + layout.SLOT_STACK)
    struct.pack_into("<II", m.space.slots, layout.SLOT_STACK + sigframe.SW_RESERVED, sigframe.FP_XSTATE_MAGIC1, 0x9000)
    assert len(m.vcpu.fpu()) == sigframe.FXSAVE_SIZE
    m.space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)


def test_a_space_may_come_when_descriptors_have_high_numbers(bare):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip(f"ulimit -n is {hard} at most here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    m = bare(GETPPID + "ebf7")
    m.next()
    taken = []
    try:
        while not taken or taken[-1] < 1030:
            taken.append(os.dup(m.engine.memory.fd))
        other = m.engine.space()
        other.map(TEXT, 0x1000, 5, 0x1000)
        vcpu = other.vcpu(Regs(rip=TEXT, rsp=STACK + 0x1000, eflags=FLAGS))
        assert other.family.listener >= 1024
        vcpu.resume()
        for _ in range(3):
            assert m.next()[0] is vcpu
            vcpu.resume(0)
        other.kill()
        m.vcpu.resume(0)
        assert m.next()[0] is m.vcpu
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def children() -> set:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return set(file.read().split())


def test_a_large_buffer_is_mapped_here_before_the_host_copies_from_it(tmp_path):
    """Whatever the guest has touched; and what was given back is mapped again. Page faults of ours would show."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (5, 14):
        pytest.skip("the host's madvise has no MADV_POPULATE_READ: Linux 5.14")
    size = 4 << 20
    machine = ProcessEngine()
    guest = mmap.mmap(machine.memory.fd, size)
    try:
        for _ in range(2):
            guest[:] = bytes([7]) * size
            machine.populate(100, size - 100)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            machine.populate(8192, size - 8192)
            with open(tmp_path / "file", "wb") as file:
                assert os.writev(file.fileno(), [machine.ram[100:size]]) == size - 100
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
            assert faults < 16      # 64 otherwise, one for every 16 pages
            machine.discard(0, size)
            assert not any(machine.ram[0:size:4096])
    finally:
        guest.close()
        machine.close()


def test_threads_are_woken_beside_each_other_and_not_all_here(bare):
    m = bare(GETPPID + SPIN)
    source, _ = m.next()
    family = m.space.family
    assert family.here
    other = m.space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    assert not family.here
    family.wake_here(True)
    assert not family.here
    source.resume(0)
    born, trap = m.next()
    assert born is other and trap.nr == 110
    other.end()
    assert family.here


def test_a_kick_for_a_thread_that_never_began_ends_with_its_process(bare):
    m = bare(GETPPID + SPIN)
    m.next()
    child = fork(m, GETPPID + SPIN)
    m.next()
    second = child.space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800, eflags=FLAGS), parent=child)
    second.kick()
    child.space.kill()
    assert m.next(0.05) is None
    m.vcpu.resume(0)
