"""mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2) and the rest, from their man pages."""
from errno import EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM, EPERM
from types import SimpleNamespace

import pytest

from skete.abi import mman
from skete.abi.mman import (MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED,
                            MREMAP_FIXED, MREMAP_MAYMOVE)
from skete.kernel import answers
from skete.kernel.memory import memory, mm, mremap
from skete.kernel.memory.frames import Frames
from skete.kernel.memory.mm import MMAP_TOP
from skete.kernel.memory.vma import Vma
from tests.skete.kernel.fake import DATA, DATA_SIZE, FakeEngine, File, Machine

P = 4096
ANON = MAP_PRIVATE | MAP_ANONYMOUS
RW = 3
pytestmark = pytest.mark.usefixtures("sane")


@pytest.fixture
def files(machine):
    table = {3: File(b"a" * 5000), 4: File(readable=False), 5: File(mode=0o2_0666),
             6: File(readable=False, writable=False), 7: File(writable=False)}

    def get(fd):
        if fd not in table:
            raise OSError(EBADF, "")
        return table[fd]
    machine.task.files = SimpleNamespace(get=get, limit=1024, ceiling=1024)
    return table


@pytest.mark.parametrize("why, words, errno", [
    ("length 0",                        (0, 0, RW, ANON, -1, 0), EINVAL),
    ("an offset inside a page",         (0, P, RW, ANON, -1, 1), EINVAL),
    ("neither shared nor private",      (0, P, RW, MAP_ANONYMOUS, -1, 0), EINVAL),
    ("shared and private",              (0, P, RW, MAP_ANONYMOUS | 3, -1, 0), EINVAL),
    ("all of the address space",        (0, (1 << 64) - 1, RW, ANON, -1, 0), ENOMEM),
    ("more than user space",            (0, 1 << 47, RW, ANON, -1, 0), ENOMEM),
    ("fixed inside a page",             (DATA + 1, P, RW, ANON | MAP_FIXED, -1, 0), EINVAL),
    ("fixed at null",                   (0, P, RW, ANON | MAP_FIXED, -1, 0), EPERM),
    ("fixed beyond user space",         (1 << 47, P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM),
    ("no replace over a mapping",       (DATA, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST),
    ("a closed descriptor",             (0, P, RW, MAP_PRIVATE, 99, 0), EBADF),
    ("a file not open for reading",     (0, P, 1, MAP_PRIVATE, 4, 0), EACCES),
    ("write shared, open read-only",    (0, P, RW, MAP_SHARED, 7, 0), EACCES),
    ("a device",                        (0, P, 1, MAP_PRIVATE, 5, 0), ENODEV),
    ("O_PATH",                          (0, P, 1, MAP_PRIVATE, 6, 0), EBADF),
    ("a shared file without frames", (0, P, RW, MAP_SHARED, 3, 0), ENODEV),
    ("a file and length 0",             (0, 0, 1, MAP_PRIVATE, 3, 0), EINVAL),
])
def test_mmap_refuses(machine, files, sys, why, words, errno):
    before = [(v.start, v.end) for v in machine.mm.vmas]
    assert sys.mmap(*words) == -errno, why
    assert [(v.start, v.end) for v in machine.mm.vmas] == before


def test_mmap_goes_top_down_and_neighbours_become_one(machine, sys):
    first = sys.mmap(0, P, RW, ANON, -1, 0)
    second = sys.mmap(0, 3 * P - 5, RW, ANON, -1, 0)
    assert first == MMAP_TOP - P and second == first - 3 * P
    assert machine.mm.vmas.at(first) is machine.mm.vmas.at(second)
    assert len(machine.mm.views(second, 4 * P)) == 1, "one slice for both"


def test_mmap_takes_a_hint_when_it_is_free(sys):
    assert sys.mmap(0x5000_0123, P, RW, ANON, -1, 0) == 0x5000_0000
    assert sys.mmap(0x5000_0000, P, RW, ANON, -1, 0) == MMAP_TOP - P
    assert sys.mmap((1 << 64) - P, P, RW, ANON, -1, 0) == MMAP_TOP - 2 * P


def test_mmap_fixed_replaces(machine, sys):
    machine.mm.write(DATA, b"x" * 3 * P)
    assert sys.mmap(DATA + P, P, RW, ANON | MAP_FIXED, -1, 0) == DATA + P
    assert machine.mm.read(DATA, 3 * P) == b"x" * P + bytes(P) + b"x" * P


def test_freed_memory_is_zero_when_it_comes_back(machine, sys):
    for _ in range(50):
        addr = sys.mmap(0, 1 << 20, RW, ANON, -1, 0)
        assert machine.mm.read(addr, 1 << 20) == bytes(1 << 20)
        machine.mm.write(addr, b"\xff" * (1 << 20))
        assert sys.munmap(addr, 1 << 20) == 0


def test_the_engines_own_range_is_not_given_out():
    hole = (MMAP_TOP - 64 * P, MMAP_TOP - 4 * P)
    machine = Machine(engine=FakeEngine(reserved=[hole]))
    call = lambda *words: machine.call(machine.task, 9, *words)     # noqa: E731
    assert call(0, 8 * P, RW, ANON, -1, 0) == hole[0] - 8 * P
    assert call(0, 4 * P, RW, ANON, -1, 0) == MMAP_TOP - 4 * P
    assert call(hole[0], P, RW, ANON | MAP_FIXED, -1, 0) == -ENOMEM
    assert call(hole[0], P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == -EEXIST
    assert call(hole[0], P, RW, ANON, -1, 0) != hole[0], "a hint is only a hint"
    # Unmapping across it must leave it alone: the engine would lose its own code.
    unmapped = []
    machine.process.space.unmap = lambda start, length: unmapped.append((start, start + length))
    assert machine.call(machine.task, 11, hole[0] - 8 * P, 80 * P) in (0, -EINVAL)
    assert machine.call(machine.task, 11, hole[0] - 8 * P, MMAP_TOP - hole[0] + 8 * P) == 0
    assert all(end <= hole[0] or start >= hole[1] for start, end in unmapped)


def test_a_private_file_is_copied_and_its_tail_is_zero(machine, files, sys):
    addr = sys.mmap(0, 3 * P, 1, MAP_PRIVATE, 3, 0)
    assert machine.mm.read(addr, 2 * P) == b"a" * 5000 + bytes(2 * P - 5000)
    with pytest.raises(OSError):
        machine.mm.read(addr + 2 * P, 1)
    assert sys.mmap(0, P, 1, MAP_PRIVATE, 3, P) > 0
    addr = sys.mmap(0, P, 1, MAP_PRIVATE, 3, P)
    assert machine.mm.read(addr, P) == b"a" * (5000 - P) + bytes(2 * P - 5000)


@pytest.mark.parametrize("why, words, errno", [
    ("length 0",           (DATA, 0), EINVAL), ("inside a page", (DATA + 1, P), EINVAL),
    ("beyond user space",  (1 << 47, P), EINVAL), ("wraps", (DATA, (1 << 64) - 1), EINVAL),
])
def test_munmap_refuses(sys, why, words, errno):
    assert sys.munmap(*words) == -errno, why


def test_munmap_splits_and_takes_holes(machine, sys):
    assert sys.munmap(DATA + P, 1) == 0
    assert sys.munmap(DATA, 4 * P) == 0
    assert machine.mm.vmas.at(DATA) is None and machine.mm.vmas.at(DATA + 4 * P) is not None


@pytest.mark.parametrize("why, words, errno", [
    ("inside a page",         (DATA + 1, P, 1), EINVAL), ("no such protection", (DATA, P, 0x40), EINVAL),
    ("nothing there",         (0x5000, P, 1), ENOMEM), ("a hole at the end", (DATA, DATA_SIZE + P, 1), ENOMEM),
    ("both ways of growing",  (DATA, P, 0x0300_0001), EINVAL), ("wraps", (DATA, (1 << 64) - 2 * P, 1), ENOMEM),
])
def test_mprotect_refuses(sys, why, words, errno):
    assert sys.mprotect(*words) == -errno, why


def test_mprotect_changes_what_comes_before_the_hole(machine, sys):
    assert sys.mprotect(DATA, DATA_SIZE + P, 1) == -ENOMEM
    assert machine.mm.vmas.at(DATA).prot == 1


def test_mprotect_splits_and_joins_again(machine, sys):
    before = len(machine.mm.vmas)
    machine.mm.write(DATA, b"kept" * P)
    assert sys.mprotect(DATA + P, P, 0) == 0
    assert len(machine.mm.vmas) == before + 2
    assert sys.mprotect(DATA + P, P, RW) == 0
    assert len(machine.mm.vmas) == before
    assert machine.mm.read(DATA, 4 * P) == b"kept" * P


def test_a_reservation_is_made_accessible_piece_by_piece(machine, sys):
    addr = sys.mmap(0, 1 << 20, 0, ANON | MAP_NORESERVE, -1, 0)
    assert not any(addr <= page < addr + (1 << 20) for page in machine.process.space.pages), "costs the engine nothing"
    for piece in range(8):
        assert sys.mprotect(addr + piece * P, P, RW) == 0
    machine.mm.write(addr, b"x" * 8 * P)
    assert len(machine.mm.views(addr, 8 * P)) == 1


def test_a_huge_reservation_needs_no_memory(machine, sys):
    addr = sys.mmap(0, 64 << 30, 0, ANON | MAP_NORESERVE, -1, 0)
    assert addr > 0
    assert sys.mprotect(addr + (1 << 30), 2 * P, RW) == 0
    machine.mm.write(addr + (1 << 30), b"x" * 2 * P)
    assert sys.munmap(addr, 64 << 30) == 0


def test_the_memory_limit():
    machine = Machine(memory=DATA_SIZE + 100 * P)
    call = machine.call
    addr = call(machine.task, 9, 0, 90 * P, RW, ANON, -1, 0)
    assert addr > 0
    assert call(machine.task, 9, 0, 11 * P, RW, ANON, -1, 0) == -ENOMEM
    assert call(machine.task, 9, DATA, 11 * P + DATA_SIZE, RW, ANON | MAP_FIXED, -1, 0) == -ENOMEM
    assert machine.mm.vmas.at(DATA) is not None, "a refused MAP_FIXED leaves what was there"
    none = call(machine.task, 9, 0, 11 * P, 0, ANON, -1, 0)
    assert none > 0, "PROT_NONE does not count"
    assert call(machine.task, 10, none, 11 * P, RW) == -ENOMEM
    assert call(machine.task, 25, addr, 90 * P, 101 * P, MREMAP_MAYMOVE, 0) == -ENOMEM
    brk = call(machine.task, 12, 0)
    assert call(machine.task, 12, brk + 11 * P) == brk
    assert call(machine.task, 11, addr, 90 * P) == 0
    assert call(machine.task, 12, brk + 11 * P) == brk + 11 * P


def test_brk_grows_far_and_shrinks(machine, sys):
    start = sys.brk(0)
    assert sys.brk(start + 10) == start + 10
    assert sys.brk(start + (1 << 20)) == start + (1 << 20)
    machine.mm.write(start, b"h" * (1 << 20))
    assert len(machine.mm.views(start, 1 << 20)) == 1, "the heap is one slice"
    assert sys.brk(start + P) == start + P
    assert sys.brk(start + 2 * P) == start + 2 * P
    assert machine.mm.read(start + P, P) == bytes(P), "what was given back is zero"
    assert sys.brk(start - 1) == start + 2 * P, "never an errno"
    assert sys.brk(1 << 63) == start + 2 * P
    assert sys.brk(start) == start


def test_brk_stops_at_a_mapping(sys):
    start = sys.brk(0)
    assert sys.mmap(start + 4 * P, P, RW, ANON | MAP_FIXED, -1, 0) == start + 4 * P
    assert sys.brk(start + 5 * P) == start
    assert sys.brk(start + 3 * P) == start + 3 * P
    assert sys.brk(start + 4 * P) == start + 3 * P, "one page stays free, as Linux keeps it"


@pytest.mark.parametrize("why, words, errno", [
    ("inside a page",             (DATA + 1, P, 2 * P, 1, 0), EINVAL),
    ("new length 0",              (DATA, P, 0, 1, 0), EINVAL),
    ("unknown flags",             (DATA, P, 2 * P, 8, 0), EINVAL),
    ("fixed without maymove",     (DATA, P, P, MREMAP_FIXED, 0x5000_0000), EINVAL),
    ("onto itself",               (DATA, 2 * P, 2 * P, 3, DATA + P), EINVAL),
    ("a new place inside a page", (DATA, P, P, 3, 0x5000_0001), EINVAL),
    ("nothing there",             (0x5000, P, 2 * P, 1, 0), EFAULT),
    ("beyond its end",            (DATA, DATA_SIZE + P, DATA_SIZE + 2 * P, 1, 0), EFAULT),
    ("no room and may not move",  (DATA, P, 2 * P, 0, 0), ENOMEM),
    ("fixed beyond user space",   (DATA, P, P, 3, 1 << 47), EINVAL),
])
def test_mremap_refuses(machine, sys, why, words, errno):
    assert sys.mremap(*words) == -errno, why


def test_mremap_moves_without_copying(machine, sys):
    machine.mm.write(DATA, b"moved" * 1000)
    frame = machine.mm.frame(DATA)
    addr = sys.mremap(DATA, 2 * P, 64 * P, MREMAP_MAYMOVE, 0)
    assert addr not in (DATA, -ENOMEM) and machine.mm.frame(addr) == frame
    assert machine.mm.read(addr, 5000) == b"moved" * 1000
    assert machine.mm.read(addr + 5000, 64 * P - 5000) == bytes(64 * P - 5000)
    assert machine.mm.vmas.at(DATA) is None and machine.mm.vmas.at(DATA + 2 * P) is not None


def test_mremap_that_goes_on_growing_stays_in_few_pieces(machine, sys):
    addr, size = sys.mmap(0, P, RW, ANON, -1, 0), P
    sys.mmap(0, P, RW, ANON, -1, 0)
    for step in range(200):
        machine.mm.write(addr + size - 1, bytes([step + 1]))
        addr = sys.mremap(addr, size, size + P, MREMAP_MAYMOVE, 0)
        assert addr > 0
        size += P
        if not step % 10:
            sys.mmap(0, P, RW, ANON, -1, 0)
    assert [machine.mm.read(addr + (n + 1) * P - 1, 1)[0] for n in range(200)] == [n + 1 for n in range(200)]
    assert len(machine.mm.vmas.within(addr, addr + size)) <= 3


def test_mremap_in_place_shrink_and_fixed(machine, sys):
    addr = sys.mmap(0x5000_0000, 4 * P, RW, ANON, -1, 0)
    machine.mm.write(addr, b"z" * P)
    assert sys.mremap(addr, 4 * P, 8 * P, 0, 0) == addr
    assert sys.mremap(addr, 8 * P, 2 * P, 0, 0) == addr
    assert machine.mm.vmas.at(addr + 2 * P) is None
    assert sys.mremap(addr, 2 * P, P, MREMAP_MAYMOVE | MREMAP_FIXED, DATA) == DATA
    assert machine.mm.read(DATA, P) == b"z" * P and machine.mm.vmas.at(addr) is None


@pytest.mark.parametrize("why, name, words, result", [
    ("no such advice",          "madvise", (DATA, P, 99), -EINVAL),
    ("inside a page",           "madvise", (DATA + 1, P, 4), -EINVAL),
    ("length 0",                "madvise", (DATA, 0, 4), 0),
    ("nothing there",           "madvise", (0x5000, P, 4), -ENOMEM),
    ("a hint on a hole",        "madvise", (DATA, DATA_SIZE + P, 3), -ENOMEM),
    ("huge pages, please",      "madvise", (DATA, P, mman.MADV_HUGEPAGE), 0),
    ("a length that wraps",     "madvise", (DATA, (1 << 64) - 1, 4), -EINVAL),
    ("both ways",               "msync",   (DATA, P, mman.MS_SYNC | mman.MS_ASYNC), -EINVAL),
    ("unmapped",                "msync",   (0x5000, P, mman.MS_SYNC), -ENOMEM),
    ("mapped",                  "msync",   (DATA, P, mman.MS_SYNC), 0),
    ("resident",                "mincore", (DATA, 3 * P, DATA + 8 * P), 0),
    ("a bad vector",            "mincore", (DATA, P, 0x5000), -EFAULT),
    ("unmapped",                "mincore", (0x5000, P, DATA), -ENOMEM),
    ("inside a page",           "mincore", (DATA + 1, P, DATA), -EINVAL),
    ("mapped",                  "mlock",   (DATA + 5, P), 0),
    ("unmapped",                "mlock",   (0x5000, P), -ENOMEM),
    ("unknown flags",           "mlock2",  (DATA, P, 2), -EINVAL),
    ("no flags",                "mlockall", (0,), -EINVAL),
    ("everything",              "mlockall", (3,), 0),
    ("everything",              "munlockall", (), 0),
])
def test_advice(sys, why, name, words, result):
    assert getattr(sys, name)(*words) == result, why


def test_madv_dontneed_zeroes_private_pages_only(machine, sys):
    machine.mm.write(DATA, b"x" * 3 * P)
    assert sys.madvise(DATA + P, P, mman.MADV_DONTNEED) == 0
    assert machine.mm.read(DATA, 3 * P) == b"x" * P + bytes(P) + b"x" * P
    shared = sys.mmap(0, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    machine.mm.write(shared, b"s" * P)
    assert sys.madvise(shared, P, mman.MADV_DONTNEED) == 0
    assert machine.mm.read(shared, P) == b"s" * P


def test_no_more_mappings_than_linux_allows(machine, sys, monkeypatch):
    for module in (mm, memory, mremap):
        monkeypatch.setattr(module, "MAP_COUNT", 4)
    start = sys.mmap(0, 8 * P, RW, ANON, -1, 0)
    assert sys.mprotect(start + P, P, 1) == 0, "two, of which one is in three now: four"
    assert sys.mprotect(start + 5 * P, P, 1) == -ENOMEM
    assert sys.munmap(start + 5 * P, P) == -ENOMEM
    assert sys.mmap(0, P, 1, ANON, -1, 0) == -ENOMEM
    assert sys.mremap(start, P, 9 * P, MREMAP_MAYMOVE, 0) == -ENOMEM
    assert sys.mprotect(start + P, P, RW) == 0, "no split"
    assert sys.munmap(start, 8 * P) == 0


def test_a_copy_of_a_file_counts(machine, files, sys):
    machine.mm.limit = machine.mm.charged + 2 * P
    assert sys.mmap(0, 3 * P, 1, MAP_PRIVATE, 3, 0) == -ENOMEM, "read-only, and uses memory all the same"
    start = sys.mmap(0, 2 * P, 1, MAP_PRIVATE | MAP_NORESERVE, 3, 0)
    assert start > 0 and sys.mprotect(start, 2 * P, RW) == 0, "counted already"
    assert sys.mmap(0, P, RW, ANON, -1, 0) == -ENOMEM
    assert sys.munmap(start, 2 * P) == 0
    assert sys.mmap(0, P, RW, ANON, -1, 0) > 0


def test_text_is_looked_through_only_where_it_is_text(machine, sys):
    assert not answers.sets_fs(machine.mm)
    start = sys.mmap(0, P, 7, ANON, -1, 0)
    machine.mm.write(start + 100, b"\xf3\x48\x0f\xae\xd7")     # wrfsbase %rdi
    assert answers.sets_fs(machine.mm)
    machine.mm.write(start + 100, bytes(5))
    assert not answers.sets_fs(machine.mm)
    machine.mm.vmas.insert(Vma(1 << 40, (1 << 40) + (1 << 38), 5, None))
    assert answers.sets_fs(machine.mm), "too large to be read"
    machine.mm.vmas.cut(1 << 40, 1 << 41)


def test_text_that_cannot_be_written_is_looked_through_once(machine, sys, monkeypatch):
    start = sys.mmap(0, P, 7, ANON, -1, 0)
    machine.mm.write(start, b"\x0f\xae" * 20)
    assert sys.mprotect(start, P, 5) == 0 and not answers.sets_fs(machine.mm)
    monkeypatch.setattr(answers, "_ALIKE", 10)
    assert not answers.sets_fs(machine.mm)
    assert sys.mprotect(start, P, 7) == 0 and answers.sets_fs(machine.mm), "too much that looks like it"


def test_under_a_limit_all_that_is_accessible_counts(machine, files, sys):
    machine.mm.limit = machine.mm.charged + 2 * P
    assert sys.mmap(0, 3 * P, 1, ANON, -1, 0) == -ENOMEM, "reading it takes pages as well"
    assert sys.mmap(0, 3 * P, RW, ANON | MAP_NORESERVE, -1, 0) == -ENOMEM
    start = sys.mmap(0, 3 * P, 0, ANON, -1, 0)
    assert sys.mprotect(start, 3 * P, 1) == -ENOMEM
    assert sys.mprotect(start, 2 * P, 1) == 0 and sys.mprotect(start, 2 * P, RW) == 0
    assert sys.mprotect(start + 2 * P, P, RW) == -ENOMEM
    assert sys.munmap(start, 3 * P) == 0


@pytest.fixture
def full(machine, monkeypatch):
    """full(n): after having been taken n times, frames are used up."""
    take, left = Frames.take, []

    def take_or_not(self, *args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(ENOMEM, "used up")
        return take(self, *args, **kwargs)

    def set_up(n):
        left[:] = [n]
        monkeypatch.setattr(Frames, "take", take_or_not)
    return set_up


def _picture(machine):
    return ([(v.start, v.end, v.prot, v.delta, v.shown, v.charged) for v in machine.mm.vmas],
            dict(machine.process.space.pages), machine.mm.charged, list(machine.mm.frames.starts))


@pytest.mark.parametrize("n", range(3))
def test_a_refused_mprotect_leaves_everything_as_it_was(machine, sys, full, n):
    # Three reservations without frames, apart from each other by mappings that are there.
    start = sys.mmap(0, 5 * P, 0, ANON, -1, 0)
    for vma in machine.mm.vmas.cut(start, start + 5 * P):
        for at in range(5):
            piece = vma.piece(start + at * P, start + (at + 1) * P)
            if not at & 1:
                machine.mm.frames.give(piece.start + piece.delta, P)
                piece.delta = None
            machine.mm.vmas.insert(piece)
    before = _picture(machine)
    full(n)
    assert sys.mprotect(start, 5 * P, RW) == -ENOMEM
    assert _picture(machine) == before
    full(9)
    assert sys.mprotect(start, 5 * P, RW) == 0
    machine.mm.write(start, b"x" * 5 * P)


@pytest.mark.parametrize("n", range(2))
def test_refusals_where_others_stand_on_the_frames(machine, sys, full, n):
    held = []
    for at in (DATA, DATA + 4 * P):
        machine.mm.write(at, b"kept" * 10)
        assert sys.mprotect(at, P, 1) == 0
        held.append(machine.mm.frame(at))
        machine.mm.frames.hold(held[-1], P)
    before = _picture(machine)
    full(n)
    assert sys.mprotect(DATA, 5 * P, RW) == -ENOMEM
    assert sys.madvise(DATA, 5 * P, mman.MADV_DONTNEED) == -ENOMEM
    assert _picture(machine) == before and machine.mm.read(DATA, 40) == b"kept" * 10
    full(9)
    assert sys.madvise(DATA, 5 * P, mman.MADV_DONTNEED) == 0
    assert machine.mm.read(DATA, 40) == bytes(40) and bytes(machine.mm.ram[held[0]:held[0] + 4]) == b"kept"
    for frame in held:
        machine.mm.frames.give(frame, P)


def test_a_refused_mremap_leaves_everything_as_it_was(machine, sys, full):
    machine.mm.write(DATA, b"stays")
    before = _picture(machine)
    full(0)
    assert sys.mremap(DATA, DATA_SIZE, 2 * DATA_SIZE, MREMAP_MAYMOVE, 0) == -ENOMEM
    assert _picture(machine) == before and machine.mm.read(DATA, 5) == b"stays"
