"""Threads of the process engine that trap while the monitor looks at their slot: they need not ring."""
import itertools
import os

import pytest

from skete.engine import Died, Kicked, Syscall
from skete.engines.gate import post
from skete.engines.gate.layout import RING_NR, SLOT_CALL_NR, SLOTS_BASE
from skete.engines.process.engine import ProcessEngine
from tests.skete.engines.conftest import GETPPID, Bare, fork
from tests.skete.engines.test_post import FORGE, gate, quad

#: inc %rbx; call 110; mov %rax, %rdi; jmp
LOOP = "48ffc3" + GETPPID + "4889c7" + "ebf1"
#: mov $address, %rbx; movq $RING_NR, (%rbx)
SAY_TRAPPED = f"48bb{quad(SLOTS_BASE + SLOT_CALL_NR)} 48c703{RING_NR.to_bytes(4, 'little').hex()}"


@pytest.fixture
def looked(monkeypatch):
    """looked(code): a machine whose monitor is patient enough for a machine that does other things too."""
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("nobody looks where there is one processor")
    monkeypatch.setattr(post, "_SOON_NS", 10 ** 10)
    monkeypatch.setattr(post, "_MOST_PATIENT", 1)
    monkeypatch.setattr(post, "_LOOKS", 20_000)
    monkeypatch.setattr(post, "_FIRST_LOOKS", 20_000)
    made, everywhere = [], os.sched_getaffinity(0)

    def make(code: str) -> Bare:
        made.append(Bare(ProcessEngine(), code))
        made[-1].rings = count(made[-1].engine)
        return made[-1]
    yield make
    for machine in made:
        machine.engine.close()
    assert os.sched_getaffinity(0) == everywhere, "whoever took turns has ended"


def count(engine) -> list:
    """Grows with each ring."""
    rings, receive = [], engine._receive
    engine._receive = lambda family: (rings.append(1), receive(family))[1]
    return rings


def call(m, n: int) -> None:
    vcpu, trap = m.next()
    assert (trap.nr, trap.words[0]) == (110, n) and not vcpu.posted
    regs = vcpu.regs
    assert (regs.rbx, regs.rax) == (n + 1, 110), "they are those of a trap"
    vcpu.resume(n + 1)


def few_rings(m, turn) -> bool:
    """Whether it comes to 25 turns in a row of which some need no ring. The machine may be busy, and then they ring."""
    for _ in range(40):
        del m.rings[:]
        for _ in range(25):
            turn()
        if len(m.rings) < 25:
            return True
    return False


def test_traps_that_come_soon_need_no_ring(looked):
    m = looked(LOOP)
    numbers = itertools.count()
    assert few_rings(m, lambda: call(m, next(numbers)))
    assert m.engine.posted == 0


@pytest.mark.parametrize("posted", (False, True), ids=("trapping", "posting"))
def test_two_processes_that_take_turns_need_no_ring(looked, posted):
    first, second = (f"{code} eb{-len(bytes.fromhex(code)) - 2 & 0xff:02x}" for code in (
        (gate(110), gate(111)) if posted else (GETPPID, "b86f000000 0f05")))
    m = looked(first)
    waiting, _ = m.next()
    other = fork(m, second)
    if posted:
        m.space.facts.post([110])
        other.space.facts.post([111])
    seen = {waiting: 0, other: 0}

    def turn():
        nonlocal waiting
        vcpu, trap = m.next()
        assert vcpu is not waiting and trap.nr == (111 if vcpu is other else 110)
        seen[vcpu] += 1
        waiting.resume(0)
        waiting = vcpu
    assert few_rings(m, turn)
    assert abs(seen[other] - seen[m.vcpu]) <= 1
    waiting.space.kill()                        # whoever is left is looked at, or rings
    vcpu, _ = m.next()
    vcpu.resume(0)
    assert m.next()[0] is vcpu


def test_orders_are_carried_out_before_such_a_trap_returns(looked):
    m = looked("be10000010 c60607" + GETPPID + "c60607" + "ebf4")    # mov $0x10000010, %esi; L: movb $7, (%rsi); call; ...
    m.space.map(0x1000_0000, 0x1000, 3, 0x8000)
    vcpu, trap = m.next()
    while type(trap) is not Syscall:
        vcpu.resume()
        vcpu, trap = m.next()
    for n in range(60):
        place = 0x2000_0000 + n * 0x1000
        m.space.map(place, 0x1000, 3, 0x10000)
        regs = vcpu.regs
        regs.rsi, regs.rax = place, 0
        vcpu.regs = regs
        m.engine.ram[0x10000] = 0
        vcpu.resume()
        vcpu, trap = m.next()
        assert type(trap) is Syscall and m.engine.ram[0x10000] == 7
        m.space.unmap(place, 0x1000)


def test_a_thread_that_is_answered_late_sleeps_and_goes_on(looked):
    m = looked(LOOP)
    for n in range(30):
        call(m, n)
    for n in range(30, 34):
        vcpu, trap = m.next()
        assert trap.words[0] == n
        assert m.next(0.05) is None
        vcpu.kick()             # without effect on one that is in a call
        vcpu.resume(n + 1)
    call(m, 34)


def test_it_is_kicked_once_it_runs_and_can_fork(looked):
    m = looked(LOOP)
    for n in range(30):
        call(m, n)
    child = fork_of(m, 30)
    vcpu, trap = m.next()
    while vcpu is not child:
        vcpu.resume(trap.words[0] + 1)
        vcpu, trap = m.next()
    assert trap.nr == 111
    m.vcpu.kick()
    for _ in range(1000):
        vcpu, trap = m.next()
        if type(trap) is Kicked:
            break
        vcpu.resume(trap.words[0] + 1)
    assert vcpu is m.vcpu and type(trap) is Kicked


def fork_of(m, n: int):
    vcpu, trap = m.next()
    assert trap.words[0] == n
    child = fork(m, "b86f000000 0f05")      # call 111
    vcpu.resume(n + 1)
    return child


def test_who_says_that_it_has_trapped_gets_answers_to_what_stands_in_its_slot(looked):
    m = looked((GETPPID + gate(110)) * 20 + (SAY_TRAPPED + FORGE + GETPPID) * 40 + "ebfe")
    event = m.next()
    for _ in range(300):
        if event is None or type(event[1]) is Died:
            break
        vcpu, trap = event
        assert type(trap) is not Syscall or trap.nr == 110
        vcpu.resume(0) if type(trap) is Syscall else vcpu.end()
        event = m.next(0.2)
    assert event is None or event[1].signo == 9
