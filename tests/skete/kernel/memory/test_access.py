"""Access to guest memory: what every guest pointer comes down to."""
from errno import EFAULT, ENAMETOOLONG

import pytest

from skete.kernel.memory.access import LARGE
from tests.skete.kernel.fake import DATA, DATA_SIZE

END = DATA + DATA_SIZE
P = 4096
pytestmark = pytest.mark.usefixtures("sane")


@pytest.fixture
def mm(machine):
    # DATA is read-write; behind it one read-only page whose frames are elsewhere, then nothing.
    machine.mm.add(END, P, 1, top=True)
    machine.mm.add(END + 4 * P, P, 0)
    return machine.mm


def refused(errno, call, *args):
    with pytest.raises(OSError) as error:
        call(*args)
    assert error.value.errno == errno


def test_read_and_write_cross_vmas(mm):
    mm.write(END - 3, b"abc")
    assert mm.read(END - 4, 8) == b"\0abc\0\0\0\0"
    assert [len(v) for v in mm.views(END - 2, 10)] == [2, 8]


@pytest.mark.parametrize("why, addr, n", [
    ("nothing there", 0x5000, 1), ("the null page", 0, 1), ("one byte too far", END + P - 1, 2),
    ("PROT_NONE", END + 4 * P, 1), ("the last address", (1 << 64) - 1, 1), ("kernel half", 1 << 63, 8),
    ("longer than memory", DATA, 1 << 63),
])
def test_reads_that_fault(mm, why, addr, n):
    mm.read(DATA, 1)
    refused(EFAULT, mm.read, addr, n)


@pytest.mark.parametrize("addr, data", [(END, b"x"), (END - 1, b"xy"), (0x5000, b"x"), (END + 4 * P, b"x")])
def test_writes_that_fault_change_nothing(mm, addr, data):
    mm.write(END - 1, b"!")
    refused(EFAULT, mm.write, addr, data)
    assert mm.read(END - 1, 1) == b"!"


def test_empty_accesses_never_fault(mm):
    assert mm.read(0x5000, 0) == b"" and mm.views(0x5000, 0) == [] and mm.views(0x5000, 0, True) == []
    mm.write(0x5000, b"")


def test_views_stop_where_access_does(mm):
    assert [len(v) for v in mm.views(END - 5, 100_000, True)] == [5]
    assert sum(map(len, mm.views(END - 5, 100_000))) == 5 + P
    refused(EFAULT, mm.views, END, 1, True)
    refused(EFAULT, mm.views, 0x5000, 1)


def test_strings(mm):
    mm.write(DATA, b"/etc/passwd\0rest")
    assert mm.cstr(DATA) == b"/etc/passwd"
    mm.write(DATA, b"x" * 5000 + b"\0")
    refused(ENAMETOOLONG, mm.cstr, DATA)
    assert mm.cstr(DATA + 905) == b"x" * 4095
    assert mm.cstr(DATA, 8192) == b"x" * 5000
    mm.write(END - 2, b"ab")
    assert mm.cstr(END - 2) == b"ab"
    refused(EFAULT, mm.cstr, 0)


def test_a_string_that_runs_off_the_end_faults(machine):
    machine.mm.write(END - 2, b"ab")
    refused(EFAULT, machine.mm.cstr, END - 2)


@pytest.mark.parametrize("addr", [DATA, DATA + 4, DATA + 3, DATA + P - 3, END - 8])
def test_words(mm, addr):
    mm.write_u64(addr, 0x1122_3344_5566_7788)
    assert mm.read_u64(addr) == 0x1122_3344_5566_7788
    assert mm.read_u32(addr) == 0x5566_7788
    mm.write_u32(addr, -1)
    assert mm.read_u64(addr) == 0x1122_3344_ffff_ffff


def test_words_that_fault(mm):
    refused(EFAULT, mm.write_u32, END, 1)
    refused(EFAULT, mm.write_u64, END, 1)
    refused(EFAULT, mm.read_u32, END + P)
    refused(EFAULT, mm.read_u64, END + P - 4)
    refused(EFAULT, mm.write_u64, END - 4, 1)


def test_the_remembered_vma_is_forgotten_when_it_changes(machine, sys):
    mm = machine.mm
    mm.write(DATA, b"x")
    assert sys.mprotect(DATA, P, 1) == 0
    refused(EFAULT, mm.write, DATA, b"y")
    assert mm.read(DATA, 1) == b"x"
    assert sys.munmap(DATA, P) == 0
    refused(EFAULT, mm.read, DATA, 1)
    refused(EFAULT, mm.read_u32, DATA)


def test_a_large_buffer_is_populated_before_it_is_copied_from(mm):
    asked = []
    mm.populate = lambda frame, length: asked.append((frame, length))
    mm.views(DATA, LARGE - 1)
    mm.views(DATA, LARGE, True)
    assert not asked
    (view,) = mm.views(DATA, LARGE)
    ((frame, length),) = asked
    view[5] = 1
    assert length == LARGE and mm.ram[frame + 5] == 1 and mm.read(DATA + 5, 1) == b"\1"
