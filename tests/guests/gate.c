/* Calls that a monitor may answer without a trap, made often enough that it does: every answer stays right when what it
 * depends on changes. Prints the same everywhere. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include "check.h"

enum { OFTEN = 1500 };

extern char **environ;
static volatile sig_atomic_t alarms;

static int window(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 ? 0 : errno;
}

/* All of them, always the same. */
static void often(pid_t pid, pid_t parent, int fd)
{
	int i;

	for (i = 0; i < OFTEN; i++) {
		CHECK(getpid() == pid);
		CHECK(getppid() == parent);
		CHECK(syscall(SYS_gettid) == pid);
		CHECK(syscall(SYS_getppid) == parent);
		CHECK(getuid() == geteuid() && getgid() == getegid());
		CHECK(window(fd) == ENOTTY);
	}
}

static int ends_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void descriptors(int fd)
{
	int copy = dup(fd), i;

	for (i = 0; i < 3; i++)
		CHECK(window(copy) == ENOTTY);
	close(copy);
	CHECK(window(copy) == EBADF);
	CHECK(dup2(fd, copy) == copy && window(copy) == ENOTTY);
	CHECK(fcntl(copy, F_SETFD, FD_CLOEXEC) == 0 && window(copy) == ENOTTY);
	CHECK(syscall(SYS_close_range, copy, copy, 0) == 0 && window(copy) == EBADF);
	copy = open("/dev/null", O_PATH);
	CHECK(copy < 0 || window(copy) == EBADF);
	close(copy);
}

static void *in_a_thread(void *main_thread)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);
	int i;

	CHECK(tid != *(pid_t *)main_thread);
	for (i = 0; i < OFTEN; i++) {
		CHECK(syscall(SYS_gettid) == tid);
		CHECK(getpid() == *(pid_t *)main_thread);
	}
	return NULL;
}

static void on_alarm(int signo)
{
	(void)signo;
	CHECK(getpid() == (pid_t)syscall(SYS_getpid));
	alarms++;
}

static void *mapped(const char *name)
{
	char line[512];
	void *found = NULL;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, name))
			found = (void *)strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	return found;
}

int main(int argc, char **argv)
{
	pid_t me = getpid(), child, grandchild;
	char *again[] = { argv[0], "again", NULL };
	struct itimerval every_ms = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	int ends[2], number;
	pthread_t threads[4];
	void *gate;

	CHECK(pipe(ends) == 0);
	often(me, getppid(), ends[0]);
	if (argc > 1)
		return failures_ != 0;
	descriptors(ends[0]);

	/* A fork: other numbers, the same text. Both go on. */
	child = fork();
	if (!child) {
		often(getpid(), me, ends[0]);
		descriptors(ends[1]);
		_exit(failures_ != 0);
	}
	often(me, getppid(), ends[0]);
	CHECK(ends_well(child));

	/* An orphan gets another parent. */
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	child = fork();
	if (!child) {
		pid_t before = getpid();
		if (!fork()) {
			int tries = 0;
			while (getppid() == before && tries++ < 10000)
				usleep(100);
			_exit(getppid() != me);
		}
		_exit(0);
	}
	CHECK(ends_well(child));
	grandchild = waitpid(-1, &number, 0);
	CHECK(grandchild > 0 && WIFEXITED(number) && WEXITSTATUS(number) == 0);

	/* The program anew, and children that live in our memory for a while. */
	CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, again, environ) == 0 && ends_well(child));
	child = vfork();
	if (!child)
		_exit(getpid() == me || getppid() != me);
	CHECK(ends_well(child));
	CHECK(getpid() == me);

	/* Signals arrive, whatever is being called. */
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	while (alarms < 20)
		CHECK(getpid() == me && window(ends[0]) == ENOTTY);
	setitimer(ITIMER_REAL, &never, NULL);

	/* GS belongs to us. */
	CHECK(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &number) == 0);
	often(me, getppid(), ends[0]);

	for (number = 0; number < 4; number++)
		CHECK(pthread_create(&threads[number], NULL, in_a_thread, &me) == 0);
	CHECK(getpid() == me && syscall(SYS_gettid) == me);
	for (number = 0; number < 4; number++)
		pthread_join(threads[number], NULL);

	/* Whatever has been put there for it is no business of ours: we may map what we like. */
	gate = mapped("[gate]");
	if (gate)
		CHECK(mmap(gate, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == gate);
	often(me, getppid(), ends[0]);
	return verdict();
}
