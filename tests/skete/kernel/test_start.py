"""A process begins: the image in place, the stack with its arguments, registers at the entry."""
import struct

import pytest

from skete.kernel.config import Config
from skete.kernel.kernel import Kernel
from skete.kernel.process import exits
from skete.loader import load
from tests.skete.kernel.conftest import check
from tests.skete.kernel.fake import FakeEngine

BASE = 0x40_0000


def program(code=b"\x0f\x05", data=b"DATA", bss=0x3000) -> bytes:
    """A static ELF: code at BASE, read and execute; data and bss a page further, read and write."""
    text = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, 0x1000 + len(code), 0x1000 + len(code), 0x1000)
    rest = struct.pack("<IIQQQQQQ", 1, 6, 0x2000, BASE + 0x2000, BASE + 0x2000, len(data), len(data) + bss, 0x1000)
    header = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + 0x1000, 64, 0, 0,
                                                                    64, 56, 2, 0, 0, 0)
    return ((header + text + rest).ljust(0x1000, b"\0") + code).ljust(0x2000, b"\0") + data


@pytest.fixture
def kernel():
    made = Kernel(FakeEngine(), Config(random=lambda n: b"r" * n))
    yield made
    made.close()


def test_a_program_is_in_place(kernel):
    task = kernel.start(load(program(), "prog"), [b"prog", b"one"], [b"A=b"], exe=b"/bin/program-with-a-long-name")
    mm, regs = task.mm, task.vcpu.regs
    assert task.vcpu.state == "running" and kernel.tasks == {task.vcpu: task}
    assert (task.tid, task.process.leader, task.name) == (task.process.pid, task, b"program-with-a-")
    assert regs.rip == BASE + 0x1000 and mm.read(regs.rip, 2) == b"\x0f\x05"
    assert mm.read(BASE + 0x2000, 0x3004) == b"DATA" + bytes(0x3000)
    assert [(v.start, v.prot) for v in mm.vmas][0] == (BASE, 5)
    argc, first, second, end, variable, no_more = struct.unpack("<6Q", mm.read(regs.rsp, 48))
    assert (argc, end, no_more, regs.rsp % 16) == (2, 0, 0, 0)
    assert [mm.cstr(p) for p in (first, second, variable)] == [b"prog", b"one", b"A=b"]
    assert mm.brk == BASE + 0x6000 and mm.set_break(mm.brk + 10) == BASE + 0x600a
    check(task.process)


def test_two_processes_share_nothing(kernel):
    first = kernel.start(load(program(), "prog"), [b"a"], [])
    second = kernel.start(load(program(), "prog"), [b"b"], [])
    first.mm.write(BASE + 0x2000, b"mine")
    assert second.mm.read(BASE + 0x2000, 4) == b"DATA" and first.process.pid != second.process.pid
    used = kernel.frames.used
    exits.end_process(second.process, ("exited", 0))
    assert kernel.status is None, "only the first process's end is the machine's"
    assert kernel.frames.used < used, "what it held is free again"
    exits.end_process(first.process, ("exited", 3))
    assert kernel.status == ("exited", 3)


def test_a_program_too_large_for_its_limit_is_enomem():
    kernel = Kernel(FakeEngine(), Config(memory=1 << 20))
    with pytest.raises(OSError):
        kernel.start(load(program(), "prog"), [b"a"], [])
    kernel.close()
