/* Opening a FIFO: each side waits for the other. fifo(7), open(2). */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static struct { volatile int step, other; } *shared;
static const char *name;

static void nap(int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };
	while (nanosleep(&left, &left))
		;
}

static void until(volatile int *what, int wanted)
{
	for (int i = 0; i < 10000 && *what < wanted; i++)
		nap(1);
	EQ(*what, wanted);
}

/* A process that opens it so after a while, and closes it once it was told to. */
static pid_t opener(int flags, int keep)
{
	pid_t child = fork();
	if (child)
		return child;
	nap(20);
	shared->step = 1;
	int fd = open(name, flags);
	if (keep)
		until(&shared->other, 1);
	_exit(fd < 0);
}

static void done(pid_t child)
{
	int status = -1;
	shared->other = 1;
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	shared->step = shared->other = 0;
}

static void without_waiting(void)
{
	char c;
	struct pollfd p;
	FAILS(open(name, O_WRONLY | O_NONBLOCK), ENXIO);
	int reader = open(name, O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	EQ(read(reader, &c, 1), 0);
	p = (struct pollfd){ reader, POLLIN, 0 };
	EQ(poll(&p, 1, 0), 0);
	int writer = open(name, O_WRONLY | O_NONBLOCK);
	CHECK(writer >= 0);
	FAILS(read(reader, &c, 1), EAGAIN);
	close(writer);
	EQ(poll(&p, 1, 0), 1);
	EQ(p.revents, POLLHUP);
	EQ(read(reader, &c, 1), 0);
	close(reader);
	int both = open(name, O_RDWR);
	CHECK(both >= 0);
	writer = open(name, O_WRONLY);
	CHECK(writer >= 0);
	reader = open(name, O_RDONLY);
	CHECK(reader >= 0);
	EQ(write(writer, "x", 1), 1);
	EQ(read(both, &c, 1), 1);
	close(both);
	close(reader);
	close(writer);
	section("without waiting");
}

static void waiting(void)
{
	char c;
	pid_t child = opener(O_WRONLY, 1);
	int fd = open(name, O_RDONLY);
	EQ(shared->step, 1);
	CHECK(fd >= 0);
	EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	FAILS(read(fd, &c, 1), EAGAIN);			/* it is there, and has written nothing */
	done(child);
	EQ(read(fd, &c, 1), 0);
	close(fd);

	child = opener(O_RDONLY, 1);
	fd = open(name, O_WRONLY);
	EQ(shared->step, 1);
	EQ(write(fd, "x", 1), 1);
	done(child);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(fd, "x", 1), EPIPE);
	close(fd);

	child = opener(O_RDONLY | O_NONBLOCK, 1);
	fd = open(name, O_WRONLY);
	EQ(shared->step, 1);
	CHECK(fd >= 0);
	done(child);
	close(fd);

	child = opener(O_RDWR, 1);
	fd = open(name, O_RDONLY);
	EQ(shared->step, 1);
	CHECK(fd >= 0);
	done(child);
	close(fd);

	/* A writer that has been and gone. */
	child = opener(O_WRONLY, 0);
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	EQ(read(fd, &c, 1), 0);
	done(child);
	close(fd);
	section("waiting");
}

static void *reads(void *unused)
{
	(void)unused;
	char c = 0;
	int fd = open(name, O_RDONLY);
	EQ(shared->other, 1);
	CHECK(read(fd, &c, 1) == 1 && c == 'x');
	close(fd);
	return 0;
}

static void of_one_process(void)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, reads, 0);
	nap(20);
	shared->other = 1;
	int fd = open(name, O_WRONLY);
	EQ(write(fd, "xxx", 3), 3);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], 0);
	close(fd);
	shared->other = 0;
	section("of one process");
}

static volatile int alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static void interrupted(int flags)
{
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, 0);
	alarms = 0;
	/* Again and again: the first may come before the call. */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, 0);
	FAILS(open(name, flags), EINTR);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0);
	CHECK(alarms > 0);
	/* Nothing is left of it: no reader, no writer. */
	FAILS(open(name, O_WRONLY | O_NONBLOCK), ENXIO);

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm, .sa_flags = SA_RESTART }, 0);
	pid_t child = fork();
	if (!child) {
		until(&shared->other, 1);
		_exit(open(name, flags == O_RDONLY ? O_WRONLY : O_RDONLY) < 0);
	}
	/* Seldom enough for a slow machine to get on between two. */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 300000 }, { 0, 20000 } }, 0);
	shared->step = 0;
	pid_t watcher = fork();
	if (!watcher) {
		until(&shared->step, 1);
		nap(70);
		shared->other = 1;
		_exit(0);
	}
	shared->step = 1;
	int fd = open(name, flags);
	CHECK(fd >= 0);
	EQ(shared->other, 1);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0);
	CHECK(alarms > 1);
	close(fd);
	waitpid(watcher, 0, 0);
	done(child);
}

int main(void)
{
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char in_memory[40];
	snprintf(in_memory, sizeof in_memory, "/dev/shm/fifo.%d", getpid());
	const char *names[] = { "fifo", in_memory };
	for (int i = 0; i < 2; i++) {
		unlink(name = names[i]);
		EQ(mkfifo(name, 0600), 0);
		without_waiting();
		waiting();
		of_one_process();
		interrupted(O_RDONLY);
		section("interrupted reader");
		interrupted(O_WRONLY);
		section("interrupted writer");
		unlink(name);
	}
	return verdict();
}
