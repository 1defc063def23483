"""Every engine at the interface that all have: threads, kicks, and what one does to the memory of another."""
import struct
import time

import pytest

from skete.engine import Fault, Kicked, Regs, Syscall
from tests.skete.engines.conftest import FLAGS, GETPPID, LOAD_STACK, SPIN, STACK, TEXT


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
