"""Whatever a guest passes, a trace line comes out: printable, bounded, and without an exception."""
import io

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from skete.abi.syscalls import NAMES
from skete.kernel.outcome import Restart
from skete.kernel.signals.siginfo import SigInfo
from skete.observe.multi import IOCTLS
from skete.observe.strace import Strace

MOST_AT_ONCE = 8192         # bytes that one read may ask for
MOST_READS = 1 << 17        # for one call


class Garbage:
    """Memory that holds a pattern everywhere, but is unreadable in every page whose number the hole divides."""
    def __init__(self, pattern, hole):
        self.pattern, self.hole, self.reads = pattern, hole, 0

    def read(self, addr, n):
        assert 0 <= n <= MOST_AT_ONCE, f"a read of {n} bytes"
        self.reads += 1
        assert self.reads < MOST_READS, "no end of reads"
        if self.hole and (addr >> 12) % self.hole == 0 or addr + n > 1 << 64:
            raise OSError(14, "a hole")
        start = addr % len(self.pattern)
        return (self.pattern * (n // len(self.pattern) + 2))[start:start + n]


class Regs:
    rsp, rax = 0x7000, 1 << 63


class Vcpu:
    regs = Regs()


class Task:
    tid, vcpu = 7, Vcpu()

    def __init__(self, mm):
        self.mm = mm


words = st.one_of(st.integers(0, 64), st.integers(0, (1 << 64) - 1), st.integers(0x1000, 0x9000),
                  st.sampled_from([1 << 63, (1 << 64) - 1, (1 << 64) - 100, 0xffff_ffff, 1 << 47]),
                  st.sampled_from(sorted(IOCTLS)))
memory = st.builds(Garbage, st.one_of(st.binary(min_size=1, max_size=64), st.just(b"\x1b[2J"), st.just(b"\0"),
                                      st.just(b"\xff")), st.integers(0, 4))
results = st.one_of(st.none(), st.just(Restart), st.integers(-4095, 64), st.integers(-(1 << 63), (1 << 63) - 1))


def printable(text):
    return all(line.isascii() and line.isprintable() for line in text.split("\n"))


# Not shrunk: one example is a sweep over all calls, and the message names the call.
@settings(max_examples=80, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(st.tuples(*[words] * 6), memory, results)
def test_any_words_and_any_memory_in_every_call(given_words, mm, result):
    for nr in [*NAMES, 400, (1 << 64) - 1]:
        stream, mm.reads = io.StringIO(), 0
        trace, task = Strace(stream), Task(mm)
        trace.entered(task, nr, given_words)
        trace.left(task, nr, given_words, result)
        assert stream.getvalue().count("\n") == 1, nr
        assert len(stream.getvalue()) < 100_000, nr
        assert printable(stream.getvalue()), nr


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 64), st.integers(-(1 << 31), (1 << 31) - 1), st.binary(max_size=112),
       st.integers(-(1 << 31), (1 << 31) - 1))
def test_any_siginfo(signo, code, fields, error):
    stream = io.StringIO()
    Strace(stream).signalled(Task(None), signo, SigInfo(signo, code, fields, error))
    assert stream.getvalue().count("\n") == 1
    assert printable(stream.getvalue())
