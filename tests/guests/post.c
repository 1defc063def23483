/* Calls that a monitor may take without a trap, disturbed by signals, waiting, and a second process: each has the result
 * that it has on Linux, and a handler runs before the call that brought its signal returns. Prints the same everywhere. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include "check.h"

enum { OFTEN = 3000 };

static volatile sig_atomic_t alarms, pipes, users;
static int scratch;

/* A handler makes calls of its own, in the middle of whatever it has found. */
static void on_alarm(int signo)
{
	char byte;
	int before = errno;

	(void)signo;
	alarms++;
	CHECK(pread(scratch, &byte, 1, 7) == 1 && byte == 'h');
	CHECK(syscall(SYS_fcntl, 4711, F_GETFD) == -1 && errno == EBADF);
	errno = before;
}

static void on_pipe(int signo)
{
	(void)signo;
	pipes++;
}

static void on_user(int signo)
{
	(void)signo;
	users++;
}

static void handle(int signo, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK(sigaction(signo, &action, NULL) == 0);
}

static void every_us(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Results that differ from call to call, so that none can be mistaken for another. */
static void results(void)
{
	char byte;
	int i;

	for (i = 0; i < OFTEN; i++) {
		CHECK(lseek(scratch, i, SEEK_SET) == i);
		CHECK(lseek(scratch, 0, SEEK_CUR) == i);
		CHECK(pread(scratch, &byte, 1, i % 26) == 1 && byte == 'a' + i % 26);
		CHECK(lseek(scratch, -1, SEEK_SET) == -1 && errno == EINVAL);
		CHECK(umask(i & 0777) == (i ? (mode_t)(i - 1) & 0777 : 022));
		CHECK(read(-1, &byte, 1) == -1 && errno == EBADF);
		CHECK(fcntl(scratch, F_GETFL) & O_RDWR);
	}
	umask(022);
}

/* SIGPIPE of a write, and what a mask had held back, are taken before the call returns. */
static void before_the_return(void)
{
	sigset_t set, old;
	int ends[2], i;

	handle(SIGPIPE, on_pipe, 0);
	handle(SIGUSR1, on_user, 0);
	CHECK(pipe(ends) == 0);
	close(ends[0]);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (i = 0; i < 200; i++) {
		CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
		CHECK(pipes == i + 1);
		CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
		CHECK(kill(getpid(), SIGUSR1) == 0);
		CHECK(users == i);
		CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
		CHECK(users == i + 1);
	}
	close(ends[1]);
}

/* Waits that are interrupted, or gone on with. */
static void waiting(void)
{
	struct timespec nap = { 10, 0 };		/* a busy machine may be late with the signal */
	struct pollfd none = { -1, 0, 0 };
	int ends[2], i, restarted = 0;
	pid_t child;
	char byte;

	CHECK(pipe(ends) == 0);
	for (i = 0; i < 5; i++) {
		handle(SIGALRM, on_alarm, 0);
		every_us(3000);
		CHECK(read(ends[0], &byte, 1) == -1 && errno == EINTR);
		CHECK(nanosleep(&nap, NULL) == -1 && errno == EINTR);
		CHECK(poll(&none, 1, 10000) == -1 && errno == EINTR);
		handle(SIGALRM, on_alarm, SA_RESTART);
		child = fork();
		if (child == 0) {
			usleep(20000);
			_exit(write(ends[1], "y", 1) != 1);
		}
		CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y');
		restarted++;
		CHECK(waitpid(child, NULL, 0) == child);
		every_us(0);
	}
	CHECK(restarted == 5);
	close(ends[0]);
	close(ends[1]);
}

/* Two processes take turns, each waiting for the other. */
static void turns(void)
{
	int ends[2], i, status;
	pid_t child;
	int value;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	child = fork();
	if (child == 0) {
		for (i = 0; i < 2000; i++) {
			if (read(ends[1], &value, sizeof value) != sizeof value || value != i)
				_exit(1);
			value = -i;
			if (write(ends[1], &value, sizeof value) != sizeof value)
				_exit(2);
		}
		_exit(0);
	}
	for (i = 0; i < 2000; i++) {
		value = i;
		CHECK(write(ends[0], &value, sizeof value) == sizeof value);
		CHECK(read(ends[0], &value, sizeof value) == sizeof value && value == -i);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(ends[0]);
	close(ends[1]);
}

static void *of_a_thread(void *fd)
{
	char byte;
	long i;

	for (i = 0; i < OFTEN; i++)
		if (pread((int)(long)fd, &byte, 1, i % 26) != 1 || byte != 'a' + i % 26)
			return (void *)1;
	return NULL;
}

static volatile int turn;

static void *waits_for_its_turn(void *first)
{
	long i;

	for (i = 0; i < 1000; i++) {
		while (turn != !first)
			if (sched_yield() != 0)
				return (void *)1;
		turn = !turn;
	}
	return NULL;
}

/* Yielding, alone and to each other, while handlers make calls of their own. */
static void yielding(void)
{
	pthread_t thread;
	void *failed;
	int i;

	handle(SIGALRM, on_alarm, SA_RESTART);
	every_us(2000);
	for (i = 0; i < OFTEN; i++)
		CHECK(syscall(SYS_sched_yield, 1, 2, 3) == 0);
	CHECK(pthread_create(&thread, NULL, waits_for_its_turn, NULL) == 0);
	CHECK(waits_for_its_turn(&thread) == NULL);
	CHECK(pthread_join(thread, &failed) == 0 && !failed);
	every_us(0);
}

/* From the second thread on, two may be in the same call. */
static void threads(void)
{
	pthread_t thread[2];
	void *failed;
	int i;

	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&thread[i], NULL, of_a_thread, (void *)(long)scratch) == 0);
	CHECK(of_a_thread((void *)(long)scratch) == NULL);
	for (i = 0; i < 2; i++)
		CHECK(pthread_join(thread[i], &failed) == 0 && !failed);
}

int main(void)
{
	scratch = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(scratch >= 0 && write(scratch, "abcdefghijklmnopqrstuvwxyz", 26) == 26);
	umask(022);
	results();
	handle(SIGALRM, on_alarm, SA_RESTART);
	every_us(5000);
	results();
	before_the_return();
	every_us(0);
	CHECK(alarms > 0);
	puts("results are right, whatever interrupts");
	waiting();
	puts("waits are interrupted and gone on with");
	turns();
	puts("two processes take turns");
	yielding();
	threads();
	puts("threads are kept apart");
	unlink("scratch");
	return 0;
}
