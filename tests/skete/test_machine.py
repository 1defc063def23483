"""The library: Machine, handlers, observers, and what is left behind."""
import errno
import gc
import os
import signal
import threading

import pytest

from skete import LoadError, Machine, monitor
from skete.observe.observer import Observer
from skete.observe.stats import Stats


@pytest.fixture
def run(guests, engine_name):
    """Run a guest with its output in a pipe: (Result, bytes)."""
    def go(name, *args, on=(), watch=(), **settings):
        read, write = os.pipe()
        with open(os.devnull) as null:
            machine = Machine(guests(name), args, engine=engine_name, stdio=(null.fileno(), write, 2),
                              **{"timeout_s": 60, **settings})
            for call, handler in on:
                machine.on(call, handler)
            for observer in watch:
                machine.watch(observer)
            try:
                result = machine.run()
            finally:
                os.close(write)
        with open(read, "rb") as pipe:
            return result, pipe.read()
    return go


def test_result_says_what_became_of_it(run):
    result, output = run("echo", "one", "two words", env={"NAME": "value"})
    assert output == b"arg one\narg two words\nenv NAME=value\n"
    assert (result.kind, result.code, result.exit_status) == ("exited", 7, 7)
    assert result.wall_s > 0 and result.guest_s >= 0 and result.monitor_s > 0
    assert result.unserved == {} and result.fault is None


def test_a_handler_answers_a_call_in_the_kernels_place(run):
    seen = []

    def answer(call):
        seen.append((call.name, call.words[:2]))
        return 4242
    _, output = run("calls", on=[("getppid", answer)])
    assert b"getppid 4242\n" in output
    assert seen and seen[0][0] == "getppid"


def test_a_handler_may_leave_a_call_to_the_kernel_or_fail_it(run):
    def refuse(call):
        raise OSError(errno.EDOM, "not today")
    _, output = run("calls", on=[("getppid", refuse), ("getuid", lambda call: None)])
    assert b"getppid -33\n" in output and b"getuid 1000\n" in output


def test_a_handler_reads_and_writes_guest_memory(run):
    def seeded(call):
        call.write(call.words[0], b"\x2a" * call.words[1])
        return call.words[1]

    def upper(call):
        fd, addr, length = call.words[:3]
        assert fd == 1
        call.write(addr, call.read(addr, length).upper())
        return None
    _, output = run("calls", on=[("getrandom", seeded), ("write", upper)])
    assert b"GETRANDOM 2A2A2A2A\n" in output


def test_a_handlers_result_is_a_register(run):
    _, output = run("calls", on=[("getppid", lambda call: (1 << 64) - 2)])
    assert b"getppid -2\n" in output
    with pytest.raises(ValueError, match="no 64-bit number"):
        run("calls", on=[("getppid", lambda call: 1 << 64)])


def test_a_bug_in_a_handler_is_the_callers_exception_and_ends_the_guest(run):
    with pytest.raises(KeyError):
        run("calls", on=[("getppid", lambda call: {}["missing"])])


def test_a_call_that_takes_for_ever_does_not_outlast_the_timeout(run, monkeypatch):
    monkeypatch.setattr(monitor, "_GRACE_S", 0.05)

    def for_ever(call):
        try:
            while True:
                pass
        except BaseException:
            raise KeyError("as where a callback of C has swallowed it") from None
    result, _ = run("calls", on=[("getppid", for_ever)], timeout_s=0.2)
    assert (result.kind, result.exit_status) == ("timeout", 124)


def test_nor_does_it_keep_two_signals_from_ending_it(run, monkeypatch, engine_name):
    if engine_name == "kvm":
        pytest.skip("there a signal is held back until the call has been served")
    monkeypatch.setattr(monitor, "_IMPATIENCE_S", 0.05)

    def for_ever(call):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            pass
    result, _ = run("calls", on=[("getppid", for_ever)])
    assert (result.kind, result.exit_status) == ("signalled", 143)


def test_an_unknown_call_name_is_refused_at_once(guests):
    with pytest.raises(ValueError, match="frobnicate"):
        Machine(guests("calls")).on("frobnicate", lambda call: 0)


def test_observers_see_every_call_in_order(run):
    class Watch(Observer):
        def __init__(self):
            self.calls, self.end = [], None

        def entered(self, task, nr, words):
            self.calls.append(nr)

        def exited(self, task, status):
            self.end = status
    watch, stats = Watch(), Stats()
    result, _ = run("calls", watch=[watch, stats])
    assert watch.calls[-1] == 231 and watch.end == ("exited", 0)
    assert sum(row["calls"] for row in result.syscalls.values()) == len(watch.calls)
    assert result.unserved == {"syscall_0x7d1": 2}


def test_a_program_that_is_none_is_a_load_error(tmp_path):
    program = tmp_path / "text"
    program.write_text("hello\n")
    with pytest.raises(LoadError, match="not an ELF"):
        Machine(program).run()


def test_a_machine_runs_in_another_thread_than_the_main_one(run):
    results = []
    thread = threading.Thread(target=lambda: results.append(run("calls")))
    thread.start()
    thread.join(60)
    assert results and results[0][0].exit_status == 0


def test_a_hundred_machines_leave_nothing_behind(run):
    run("calls")
    gc.collect()        # of earlier tests
    before = len(os.listdir("/proc/self/fd"))
    with open("/proc/self/maps") as maps:
        mappings = len(maps.readlines())
    for _ in range(100):
        run("calls")
    assert len(os.listdir("/proc/self/fd")) <= before
    with open("/proc/self/maps") as maps:
        assert len(maps.readlines()) < mappings + 20
    with open(f"/proc/self/task/{threading.get_native_id()}/children") as children:
        assert children.read() == ""


def test_a_memory_limit_is_enomem(run):
    result, output = run("calls", memory=16 << 20)
    assert b"mmap 64 MiB -12\n" in output
    result, output = run("calls")
    assert b"mmap 64 MiB 0\n" in output
