"""Changes of an address space reach the host in the order in which the kernel made them, whichever threads carry them out."""
import struct

import pytest

from skete.engines.gate.layout import SLOT_SIZE
from skete.engines.process.layout import ACTION_MORE, ACTION_RESULT, SLOT_ACTION
from skete.engines.process.space import ProcessSpace
from skete.engines.process.vcpu import ProcessVcpu

PAGE, THERE, ELSEWHERE = 4096, 0x5000_0000, 0x6000_0000


class FakeEngine:
    """Notes who was answered and who was kicked."""

    def __init__(self):
        self.answered, self.kicked = [], []
        self.post = FakePost()

    def send(self, family, response):
        self.answered.append(struct.unpack_from("<Q", response)[0])

    def kick(self, vcpu):
        self.kicked.append(vcpu)


class FakePost:
    def answered(self, vcpu):
        pass


class FakeFacts:
    def base(self, vcpu, before, now):
        pass


@pytest.fixture
def space():
    """A space of three threads without a process; a thread's notification is its number."""
    space = ProcessSpace.__new__(ProcessSpace)
    space.engine, space.family = FakeEngine(), None
    space.slots = memoryview(bytearray(3 * SLOT_SIZE))
    space.words = space.slots.cast("Q")
    space.facts = FakeFacts()
    space.orders, space.held, space.changing, space.threads = [], [], None, 3
    space.vcpus = [ProcessVcpu(space, index) for index in range(3)]
    for index, vcpu in enumerate(space.vcpus):
        vcpu.stopped = index
    return space


def answer(vcpu) -> tuple:
    """(action, result, number of orders) in the slot of a thread."""
    return struct.unpack_from("<QqQ", vcpu.slots, vcpu.base + SLOT_ACTION)


def rings_again(vcpu, notification: int) -> None:
    """The gate has carried its orders out and says so."""
    vcpu.stopped = notification
    vcpu.resume_orders()


def test_a_mapping_waits_for_the_munmap_that_made_room(space):
    first, second, _ = space.vcpus
    space.unmap(THERE, PAGE)
    first.resume(0)
    space.map(THERE, PAGE, 3, 0)
    second.resume(THERE)
    assert space.engine.answered == [0]
    assert answer(first) == (ACTION_MORE, 0, 1)

    rings_again(first, 10)
    assert space.engine.answered == [0, 10, 1]
    assert answer(first) == (ACTION_RESULT, 0, 0)
    assert answer(second) == (ACTION_MORE, 0, 1)
    rings_again(second, 11)
    assert answer(second) == (ACTION_RESULT, THERE, 0)


def test_answers_without_changes_do_not_wait(space):
    first, second, third = space.vcpus
    space.unmap(THERE, PAGE)
    first.resume(0)
    second.resume(7)
    third.fs_base = 1       # a thread's own order, not one of the space
    third.resume(0)
    assert space.engine.answered == [0, 1, 2]


@pytest.mark.parametrize("change", ["map", "unmap", "protect"])
def test_whatever_changes_waits_for_what_changed_before(space, change):
    """A late mprotect would fail on what was unmapped meanwhile, a late mmap show what is another's by then."""
    first, second, _ = space.vcpus
    {"map": lambda: space.map(THERE, PAGE, 3, 0), "unmap": lambda: space.unmap(THERE, PAGE),
     "protect": lambda: space.protect(THERE, PAGE, 1)}[change]()
    first.resume(0)
    space.unmap(THERE, PAGE)
    second.resume(0)
    assert space.engine.answered == [0]
    rings_again(first, 10)
    assert space.engine.answered == [0, 10, 1]
    rings_again(second, 11)
    assert answer(second) == (ACTION_RESULT, 0, 0)


def test_one_munmap_after_the_other(space):
    """Two that wait: the next one unmaps too, and the last one waits for that."""
    first, second, third = space.vcpus
    space.unmap(THERE, PAGE)
    first.resume(0)
    space.unmap(ELSEWHERE, PAGE)
    second.resume(0)
    space.map(ELSEWHERE, PAGE, 3, 0)
    third.resume(ELSEWHERE)
    rings_again(first, 10)
    assert space.engine.answered == [0, 10, 1]
    rings_again(second, 11)
    assert space.engine.answered == [0, 10, 1, 11, 2]


def test_a_thread_alone_need_not_ring_again(space):
    space.threads = 1
    space.unmap(THERE, PAGE)
    space.vcpus[0].resume(0)
    assert answer(space.vcpus[0]) == (ACTION_RESULT, 0, 1)
    assert space.changing is None


def test_a_kick_of_a_held_thread_comes_when_it_goes_on(space):
    first, second, _ = space.vcpus
    space.unmap(THERE, PAGE)
    first.resume(0)
    space.map(THERE, PAGE, 3, 0)
    second.resume(THERE)
    second.kick()
    assert space.engine.kicked == []
    rings_again(first, 10)
    assert space.engine.kicked == [second]
