"""What only the KVM engine has: page tables of its own, two ways back to ring 3, machines that die."""
import itertools
import os
import random
import struct

import pytest

from skete import engines
from skete.engine import Died, EngineError, Fault, Kicked, Regs, Syscall
from skete.engines import faults
from skete.engines.gate.layout import SLOT_CALL
from skete.engines.kvm import fpu, layout, tables
from skete.engines.regions import Regions

PAGE, HUGE = 4096, layout.HUGE
TEXT, STACK = 0x40_0000, 0x7fff_0000
CALL = bytes.fromhex("b86e000000 0f05")
LOOP = bytes.fromhex("ebf7")


# ---- regions and page tables, without a machine ----

class FakeMemory:
    def __init__(self):
        self.own64 = memoryview(bytearray(64 << 20)).cast("Q")

    def cover(self, start, length):
        pass

    def discard(self, start, length):
        self.own64[start >> 3:start + length >> 3] = memoryview(bytes(length)).cast("Q")


def walk(words, cr3: int, address: int):
    """What the processor finds (Intel SDM 3A, 4.5): (guest-physical address, flags), or None."""
    at = cr3
    for shift in (39, 30, 21, 12):
        entry = words[(at >> 3) + (address >> shift & 511)]
        if not entry & 1:
            return None
        if shift == 12 or entry & 0x80:
            offset = address & (1 << shift) - 1
            return (entry & 0x000f_ffff_ffff_f000) + offset, entry & (2 | 4 | 1 << 63)
        at = entry & 0x000f_ffff_ffff_f000


def test_tables_say_what_a_model_says():
    """Ranges at 4 KiB and 2 MiB granularity, alike and unlike aligned, put in and taken out in any order."""
    rng = random.Random(7)
    shared = tables.SharedTables(FakeMemory(), layout.PAGES_AT)
    space = tables.PageTables(shared)
    base, pages = 0x7f_bff0_0000, 4 * 512       # across the end of a page directory
    model = {}
    for step in range(400):
        first, count = rng.randrange(pages), rng.choice((1, 3, 40, 512, 1024))
        if rng.random() < 0.3:
            first = first & -512
        count = min(count, pages - first)
        start, end = base + first * PAGE, base + (first + count) * PAGE
        space.clear(start, end)
        for page in range(first, first + count):
            model.pop(page, None)
        if rng.random() < 0.7:
            physical = rng.choice((0, PAGE, 17 * PAGE)) + (rng.randrange(64) << 21) + (start & HUGE - 1)
            prot = rng.choice((1, 3, 5))
            space.fill(start, end, physical, tables.flags(prot))
            for page in range(count):
                model[first + page] = physical + page * PAGE, prot
        for page in rng.sample(range(pages), 200):
            found = walk(space.words, space.cr3, base + page * PAGE)
            if page not in model:
                assert found is None, (step, page)
                continue
            physical, prot = model[page]
            assert found == (physical, 4 | prot & 2 | (0 if prot & 4 else 1 << 63)), (step, page)
            assert space.entry(base + page * PAGE) != 0
    used = len(space.pages)
    space.close()
    again = tables.PageTables(shared)
    again.fill(base, base + pages * PAGE, 0, tables.flags(3))
    assert len(again.pages) <= used, "its pages are used again"
    assert walk(again.words, again.cr3, base - PAGE) is None, "and were emptied"


def test_what_is_not_a_programs_is_not_for_ring_3():
    shared = tables.SharedTables(FakeMemory(), layout.PAGES_AT)
    space = tables.PageTables(shared)
    for address in (layout.STUB, layout.TABLES, layout.PROCESSORS):
        assert walk(space.words, space.cr3, address)[1] & 4 == 0
    shared.show_stub()
    assert walk(space.words, space.cr3, layout.STUB)[1] & 6 == 4, "executable there, never writable"


def test_regions_say_what_a_model_says():
    rng = random.Random(3)
    regions, model = Regions(), {}
    for _ in range(3000):
        start = rng.randrange(60)
        end = start + rng.randrange(1, 20)
        given = rng.choice((1, 3)), rng.choice((0, 100))
        before = {page: model[page] for page in range(start, end) if page in model}
        if rng.random() < 0.6:
            removed = regions.set(start, end, *given)
            model.update(dict.fromkeys(range(start, end), given))
        else:
            removed = regions.cut(start, end)
            for page in range(start, end):
                model.pop(page, None)
        assert {page: rest for low, high, *rest in removed for page in range(low, high)} == \
            {page: list(rest) for page, rest in before.items()}
        for page in range(80):
            found = regions.at(page)
            assert (found and found[2:]) == model.get(page)
    assert all(a[1] <= b[0] for a, b in zip(list(regions), list(regions)[1:]))


# ---- floating point ----

def test_a_frames_state_goes_back_as_it_came():
    size, xcr0 = 832, 7
    area = bytearray(random.Random(1).randbytes(4096))
    struct.pack_into("<II", area, 24, 0x1f80, 0xffff)
    struct.pack_into("<QQ", area, 512, 7, 0)
    frame = fpu.frame(area, size, xcr0)
    again = fpu.area(frame, area, size, xcr0)
    assert len(frame) == size + 4
    assert again[:464] == area[:464] and again[576:size] == area[576:size] and again[512:520] == area[512:520]


@pytest.mark.parametrize("length", [512, 600, 836])
def test_noise_for_a_state_has_nothing_that_kvm_refuses(length):
    """No reserved bit of MXCSR, no component that there is not, no compact form."""
    before = bytearray(4096)
    struct.pack_into("<I", before, 28, 0xffff)
    for seed in range(50):
        state = bytearray(random.Random(seed).randbytes(length))
        if seed % 2:
            struct.pack_into("<I", state, 464, 0x4650_5853)
        area = fpu.area(bytes(state), before, 832, 7)
        assert struct.unpack_from("<I", area, 24)[0] <= 0xffff
        present, compact = struct.unpack_from("<QQ", area, 512)
        assert present & ~7 == 0 and compact == 0 and not any(area[528:576])


@pytest.mark.parametrize("simd, control, status, code", [
    (False, 0x37e, 0x01, 7), (False, 0x37b, 0x04, 3), (False, 0x377, 0x08, 4), (False, 0x36f, 0x10, 5),
    (False, 0x35f, 0x20, 6), (False, 0x37f, 0x3f, 0), (True, 0x1f80 & ~0x200 | 4, 0, 3), (True, 0x1f80 & ~0x80 | 1, 0, 7),
])
def test_the_code_of_a_floating_point_exception(simd, control, status, code):
    area = bytearray(512)
    if simd:
        struct.pack_into("<I", area, 24, control)
    else:
        struct.pack_into("<HH", area, 0, control, status)
    assert faults.float_code(area, simd) == code


# ---- a machine ----

@pytest.fixture
def kvm():
    made = []

    def make(code: bytes):
        try:
            engine = engines.make("kvm")
        except EngineError as error:
            pytest.skip(f"kvm engine: {error}")
        made.append(engine)
        engine.ram[0x1000:0x1000 + len(code)] = code
        space = engine.space()
        space.map(TEXT, PAGE, 5, 0x1000)
        space.map(STACK, PAGE, 3, 0x2000)
        return engine, space, space.vcpu(Regs(rip=TEXT, rsp=STACK + PAGE, eflags=0x202))
    yield make
    for engine in made:
        engine.close()


@pytest.mark.parametrize("by_frame", [False, True])
def test_both_ways_back_from_an_exception(kvm, by_frame):
    """A fault, a changed register, a kick and a call, whichever way was chosen here."""
    engine, space, vcpu = kvm(bytes.fromhex("bb07000000 0f0b 4889df") + CALL + bytes.fromhex("ebfe"))
    vcpu.processor.by_frame = by_frame
    vcpu.resume()
    _, trap = engine.wait(5)
    assert type(trap) is Fault and vcpu.regs.rip == TEXT + 5
    regs = vcpu.regs
    regs.rip, regs.rbx, regs.rsp, regs.eflags = TEXT + 7, 99, STACK + 0x100, 0x203
    vcpu.regs = regs
    vcpu.resume()
    _, trap = engine.wait(5)
    assert type(trap) is Syscall and trap.words[0] == 99
    assert (vcpu.regs.rsp, vcpu.regs.eflags & 1) == (STACK + 0x100, 1)
    regs = vcpu.regs
    regs.rip = TEXT + 5
    vcpu.regs = regs
    vcpu.resume()
    assert type(engine.wait(5)[1]) is Fault
    vcpu.resume()
    vcpu.kick()
    assert type(engine.wait(5)[1]) is Kicked
    assert vcpu.regs.rip == TEXT + 5 and vcpu.regs.rsp == STACK + 0x100


def test_a_machine_that_dies_says_where_and_after_what(kvm):
    """With its descriptor table gone the first fault is a triple fault."""
    engine, space, vcpu = kvm(bytes.fromhex("bf2a000000") + CALL + bytes.fromhex("0f0b"))
    vcpu.resume()
    engine.wait(5)
    engine.memory.own[layout.TABLES_AT + 0x800:layout.TABLES_AT + 0xa00] = bytes(512)
    vcpu.resume(0)
    with pytest.raises(EngineError) as told:
        engine.wait(5)
    text = str(told.value)
    assert told.value.address == TEXT + 12 and f"rip={TEXT + 12:016x}" in text
    assert "getppid(0x2a, " in text and "KVM_EXIT_" in text


def test_sixty_four_gib_cost_what_is_touched(kvm):
    engine, space, vcpu = kvm(CALL + LOOP)
    vcpu.resume()
    engine.wait(5)

    def resident():
        with open("/proc/self/status") as status:
            return sum(int(line.split()[1]) for line in status if line.startswith(("RssShmem", "RssAnon"))) << 10
    before = resident()
    far, size = 0x10_0000_0000, 64 << 30
    space.map(far, size, 3, 1 << 30)
    for place in range(0, size, 1 << 30):
        engine.ram[0x1800:0x180c] = bytes.fromhex("48b8") + (far + place).to_bytes(8, "little") + b"\xfe\x00"
        engine.ram[0x180c:0x1813] = CALL
        regs = vcpu.regs
        regs.rip = TEXT + 0x800
        vcpu.regs = regs
        vcpu.resume()
        assert type(engine.wait(5)[1]) is Syscall
    assert resident() - before < 32 << 20


def test_processors_of_ended_threads_are_used_again(kvm):
    engine, space, vcpu = kvm(CALL + LOOP)
    vcpu.resume()
    engine.wait(5)
    for turn in range(60):
        child = space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800, eflags=0x202), parent=vcpu)
        vcpu.resume(0)
        seen = {engine.wait(5)[0] for _ in range(2)}
        assert seen == {vcpu, child}
        child.end()
    assert len(engine._processors) == len(space.gate._slots) == 2
    assert len(os.listdir("/proc/self/task")) < 12


def test_a_slot_has_nothing_of_the_thread_that_had_it_in_another_space(kvm):
    engine, space, vcpu = kvm(CALL)
    for turn in range(3):
        others = [space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800), parent=vcpu) for _ in range(3)]
        slots = [each.at for each in (vcpu, *others)]
        assert len(set(slots)) == 4
        for at in slots:
            assert not any(engine.memory.own64[at + SLOT_CALL // 8:at + SLOT_CALL // 8 + 32])
            engine.memory.own64[at + SLOT_CALL // 8 + turn] = 0x1234
        space.kill()
        assert len(engine.gates._pages.free) == 3
        space = engine.space()
        vcpu = space.vcpu(Regs(rip=TEXT, rsp=STACK + PAGE))


def test_what_is_mapped_leaves_its_neighbours_as_they_were(kvm):
    """However much of it is filled at once."""
    _, space, _ = kvm(CALL)
    for pages, prot, delta, first in itertools.product((1, 200, 300, 512, 700, 2100), (1, 3), (0, 5 * PAGE), (0, 1, 100, 511)):
        start = 0x1000_0000 + first * PAGE
        end = start + pages * PAGE
        for at in (start - PAGE, end):
            space.map(at, PAGE, 5, 0x8000)
        space.map(start, pages * PAGE, prot, start + delta)
        for at in (start - PAGE, end):
            assert space.tables.entry(at) & ~0x60 == layout.RAM_AT + 0x8000 | tables.flags(5) & ~0x60
        space.unmap(start - PAGE, (pages + 2) * PAGE)


def test_a_second_thread_hears_a_kick_after_a_page_fault(kvm):
    """The fault was none of the program's: the thread was let go by the engine itself."""
    engine, space, vcpu = kvm(CALL + LOOP)
    far = 0x1000_0000
    space.map(far, 64 << 20, 3, 1 << 30)        # too much to be filled before it is touched
    engine.ram[0x1400:0x1400 + 9] = b"\xff\x04\x25" + (far + 0x10).to_bytes(4, "little") + b"\xeb\xfe"
    vcpu.resume()
    engine.wait(5)
    child = space.vcpu(Regs(rip=TEXT + 0x400, rsp=STACK + 0x800, eflags=0x202), parent=vcpu)
    vcpu.resume(0)
    for _ in range(100_000):                    # a loaded host lets it run late
        assert engine.wait(5)[0] is vcpu
        if engine.ram[(1 << 30) + 0x10]:
            break
        vcpu.resume(0)
    child.kick()
    seen, trap = engine.wait(5)
    assert seen is child and type(trap) is Kicked


@pytest.mark.parametrize("how", ["unmap", "unmap and discard", "protect"])
def test_no_processor_runs_while_translations_are_dropped(kvm, how, monkeypatch):
    """Else one in the middle of a page fault may put an old translation back."""
    engine, space, vcpu = kvm(CALL + LOOP)
    counter = b"\xff\x04\x25" + (STACK + 0x10).to_bytes(4, "little")     # incl STACK + 0x10
    engine.ram[0x1400:0x1400 + 9] = counter + b"\xeb\xf7"
    vcpu.resume()
    engine.wait(5)
    child = space.vcpu(Regs(rip=TEXT + 0x400, rsp=STACK + 0x800, eflags=0x202), parent=vcpu)
    space.map(0x60_0000, PAGE, 3, 0x8000)
    vcpu.resume(0)
    assert engine.wait(5)[0] is vcpu
    inside = []
    for name in ("forget", "discard"):
        real = getattr(engine.memory, name)
        monkeypatch.setattr(engine.memory, name, lambda *words, real=real: (inside.append(child.processor.inside),
                                                                            real(*words)))

    def count():
        return struct.unpack_from("<I", engine.ram, 0x2010)[0]
    if how == "protect":
        space.protect(0x60_0000, PAGE, 1)
    else:
        space.unmap(0x60_0000, PAGE)
    if how == "unmap and discard":
        engine.discard(0x8000, PAGE)
    vcpu.resume(0)
    assert inside and not any(inside)
    before = count()
    for _ in range(100):
        assert engine.wait(5)[0] is vcpu
        vcpu.resume(0)
        if count() != before:
            break
    assert count() != before, "the other thread runs on"


def test_too_many_threads_are_eagain(kvm):
    engine, space, vcpu = kvm(CALL + LOOP)
    engine.limit = 3
    vcpu.resume()
    engine.wait(5)
    for _ in range(2):
        space.vcpu(Regs(rip=TEXT), parent=vcpu)
    with pytest.raises(BlockingIOError):
        space.vcpu(Regs(rip=TEXT), parent=vcpu)


def test_who_takes_all_page_tables_ends_alone(kvm, monkeypatch):
    """Two processes; one touches what it has mapped (mov 0x5000_0000_0000, %al), and there is no page for the table."""
    engine, space, vcpu = kvm(CALL + bytes.fromhex("a0 0000000000500000") + CALL + LOOP)
    vcpu.resume()
    assert engine.wait(10)[0] is vcpu
    other = engine.space()
    other.map(TEXT, PAGE, 5, 0x1000)
    second = other.vcpu(Regs(rip=TEXT, rsp=STACK, eflags=0x202))
    second.resume()
    assert engine.wait(10)[0] is second

    def page():
        raise tables.NoRoom("page tables take all")
    monkeypatch.setattr(engine.shared, "page", page)
    space.map(0x5000_0000_0000, PAGE, 3, 0x5000)
    vcpu.resume(0)
    source, trap = engine.wait(10)
    assert source is space and type(trap) is Died and trap.signo == 9
    assert engine.notes == ("a process was killed, since page tables take all",)
    other.map(0x5000_0000_0000, PAGE, 3, 0x5000)
    second.resume(0)
    with pytest.raises(EngineError, match="page tables take all"):
        engine.wait(10)


def test_a_death_that_is_found_while_waiting_is_told_at_once(kvm):
    engine, space, vcpu = kvm(CALL + LOOP)
    vcpu.resume()
    engine.wait(10)
    turn, found = engine._turn, []

    def kills(*given):
        if not found:
            found.append(engine.foul(vcpu))
            return ()
        return turn(*given)
    engine._turn = kills
    assert type(engine.wait(10)[1]) is Died
    del engine._turn
