/* Small calls: ioprio_set(2), kcmp(2), msgrcv(2) with MSG_COPY, and where getpriority's value is shown. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define BEST(level) (2 << 13 | (level))
#define IDLE (3 << 13)
enum { PROCESS = 1, GROUP, USER };
enum { SAME_FILE, SAME_VM, SAME_FILES, SAME_FS, SAME_SIGHAND, SAME_IO, SAME_SYSVSEM };
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static long get(int which, int who)
{
	return syscall(SYS_ioprio_get, which, who);
}

static long set(int which, int who, int value)
{
	return syscall(SYS_ioprio_set, which, who, value);
}

static volatile int other_tid, over;
static volatile long inherited;

static void *idles(void *unused)
{
	(void)unused;
	inherited = get(PROCESS, 0);
	other_tid = syscall(SYS_gettid);
	while (!over)
		nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	return 0;
}

static void io_priorities(void)
{
	pthread_t thread;
	int status = -1;
	EQ(get(PROCESS, 0), 0);
	EQ(get(GROUP, 0), BEST((getpriority(PRIO_PROCESS, 0) + 20) / 5));
	EQ(set(PROCESS, 0, BEST(6)), 0);
	EQ(get(PROCESS, 0), BEST(6));
	EQ(get(PROCESS, getpid()), BEST(6));
	EQ(get(GROUP, 0), BEST(6));
	FAILS(set(PROCESS, 0, 1 << 13), EPERM);
	FAILS(set(PROCESS, 0, 1), EINVAL);
	FAILS(set(9, 0, BEST(1)), EINVAL);
	FAILS(get(9, 0), EINVAL);
	FAILS(set(PROCESS, 0x3ffffff0, BEST(1)), ESRCH);
	FAILS(get(PROCESS, 0x3ffffff0), ESRCH);
	FAILS(get(GROUP, 0x3ffffff0), ESRCH);
	pthread_create(&thread, 0, idles, 0);
	while (!other_tid)
		sched_yield();
	EQ(inherited, BEST(6));
	EQ(set(PROCESS, other_tid, IDLE), 0);
	EQ(get(PROCESS, other_tid), IDLE);
	EQ(get(PROCESS, 0), BEST(6));
	EQ(get(GROUP, getpgrp()), BEST(6));
	over = 1;
	pthread_join(thread, 0);
	pid_t child = fork();
	if (!child)
		_exit(get(PROCESS, 0) != BEST(6));
	waitpid(child, &status, 0);
	EQ(status, 0);
	EQ(set(GROUP, 0, BEST(2)), 0);
	EQ(get(PROCESS, 0), BEST(2));
	EQ(set(PROCESS, 0, 0), 0);
	EQ(get(PROCESS, 0), 0);
	section("I/O priorities");
}

static long kcmp(int one, int two, int kind, long index, long index2)
{
	return syscall(SYS_kcmp, one, two, kind, index, index2);
}

static void *compares(void *unused)
{
	(void)unused;
	int me = syscall(SYS_gettid), leader = getpid();
	for (int kind = SAME_VM; kind <= SAME_SIGHAND; kind++)
		EQ(kcmp(me, leader, kind, 0, 0), 0);
	EQ(kcmp(me, leader, SAME_FILE, 1, 1), 0);
	return 0;
}

static void compared(void)
{
	pthread_t thread;
	int me = getpid(), p[2], status = -1;
	pipe(p);
	int copy = dup(p[0]), again = open("/proc/self/maps", O_RDONLY), third = open("/proc/self/maps", O_RDONLY);
	EQ(kcmp(me, me, SAME_FILE, p[0], copy), 0);
	long order = kcmp(me, me, SAME_FILE, again, third), back = kcmp(me, me, SAME_FILE, third, again);
	CHECK(order == 1 || order == 2);
	EQ(order + back, 3);
	FAILS(kcmp(me, me, SAME_FILE, p[0], 99), EBADF);
	FAILS(kcmp(me, me, 99, 0, 0), EINVAL);
	FAILS(kcmp(me, 0x3ffffff0, SAME_VM, 0, 0), ESRCH);
	EQ(kcmp(me, me, SAME_SYSVSEM, 0, 0), 0);
	pthread_create(&thread, 0, compares, 0);
	pthread_join(thread, 0);
	pid_t child = fork();
	if (!child) {
		int mine = getpid(), before = failures_;
		EQ(kcmp(mine, me, SAME_FILE, p[0], copy), 0);
		for (int kind = SAME_VM; kind <= SAME_SIGHAND; kind++)
			CHECK(kcmp(mine, me, kind, 0, 0) > 0);
		_exit(failures_ != before);
	}
	waitpid(child, &status, 0);
	EQ(status, 0);
	section("compared");
}

static void copies(void)
{
	struct { long type; char text[16]; } message;
	int queue = msgget(IPC_PRIVATE, 0600);
	for (int i = 0; i < 3; i++) {
		message.type = 10 + i;
		memset(message.text, 'a' + i, 4 + i);
		EQ(msgsnd(queue, &message, 4 + i, 0), 0);
	}
	for (int i = 2; i >= 0; i--) {
		EQ(msgrcv(queue, &message, 16, i, MSG_COPY | IPC_NOWAIT), 4 + i);
		EQ(message.type, 10 + i);
		EQ(message.text[3], 'a' + i);
	}
	FAILS(msgrcv(queue, &message, 16, 3, MSG_COPY | IPC_NOWAIT), ENOMSG);
	FAILS(msgrcv(queue, &message, 16, -1, MSG_COPY | IPC_NOWAIT), ENOMSG);
	FAILS(msgrcv(queue, &message, 16, 0, MSG_COPY), EINVAL);
	FAILS(msgrcv(queue, &message, 16, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	FAILS(msgrcv(queue, &message, 3, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	FAILS(msgrcv(queue, &message, 3, 0, MSG_COPY | MSG_NOERROR | IPC_NOWAIT), EINVAL);
	EQ(msgrcv(queue, &message, 16, 0, IPC_NOWAIT), 4);
	EQ(message.type, 10);
	msgctl(queue, IPC_RMID, 0);
	section("copies");
}

static void nice_is_shown(void)
{
	char line[1024] = "", state;
	long priority = 0, shown = 0;
	EQ(setpriority(PRIO_PROCESS, 0, 17), 0);
	int fd = open("/proc/self/stat", O_RDONLY);
	read(fd, line, sizeof line - 1);
	close(fd);
	EQ(sscanf(strrchr(line, ')') + 2, "%c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld %ld", &state,
		  &priority, &shown), 3);
	EQ(shown, 17);
	EQ(priority, 37);
	section("nice is shown");
}

int main(void)
{
	if (!geteuid() && (setresgid(54323, 54323, 54323) || setresuid(54323, 54323, 54323)))
		return 2;
	prctl(PR_SET_DUMPABLE, 1);
	setpgid(0, 0);
	io_priorities();
	compared();
	copies();
	nice_is_shown();
	return verdict();
}
