/* Calls that programs make to look rather than to set: clock state, scheduling attributes, unshare, setns. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/timex.h>
#include <sys/wait.h>

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t more[10];
};

static void clocks(void)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);
	CHECK(state >= 0 && state <= 5);
	CHECK(t.tick >= 9000 && t.tick <= 11000);
	CHECK(t.time.tv_sec > 1000000000);
	t.modes = 0;
	CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &t) == state);
	t.modes = 0x8000;
	FAILS(adjtimex(&t), EINVAL);
	FAILS(syscall(SYS_adjtimex, 8), EFAULT);
	FAILS(syscall(SYS_clock_adjtime, 99, &t), EINVAL);
	t.modes = 0;
	FAILS(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &t), EOPNOTSUPP);
	section("clock state");
}

static void attributes(void)
{
	struct attr a;
	memset(&a, 0xff, sizeof a);
	EQ(syscall(SYS_sched_getattr, 0, &a, 48, 0), 0);
	EQ(a.size, 48);
	EQ(a.policy, SCHED_OTHER);
	EQ(a.flags, 0);
	EQ(a.more[0], 0xffffffff);
	FAILS(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL);
	FAILS(syscall(SYS_sched_getattr, 0, &a, 48, 1), EINVAL);
	FAILS(syscall(SYS_sched_getattr, -1, &a, 48, 0), EINVAL);
	FAILS(syscall(SYS_sched_getattr, 0, 0, 48, 0), EINVAL);
	FAILS(syscall(SYS_sched_getattr, 0, 8, 48, 0), EFAULT);
	memset(&a, 0, sizeof a);
	a.size = 48;
	a.policy = SCHED_BATCH;
	a.nice = 5;
	EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
	EQ(sched_getscheduler(0), SCHED_BATCH);
	EQ(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0), 0);
	EQ(a.policy, SCHED_BATCH);
	EQ(a.nice, 5);
	a.policy = 77;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.policy = SCHED_OTHER;
	a.priority = 1;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.priority = 0;
	a.flags = 1ull << 40;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.flags = 0;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	a.size = 20;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	CHECK(a.size >= 48);
	a.size = sizeof a;
	a.more[9] = 1;
	FAILS(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	section("scheduling attributes");
}

static int shares(void *unused)
{
	(void)unused;
	if (unshare(CLONE_FILES | CLONE_FS))
		return 1;
	close(9);
	return chdir("/dev") ? 2 : 0;
}

static void unsharing(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	char cwd[4096], after[4096];
	int status;
	CHECK(getcwd(cwd, sizeof cwd));
	EQ(dup2(1, 9), 9);
	EQ(unshare(0), 0);
	FAILS(unshare(1), EINVAL);
	pid_t pid = clone(shares, stack + sizeof stack, CLONE_FILES | CLONE_FS | SIGCHLD, 0);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	EQ(fcntl(9, F_GETFD), 0);
	CHECK(getcwd(after, sizeof after) && !strcmp(cwd, after));
	FAILS(setns(-1, 0), EBADF);
	FAILS(setns(9, 0), EINVAL);
	section("unshare");
}

int main(void)
{
	clocks();
	attributes();
	unsharing();
	return verdict();
}
