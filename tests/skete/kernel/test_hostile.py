"""Words that no libc would pass: whatever a guest puts into its registers, the kernel answers and goes on.

A Python exception that is no OSError would end the monitor, and with it a guest that only made a strange call.
"""
import random

import pytest

from skete.abi.syscalls import NAMES
from skete.kernel import table
from skete.kernel.files.fdtable import FdTable
from tests.skete.kernel.conftest import check
from tests.skete.kernel.fake import DATA, DATA_SIZE, FakeEngine, Machine

END = DATA + DATA_SIZE
WORDS = [0, 1, 2, 3, 4, 7, 8, 9, 16, 24, 34, 63, 64, 65, 128, 1000, 1001, 4095, 4096, 4097, 1 << 20, 1 << 31,
         (1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 40, 0x7fff_ffff_efff, 0x7fff_ffff_f000, 1 << 47, 1 << 63,
         (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 100, (1 << 64) - 4096, DATA, DATA + 1, DATA + 8, DATA + 4096,
         END - 1, END - 4, END, 0x5000]
NUMBERS = sorted(nr for area, numbers in table.AREAS.items() if not area.startswith("files.") for nr in numbers
                 if nr not in (60, 231))


@pytest.mark.parametrize("nr", NUMBERS, ids=lambda nr: NAMES[nr])
def test_any_words(nr):
    rng = random.Random(nr)
    machine = task = None
    for n in range(150):
        if machine is None or machine.process.status is not None or task.call is not None or n % 50 == 0:
            if machine is not None:
                machine.kernel.scheduler.close()
            machine = Machine(FdTable(), engine=FakeEngine(16 << 20))
            task = machine.task
            for at in range(DATA, END, 8):
                machine.mm.write_u64(at, rng.choice(WORDS))
            machine.thread()
        result = machine.call(task, nr, *(rng.choice(WORDS) for _ in range(6)))
        if type(result) is int:
            assert -4096 < result < machine.mm.high or nr == 201, hex(result)
        if not n % 10 and machine.process.status is None:
            check(machine.process)
    machine.kernel.scheduler.close()


@pytest.mark.parametrize("seed", range(6))
def test_any_calls_in_any_order(seed):
    """Memory and threads mixed: the picture the engine has stays the kernel's."""
    rng = random.Random(seed)
    machine = Machine(engine=FakeEngine(16 << 20))
    numbers = [9, 9, 10, 11, 12, 25, 25, 28, 56, 13, 14, 131, 202, 218, 273]
    for _ in range(400):
        tasks = [t for t in machine.process.tasks.values() if t.call is None]
        if not tasks:
            break
        nr = rng.choice(numbers)
        start = rng.choice((0, DATA, DATA + 4096 * rng.randrange(24), machine.mm.brk))
        words = {9: (start, 4096 * rng.randrange(20), rng.randrange(8), rng.choice((0x22, 0x32, 0x21, 0x4022)), -1, 0),
                 10: (start, 4096 * rng.randrange(8), rng.randrange(8)), 11: (start, 4096 * rng.randrange(8)),
                 12: (machine.mm.brk + 4096 * rng.randrange(-3, 5),),
                 25: (start, 4096 * rng.randrange(8), 4096 * rng.randrange(12), rng.choice((0, 1)), 0),
                 28: (start, 4096 * rng.randrange(8), 4), 56: (0x3d_0f00, END, DATA, DATA, 0),
                 }.get(nr) or tuple(rng.choice(WORDS) for _ in range(6))
        machine.call(rng.choice(tasks), nr, *words)
        machine.go()
        if machine.process.status is not None:
            break
        check(machine.process)
    machine.kernel.scheduler.close()
