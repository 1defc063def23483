"""Every engine at the interface that all have: machine code in, traps out. No kernel."""
import importlib.util
import os
import signal
import struct
import threading
import time
from pathlib import Path

import pytest

from skete.abi import sigframe
from skete.engine import Died, Fault, Kicked, Regs, Syscall

_spec = importlib.util.spec_from_file_location("engines_conftest", Path(__file__).with_name("conftest.py"))
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
TEXT, STACK, FLAGS = _shared.TEXT, _shared.STACK, _shared.FLAGS
GETPPID, SPIN, LOAD_1234, LOAD_STACK = _shared.GETPPID, _shared.SPIN, _shared.LOAD_1234, _shared.LOAD_STACK

UD2 = "0f0b"
FAR = 0x1_0000_0000
#: a load from FAR into rax, its first byte as the argument of the next call
READ_FAR = "48b8" + FAR.to_bytes(8, "little").hex() + "0fb638" + GETPPID


# ---- system calls ----

def test_a_system_call_traps_with_its_words_and_takes_a_result(machine):
    m = machine("bf01000000 be02000000 ba03000000 41ba04000000 41b805000000 41b906000000" + GETPPID + GETPPID)
    vcpu, trap = m.next()
    assert (vcpu, trap.nr, trap.words) == (m.vcpu, 110, (1, 2, 3, 4, 5, 6))
    vcpu.resume(-38)
    _, trap = m.next()
    assert (vcpu.regs.rax, trap.words) == (110, (1, 2, 3, 4, 5, 6)), "arguments survive a call"


def test_a_call_leaves_the_return_address_in_rcx_and_the_flags_in_r11(machine):
    m = machine(GETPPID + "4889cf 4c89de" + GETPPID)       # mov %rcx, %rdi; mov %r11, %rsi
    m.next()
    m.vcpu.resume(0)
    _, trap = m.next()
    assert trap.words[0] == TEXT + 7 and trap.words[1] & FLAGS == FLAGS


@pytest.mark.parametrize("result", [-14, 0, 2 ** 63 - 1, -(2 ** 63), 0x7fff_ffff_f000])
def test_a_result_is_all_of_rax(machine, result):
    m = machine(GETPPID + "4889c7" + GETPPID)      # mov %rax, %rdi
    m.next()
    m.vcpu.resume(result)
    assert m.next()[1].words[0] == result % 2 ** 64


def test_registers_and_flags_survive_a_call(machine):
    """All that the ABI keeps, the direction flag and carry among them."""
    setup = "".join(f"49c7c{n - 8:x}{n:02x}000000" for n in range(12, 16)) + "bb03000000 bd04000000 fd f9"   # std; stc
    m = machine(setup + GETPPID + "9c5f fc" + GETPPID)      # pushfq; pop %rdi; cld
    m.next()
    m.vcpu.resume(0)
    _, trap = m.next()
    regs = m.vcpu.regs
    assert (regs.rbx, regs.rbp, regs.r12, regs.r13, regs.r14, regs.r15) == (3, 4, 12, 13, 14, 15)
    assert trap.words[0] & 0x401 == 0x401
    assert regs.rsp == STACK + 0x1000 and regs.rip == TEXT + len(bytes.fromhex(setup)) + 7 + 3 + 7


def test_numbers_that_an_engine_might_know_trap_like_any_other(machine):
    """rt_sigreturn, sendmsg, clone, execve, exit_group: nothing passes because of its number."""
    for nr in (15, 46, 56, 59, 231):
        m = machine(f"b8{nr:02x}000000 0f05")
        _, trap = m.next()
        assert type(trap) is Syscall and trap.nr == nr


def test_registers_can_be_set_at_a_call(machine):
    m = machine(GETPPID + SPIN)
    m.code(0x100, "4889df" + GETPPID)       # mov %rbx, %rdi
    m.next()
    regs = m.vcpu.regs
    regs.rip, regs.rbx, regs.rsp, regs.eflags = TEXT + 0x100, 99, STACK + 0x800, FLAGS | 1
    m.vcpu.regs = regs
    m.vcpu.resume()
    _, trap = m.next()
    after = m.vcpu.regs
    assert trap.words[0] == 99 and after.rsp == STACK + 0x800 and after.eflags & 1


# ---- faults ----

@pytest.mark.parametrize("why, code, signo, si_code, addr", [
    ("an undefined instruction", UD2, signal.SIGILL, 2, TEXT),
    ("nothing is mapped there", LOAD_1234, signal.SIGSEGV, 1, 0x1234),
    ("text is not writable", "c6042500004000 00", signal.SIGSEGV, 2, TEXT),
    ("the stack is not executable", "48c7c00000ff7f ffe0", signal.SIGSEGV, 2, STACK),
    ("an address that is not canonical", "48b8000000000000ff7f 488b00", signal.SIGSEGV, 128, 0),
    ("division by zero", "31c9 f7f1", signal.SIGFPE, 1, TEXT + 2),
    ("a breakpoint", "cc", signal.SIGTRAP, 128, 0),
    ("an instruction of ring 0", "f4", signal.SIGSEGV, 128, 0),
    ("a port", "e620", signal.SIGSEGV, 128, 0),
    ("one step with the trap flag", "9c 810c2400010000 9d 90 90", signal.SIGTRAP, 2, TEXT + 10),
    ("floating point, unmasked", "9bdbe3 6a00 d92c24 d9e8 d9ee def9 9b", signal.SIGFPE, 3, None),
])
def test_faults_say_what_siginfo_says(machine, why, code, signo, si_code, addr):
    m = machine(code)
    _, trap = m.next()
    if why == "a port" and type(trap) is Syscall:
        pytest.skip("on this KVM the port is open to ring 3, and writing to it is a system call")
    assert type(trap) is Fault, why
    if trap.signo == signal.SIGSEGV and si_code in (1, 2):
        assert trap.signo == signo and trap.addr == addr and trap.code in (1, 2), "the kernel knows which of the two"
    else:
        assert (trap.signo, trap.code) == (signo, si_code) and addr in (None, trap.addr), why


def test_a_fault_leaves_the_registers_of_the_instruction_and_can_go_on(machine):
    m = machine("bb07000000" + UD2 + GETPPID)
    m.next()
    regs = m.vcpu.regs
    assert (regs.rip, regs.rbx, regs.rsp) == (TEXT + 5, 7, STACK + 0x1000)
    regs.rip += 2
    m.vcpu.regs = regs
    m.vcpu.resume()
    assert type(m.next()[1]) is Syscall


def test_a_fault_may_be_tried_again(machine):
    m = machine(LOAD_1234.replace("34120000", "00000150") + "4889c7" + GETPPID)     # from 0x50010000
    _, trap = m.next()
    assert trap.addr == 0x5001_0000
    m.engine.ram[0x3000] = 42
    m.space.map(0x5001_0000, 0x1000, 1, 0x3000)
    m.vcpu.resume()
    assert m.next()[1].words[0] == 42


def test_a_jump_to_no_address_at_all_is_a_fault(machine):
    m = machine(GETPPID)
    m.next()
    for rip in (0x8000_0000_0000, 1 << 62, 2 ** 64 - 16):
        regs = m.vcpu.regs
        regs.rip = rip
        m.vcpu.regs = regs
        m.vcpu.resume()
        source, trap = m.next()
        assert type(trap) in (Fault, Died), hex(rip)
        if type(trap) is Died:
            return
        assert trap.signo in (signal.SIGSEGV, signal.SIGBUS), hex(rip)


def test_vsyscall_page_is_out_of_reach(machine):
    m = machine("48c7c0000060ff ffd0")             # call *0xffffffffff600000: gettimeofday there
    _, trap = m.next()
    assert type(trap) in (Syscall, Fault), "never served by the host"
    if type(trap) is Syscall:
        assert trap.nr == 96


def test_int80_ends_the_guest_or_faults(machine):
    m = machine("b814000000 cd80" + SPIN)
    _, trap = m.next()
    assert type(trap) in (Died, Fault)


# ---- memory ----

def test_protection_and_unmapping_take_effect_at_resume(machine):
    m = machine(GETPPID + LOAD_STACK + GETPPID + LOAD_STACK)
    m.next()
    m.space.protect(STACK, 0x1000, 1)
    m.vcpu.resume(0)
    assert type(m.next()[1]) is Syscall
    m.space.unmap(STACK, 0x1000)
    m.vcpu.resume(0)
    assert m.next()[1].addr == STACK


@pytest.mark.parametrize("why, change", [
    ("unmapped, the frame kept", lambda m: m.space.unmap(STACK, 0x1000)),
    ("unmapped, the frame discarded", lambda m: (m.space.unmap(STACK, 0x1000), m.engine.discard(0x2000, 0x1000))),
    ("read only", lambda m: m.space.protect(STACK, 0x1000, 1)),
    ("no access", lambda m: m.space.protect(STACK, 0x1000, 0)),
])
def test_what_was_written_to_before_the_change_cannot_be_after(machine, why, change):
    """The processor has the translation; it must forget it."""
    store = "c604250000ff7f 01"                         # movb $1, STACK
    m = machine(store + GETPPID + store + GETPPID)
    assert type(m.next()[1]) is Syscall
    change(m)
    m.vcpu.resume(0)
    _, trap = m.next()
    assert type(trap) is Fault and trap.addr == STACK, why


def test_another_frame_behind_the_same_address_is_seen_at_once(machine):
    m = machine("8a042500 00ff7f".replace(" ", "") + GETPPID + "0fb63c250000ff7f" + GETPPID)
    m.next()
    m.engine.ram[0x5000] = 77
    m.space.map(STACK, 0x1000, 3, 0x5000)
    m.vcpu.resume(0)
    assert m.next()[1].words[0] == 77


def test_protection_that_allows_more_is_in_force(machine):
    store = "c604250000ff7f 01"
    m = machine(LOAD_STACK + GETPPID + store + GETPPID)
    m.next()
    m.space.protect(STACK, 0x1000, 1)
    m.vcpu.resume(0)
    _, trap = m.next()
    assert type(trap) is Fault
    m.space.protect(STACK, 0x1000, 3)
    m.vcpu.resume()
    assert type(m.next()[1]) is Syscall


def test_guest_memory_is_ram(machine):
    m = machine("48c704250000ff7f2a000000" + GETPPID)      # movq $42, STACK
    m.next()
    assert m.engine.ram[0x2000] == 42
    m.engine.discard(0x2000, 0x1000)
    assert m.engine.ram[0x2000] == 0


@pytest.mark.parametrize("frame", [0x4000_0000, 0x4000_1000], ids=["aligned alike", "aligned otherwise"])
def test_sixteen_gib_are_mapped_and_cost_what_is_touched(machine, frame):
    size = 16 << 30
    if size + frame > len(machine("").engine.ram):
        pytest.skip("guest-physical memory is smaller here")
    m = machine(GETPPID + READ_FAR * 4)
    m.next()
    started = time.monotonic()
    m.space.map(FAR, size, 3, frame)
    places = (0, 5 << 20, size // 2 + 0x3000, size - 1)
    for n, place in enumerate(places):
        m.engine.ram[frame + place] = n + 1
        regs = m.vcpu.regs
        at = m.code(0x200 + n * 0x40, READ_FAR.replace(FAR.to_bytes(8, "little").hex(),
                                                       (FAR + place).to_bytes(8, "little").hex()))
        regs.rip = at
        m.vcpu.regs = regs
        m.vcpu.resume()
        assert m.next()[1].words[0] == n + 1
    m.space.unmap(FAR, size)
    regs.rip = m.code(0x200, READ_FAR)
    m.vcpu.regs = regs
    m.vcpu.resume()
    assert m.next()[1].addr == FAR
    assert time.monotonic() - started < 5


def test_a_hole_in_the_middle_of_large_pages_is_a_hole(machine):
    """Before it and behind it nothing changes."""
    huge, hole = 2 << 20, FAR + (3 << 20) + 0x5000
    m = machine(GETPPID)
    m.next()
    m.space.map(FAR, 4 * huge, 3, 8 * huge)

    def look(address):
        regs = m.vcpu.regs
        regs.rip = m.code(0x200, READ_FAR.replace(FAR.to_bytes(8, "little").hex(), address.to_bytes(8, "little").hex()))
        m.vcpu.regs = regs
        m.vcpu.resume()
        return m.next()[1]
    for address in (hole - 0x1000, hole, hole + 0x1000, FAR):
        m.engine.ram[8 * huge + address - FAR] = 5
        assert look(address).words[0] == 5
    m.space.unmap(hole, 0x1000)
    assert look(hole).addr == hole
    assert [look(a).words[0] for a in (hole - 0x1000, hole + 0x1000, FAR)] == [5, 5, 5]
    m.space.protect(FAR, huge, 0)
    assert look(FAR).addr == FAR
    assert look(hole - 0x1000).words[0] == 5


def test_many_pieces_in_any_order(machine):
    """Against a model: a few hundred changes of sixteen pages, then every page is looked at."""
    import random
    rng = random.Random(1)
    model = {}
    m = machine(GETPPID)
    m.next()
    for step in range(300):
        first = rng.randrange(16)
        count = rng.randrange(1, 17 - first)
        what, prot, frame = rng.choice("mup"), rng.choice((0, 1, 3)), 0x10_0000 + rng.randrange(64) * 0x1000
        start = FAR + first * 0x1000
        if what == "m":
            m.space.map(start, count * 0x1000, prot, frame)
        elif what == "u":
            m.space.unmap(start, count * 0x1000)
        elif all(first + i in model for i in range(count)):
            m.space.protect(start, count * 0x1000, prot)
        else:
            continue
        for i in range(count):
            if what == "m":
                model[first + i] = prot, frame + i * 0x1000
            elif what == "u":
                model.pop(first + i, None)
            else:
                model[first + i] = prot, model[first + i][1]
        if step % 10:
            continue
        for page in range(16):
            address = FAR + page * 0x1000
            code = READ_FAR.replace(FAR.to_bytes(8, "little").hex(), address.to_bytes(8, "little").hex())
            regs = m.vcpu.regs
            regs.rip = m.code(0x200, code)
            m.vcpu.regs = regs
            prot, frame = model.get(page, (0, 0))
            if prot:
                m.engine.ram[frame] = step % 251
            m.vcpu.resume()
            _, trap = m.next()
            if prot:
                assert type(trap) is Syscall and trap.words[0] == step % 251, (step, page)
            else:
                assert type(trap) is Fault and trap.addr == address, (step, page)


# ---- threads ----

def test_threads_start_trap_and_end(machine):
    m = machine(GETPPID + SPIN)
    child = m.code(0x100, GETPPID + SPIN)
    m.next()
    second = m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS, rbx=77), fs_base=0x1234000, parent=m.vcpu)
    m.vcpu.resume(0)
    vcpu, trap = m.next()
    assert vcpu is second and type(trap) is Syscall and vcpu.regs.rbx == 77
    assert vcpu.fs_base == 0x1234000
    second.end()
    assert m.next(0.2) is None
    m.vcpu.kick()
    vcpu, trap = m.next()
    assert vcpu is m.vcpu and type(trap) is Kicked


def test_a_thread_inherits_floating_point_and_the_parent_keeps_its_own(machine):
    m = machine("b82a000000 f20f2ac0" + GETPPID + "f20f58c0" + GETPPID + SPIN)     # xmm0 = 42.0; later doubled
    child = m.code(0x100, "f2480f2cf8" + GETPPID)                                   # cvttsd2si %xmm0, %rdi
    m.next()
    second = m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    seen = dict(m.next() for _ in range(2))
    assert seen[second].words[0] == 42
    assert m.vcpu.fpu()[160:168] == struct.pack("<d", 84.0)


def test_threads_run_beside_each_other_and_every_trap_arrives(machine):
    """Four threads of a thousand calls each; all of them come, in any order."""
    m = machine(GETPPID + "ebf7")
    loop = m.code(0x100, GETPPID + "ebf7")
    m.next()
    vcpus = [m.vcpu]
    for n in range(3):
        vcpus.append(m.space.vcpu(Regs(rip=loop, rsp=STACK + 0x400 * (n + 1), eflags=FLAGS), parent=m.vcpu))
    m.vcpu.resume(0)
    counts = dict.fromkeys(vcpus, 0)
    while min(counts.values()) < 1000:
        vcpu, trap = m.next()
        assert trap.nr == 110
        counts[vcpu] += 1
        if counts[vcpu] < 1000:
            vcpu.resume(0)


def test_an_unmapped_page_is_gone_for_a_thread_that_runs(machine):
    """It loads from the page in a loop; the other unmaps it."""
    m = machine(GETPPID + GETPPID + SPIN)
    loop = m.code(0x100, GETPPID + LOAD_STACK.replace("0000ff7f", "00000060") + "ebf6")
    m.space.map(0x6000_0000, 0x1000, 3, 0x7000)
    m.next()
    second = m.space.vcpu(Regs(rip=loop, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    stopped = {}
    while len(stopped) < 2:
        vcpu, trap = m.next()
        stopped[vcpu] = trap
    second.resume(0)
    assert m.next(0.05) is None, "it computes"
    m.space.unmap(0x6000_0000, 0x1000)
    m.engine.discard(0x7000, 0x1000)
    m.vcpu.resume(0)
    vcpu, trap = m.next()
    assert vcpu is second and type(trap) is Fault and trap.addr == 0x6000_0000


def test_killing_a_space_ends_threads_that_compute(machine):
    m = machine(GETPPID + SPIN)
    child = m.code(0x100, SPIN)
    m.next()
    for n in range(3):
        m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    assert m.next(0.05) is None
    m.space.kill()
    assert m.next(0.05) is None


def test_a_kick_reaches_a_thread_that_computes(machine):
    m = machine(GETPPID + SPIN)
    m.next()
    m.vcpu.resume(0)
    assert m.next(0.05) is None
    m.vcpu.kick()
    vcpu, trap = m.next()
    assert type(trap) is Kicked and vcpu.regs.rip == TEXT + 7
    regs = vcpu.regs
    regs.rip = TEXT
    vcpu.regs = regs
    vcpu.resume()
    assert type(m.next()[1]) is Syscall


@pytest.mark.parametrize("threads", [1, 2])
def test_kicks_and_calls_never_lose_each_other(machine, threads):
    """A thread that calls all the time is kicked every other time: each trap is one or the other, and it."""
    m = machine(GETPPID + "ebf7")
    m.code(0x100, SPIN)
    m.next()
    if threads == 2:
        m.space.vcpu(Regs(rip=TEXT + 0x100, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    calls = 0
    for turn in range(600):
        if turn % 2:
            m.vcpu.kick()
        vcpu, trap = m.next()
        assert vcpu is m.vcpu
        if type(trap) is Kicked:
            assert TEXT <= vcpu.regs.rip < TEXT + 16
            vcpu.resume()
        else:
            calls += 1
            assert trap.nr == 110
            vcpu.resume(0)
    assert calls >= 200


def test_a_kick_while_it_is_stopped_is_nothing(machine):
    m = machine(GETPPID + GETPPID)
    m.next()
    m.vcpu.kick()
    m.vcpu.resume(0)
    assert type(m.next()[1]) is Syscall


# ---- floating point and bases ----

def test_fpu_state_survives_and_can_be_set(machine):
    m = machine("b82a000000 f20f2ac0" + GETPPID + GETPPID)      # cvtsi2sd %eax, %xmm0
    m.next()
    state = m.vcpu.fpu()
    assert len(state) >= 512
    assert state[160:168] == struct.pack("<d", 42.0)
    m.vcpu.set_fpu(state[:160] + b"\1" * 8 + state[168:])
    m.vcpu.resume(0)
    m.next()
    assert m.vcpu.fpu()[160:168] == b"\1" * 8


def test_the_state_has_the_layout_of_a_signal_frame(machine):
    m = machine(GETPPID)
    m.next()
    state = m.vcpu.fpu()
    assert struct.unpack_from("<H22xI", state) == (0x37f, 0x1f80)
    size = sigframe.fpstate_size(state, 0, 1 << 16)
    assert size == len(state)
    if size > sigframe.FXSAVE_SIZE:
        assert struct.unpack_from("<I", state, size - 4)[0] == sigframe.FP_XSTATE_MAGIC2


def test_none_is_the_initial_state(machine):
    m = machine("b82a000000 f20f2ac0" + GETPPID + GETPPID)
    m.next()
    m.vcpu.set_fpu(None)
    m.vcpu.resume(0)
    m.next()
    state = m.vcpu.fpu()
    assert state[160:168] == bytes(8) and struct.unpack_from("<H22xI", state) == (0x37f, 0x1f80)


def test_the_thread_pointers_are_set_and_read(machine):
    m = machine(GETPPID + "64488b3c2500000000 65488b342500000000" + GETPPID)       # mov %fs:0, %rdi; mov %gs:0, %rsi
    m.next()
    m.engine.ram[0x2000:0x2010] = struct.pack("<QQ", 11, 22)
    m.vcpu.fs_base, m.vcpu.gs_base = STACK, STACK + 8
    m.vcpu.resume(0)
    _, trap = m.next()
    assert trap.words[:2] == (11, 22)
    assert (m.vcpu.fs_base, m.vcpu.gs_base) == (STACK, STACK + 8)


# ---- waiting ----

def test_wait_returns_on_timeout_and_for_the_callers_descriptors(machine):
    m = machine(GETPPID + SPIN)
    m.next()
    m.vcpu.resume(0)
    assert m.engine.wait(0.01) is None
    read, write = os.pipe()
    os.write(write, b"x")
    assert m.engine.wait(10, (read,)) is None
    os.close(read)
    os.close(write)


def test_a_descriptor_that_becomes_readable_later_ends_the_wait(machine):
    m = machine(GETPPID + SPIN)
    m.next()
    m.vcpu.resume(0)
    read, write = os.pipe()
    threading.Timer(0.1, os.write, (write, b"x")).start()
    started = time.monotonic()
    assert m.engine.wait(10, (read,)) is None
    assert time.monotonic() - started < 5
    os.close(read)
    os.close(write)


def test_a_signal_of_the_hosts_ends_the_wait_and_its_handler_runs(machine):
    arrived = []
    before = signal.signal(signal.SIGWINCH, lambda signo, _: arrived.append(signo))
    read, write = os.pipe()
    os.set_blocking(write, False)
    woken = signal.set_wakeup_fd(write)
    try:
        m = machine(GETPPID + SPIN)
        m.next()
        m.vcpu.resume(0)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGWINCH)).start()
        assert m.engine.wait(10, (read,)) is None
        assert arrived == [signal.SIGWINCH]
    finally:
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)


# ---- several spaces ----

def fork(m, code: str, mappings=()):
    """Fork at a stopped call; the child begins at ``code``, inheriting what Bare has mapped."""
    if m.space.fork is None:
        pytest.skip("one address space only")
    inherited = [(TEXT, 0x1000, 5, 0x1000, True), *(mappings or [(STACK, 0x1000, 3, 0x2000, True)])]
    at = m.code(0x300, code)
    child = m.space.fork(m.vcpu, Regs(rip=at, rsp=STACK + 0x800, eflags=FLAGS, rbx=7), m.vcpu.fs_base, inherited)
    child.resume()
    return child


def test_a_forked_space_traps_beside_its_parent_and_shows_other_frames(machine):
    m = machine(GETPPID + GETPPID + "ebf7")
    m.next()
    m.engine.ram[0x2000] = m.engine.ram[0x5000] = 1
    child = fork(m, "c604250000ff7f 2a" + GETPPID, [(STACK, 0x1000, 3, 0x5000, False)])     # movb $42, STACK
    m.vcpu.resume(5)
    seen = dict(m.next() for _ in range(2))
    assert set(seen) == {m.vcpu, child} and child.space is not m.space
    assert (child.regs.rbx, m.vcpu.regs.rbx) == (7, 0)
    assert (m.engine.ram[0x2000], m.engine.ram[0x5000]) == (1, 42)
    child.space.kill()
    m.vcpu.resume(0)
    assert m.next()[0] is m.vcpu


def test_a_child_outlives_its_parent(machine):
    m = machine(GETPPID + SPIN)
    m.next()
    child = fork(m, GETPPID + "ebf7")
    m.next()
    m.space.kill()
    child.resume(0)
    assert m.next()[0] is child


# ---- the end ----

def test_close_leaves_no_thread_and_no_descriptor(machine):
    before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    m = machine(GETPPID + SPIN)
    m.code(0x100, SPIN)
    m.next()
    m.space.vcpu(Regs(rip=TEXT + 0x100, rsp=STACK + 0x800, eflags=FLAGS), parent=m.vcpu)
    m.vcpu.resume(0)
    assert m.next(0.02) is None
    assert m.engine.close() > 0, "it has used processor time"
    time.sleep(0.05)
    del m.engine.ram
    assert len(os.listdir("/proc/self/fd")) <= before[0] + 3, "the mappings go with their memory"
    assert len(os.listdir("/proc/self/task")) <= before[1]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
