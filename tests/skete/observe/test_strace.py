"""How the lines of several threads, of signals and of ends come together; strace prints the expected lines."""
import io
import os

import pytest

from skete.abi.syscalls import NUMBERS
from skete.kernel.outcome import Restart
from skete.kernel.signals.siginfo import SigInfo
from skete.observe.select import calls
from skete.observe.strace import Strace


class Memory:
    def __init__(self, **at):
        self.at = {int(addr[1:], 16): data for addr, data in at.items()}

    def read(self, addr, n):
        for start, data in self.at.items():
            if start <= addr and addr + n <= start + len(data):
                return data[addr - start:addr - start + n]
        raise OSError(14, "unmapped")


class Task:
    vcpu = None

    def __init__(self, tid, mm=None):
        self.tid, self.mm = tid, mm or Memory()


class Trace:
    """A Strace and its lines; calls by name with as many words as matter."""
    def __init__(self, **options):
        self.stream = io.StringIO()
        self.strace = Strace(self.stream, **options)

    def enter(self, task, name, *words):
        self.strace.entered(task, NUMBERS[name], (*words, *[0] * (6 - len(words))))

    def leave(self, task, name, result, *words):
        self.strace.left(task, NUMBERS[name], (*words, *[0] * (6 - len(words))), result)

    def call(self, task, name, result, *words):
        self.enter(task, name, *words)
        self.leave(task, name, result, *words)

    @property
    def text(self):
        return self.stream.getvalue()


def test_a_call_that_returns_at_once_is_one_write_of_one_line():
    written = []

    class Stream:
        write = staticmethod(written.append)

        def flush(self):
            pass
    trace = Strace(Stream())
    task = Task(1)
    trace.entered(task, NUMBERS["getpid"], (0,) * 6)
    assert written == []
    trace.left(task, NUMBERS["getpid"], (0,) * 6, 1)
    assert written == ["getpid()                                = 1\n"]


def test_a_call_that_waits_is_shown_while_it_waits():
    trace, task = Trace(), Task(1, Memory(x1000=b"hello"))
    trace.enter(task, "read", 0, 0x1000, 5)
    trace.strace.waits(task)
    assert trace.text == "read(0, "
    trace.leave(task, "read", 5, 0, 0x1000, 5)
    assert trace.text == 'read(0, "hello", 5)                     = 5\n'


def test_another_thread_interrupts_a_line_and_it_is_resumed():
    trace, one, two = Trace(), Task(7870), Task(7871)
    trace.enter(one, "clone", 0x10000, 0x5000)
    trace.leave(one, "clone", 7871, 0x10000, 0x5000)
    trace.enter(one, "futex", 0x1000, 128, 1)
    trace.strace.waits(one)
    trace.call(two, "set_robust_list", 0, 0x9a0, 24)
    trace.leave(one, "futex", 0, 0x1000, 128, 1)
    assert trace.text.splitlines() == [
        "clone(child_stack=0x5000, flags=CLONE_THREAD) = 7871",
        "[pid  7870] futex(0x1000, FUTEX_WAIT_PRIVATE, 1, NULL <unfinished ...>",
        "[pid  7871] set_robust_list(0x9a0, 24)  = 0",
        "[pid  7870] <... futex resumed>)        = 0",
    ]


def test_arguments_that_the_call_writes_come_after_the_resumption():
    trace, one, two = Trace(), Task(1), Task(2)
    trace.enter(one, "rt_sigprocmask", 0, 0, 0, 8)
    trace.call(two, "getpid", 1)
    trace.leave(one, "rt_sigprocmask", 0, 0, 0, 0, 8)
    assert trace.text.splitlines()[0] == "rt_sigprocmask(SIG_BLOCK, NULL,  <unfinished ...>"
    assert trace.text.splitlines()[2] == "[pid     1] <... rt_sigprocmask resumed>NULL, 8) = 0"


def test_the_prefix_goes_with_the_last_but_one_thread():
    trace, one, two = Trace(), Task(1), Task(2)
    trace.call(one, "getpid", 1)
    trace.call(two, "getpid", 1)
    trace.enter(two, "exit", 0)
    trace.strace.exited(two, ("exited", 0))
    trace.call(one, "getpid", 1)
    assert trace.text.splitlines() == [
        "getpid()                                = 1",
        "[pid     2] getpid()                    = 1",
        "[pid     2] exit(0)                     = ?",
        "[pid     2] +++ exited with 0 +++",
        "getpid()                                = 1",
    ]


def test_a_thread_that_ends_inside_a_call_closes_its_line():
    trace, one, two = Trace(), Task(1), Task(2)
    trace.call(two, "getpid", 1)
    trace.enter(two, "futex", 0x1000, 128, 1)
    trace.strace.waits(two)
    trace.enter(one, "exit_group", 3)
    trace.strace.exited(one, ("exited", 3))
    trace.strace.exited(two, ("exited", 3))
    assert trace.text.splitlines()[1:] == [
        "futex(0x1000, FUTEX_WAIT_PRIVATE, 1, NULL <unfinished ...>",
        "[pid     1] exit_group(3)               = ?",
        "[pid     1] +++ exited with 3 +++",
        "<... futex resumed>)                    = ?",
        "+++ exited with 3 +++",
    ]


@pytest.mark.parametrize("info, line", [
    (SigInfo.fault(11, 1, 0), "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---"),
    (SigInfo.fault(8, 1, 0x401000), "--- SIGFPE {si_signo=SIGFPE, si_code=FPE_INTDIV, si_addr=0x401000} ---"),
    (SigInfo.sent(10, 0, 7728, 0), "--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=7728, si_uid=0} ---"),
    (SigInfo.sent(15, -6, 5, 1000), "--- SIGTERM {si_signo=SIGTERM, si_code=SI_TKILL, si_pid=5, si_uid=1000} ---"),
    (SigInfo(14, 0x80), "--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---"),
    (SigInfo.timer(34, -2, 0, 3, 9), "--- SIGRT_2 {si_signo=SIGRT_2, si_code=SI_TIMER, si_timerid=0, si_overrun=3, "
                                     "si_value={sival_int=9, sival_ptr=0x9}} ---"),
])
def test_signals(info, line):
    trace = Trace()
    trace.strace.signalled(Task(1), info.signo, info)
    assert trace.text == line + "\n"


def test_death_by_signal():
    trace = Trace()
    trace.strace.exited(Task(1), ("signalled", 11))
    assert trace.text == "+++ killed by SIGSEGV +++\n"


@pytest.mark.parametrize("result, shown", [
    (Restart, "? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
    (-516, "? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
    (-4, "? ERESTARTNOHAND (To be restarted if no handler)"),
    (-11, "-1 EAGAIN (Resource temporarily unavailable)"),
    (-95, "-1 EOPNOTSUPP (Operation not supported)"),
    (-4000, "-1 (errno 4000)"),
    (None, "?"),
])
def test_results(result, shown):
    trace = Trace()
    trace.call(Task(1), "pause", result)
    assert trace.text == f"pause()                                 = {shown}\n"


def test_a_string_is_cut_at_the_limit():
    trace = Trace(limit=3)
    trace.call(Task(1, Memory(x1000=b"abcdef")), "write", 6, 1, 0x1000, 6)
    assert trace.text == 'write(1, "abc"..., 6)                   = 6\n'


def test_only_chosen_calls_are_shown_and_threads_are_still_counted():
    trace, task = Trace(trace=calls("%memory,getpid")), Task(1)
    trace.call(task, "write", 1, 1)
    trace.call(task, "clone", 2, 0x10000, 0x5000)
    trace.call(task, "brk", 0x1000)
    assert trace.text == "[pid     1] brk(NULL)                   = 0x1000\n"


@pytest.mark.parametrize("expression, inside, outside", [
    ("%file", "openat getcwd execve readlinkat", "read close mmap"),
    ("desc", "read openat close mmap ioctl", "brk getpid prlimit64"),
    ("!%file", "read brk", "openat"),
    ("read,write", "read write", "readv"),
    ("none", "", "read"),
])
def test_filters(expression, inside, outside):
    chosen = calls(expression)
    assert all(NUMBERS[name] in chosen for name in inside.split())
    assert not any(NUMBERS[name] in chosen for name in outside.split())


def test_a_filter_that_names_nothing_says_so():
    with pytest.raises(ValueError, match="'reed' is neither"):
        calls("read,reed")


@pytest.mark.parametrize("times, shape", [("r", r" {5}0\.000000 getpid"), ("t", r"\d\d:\d\d:\d\d getpid"),
                                          ("tt", r"\d\d:\d\d:\d\d\.\d{6} getpid"), ("ttt", r"\d{9,}\.\d{6} getpid")])
def test_times(times, shape):
    import re
    trace = Trace(times=times)
    trace.call(Task(1), "getpid", 1)
    assert re.match(shape, trace.text)
    assert trace.text.index("=") == 40


def test_time_spent():
    import re
    trace = Trace(spent=True)
    trace.call(Task(1), "getpid", 1)
    assert re.search(r"= 1 <0\.\d{6}>\n$", trace.text)


def test_a_reader_that_has_gone_silences_the_trace():
    reader, writer = os.pipe()
    os.close(reader)
    trace, task = Strace(writer), Task(1)
    for _ in range(2):
        trace.entered(task, NUMBERS["getpid"], (0,) * 6)
        trace.left(task, NUMBERS["getpid"], (0,) * 6, 1)
    os.close(writer)
