"""Machine code on an engine, without a kernel: one page of code, one of stack, one thread."""
import pytest

from skete import engines
from skete.engine import Regs

TEXT, STACK = 0x40_0000, 0x7fff_0000
FLAGS = 0x202

GETPPID = "b86e000000 0f05"         # mov $110, %eax; syscall
SPIN = "ebfe"                       # jmp .
LOAD_1234 = "488b042534120000"      # mov 0x1234, %rax
LOAD_STACK = "488b04250000ff7f"     # mov STACK, %rax


class Bare:
    """A space with one page of code (frame 0x1000) and one of stack (frame 0x2000), and its first thread, running."""

    def __init__(self, engine, code: str):
        self.engine = engine
        self.space = self.engine.space()
        self.space.map(TEXT, 0x1000, 5, 0x1000)
        self.code(0, code)
        self.space.map(STACK, 0x1000, 3, 0x2000)
        self.vcpu = self.space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x1000, eflags=FLAGS))
        self.vcpu.resume()

    def code(self, offset: int, code: str) -> int:
        data = bytes.fromhex(code)
        self.engine.ram[0x1000 + offset:0x1000 + offset + len(data)] = data
        self.space.protect(TEXT, 0x1000, 5)         # an engine may remember what it has executed: see AddressSpace
        return TEXT + offset

    def next(self, timeout_s: float = 10):
        return self.engine.wait(timeout_s)


def fork(m, code: str, mappings=()):
    """Fork at a stopped call; the child begins at ``code``, inheriting what Bare has mapped."""
    if m.space.fork is None:
        pytest.skip("one address space only")
    inherited = [(TEXT, 0x1000, 5, 0x1000, True), *(mappings or [(STACK, 0x1000, 3, 0x2000, True)])]
    at = m.code(0x300, code)
    child = m.space.fork(m.vcpu, Regs(rip=at, rsp=STACK + 0x800, eflags=FLAGS, rbx=7), m.vcpu.fs_base, inherited)
    child.resume()
    return child


@pytest.fixture
def machine(engine_name):
    """machine(code): a Bare on each engine in turn; closed afterwards."""
    made = []

    def make(code: str) -> Bare:
        made.append(engines.make(engine_name))
        return Bare(made[-1], code)
    yield make
    for engine in made:
        engine.close()
