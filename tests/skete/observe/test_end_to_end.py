"""`skete run --trace` beside strace, for the same static program."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]

HELLO = """
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	struct winsize size;
	void *page = mmap(0, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
	puts("Hello");
	fflush(stdout);
	mprotect(page, 4096, PROT_READ);
	ioctl(0, TIOCGWINSZ, &size);
	write(99, "nowhere\\33[1m", 11);
	munmap(page, 8192);
	_exit(3);
}
"""

THREADS = """
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
static void caught(int signo) { }
static void *work(void *arg)
{
	struct timespec moment = { 0, 30000000 };
	nanosleep(&moment, 0);
	return 0;
}
int main(void)
{
	pthread_t thread;
	signal(SIGUSR1, caught);
	raise(SIGUSR1);
	pthread_create(&thread, 0, work, 0);
	pthread_join(thread, 0);
	return *(volatile int *)8;
}
"""

INTERRUPTED = """
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static void caught(int signo) { }
int main(void)
{
	struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
	struct timespec second = { 1, 0 }, left;
	struct timeval value = { 1, 0 };
	sigset_t none = { 0 };
	int word = 0, fds[2];

	signal(SIGALRM, caught);
	pipe(fds);
#define INTERRUPT(call) (setitimer(ITIMER_REAL, &soon, 0), call)
	INTERRUPT(syscall(SYS_pause));
	INTERRUPT(syscall(SYS_rt_sigsuspend, &none, 8));
	INTERRUPT(syscall(SYS_nanosleep, &second, 0));
	INTERRUPT(syscall(SYS_poll, 0, 0, 1000));
	INTERRUPT(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &second));
	clock_gettime(CLOCK_MONOTONIC, &left);
	left.tv_sec++;
	INTERRUPT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &left, 0));
	soon.it_interval.tv_usec = 0;
	siginterrupt(SIGALRM, 1);
	INTERRUPT(read(fds[0], &word, 4));
	return 0;
}
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory, host):
    """traced(source) -> (strace's lines, skete's lines)"""
    host.command("strace")
    folder = tmp_path_factory.mktemp("traced")

    def run(source):
        (folder / "guest.c").write_text(source)
        subprocess.run([host.gcc, "-static", "-w", "-pthread", "-o", folder / "guest", folder / "guest.c"], check=True,
                       timeout=60)
        lines = []
        for command in (["strace", "-f", "-o", folder / "strace", folder / "guest"],
                        [sys.executable, "-m", "skete", "run", "--trace-file", folder / "skete", folder / "guest"]):
            subprocess.run(command, timeout=30, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for name in ("strace", "skete"):
            lines.append((folder / name).read_text().splitlines())
        return lines
    return run


def of_main_part(lines, marker):
    """From the first line with the marker on, with everything that may differ between two runs made equal."""
    text = [re.sub(r"^(\[pid +)?\d+\]? +", "", line) for line in lines]
    start = next(at for at, line in enumerate(text) if marker in line)
    text = [re.sub(r"0x[0-9a-f]{5,}", "ADDR", line) for line in text[start:]]
    # Process numbers are small where the host's have begun again.
    text = [re.sub(r"(si_[pu]id=)\d+|tgkill\(\d+, \d+", lambda m: f"{m[1]}ID" if m[1] else "tgkill(ID, ID", line)
            for line in text]
    text = [re.sub(r" +=", " =", re.sub(r"(?<!SIG_)\b\d{4,7}\b", "ID", line)) for line in text]
    return text


def test_a_single_thread_prints_the_same_lines(traced):
    theirs, ours = traced(HELLO)
    theirs, ours = of_main_part(theirs, "mmap(NULL, 8192"), of_main_part(ours, "mmap(NULL, 8192")
    assert 'write(99, "nowhere\\33[1m", 11) = -1 EBADF (Bad file descriptor)' in ours
    # what fstat says of a pipe is the host's affair
    drop = re.compile("newfstatat|fstat|brk|getrandom")
    assert [line for line in ours if not drop.match(line)] == [line for line in theirs if not drop.match(line)]


def whole(lines):
    """Calls that were interrupted by another thread's line, put together again."""
    calls, begun = [], {}
    for line in lines:
        text = re.sub(r"^(\[pid +)?\d+\]? +", "", line)
        if text.endswith(" <unfinished ...>"):
            begun[text.split("(")[0]] = text[:-len(" <unfinished ...>")]
        elif text.startswith("<... "):
            name = text.split()[1]
            calls.append(begun.pop(name, "") + text.split("resumed>", 1)[1])
        else:
            calls.append(text)
    return calls


def test_threads_and_signals_print_the_same_events(traced):
    theirs, ours = traced(THREADS)
    wanted = re.compile(r"tgkill|rt_sigaction\(SIGUSR1|---|\+\+\+|rt_sigreturn|exit\(|clock_nanosleep|nanosleep")
    events = [sorted(line for line in of_main_part(whole(lines), "rt_sigaction(SIGUSR1") if wanted.match(line))
              for lines in (theirs, ours)]
    assert events[1] == events[0]
    assert any(line.startswith("--- SIGSEGV") for line in events[1])


def test_interrupted_calls_print_the_same_lines(traced):
    theirs, ours = [of_main_part(lines, "pipe") for lines in traced(INTERRUPTED)]
    wanted = re.compile(r"pause|rt_sigsuspend|nanosleep|poll|futex|read|---|rt_sigreturn")
    theirs, ours = [[re.sub(r"tv_n?sec=(\d{1,10}|ID)", "TIME", line) for line in lines if wanted.match(line)]
                    for lines in (theirs, ours)]
    assert ours == theirs
