"""What only the emulator engine has: code that it remembers, threads in turns, and what Unicorn does unlike a processor."""
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skete import engines
from skete.engine import EngineError, Fault, Regs, Syscall
from skete.engines import packages

_spec = importlib.util.spec_from_file_location("engines_conftest", Path(__file__).with_name("conftest.py"))
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
TEXT, STACK, FLAGS, GETPPID, SPIN = _shared.TEXT, _shared.STACK, _shared.FLAGS, _shared.GETPPID, _shared.SPIN

TREE = Path(__file__).resolve().parents[3]
COUNT = "48ffc3 ebfb"               # inc %rbx; jmp back

#: instructions of tests/guests/instructions.c that come out otherwise, and why
UNLIKE = {
    "outsb": "string instructions with a port are let through, up to their memory",
    "rdpmc": "undefined", "sysret": "undefined", "xsetbv": "undefined",
    "mov $8 to %ds": "no error code", "mov $0xfff8 to %es": "no error code", "iret to ring 0": "no error code",
    "far return to ring 0": "no error code",
    "unaligned movaps": "alignment is not checked", "alignment check": "alignment is not checked",
    "jump to no address": "noticed after the jump", "return to no address": "noticed after the jump",
    "push at no address": "as if it were no stack",
    "x87: invalid": "not raised", "x87: stack": "not raised", "sse: divide by zero": "not raised",
    "sse: reserved bits": "taken",
}


@pytest.fixture(params=["emulator"])
def engine_name(request):
    try:
        engines.make("emulator").close()
    except EngineError as error:
        pytest.skip(f"emulator engine: {error}")
    return request.param


def test_instructions_do_what_the_processor_does(engine_name, guests, skete):
    """All but those that are known not to."""
    program = guests("instructions")
    native = subprocess.run([program], capture_output=True, text=True, timeout=60).stdout.splitlines()
    done = skete("run", "--engine", "emulator", "--timeout", "60", program, timeout=90)
    lines = done.stdout.splitlines()
    assert len(lines) == len(native), done.stderr
    for expected, line in zip(native, lines):
        name = expected.split(": signal")[0]
        assert name in UNLIKE or line == expected


def test_text_that_a_program_writes_is_executed_as_written(machine):
    m = machine(GETPPID + SPIN)
    m.next()
    m.space.map(TEXT + 0x1000, 0x1000, 7, 0x3000)
    m.engine.ram[0x3000:0x3008] = bytes.fromhex("bf01000000 c3 9090")                       # mov $1, %edi; ret
    at = TEXT + 0x1000
    # call it, call the monitor, then write another number into it and do the same
    m.code(0x100, "48c7c0" + at.to_bytes(4, "little").hex() + "ffd0" + GETPPID
           + "c60425" + (at + 1).to_bytes(4, "little").hex() + "02"
           + "48c7c0" + at.to_bytes(4, "little").hex() + "ffd0" + GETPPID
           + "48c7c0" + at.to_bytes(4, "little").hex() + "ffd0" + GETPPID)
    regs = m.vcpu.regs
    regs.rip = TEXT + 0x100
    m.vcpu.regs = regs
    m.vcpu.resume()
    assert m.next()[1].words[0] == 1
    m.vcpu.resume(0)
    assert m.next()[1].words[0] == 2
    m.engine.ram[0x3001] = 3                            # the monitor writes, as read(2) would
    m.vcpu.resume(0)
    assert m.next()[1].words[0] == 3


def test_frames_that_were_given_back_hold_other_code(machine):
    m = machine(GETPPID)
    m.next()
    for number in (1, 2):
        m.space.map(TEXT + 0x1000, 0x1000, 5, 0x3000)
        code = bytes.fromhex(f"bf0{number}000000" + GETPPID)
        m.engine.ram[0x3000:0x3000 + len(code)] = code
        regs = m.vcpu.regs
        regs.rip = TEXT + 0x1000
        m.vcpu.regs = regs
        m.vcpu.resume()
        assert m.next()[1].words[0] == number
        m.space.unmap(TEXT + 0x1000, 0x1000)
        m.engine.discard(0x3000, 0x1000)


def test_threads_take_turns_that_are_the_same_every_time(engine_name):
    """Two count, a third makes calls; how far they have come then is the same in every run."""
    def run() -> list:
        engine = engines.make("emulator")
        try:
            m = _shared.Bare(engine, GETPPID + COUNT)
            m.next()
            counters = [m.vcpu]
            m.code(0x100, COUNT)
            m.code(0x200, "b900000200 ffc9 75fc" + GETPPID + "ebee")       # 131,072 turns of a loop; getppid
            for at in (0x100, 0x200):
                counters.append(m.space.vcpu(Regs(rip=TEXT + at, rsp=STACK + at, eflags=FLAGS), parent=m.vcpu))
            m.vcpu.resume(0)
            for _ in range(3):
                vcpu, trap = m.next()
                assert vcpu is counters[2] and type(trap) is Syscall
                vcpu.resume(0)
            m.next()
            return [vcpu.regs.rbx for vcpu in counters[:2]]
        finally:
            engine.close()
    first = run()
    assert first[0] and first[1] and run() == first


def test_a_slice_that_is_ended_from_outside_loses_and_repeats_nothing(machine):
    """Increments of memory between many blocks, while the loop is stopped hundreds of times."""
    m = machine(GETPPID)
    m.next()
    # mov $3000000, %ecx; 1: lea (%rcx,%rcx), %edx; and $4, %dl; jz 2f; incl STACK; jmp 3f; 2: incl STACK+4; 3: dec %ecx; jnz 1b
    m.code(0x100, "b9c0c62d00 8d1409 80e204 7409 ff04250000ff7f eb07 ff04250400ff7f ffc9 75e4" + GETPPID)
    regs = m.vcpu.regs
    regs.rip = TEXT + 0x100
    m.vcpu.regs = regs
    m.vcpu.resume()
    stops = 0
    while (event := m.next(0.0005)) is None:
        stops += 1
    assert type(event[1]) is Syscall and stops
    counts = [int.from_bytes(m.engine.ram[0x2000 + at:0x2004 + at], "little") for at in (0, 4)]
    assert counts == [1_500_000, 1_500_000]


def test_faults_one_after_another_are_no_double_fault(machine):
    m = machine("f4 f4 f7f1" + GETPPID)             # hlt; hlt; div %ecx
    for length, trapno in ((1, 13), (1, 13), (2, 0)):
        _, trap = m.next()
        assert type(trap) is Fault and trap.trapno == trapno
        regs = m.vcpu.regs
        regs.rip += length
        m.vcpu.regs = regs
        m.vcpu.resume()
    assert type(m.next()[1]) is Syscall


@pytest.mark.parametrize("why, code, rcx, address", [
    ("a load with base, index and scale", "488b44d908", STACK + 0xff8, STACK + 0x1018),     # mov 8(%rcx,%rbx,8), %rax
    ("relative to the instruction", "488b05f90f0000", 0, TEXT + 0x1100),                    # mov 0xff9(%rip), %rax
    ("across the end of a page", "488b8108000000", STACK + 0xff4, STACK + 0x1000),          # mov 8(%rcx), %rax
    ("a string instruction", "f3a4", 5, STACK + 0x1234),                                    # rep movsb
    ("a push", "4889cc50", STACK + 0x2008, STACK + 0x2000),                                 # mov %rcx, %rsp; push %rax
])
def test_a_fault_names_the_very_address(machine, why, code, rcx, address):
    m = machine(GETPPID)
    m.next()
    m.code(0x100, code)
    regs = m.vcpu.regs
    regs.rip, regs.rbx, regs.rcx, regs.rsi, regs.rdi = TEXT + 0x100, 3, rcx, STACK + 0x1234, STACK
    m.vcpu.regs = regs
    m.vcpu.resume()
    _, trap = m.next()
    assert type(trap) is Fault and hex(trap.addr) == hex(address), why


def test_an_idle_machine_uses_no_processor_time(engine_name):
    engine = engines.make("emulator")
    try:
        m = _shared.Bare(engine, GETPPID + SPIN)
        m.next()
        m.vcpu.resume(0)
        assert m.next(0.05) is None         # it has computed: whatever ends slices is awake
        m.vcpu.kick()
        m.next()
        time.sleep(0.1)
        used = time.process_time()
        assert m.next(0.3) is None
        assert time.process_time() - used < 0.1
    finally:
        engine.close()


def test_a_machine_without_unicorn_says_how_to_get_it(monkeypatch, skete, guests):
    monkeypatch.setattr(packages, "find", lambda name: None)
    with pytest.raises(EngineError) as error:
        engines.make("emulator")
    assert "requirements-emulator.txt" in str(error.value) and "--engine process" in str(error.value)


def test_other_engines_do_not_load_it(guests):
    code = ("import sys; from skete import Machine; Machine(sys.argv[1]).run(); "
            "assert not any('unicorn' in name or 'emulator' in name for name in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code, guests("args")], env={**os.environ, "PYTHONPATH": str(TREE)},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
