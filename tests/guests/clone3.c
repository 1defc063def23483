/* clone3(2): the struct's sizes, what is refused, processes and threads. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define CLEAR_SIGHAND 0x100000000ull
#define INTO_CGROUP 0x200000000ull

struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
	uint64_t future[2];
};

static long clone3(struct args *args, size_t size)
{
	long result = raw(SYS_clone3, (long)args, size, 0, 0, 0, 0);
	if (result < 0 && result > -4096) {
		errno = -result;
		return -1;
	}
	return result;
}

static int status_of(pid_t pid)
{
	int status = -1;
	EQ(waitpid(pid, &status, __WALL), pid);
	return status;
}

static void sizes(void)
{
	static const size_t good[] = { 64, 80, 88, 96, 104 };
	char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
		struct args args = { .exit_signal = SIGCHLD };
		long pid = clone3(&args, good[i]);
		if (pid == 0)
			_exit(i);
		EQ(WEXITSTATUS(status_of(pid)), i);
	}
	struct args args = { .exit_signal = SIGCHLD };
	FAILS(clone3(&args, 0), EINVAL);
	FAILS(clone3(&args, 63), EINVAL);
	FAILS(clone3((void *)page, 4097), E2BIG);
	args.future[0] = 1;
	FAILS(clone3(&args, 96), E2BIG);
	args.future[0] = 0;
	args.future[1] = 1;
	FAILS(clone3(&args, 104), E2BIG);
	FAILS(clone3(0, 88), EFAULT);
	mprotect(page + 4096, 4096, PROT_NONE);
	FAILS(clone3((void *)(page + 4096 - 64), 88), EFAULT);
	munmap(page, 8192);
	section("sizes");
}

static void refused(void)
{
	static int tids[40];
	static char stack[4096] __attribute__((aligned(16)));
	const struct { struct args args; size_t size; int error; } cases[] = {
		{ { .exit_signal = 65 }, 88, EINVAL },
		{ { .exit_signal = 256 + SIGCHLD }, 88, EINVAL },
		{ { .exit_signal = 1ull << 32 | SIGCHLD }, 88, EINVAL },
		{ { .flags = SIGCHLD }, 88, EINVAL },
		{ { .flags = 1ull << 34 }, 88, EINVAL },
		{ { .flags = 1ull << 63 }, 88, EINVAL },
		{ { .flags = 0x400000 }, 88, EINVAL },				/* CLONE_DETACHED */
		{ { .flags = CLONE_SIGHAND }, 88, EINVAL },
		{ { .flags = CLONE_THREAD }, 88, EINVAL },
		{ { .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD }, 88, EINVAL },
		{ { .flags = CLONE_PARENT, .exit_signal = SIGCHLD }, 88, EINVAL },
		{ { .flags = CLONE_SIGHAND | CLONE_VM | CLEAR_SIGHAND }, 88, EINVAL },
		{ { .flags = CLONE_FS | CLONE_NEWNS }, 88, EINVAL },
		{ { .stack = (uintptr_t)stack }, 88, EINVAL },
		{ { .stack_size = sizeof stack }, 88, EINVAL },
		{ { .stack = -4096ull, .stack_size = 4096 }, 88, EINVAL },
		{ { .stack = 1ull << 63, .stack_size = 4096 }, 88, EINVAL },
		{ { .set_tid = (uintptr_t)tids }, 88, EINVAL },
		{ { .set_tid_size = 1 }, 88, EINVAL },
		{ { .set_tid = (uintptr_t)tids, .set_tid_size = 33 }, 88, EINVAL },
		{ { .set_tid = (uintptr_t)tids, .set_tid_size = 1 }, 88, EINVAL },	/* number 0 */
		{ { .set_tid = 16, .set_tid_size = 1 }, 88, EFAULT },
		{ { .flags = INTO_CGROUP, .cgroup = 1 }, 80, EINVAL },
		{ { .flags = INTO_CGROUP, .cgroup = 1ull << 31 }, 88, EINVAL },
		{ { .flags = INTO_CGROUP, .cgroup = 1000 }, 88, EBADF },
		{ { .flags = INTO_CGROUP, .cgroup = 0 }, 88, EBADF },
		{ { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)tids, .parent_tid = (uintptr_t)tids },
		  88, EINVAL },
		{ { .flags = CLONE_PIDFD, .pidfd = 16, .exit_signal = SIGCHLD }, 88, EFAULT },
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct args args = cases[i].args;
		errno = 0;
		long pid = clone3(&args, cases[i].size);
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			status_of(pid);
		if (pid != -1 || errno != cases[i].error)
			printf("case %u: %s\n", i, pid > 0 ? "a process" : strerror(errno));
		CHECK(pid == -1 && errno == cases[i].error);
	}
	FAILS(wait(0), ECHILD);
	section("refused");
}

static void pidfds(void)
{
	int pidfd = -1, parent_tid = -1, status;
	siginfo_t info;
	struct args args = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&pidfd,
			     .parent_tid = (uintptr_t)&parent_tid, .exit_signal = SIGCHLD };
	long pid = clone3(&args, sizeof args - 16);
	if (pid == 0)
		_exit(pidfd == -1 ? 3 : 4);
	EQ(parent_tid, pid);
	CHECK(pidfd >= 0);
	EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	struct pollfd ready = { .fd = pidfd, .events = POLLIN };
	EQ(poll(&ready, 1, 10000), 1);
	EQ(waitid((idtype_t)3, pidfd, &info, WEXITED | WNOWAIT), 0);		/* P_PIDFD */
	EQ(info.si_pid, pid);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WEXITSTATUS(status), 3);
	close(pidfd);
	section("pidfd");
}

static volatile int got;

static void on_signal(int signo)
{
	got = signo;
}

static void signals(void)
{
	struct sigaction action;
	sigset_t set;
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	struct args args = { .flags = CLEAR_SIGHAND, .exit_signal = SIGUSR1 };
	sigemptyset(&set);
	long pid = clone3(&args, 88);
	if (pid == 0) {
		int same = 1;
		sigaction(SIGUSR1, 0, &action);
		same &= action.sa_handler == SIG_DFL;
		sigaction(SIGUSR2, 0, &action);
		same &= action.sa_handler == SIG_IGN;
		_exit(same);
	}
	EQ(WEXITSTATUS(status_of(pid)), 1);
	EQ(got, SIGUSR1);
	got = 0;
	args.flags = 0;
	args.exit_signal = 0;
	pid = clone3(&args, 88);
	if (pid == 0) {
		sigaction(SIGUSR1, 0, &action);
		_exit(action.sa_handler == on_signal);
	}
	FAILS(waitpid(pid, 0, 0), ECHILD);		/* not without __WCLONE */
	EQ(WEXITSTATUS(status_of(pid)), 1);
	EQ(got, 0);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	section("signals");
}

/* Start `run` on a stack of its own; it must not return. */
static long on_a_stack(struct args *args, void (*run)(void))
{
	long result;
	__asm__ volatile (
		"syscall\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"xor %%ebp, %%ebp\n\t"
		"call *%[run]\n\t"
		"hlt\n"
		"1:"
		: "=a"(result) : "a"(SYS_clone3), "D"(args), "S"((long)88), [run] "b"(run) : "rcx", "r11", "memory");
	return result;
}

static char stack[65536] __attribute__((aligned(16)));
static int words[4];

static void thread(void)
{
	char here;
	words[1] = raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	words[2] = &here > stack + sizeof stack - 4096 && &here < stack + sizeof stack;
	raw(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void process_in_the_same_memory(void)
{
	words[3] = raw(SYS_getpid, 0, 0, 0, 0, 0, 0);
	raw(SYS_exit_group, 7, 0, 0, 0, 0, 0);
}

static void stacks(void)
{
	int child_tid = 1, parent_tid = 0;
	struct args args = { .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
					      | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
			     .parent_tid = (uintptr_t)&parent_tid, .child_tid = (uintptr_t)&child_tid,
			     .stack = (uintptr_t)stack, .stack_size = sizeof stack };
	long tid = on_a_stack(&args, thread);
	CHECK(tid > 0);
	EQ(parent_tid, tid);
	while (__atomic_load_n(&child_tid, __ATOMIC_ACQUIRE))
		raw(SYS_futex, (long)&child_tid, 0, 1, 0, 0, 0);
	EQ(words[1], tid);
	EQ(words[2], 1);
	args = (struct args){ .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD, .stack = (uintptr_t)stack,
			      .stack_size = sizeof stack };
	long pid = on_a_stack(&args, process_in_the_same_memory);
	EQ(words[3], pid);
	EQ(WEXITSTATUS(status_of(pid)), 7);
	section("stacks");
}

static void *nothing(void *arg)
{
	return arg;
}

static void libc(void)
{
	pthread_t id;
	void *result = 0;
	pid_t pid = 0;
	char *argv[] = { "nothing", 0 };
	EQ(pthread_create(&id, 0, nothing, words), 0);
	EQ(pthread_join(id, &result), 0);
	CHECK(result == words);
	EQ(posix_spawn(&pid, "/nothing/here", 0, 0, argv, 0), ENOENT);
	section("libc");
}

int main(void)
{
	sizes();
	refused();
	pidfds();
	signals();
	stacks();
	libc();
	return verdict();
}
