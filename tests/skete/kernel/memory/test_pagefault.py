"""What a fault brings about: mappings that grow down, and the pages of files. By proc(5), mmap(2) and sigaction(2)."""
import random
from errno import EFAULT
from types import SimpleNamespace

import pytest

from skete.abi.mman import MAP_ANONYMOUS, MAP_FIXED, MAP_GROWSDOWN, MAP_PRIVATE
from skete.abi.resource import RLIMIT_AS, RLIMIT_STACK
from skete.abi.signal import BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGSEGV
from skete.engine import Fault
from skete.kernel.memory import filemap, pagefault
from skete.kernel.memory.vma import GUARD
from skete.kernel.process.rlimits import limits
from tests.skete.kernel.fake import File, Machine

P, AT, RW = 4096, 0x5000_0000, 3
GONE, WRITE = "ENDED", 2
DOWN = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN
pytestmark = pytest.mark.usefixtures("sane")


@pytest.fixture
def mapped(machine, sys):
    """mapped(size, length, prot=RW) -> (file, address) of a private mapping."""
    def make(size, length, prot=RW):
        file = File(bytearray(random.Random(size).randbytes(size)))
        machine.task.files = SimpleNamespace(get=lambda fd: file, limit=9, ceiling=9)
        return file, sys.mmap(0, length, prot, MAP_PRIVATE, 3, 0)
    return make


def happens(machine, address, error=4):
    """What comes of a fault there: None where the instruction is executed again."""
    return pagefault.happened(machine.task, Fault(SIGSEGV, SEGV_MAPERR, address, error, 14))


def test_a_fault_below_lets_it_grow_and_the_program_goes_on(machine, sys):
    assert sys.mmap(AT, P, RW, DOWN | MAP_FIXED, -1, 0) == AT
    assert machine.fault(machine.task, SIGSEGV, SEGV_MAPERR, AT - 3 * P + 9) is None
    assert [(v.start, v.end) for v in machine.mm.vmas.within(AT - P, AT)] == [(AT - 3 * P, AT + P)]
    assert machine.task.vcpu.state == "running" and machine.task.vcpu.result is None
    assert machine.fault(machine.task, SIGSEGV, SEGV_MAPERR, AT + P) == GONE, "nothing grows up"
    assert machine.process.status == ("signalled", SIGSEGV)


def test_growing_is_charged_and_ends_with_the_limit(machine, sys):
    assert sys.mmap(AT, P, RW, DOWN | MAP_FIXED, -1, 0) == AT
    machine.mm.limit = machine.mm.charged + 2 * P
    assert happens(machine, AT - 2 * P) is None
    assert happens(machine, AT - 3 * P) == (SIGSEGV, SEGV_MAPERR)
    machine.mm.limit, limits(machine.process)[RLIMIT_STACK][0] = None, 4 * P
    assert happens(machine, AT - 4 * P) == (SIGSEGV, SEGV_MAPERR)
    assert happens(machine, AT - 3 * P) is None
    limits(machine.process)[RLIMIT_STACK][0] = 9 * P
    limits(machine.process)[RLIMIT_AS][0] = machine.mm.vmas.size + P
    assert happens(machine, AT - 5 * P) == (SIGSEGV, SEGV_MAPERR)
    assert happens(machine, AT - 4 * P) is None


@pytest.mark.parametrize("seed", range(6))
def test_random_faults_grow_as_the_rules_say(machine, sys, seed):
    # The model: page -> (protection, grows down).
    rng, pages = random.Random(seed), {}
    limits(machine.process)[RLIMIT_STACK][0] = 900 * P
    for _ in range(120):
        page = rng.randrange(2000)
        if rng.random() < 0.2:
            count, prot, down = rng.randrange(1, 4), rng.choice((0, 1, 3)), rng.random() < 0.6
            sys.mmap(AT + page * P, count * P, prot, DOWN & (-1 if down else ~MAP_GROWSDOWN) | MAP_FIXED, -1, 0)
            pages.update(dict.fromkeys(range(page, page + count), (prot, down)))
        elif rng.random() < 0.1:
            sys.munmap(AT + page * P, 2 * P)
            pages.pop(page, None)
            pages.pop(page + 1, None)
        else:
            assert happens(machine, AT + page * P + rng.randrange(P)) == _expected(pages, page)
        seen = {(at - AT) // P: (v.prot, v.grows_down) for v in machine.mm.vmas if v.start >= AT
                for at in range(v.start, v.end, P)}
        assert seen == pages


def _expected(pages, page):
    if page in pages:
        # What is there, and may be read, is tried once more: another thread may just have brought it.
        prot, down = pages[page]
        return None if down and prot else (SIGSEGV, SEGV_ACCERR)
    above = min((p for p in pages if p > page), default=None)
    if above is None or not pages[above][1]:
        return SIGSEGV, SEGV_MAPERR
    below = max((p for p in pages if p < page), default=None)
    if below is not None and pages[below][0] and not pages[below][1] and page - below - 1 < GUARD // P:
        return SIGSEGV, SEGV_MAPERR
    end = above
    while pages.get(end + 1) == pages[above]:
        end += 1
    if end + 1 - page > 900:
        return SIGSEGV, SEGV_MAPERR
    pages.update(dict.fromkeys(range(page, above), pages[above]))
    return None


def test_what_is_there_is_tried_again_once(machine, sys):
    sys.mmap(AT, P, RW, DOWN | MAP_FIXED, -1, 0)
    shown = []
    machine.process.space.map = lambda start, length, prot, frame: shown.append((start, length))
    assert happens(machine, AT + 5, WRITE | 4) is None and shown == [(AT, P)]
    assert happens(machine, AT + 5, WRITE | 4) == (SIGSEGV, SEGV_ACCERR)
    machine.mm.brought += 1
    assert happens(machine, AT + 5, WRITE | 4) is None, "something has been brought meanwhile"


@pytest.mark.parametrize("error, prot, expected", [
    (4, 1, (SIGBUS, BUS_ADRERR)), (6, 3, (SIGBUS, BUS_ADRERR)), (6, 1, (SIGSEGV, SEGV_ACCERR)),
    (4, 0, (SIGSEGV, SEGV_ACCERR)), (20, 1, (SIGBUS, BUS_ADRERR)),
])
def test_past_the_end(machine, mapped, error, prot, expected):
    _, at = mapped(100, 2 * P, prot)
    assert happens(machine, at + P + 7, error) == expected


def test_a_file_that_has_grown_is_there_when_touched(machine, mapped):
    file, at = mapped(100, 4 * P)
    file.content += b"more" * P
    assert happens(machine, at + 2 * P) is None
    assert machine.mm.read(at, 4 * P) == (bytes(file.content[:100]) + bytes(P - 100) + bytes(file.content[P:]))[:4 * P]


def test_a_large_file_is_read_where_it_is_touched(machine, mapped, sys):
    size = 3 * pagefault.CHUNK + 5
    file, at = mapped(size, size)
    assert machine.mm.vmas.at(at).absent and len(machine.mm.vmas.within(at, at + size)) == 1
    middle = at + pagefault.CHUNK + 17
    assert machine.mm.read(middle, 9) == file.content[middle - at:middle - at + 9]
    assert sum(v.end - v.start for v in machine.mm.vmas.within(at, at + size) if not v.absent) == pagefault.CHUNK
    assert b"".join(machine.mm.views(at, size)) == file.content
    assert len(machine.mm.vmas.within(at, at + size)) == 1, "one again"
    assert file.refs == 2
    sys.munmap(at + P, P)
    assert file.refs == 2
    sys.munmap(at, size + P)
    assert file.refs == 1, "closed with its last piece"


def test_a_file_that_cannot_be_read(machine, mapped):
    file, at = mapped(9 * pagefault.CHUNK, 9 * pagefault.CHUNK)

    def fails(buffers, offset):
        raise OSError(5, "the disk")
    file.pread = fails
    assert happens(machine, at) == (SIGBUS, BUS_ADRERR)
    with pytest.raises(OSError) as error:
        machine.mm.views(at, 5)
    assert error.value.errno == EFAULT


def test_a_page_fault_asks_nobody_where_no_file_is_behind_it(machine, sys):
    assert Machine().kernel.mapped_files is None
    at = sys.mmap(0, P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    assert happens(machine, at, WRITE | 4) == (SIGSEGV, SEGV_ACCERR)
    assert machine.kernel.mapped_files is None


def test_files_that_were_mapped_are_forgotten(machine, sys, monkeypatch):
    monkeypatch.setattr(filemap, "MOST", 8)
    kept = File(b"kept")
    machine.task.files = SimpleNamespace(get=lambda fd: kept if fd == 3 else File(b"x"), limit=9, ceiling=9)
    at = sys.mmap(0, P, RW, MAP_PRIVATE, 3, 0)
    for _ in range(50):
        sys.munmap(sys.mmap(0, P, RW, MAP_PRIVATE, 4, 0), P)
    assert len(machine.kernel.mapped_files) <= 9
    kept.content = b""
    filemap.truncated(machine.kernel, kept.stat(), 0)
    assert happens(machine, at) == (SIGBUS, BUS_ADRERR)
