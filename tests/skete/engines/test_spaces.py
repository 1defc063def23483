"""Every engine at the interface that all have: what a guest sees of memory, and several address spaces."""
import time

import pytest

from skete.engine import Fault, Syscall
from tests.skete.engines.conftest import GETPPID, LOAD_STACK, SPIN, STACK, TEXT, fork

FAR = 0x1_0000_0000
#: a load from FAR into rax, its first byte as the argument of the next call
READ_FAR = "48b8" + FAR.to_bytes(8, "little").hex() + "0fb638" + GETPPID


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


# ---- several spaces ----

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
