/* Corners of what is set, kept and shown: prctl(2), personality(2), fcntl(2)'s owners and hints. */
#include "corners.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

static char buffer[64];

static void owners(void)
{
	int fd = open("owned", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY), pipes[2];
	struct { int type, pid; } owner = { 0, 0 };
	unsigned long long hint = 9;
	pipe(pipes);
	T(fcntl, fd, F_GETOWN);
	T(fcntl, fd, F_SETOWN, 999999);
	T(fcntl, fd, F_SETOWN, INT_MIN);
	T(fcntl, fd, F_GETOWN);
	T(fcntl, fd, F_SETOWN, getpid());
	SAY(fcntl(fd, F_GETOWN) == getpid());
	T(fcntl, fd, 16, &owner);		/* F_GETOWN_EX */
	SAY(owner.type);
	SAY(owner.pid == getpid());
	owner.type = 7;
	T(fcntl, fd, 15, &owner);		/* F_SETOWN_EX */
	owner.type = 2;				/* F_OWNER_PGRP */
	owner.pid = getpgrp();
	T(fcntl, fd, 15, &owner);
	owner.type = 0;
	owner.pid = 999999;
	T(fcntl, fd, 15, &owner);
	T(fcntl, fd, 15, BAD);
	T(fcntl, fd, 16, BAD);
	T(fcntl, fd, F_SETOWN, 0);
	T(fcntl, fd, F_GETOWN);
	T(fcntl, fd, F_SETSIG, -1);
	T(fcntl, fd, F_SETSIG, 65);
	T(fcntl, fd, F_SETSIG, SIGUSR1);
	T(fcntl, fd, F_GETSIG);
	T(fcntl, dup(fd), F_GETSIG);
	T(fcntl, open("owned", O_RDONLY), F_GETSIG);
	T(fcntl, fd, F_SETSIG, 0);
	T(fcntl, fd, F_GETLEASE);
	T(fcntl, fd, F_SETLEASE, F_UNLCK);
	T(fcntl, fd, F_SETLEASE, 7);
	T(fcntl, pipes[0], F_GETLEASE);
	T(fcntl, pipes[0], F_SETLEASE, F_RDLCK);
	T(fcntl, fd, F_NOTIFY, DN_CREATE);
	T(fcntl, pipes[0], F_NOTIFY, DN_CREATE);
	T(fcntl, dir, F_NOTIFY, 0);
	T(fcntl, fd, 1036, &hint);		/* F_SET_RW_HINT */
	T(fcntl, fd, 1036, BAD);
	T(fcntl, fd, 1035, BAD);		/* F_GET_RW_HINT */
	T(fcntl, fd, 1035, &hint);
	SAY(hint);
}

static void process(void)
{
	T(prctl, PR_GET_TSC, buffer);
	SAY(*(int *)buffer);
	T(prctl, PR_SET_TSC, 9);
	T(prctl, PR_SET_TSC, PR_TSC_ENABLE);
	T(prctl, PR_GET_TSC, BAD);
	T(prctl, PR_SET_THP_DISABLE, 1, 0, 0, 1);
	T(prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
	T(prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0);
	T(prctl, PR_GET_THP_DISABLE, 1, 0, 0, 0);
	T(prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0);
	T(prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
	T(prctl, PR_MCE_KILL_GET, 1, 0, 0, 0);
	T(prctl, PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	T(prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
	T(prctl, PR_MCE_KILL, PR_MCE_KILL_SET, 9, 0, 0);
	T(prctl, PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0);
	T(prctl, PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
	T(prctl, PR_MCE_KILL, 9, 0, 0, 0);
	T(prctl, PR_SET_KEEPCAPS, 2);
	T(prctl, PR_SET_KEEPCAPS, 1);
	T(prctl, PR_GET_KEEPCAPS);
	T(prctl, PR_SET_KEEPCAPS, 0);
	T(prctl, PR_CAPBSET_READ, 64);
	T(prctl, PR_CAP_AMBIENT, 9, 0, 0, 0);
	T(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0);
	T(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0);
	T(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0);
	T(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	T(prctl, PR_GET_SPECULATION_CTRL, 99, 0, 0, 0);
	T(prctl, PR_GET_SPECULATION_CTRL, 0, 1, 0, 0);
	T(prctl, PR_SET_SPECULATION_CTRL, 99, 0, 0, 0);
	T(prctl, PR_TASK_PERF_EVENTS_DISABLE);
	T(prctl, PR_TASK_PERF_EVENTS_ENABLE);
	T(prctl, PR_SET_TIMING, 1);
	T(prctl, PR_SET_NAME, BAD);
	T(prctl, 9999);
}

static void person(void)
{
	struct utsname name;
	T(personality, 0xffffffff);
	T(personality, ADDR_NO_RANDOMIZE);
	T(personality, 0xffffffff);
	T(personality, PER_LINUX32);
	uname(&name);
	puts(name.machine);
	T(personality, 0x1234);
	T(personality, 0);
	T(personality, 0);
	uname(&name);
	puts(name.machine);
}

int main(void)
{
	owners();
	process();
	person();
	return 0;
}
