"""Calls that are posted at the gate: what a thread gets back, and what a hostile one can do with it."""
import os
import struct

import pytest

from skete import engines
from skete.engine import Died, Kicked, Regs, Syscall
from skete.engines.gate.layout import FACT_COUNTS, GATE_BASE, SLOT_CALL, SLOT_CALL_REPLY, SLOTS_BASE
from skete.engines.gate.post import LOOKED
from tests.skete.engines.conftest import SPIN, STACK, TEXT, Bare

_MASK = 2 ** 64 - 1


def quad(value: int) -> str:
    return struct.pack("<Q", value & _MASK).hex()


def gate(nr: int) -> str:
    """mov $nr, %eax; lea 1f(%rip), %rcx; mov $GATE_BASE, %r11; jmp *%r11; syscall; 1:"""
    return f"b8{struct.pack('<I', nr).hex()} 488d0d0f000000 49bb{quad(GATE_BASE)} 41ffe3 0f05"


#: mov $address, %rbx; lock incq (%rbx)
FORGE = f"48bb{quad(SLOTS_BASE + SLOT_CALL)} f048ff03"
#: mov $address, %rbx; movq $5, (%rbx)
ANSWER_ITSELF = f"48bb{quad(SLOTS_BASE + SLOT_CALL_REPLY)} 48c70305000000"
GETPPID = "b86e000000 0f05"


@pytest.fixture(params=("together", "alone"))
def bare(request, monkeypatch, engine_name, able):
    """bare(code): a machine that may post call 110, with the monitor on a processor of its own, or on the only one."""
    able("fast gate")
    made = []
    if request.param == "alone":
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})

    def make(code: str) -> Bare:
        made.append(engines.make(engine_name))
        machine = Bare(made[-1], code)
        machine.space.facts.post([110])
        return machine
    yield make
    for engine in made:
        engine.close()


def test_a_call_is_posted_and_answered(bare):
    m = bare(gate(110) + "4889c7" + gate(110) * 140 + SPIN)
    for n in range(140):
        vcpu, trap = m.next()
        assert vcpu.posted and type(trap) is Syscall and trap.nr == 110
        if n == 1:
            assert trap.words[0] == 4710
        vcpu.resume(4710 + n)
    assert m.engine.posted == 140


def test_other_calls_trap(bare):
    m = bare(gate(39) + GETPPID)
    vcpu, trap = m.next()
    assert trap.nr == 39 and not vcpu.posted and vcpu.rip == TEXT + len(bytes.fromhex(gate(39)))
    vcpu.resume(0)
    vcpu, trap = m.next()
    assert trap.nr == 110 and not vcpu.posted
    assert m.engine.posted == 0


def test_registers_of_a_posted_call_are_those_of_a_trap(bare):
    m = bare("bbff000000 bf07000000" + gate(110) + "4889c7" + gate(110))
    vcpu, trap = m.next()
    assert vcpu.posted
    regs = vcpu.regs
    assert not vcpu.posted
    assert (regs.rax, regs.rbx, regs.rdi) == (110, 0xff, 7)
    assert regs.rip == TEXT + 10 + len(bytes.fromhex(gate(110)))
    vcpu.resume(12)
    vcpu, trap = m.next()
    assert trap.words[0] == 12 and vcpu.posted


def test_orders_are_carried_out_before_a_posted_call_returns(bare):
    m = bare(gate(110) + "488b042500005000" + "4889c7" + gate(110))      # mov 0x500000, %rax
    vcpu, _ = m.next()
    m.engine.ram[0x5000:0x5008] = b"newcomer"
    m.space.map(0x50_0000, 0x1000, 1, 0x5000)
    vcpu.resume(0)
    vcpu, trap = m.next()
    assert trap.words[0] == int.from_bytes(b"newcomer", "little")


def test_a_thread_in_a_posted_call_is_not_kicked(bare):
    m = bare(gate(110) + "4889c7" + gate(110))
    vcpu, _ = m.next()
    vcpu.kick()
    assert m.next(0.05) is None         # it rings meanwhile, and sleeps
    vcpu.kick()
    vcpu.resume(5)
    vcpu, trap = m.next()
    assert trap.words[0] == 5


def test_a_kick_finds_it_anywhere(bare):
    """Whatever the kick interrupts, each call comes once, and has its own answer."""
    loop = gate(110) + "4889c7" + "ffc3" + "89de"       # mov %rax, %rdi; inc %ebx; mov %ebx, %esi
    back = -(len(bytes.fromhex(loop)) + 5)
    m = bare(loop + "e9" + struct.pack("<i", back).hex())
    kicks, answer = 0, 0
    for n in range(3000):
        vcpu, trap = m.next()
        if type(trap) is Kicked:
            kicks += 1
            vcpu.resume()
            vcpu, trap = m.next()
        assert trap.nr == 110 and trap.words[:2] == (answer, n)
        answer = n + 17
        vcpu.resume(answer)
        if n % 3 == 0:
            vcpu.kick()
    assert kicks <= 1000


def test_a_kick_finds_it_yielding_anywhere(bare, engine_name):
    """The host yields; registers are those from before the call, or from behind it, and it is counted once."""
    if engine_name == "kvm":
        pytest.skip("there is no host to yield in a virtual machine")
    arguments = "bf11110000 be22220000 ba33330000"      # mov $..., %edi, %esi, %edx
    body = arguments + gate(24) + "4885c0 7402 0f0b ffc3"       # test %rax, %rax; je 1f; ud2; 1: inc %ebx
    m = bare(body + "e9" + struct.pack("<i", -(len(bytes.fromhex(body)) + 5)).hex())
    m.space.facts.post([24])
    m.space.facts.yields(24)
    calls = count = 0
    for _ in range(300):
        event = m.next(0.0001)
        if event is None:
            m.vcpu.kick()
            event = m.next()
        vcpu, trap = event
        if type(trap) is Syscall:
            assert trap.nr == 24 and trap.words[:3] == (0x1111, 0x2222, 0x3333)
            calls += 1
            vcpu.resume(0)
            continue
        assert type(trap) is Kicked, trap
        regs = vcpu.regs
        assert not m.engine.post._yield_at <= regs.rip < m.engine.post._yield_end
        if TEXT + 15 <= regs.rip < TEXT + 0x100:
            assert (regs.rdi, regs.rsi, regs.rdx) == (0x1111, 0x2222, 0x3333)
        count = regs.rbx
        vcpu.resume()
    m.vcpu.kick()
    vcpu, trap = m.next()
    if type(trap) is Syscall:           # it is made with "syscall", and not done
        calls += 1
    count = vcpu.regs.rbx
    counted = m.space.facts.words[FACT_COUNTS // 8 + 24]
    assert counted > 1000 and counted + calls - 1 <= count <= counted + calls


def test_a_thread_among_others_is_known_by_its_fs_base(bare):
    """As above, with a second thread that posts calls of its own."""
    loop = gate(110) + "4889c7" + "ffc3" + "89de"
    back = -(len(bytes.fromhex(loop)) + 5)
    m = bare(GETPPID + loop + "e9" + struct.pack("<i", back).hex())
    vcpu, _ = m.next()
    if not m.space.facts.many(True):
        pytest.skip("this processor or this host has no rdfsbase for programs")
    second = m.space.vcpu(Regs(rip=TEXT + 7, rsp=STACK + 0x800, eflags=0x202, rbx=5_000_000), 0x7000_3000, vcpu)
    vcpu.fs_base = 0x1234_5000
    vcpu.resume(0)
    seen = {vcpu: [0, 0], second: [0, 5_000_000]}       # the answer before, what is in rbx
    for n in range(3000):
        vcpu, trap = m.next()
        while type(trap) is Kicked:
            vcpu.resume()
            vcpu, trap = m.next()
        answer, count = seen[vcpu]
        if count not in (0, 5_000_000):
            assert trap.words[:2] == (answer, count)
        assert trap.nr == 110
        seen[vcpu] = [n + 17, count + 1]
        vcpu.resume(n + 17)
        if n % 3 == 0:
            vcpu.kick()
    assert m.engine.posted > 2500


@pytest.mark.parametrize("code", (GETPPID, "0f0b"), ids=("a call", "a fault"))
def test_a_thread_that_runs_on_in_its_call_is_killed(bare, code):
    """It says that it has posted a call, and then does something else. Whether the monitor has seen that by then is a
    matter of chance, but it never takes two things from one thread."""
    m = bare(gate(110) * 20 + (FORGE + code) * 50 + SPIN)
    event = m.next()
    while event is not None and type(event[1]) is not Died:
        vcpu, trap = event
        vcpu.resume(0) if type(trap) is Syscall else vcpu.end()
        event = m.next(0.2)
    assert event is None or event[1].signo == 9 or code != GETPPID and event[1].status == 0


def test_a_thread_that_answers_itself_gets_that(bare):
    m = bare(gate(110) + ANSWER_ITSELF + gate(110) + "4889c7" + gate(110))
    vcpu, _ = m.next()
    vcpu.resume(1)
    vcpu, _ = m.next()
    vcpu.resume(2)
    vcpu, trap = m.next()
    assert trap.words[0] == 2


def test_a_result_that_stands_for_something_else_is_a_result(bare):
    m = bare(gate(110) + "4889c7" + gate(110))
    vcpu, _ = m.next()
    vcpu.resume(-0x8000_0000)
    vcpu, trap = m.next()
    assert trap.words[0] == -0x8000_0000 & _MASK


def test_a_thread_that_rings_in_the_trap_that_it_has_told_of_is_killed(bare):
    m = bare(gate(110) + SPIN)
    vcpu, _ = m.next()
    vcpu.resume(0)
    before, vcpu.stopped, fouled = vcpu.stopped, LOOKED, []
    m.engine.foul = fouled.append
    assert m.engine.post.rung(vcpu, 12345) is None
    assert fouled == [vcpu] and vcpu.stopped is LOOKED
    vcpu.stopped = before
    del m.engine.foul
