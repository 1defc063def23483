"""A machine over the fake engine, and how its tests say what a call must answer."""
import pytest

from skete.abi.syscalls import NUMBERS
from tests.skete.kernel.fake import Machine
from tests.skete.kernel.rig import Rig


@pytest.fixture
def machine():
    made = Machine()
    yield made
    made.kernel.scheduler.close()


class Caller:
    """System calls of one task by name: ``sys.mmap(0, 4096, ...)`` gives rax."""

    def __init__(self, machine, task):
        self.machine, self.task = machine, task

    def __getattr__(self, name):
        nr = NUMBERS[name]
        return lambda *words: self.machine.call(self.task, nr, *words)


@pytest.fixture
def caller():
    return Caller


@pytest.fixture
def rig(machine, caller):
    return Rig(machine, caller)


@pytest.fixture
def sys(machine):
    return Caller(machine, machine.task)


@pytest.fixture
def sane(machine):
    """What must hold after every test: the engine was shown what the vma list says, and no frame is owned twice."""
    yield
    check(machine.process)


def check(process):
    from skete.engine import PAGE
    from skete.kernel.files.ram import Memory
    expected, frames = {}, []
    memories = {vma.backing for vma in process.mm.vmas if type(vma.backing) is Memory}      # which may be mapped in part
    for memory in memories:
        frames += [(frame, frame + length) for frame, length in memory.extents(0, memory._capacity)]
    for vma in process.mm.vmas:
        assert vma.start < vma.end and not (vma.absent and vma.shown)
        if vma.delta is not None and vma.backing not in memories:
            frames.append((vma.start + vma.delta, vma.end + vma.delta))
        if vma.shown:
            for page in range(vma.start, vma.end, PAGE):
                expected[page] = (vma.prot, page + vma.delta)
    assert process.space.pages == expected
    free = process.kernel.frames
    frames += zip(free.starts, free.ends)
    frames.sort()
    at = 0
    for start, end in frames:
        assert start == at, "a frame has two owners, or none"
        at = end
    assert at == len(process.mm.ram)
    starts = process.mm.vmas.starts
    assert starts == sorted(starts) == [v.start for v in process.mm.vmas]
    assert process.mm.charged == sum(v.end - v.start for v in process.mm.vmas if v.charged)
