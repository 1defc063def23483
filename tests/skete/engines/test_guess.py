"""Orders that the process engine's gate makes before it is told, where the same call had the same one before."""
import os

import pytest

from skete.engine import Regs
from skete.engines.gate.layout import SLOTS_BASE
from skete.engines.process import layout
from skete.engines.process.engine import ProcessEngine
from tests.skete.engines.conftest import FLAGS, GETPPID, SPIN, STACK, Bare
from tests.skete.engines.test_process import called_in_the_gate

PLACE, FRAME, OTHER = 0x3_0000_0000, 0x10000, 0x20000
#: L: call 110; movb $7, (%rax); call 111; jmp L
LOOP = "b86e000000 0f05 c60007 b86f000000 0f05 ebed"


@pytest.fixture
def looping(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})   # whose slot is looked at rings for every order
    made = []

    def make(rounds=2):
        made.append(Bare(ProcessEngine(), LOOP))
        for _ in range(rounds):
            turn(made[-1])
        return made[-1]
    yield make
    for machine in made:
        machine.engine.close()


def turn(m, place=PLACE, frame=FRAME, guessed=False):
    """The guest maps, writes, and unmaps."""
    vcpu, trap = m.next()
    assert trap.nr == 110 and vcpu.guessed is guessed
    m.space.map(place, 0x1000, 3, frame)
    vcpu.resume(place)
    vcpu, trap = m.next()
    assert trap.nr == 111 and m.engine.ram[frame] == 7
    m.engine.ram[frame] = 0
    m.space.unmap(place, 0x1000)
    vcpu.resume(0)


def test_the_third_time_it_is_guessed(looping):
    m = looping()
    asked = []
    pass_on, m.engine._order = m.engine._order, lambda *order: asked.append(pass_on(*order))
    for _ in range(10):
        turn(m, guessed=True)
    assert not asked, "each was passed as the call itself"


@pytest.mark.parametrize("place, frame", [(PLACE + 0x2000, FRAME), (PLACE, OTHER)])
def test_a_wrong_guess_maps_nothing_and_is_not_made_again(looping, place, frame):
    m = looping()
    turn(m, place, frame, guessed=True)
    turn(m)
    turn(m)
    turn(m, guessed=True)


def test_a_call_that_fails_or_changes_more_is_no_guess(looping):
    m = looping()
    vcpu, _ = m.next()
    assert vcpu.guessed
    m.space.map(PLACE, 0x1000, 3, FRAME)
    m.space.map(PLACE + 0x1000, 0x1000, 3, OTHER)
    vcpu.resume(PLACE + 0x1000)
    _, trap = m.next()
    assert trap.nr == 111 and m.engine.ram[OTHER] == 7 and m.engine.ram[FRAME] == 0


def test_registers_can_be_changed_instead(looping):
    """As a signal's frame does: the order does not pass."""
    m = looping()
    vcpu, _ = m.next()
    at = m.code(0x300, GETPPID + SPIN)
    regs = vcpu.regs
    regs.rip, regs.rdi = at, 5
    vcpu.regs = regs
    vcpu.resume()
    _, trap = m.next()
    assert (trap.nr, trap.words[0]) == (110, 5)
    with open(f"/proc/{m.space.pid}/maps") as maps:
        assert f"{PLACE:x}-" not in maps.read()


def test_among_threads_nothing_is_guessed(looping):
    m = looping()
    vcpu, _ = m.next()
    child = m.code(0x300, SPIN)
    m.space.vcpu(Regs(rip=child, rsp=STACK + 0x800, eflags=FLAGS), parent=vcpu)
    m.space.map(PLACE, 0x1000, 3, FRAME)
    vcpu.resume(PLACE)
    _, trap = m.next()
    assert trap.nr == 111 and m.engine.ram[FRAME] == 7 and vcpu.guess is None


def test_a_guest_that_makes_the_order_with_another_call_gets_nothing(looping):
    """It rings with what is guessed, after it has written the call that it likes into its slot."""
    m = looping()
    turn(m, guessed=True)
    vcpu, _ = m.next()
    m.space.map(PLACE, 0x1000, 3, FRAME)
    vcpu.resume(PLACE)
    m.next()
    m.space.unmap(PLACE, 0x1000)
    forge = f"48bb{SLOTS_BASE.to_bytes(8, 'little').hex()} 48c70301000000 48c743086f000000"
    assert called_in_the_gate(m, "ring", 9, vcpu.guess[1:], forge)[0] == 111
    assert vcpu.guessed
    vcpu.resume(5)
    _, trap = m.next()
    assert (trap.nr, trap.words[0]) == (110, layout.GUESSED_WRONG)
    with open(f"/proc/{m.space.pid}/maps") as maps:
        assert f"{PLACE:x}-" not in maps.read()
