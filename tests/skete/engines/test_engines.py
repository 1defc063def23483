"""Every engine at the interface that all have: machine code in, traps out. No kernel."""
import os
import signal
import struct
import threading
import time

import pytest

from skete.abi import sigframe
from skete.engine import Died, Fault, Regs, Syscall
from tests.skete.engines.conftest import FLAGS, GETPPID, LOAD_1234, SPIN, STACK, TEXT

UD2 = "0f0b"


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
