"""Which host thread runs a processor of the KVM engine."""
import pytest

from skete import engines
from skete.engine import EngineError, Kicked, Regs
from skete.engines.kvm import runner
from tests.skete.engines.conftest import GETPPID as CALL
from tests.skete.engines.conftest import SPIN, STACK, TEXT, Bare

AGAIN = "ebf7"          # jmp to the call


@pytest.fixture
def pair():
    """pair(code): (engine, a thread that has been resumed, one that has made its first call). Each executes the code then,
    after a call of the first's."""
    made = []

    def make(code: str):
        try:
            made.append(engines.make("kvm"))
        except EngineError as error:
            pytest.skip(f"kvm engine: {error}")
        m = Bare(made[-1], CALL + code)
        m.next()
        child = m.space.vcpu(Regs(rip=TEXT, rsp=STACK + 0x800, eflags=0x202), parent=m.vcpu)
        m.vcpu.resume(0)
        return m.engine, m.vcpu, child
    yield make
    for engine in made:
        engine.close()


def beside(*vcpus) -> list:
    return [vcpu.processor.working for vcpu in vcpus]


def test_the_monitors_thread_runs_one_and_several_have_their_own(pair):
    engine, first, second = pair(AGAIN)
    assert {engine.wait(10)[0] for _ in range(2)} == {first, second}
    for turn in range(20):
        second.resume(0)
        assert beside(first, second) == [False, False]
        assert engine.wait(10)[0] is second
        second.resume(0)
        first.resume(0)
        assert beside(first, second) == [True, True]
        assert {engine.wait(10)[0] for _ in range(2)} == {first, second}
        first.resume(0)
        assert beside(first, second) == [False, False]
        assert engine.wait(10)[0] is first


def test_where_it_is_dear_to_go_to_another_thread_they_stay(pair, monkeypatch):
    monkeypatch.setattr(runner, "moving_ns", lambda processor: 10**9)
    engine, first, second = pair(AGAIN)
    assert {engine.wait(10)[0] for _ in range(2)} == {first, second}
    first.resume(0)
    assert beside(first, second) == [True, False]
    assert engine.wait(10)[0] is first
    second.end()
    first.resume(0)
    assert beside(first) == [False]
    assert engine.wait(10)[0] is first


def test_a_kick_is_not_lost_where_a_processor_goes_to_another_thread(pair):
    engine, first, second = pair(SPIN)
    assert engine.wait(10)[0] is second
    first.kick()
    assert engine.wait(10)[0] is first
    second.resume()
    second.kick()
    first.resume()
    assert beside(first, second) == [True, True]
    vcpu, trap = engine.wait(10)
    assert vcpu is second and type(trap) is Kicked
    second.resume()
    for vcpu in first, second:
        vcpu.kick()
    assert {engine.wait(10)[0] for _ in range(2)} == {first, second}
