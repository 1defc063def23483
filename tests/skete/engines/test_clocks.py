"""The time as the gate tells it: how near the host's clock it is, and what interrupts it on its way."""
import struct
from time import CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_TAI

import pytest

from skete import engines
from skete.engine import Kicked, Syscall
from skete.engines.gate import clocks
from skete.engines.gate.layout import GATE_BASE
from tests.skete.engines.conftest import GETPPID, STACK, TEXT, Bare

_GETTIME, _GETPPID = 228, 110
_BUFFER, _IN_RAM = STACK + 0x100, 0x2100
_SECOND = 1_000_000_000

GATE = f"b8{struct.pack('<I', _GETTIME).hex()} 488d0d0f000000 49bb{struct.pack('<Q', GATE_BASE).hex()} 41ffe3 0f05"
#: lfence; rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %rbx
COUNTER = "0faee8 0f31 48c1e220 4809d0 4889c3"
COUNTER_2 = COUNTER[:-2] + "c5"     # %rbp
#: mov $1, %edi; mov $_BUFFER, %esi; mov $0x5678, %edx
ARGUMENTS = f"bf01000000 be{struct.pack('<I', _BUFFER).hex()} ba78560000"
KEEP_RESULT = "4989c1"              # mov %rax, %r9


def loop(code: str) -> str:
    size = len(bytes.fromhex(code))
    return code + "e9" + struct.pack("<i", -size - 5).hex()


@pytest.fixture
def bare(engine_name, able):
    able("fast gate")
    made = []

    def make(code: str) -> Bare:
        made.append(engines.make(engine_name))
        machine = Bare(made[-1], code)
        machine.space.facts.post([_GETPPID])
        machine.space.facts.clock(_GETTIME, "timespec")
        return machine
    yield make
    for engine in made:
        engine.close()


def serve(m: Bare, vcpu) -> int:
    """As a kernel does; what it says."""
    ns = m.space.facts.now(CLOCK_MONOTONIC)
    m.engine.ram[_IN_RAM:_IN_RAM + 16] = struct.pack("<qq", *divmod(ns, _SECOND))
    vcpu.resume(0)
    return ns


def buffer(m: Bare) -> int:
    seconds, ns = struct.unpack_from("<qq", m.engine.ram, _IN_RAM)
    assert 0 <= ns < _SECOND
    return seconds * _SECOND + ns


def told(m: Bare) -> bool:
    """Whether this host's clock can be told in a guest."""
    return m.engine.clocks is not None and m.engine.clocks.works


def test_it_is_within_a_microsecond_of_the_hosts_clock(bare):
    """What the host's clock said at the guest's two looks at its counter is computed from a look of ours right after."""
    m = bare(loop(COUNTER + ARGUMENTS + GATE + KEEP_RESULT + COUNTER_2 + GETPPID))
    reported = last = in_gate = 0
    first, asked = None, True
    while reported < 3000:
        vcpu, trap = m.next()
        if trap.nr == _GETTIME:
            ns, asked = serve(m, vcpu), True
            assert ns >= last
            last = ns
            if not told(m):
                pytest.skip("this host's clock is not its processor's counter")
            continue
        host = m.engine.clocks.sample(CLOCK_MONOTONIC) if m.engine.clocks else None
        regs = vcpu.regs
        assert regs.r9 == 0
        reported += 1
        ns = buffer(m)
        assert ns >= last
        last = ns
        if first is None:
            first = host
        elif not asked and host[1] - first[1] > 20_000_000:
            in_gate += 1
            counter, now, width = host
            rate = (now - first[1]) / (counter - first[0])
            assert now - (counter - regs.rbx) * rate - clocks.MOST_NS <= ns, "too far behind"
            assert ns <= now - (counter - width - regs.rbp) * rate + 100, "ahead"
        asked = False
        vcpu.resume(0)
    assert in_gate > 1000


def test_a_kick_finds_it_anywhere(bare):
    """Whatever a kick interrupts, registers are those from before the call, or from behind it."""
    m = bare(loop(ARGUMENTS + GATE + "4885c0 7402 0f0b ffc3"))       # test %rax, %rax; je 1f; ud2; 1: inc %ebx
    kicks = last = count = 0
    for _ in range(4000):
        event = m.next(0)
        if event is None:
            m.vcpu.kick()
            event = m.next()
        vcpu, trap = event
        if type(trap) is Kicked:
            kicks += 1
            regs = vcpu.regs
            in_gate = regs.rip >= GATE_BASE
            assert in_gate or TEXT <= regs.rip < TEXT + 0x100
            assert not any(start <= regs.rip < end for start, end, _ in m.engine.post._told)
            if regs.rip >= TEXT + 15:
                assert (regs.rdi, regs.rsi, regs.rdx) == (1, _BUFFER, 0x5678)
            assert regs.rbx >= count
            count = regs.rbx
            vcpu.resume()
        else:
            assert type(trap) is Syscall and trap.nr == _GETTIME, trap
            assert trap.words[:3] == (1, _BUFFER, 0x5678)
            ns = serve(m, vcpu)
            assert ns >= last
            last = ns
            if kicks > 1500:
                break
    assert kicks > 500
    if told(m):
        assert count > 10 * kicks


@pytest.mark.parametrize("address", (8, 1 << 63, STACK + 0x1000 - 8, TEXT))
def test_a_bad_address_is_the_kernels(bare, address):
    """It is reported as the call that it is, with its own registers, and no fault is."""
    m = bare(loop(ARGUMENTS + GATE + ARGUMENTS[:10] + f"48be{struct.pack('<Q', address).hex()}" + ARGUMENTS[-10:] + GATE))
    for _ in range(60):
        vcpu, trap = m.next()
        assert type(trap) is Syscall and trap.nr == _GETTIME, trap
        if trap.words[1] == address:
            regs = vcpu.regs
            assert (regs.rdi, regs.rsi, regs.rdx, regs.rax) == (1, address, 0x5678, _GETTIME)
            m.space.facts.now(CLOCK_MONOTONIC)
            vcpu.resume(-14)
        else:
            serve(m, vcpu)


class Host(clocks.Clocks):
    """Clocks of a host that is made up: its counter runs at ``ghz``."""

    def __init__(self, ghz: float = 2.5, seen=None):
        self.ghz, self.counter, self.ns, self.width = ghz, 10 ** 12, 5 * _SECOND, 100
        self.set = self.slept = 0       # CLOCK_REALTIME, CLOCK_BOOTTIME - CLOCK_MONOTONIC
        self.page = memoryview(bytearray(4096)).cast("Q")
        super().__init__(self.page, (None, None, None), seen)

    def sample(self, clock):
        self.counter += self.width
        return self.counter, int(self.ns) + {CLOCK_REALTIME: self.set, CLOCK_TAI: self.set + 37 * _SECOND,
                                             CLOCK_BOOTTIME: self.slept}.get(clock, 0), self.width

    def passes(self, ns: int) -> None:
        self.ns += ns
        self.counter += int(ns * self.ghz)

    def told(self, clock: int) -> int | None:
        """As the gate does it."""
        row = 8 * clocks.CLOCKS.index(clock)
        tag, counter, window, rate, ns, seconds = self.page[row:row + 6]
        passed = self.counter - counter
        return seconds * _SECOND + ns + (passed * rate >> 64) if tag % 2 == 0 and passed < window else None


@pytest.fixture(autouse=True)
def counter_is_trusted(monkeypatch, request):
    if "bare" not in request.fixturenames:
        monkeypatch.setattr(clocks, "_trusted", lambda: True)


def warm(host: Host, clock: int = CLOCK_MONOTONIC) -> None:
    for _ in range(4):
        host.now(clock)
        host.passes(3_000_000)
    host.now(clock)
    assert host.told(clock) is not None


def test_two_samples_make_a_clock_that_is_never_ahead():
    host = Host()
    assert host.now(CLOCK_MONOTONIC) == host.ns and host.told(CLOCK_MONOTONIC) is None
    host.passes(1_000_000)
    host.now(CLOCK_MONOTONIC)
    assert host.told(CLOCK_MONOTONIC) is None       # too soon to say how fast it runs
    host.passes(2_000_000)
    host.now(CLOCK_MONOTONIC)
    for _ in range(200):
        while (told := host.told(CLOCK_MONOTONIC)) is not None:
            assert host.ns - clocks.MOST_NS <= told <= host.ns
            host.passes(101_000)
        assert host.now(CLOCK_MONOTONIC) == int(host.ns)


def test_a_row_holds_for_a_window():
    host = Host()
    warm(host)
    host.passes(clocks.WINDOW_NS + 100_000)
    assert host.told(CLOCK_MONOTONIC) is None


def test_a_rate_of_long_ago_is_measured_anew():
    host = Host()
    warm(host)
    host.passes(3 * _SECOND)
    host.now(CLOCK_MONOTONIC)
    assert host.told(CLOCK_MONOTONIC) is None
    warm(host)


def test_a_clock_that_is_slowed_down_does_not_go_back():
    host = Host()
    warm(host)
    host.ghz *= 1.0005                  # ticks for each ns: 500 ppm
    last = 0
    for _ in range(300):
        for _ in range(20):
            told = host.told(CLOCK_MONOTONIC)
            if told is None:
                told = host.now(CLOCK_MONOTONIC)
            assert told >= last
            assert abs(told - host.ns) < 6000
            last = told
            host.passes(157_000)
    assert abs(host.now(CLOCK_MONOTONIC) - host.ns) < 1000


@pytest.mark.parametrize("asleep_ns", (5_000_000, 900_000_000, 3600 * _SECOND))
@pytest.mark.parametrize("often", (1, 4))
def test_a_host_that_has_slept_is_measured_anew(often, asleep_ns):
    """CLOCK_MONOTONIC stands still meanwhile, and the counter does not."""
    host = Host()
    for _ in range(often):
        host.now(CLOCK_MONOTONIC)
        host.passes(3_000_000)
    host.counter += int(asleep_ns * host.ghz)
    last = 0
    for _ in range(200):
        told = host.told(CLOCK_MONOTONIC)
        if told is None:
            told = host.now(CLOCK_MONOTONIC)
        else:
            assert often == 1 or told >= host.ns - clocks.MOST_NS
        assert told >= last
        last = told
        now = host.ns
        host.passes(1_000_000)
    assert now - clocks.MOST_NS <= last <= now


@pytest.mark.parametrize("by", (-3600 * _SECOND, 3600 * _SECOND, -2_000_000))
def test_a_clock_that_is_set_is_told_so(by):
    host = Host()
    host.set = 10 ** 18
    warm(host, CLOCK_REALTIME)
    host.set += by
    assert host.now(CLOCK_REALTIME) == int(host.ns) + host.set
    host.passes(1_000_000)
    assert 0 <= host.ns + host.set - host.told(CLOCK_REALTIME) < clocks.MOST_NS


def test_a_clock_that_is_set_back_a_little_waits():
    host = Host()
    host.set = 10 ** 18
    warm(host, CLOCK_REALTIME)
    before = host.now(CLOCK_REALTIME)
    host.set -= 500_000
    assert host.now(CLOCK_REALTIME) == before


@pytest.mark.parametrize("one, other, apart", ((CLOCK_MONOTONIC, CLOCK_BOOTTIME, 0), (CLOCK_REALTIME, CLOCK_TAI, 37 * _SECOND)))
def test_two_that_are_one_are_told_alike(one, other, apart):
    """Whichever is asked for, and however sharp the looks at the host's are."""
    host = Host()
    host.set = 10 ** 18 + 123
    warm(host, one)
    alike = 0
    for turn in range(20):
        host.width = 50 + 37 * (turn % 5)
        host.now(other if turn % 3 else one)
        host.passes(700_000)
        if host.told(one) is None:
            assert host.told(other) is None
        else:
            assert host.told(other) == host.told(one) + apart
            alike += 1
    assert alike > 5
    assert host.now(other) - host.now(one) <= apart


def test_after_a_sleep_boottime_is_the_hosts_own():
    host = Host()
    host.slept = 12_345_678_901
    warm(host)
    assert host.told(CLOCK_BOOTTIME) is None
    assert host.now(CLOCK_BOOTTIME) == int(host.ns) + host.slept


def test_samples_that_are_not_sharp_are_not_told():
    host = Host()
    host.width = 2000
    for _ in range(10):
        host.now(CLOCK_MONOTONIC)
        host.passes(3_000_000)
        assert host.told(CLOCK_MONOTONIC) is None


@pytest.mark.parametrize("seen, same", ((10 ** 12 - 25 * 10 ** 8, True), (12345, False), (10 ** 12 + 10 ** 10, False)))
def test_a_guest_with_another_counter_is_not_told(seen, same):
    host = Host(seen=(seen, 4 * _SECOND - 200_000, 4 * _SECOND + 200_000))
    for _ in range(4):
        host.now(CLOCK_MONOTONIC)
        host.passes(3_000_000)
    host.now(CLOCK_MONOTONIC)
    assert (host.told(CLOCK_MONOTONIC) is not None) == same


def test_a_host_that_no_longer_trusts_its_counter_is_asked(monkeypatch):
    host = Host()
    warm(host)
    monkeypatch.setattr(clocks, "_trusted", lambda: False)
    for _ in range(300):
        host.passes(5_000_000)
        host.now(CLOCK_MONOTONIC)
    assert host.told(CLOCK_MONOTONIC) is None
