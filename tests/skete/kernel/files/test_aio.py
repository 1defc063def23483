"""Contexts of asynchronous I/O: what the machine has of them. What they do is tests/guests/aio.c."""
from errno import EAGAIN

from skete.kernel.files.aio import MOST, count
from tests.skete.kernel.fake import DATA

SETUP, DESTROY, GETEVENTS = 206, 207, 208


def setup(machine, wanted):
    machine.mm.write(DATA, bytes(8))
    return machine.call(machine.task, SETUP, wanted, DATA) or machine.mm.read_u64(DATA)


def test_all_contexts_together_are_limited(machine):
    first = setup(machine, 5000)
    assert first > 0 and count(machine.kernel) == 5000
    assert setup(machine, MOST - 4999) == -EAGAIN
    assert machine.call(machine.task, DESTROY, first) == 0 and count(machine.kernel) == 0


def test_a_guest_may_write_anything_into_its_ring(machine):
    context = setup(machine, 1)
    for word in range(8):
        machine.mm.write_u32(context + 4 * word, 0xffff_fff0 + word)
    assert 0 <= machine.call(machine.task, GETEVENTS, context, 0, 4, DATA, 0) <= 4
    assert machine.call(machine.task, DESTROY, context) == 0
