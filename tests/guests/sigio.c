/* Signal-driven I/O: O_ASYNC, F_SETOWN, F_SETSIG of fcntl(2), FIOASYNC and its kin. */
#include "check.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#define RT (SIGRTMIN + 3)

static volatile int seen, code, band, where, thread_of;

static void on_io(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	code = info->si_code;
	band = info->si_band;
	where = info->si_fd;
	thread_of = syscall(SYS_gettid);
	seen++;
}

/* Until a signal has come from outside, for ten seconds at most. */
static void until_seen(int count)
{
	for (int i = 0; i < 10000 && seen < count; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	CHECK(seen >= count);
}

static void drive(int fd, int owner)
{
	EQ(fcntl(fd, F_SETOWN, owner), 0);
	EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC), 0);
	CHECK(fcntl(fd, F_GETFL) & O_ASYNC);
	seen = 0;
}

static void pipes(void)
{
	int p[2], on = 1, off = 0;
	char text[10];
	pipe(p);
	write(p[1], "x", 1);
	drive(p[0], getpid());
	EQ(seen, 0);				/* what was there before is no news */
	write(p[1], "x", 1);
	EQ(seen, 1);
	EQ(code, SI_KERNEL);
	write(p[1], "x", 1);
	EQ(seen, 2);
	EQ(read(p[0], text, 10), 3);
	EQ(seen, 2);
	/* With a signal of one's own it says what and where. */
	EQ(fcntl(p[0], F_SETSIG, RT), 0);
	write(p[1], "x", 1);
	EQ(seen, 3);
	EQ(code, POLL_IN);
	EQ(band, POLLIN | POLLRDNORM);
	EQ(where, p[0]);
	EQ(fcntl(p[0], F_SETSIG, 0), 0);
	EQ(ioctl(p[0], FIOASYNC, &off), 0);
	EQ(fcntl(p[0], F_GETFL) & O_ASYNC, 0);
	write(p[1], "x", 1);
	EQ(seen, 3);
	EQ(ioctl(p[0], FIOASYNC, &on), 0);
	CHECK(fcntl(p[0], F_GETFL) & O_ASYNC);
	write(p[1], "x", 1);
	EQ(seen, 4);
	/* Nobody, and then the other end goes. */
	EQ(fcntl(p[0], F_SETOWN, 0), 0);
	write(p[1], "x", 1);
	EQ(seen, 4);
	EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
	close(p[1]);
	EQ(seen, 5);
	close(p[0]);
	FAILS(ioctl(p[0], FIOASYNC, &on), EBADF);
	section("pipes");
}

static void others(void)
{
	int on = 1, owner = 0, file = open("sigio.file", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2];
	FAILS(ioctl(file, FIOASYNC, &on), ENOTTY);
	FAILS(ioctl(file, FIOASYNC, (void *)16), EFAULT);
	EQ(fcntl(file, F_SETFL, O_ASYNC), 0);
	EQ(fcntl(file, F_GETFL) & O_ASYNC, 0);
	unlink("sigio.file");
	close(file);
	pipe(p);
	FAILS(ioctl(p[0], FIOSETOWN, &on), ENOTTY);
	FAILS(ioctl(p[0], FIOGETOWN, &owner), ENOTTY);
	close(p[0]);
	close(p[1]);
	section("others");
}

static void sockets(void)
{
	int s[2], me = getpid(), owner = 0;
	char text[4096] = "";
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	EQ(ioctl(s[0], FIOSETOWN, &me), 0);
	EQ(ioctl(s[0], FIOGETOWN, &owner), 0);
	EQ(owner, me);
	owner = -getpgrp();
	EQ(ioctl(s[0], SIOCSPGRP, &owner), 0);
	EQ(fcntl(s[0], F_GETOWN), owner);
	owner = 0;
	EQ(ioctl(s[0], SIOCGPGRP, &owner), 0);
	EQ(owner, -getpgrp());
	owner = 999999;
	FAILS(ioctl(s[0], FIOSETOWN, &owner), ESRCH);
	drive(s[0], me);
	EQ(fcntl(s[0], F_SETSIG, RT), 0);
	send(s[1], "x", 1, 0);
	EQ(seen, 1);
	EQ(code, POLL_IN);
	EQ(where, s[0]);
	EQ(recv(s[0], text, 10, 0), 1);
	send(s[0], "x", 1, 0);
	EQ(recv(s[1], text, 10, 0), 1);
	EQ(seen, 1);				/* it was never full */
	fcntl(s[0], F_SETFL, fcntl(s[0], F_GETFL) | O_NONBLOCK);
	fcntl(s[1], F_SETFL, O_NONBLOCK);
	while (send(s[0], text, sizeof text, 0) > 0)
		;
	EQ(errno, EAGAIN);
	EQ(seen, 1);
	while (recv(s[1], text, sizeof text, 0) > 0)
		;
	EQ(seen, 2);
	EQ(code, POLL_OUT);
	EQ(band, POLLOUT | POLLWRNORM | POLLWRBAND);
	shutdown(s[1], SHUT_WR);
	CHECK(seen > 2);
	close(s[0]);
	close(s[1]);

	/* Who wants to be accepted. */
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, (void *)&at, sizeof at);
	listen(listener, 5);
	getsockname(listener, (void *)&at, &length);
	drive(listener, me);
	EQ(connect(client, (void *)&at, sizeof at), 0);
	until_seen(1);
	close(client);
	close(listener);
	section("sockets");
}

static pthread_t other;
static volatile int other_tid, over;

static void *idles(void *unused)
{
	(void)unused;
	other_tid = syscall(SYS_gettid);
	while (!over)
		nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	return 0;
}

static void owners(void)
{
	int p[2], status = -1;
	pipe(p);
	pthread_create(&other, 0, idles, 0);
	while (!other_tid)
		sched_yield();
	EQ(fcntl(p[0], F_SETOWN_EX, &(struct f_owner_ex){ F_OWNER_TID, other_tid }), 0);
	EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0);
	seen = 0;
	write(p[1], "x", 1);
	until_seen(1);
	EQ(thread_of, other_tid);
	over = 1;
	pthread_join(other, 0);

	/* A process far away writes, and the group of this one hears of it. */
	setpgid(0, 0);
	drive(p[0], -getpgrp());
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid_t child = fork();
	if (!child) {
		nanosleep(&(struct timespec){ 0, 20000000 }, 0);
		write(p[1], "x", 1);
		sigsuspend(&before);
		_exit(seen != 1);
	}
	sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, 0);
	EQ(seen, 1);
	waitpid(child, &status, 0);
	EQ(status, 0);
	close(p[0]);
	close(p[1]);
	section("owners");
}

static void terminals(void)
{
	char text[10];
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(master);
	unlockpt(master);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	struct termios raw_;
	tcgetattr(slave, &raw_);
	cfmakeraw(&raw_);
	tcsetattr(slave, TCSANOW, &raw_);
	EQ(fcntl(slave, F_SETFL, O_ASYNC), 0);
	EQ(fcntl(slave, F_GETOWN), getpid());
	seen = 0;
	write(master, "x", 1);
	until_seen(1);
	EQ(read(slave, text, 10), 1);
	close(slave);
	close(master);
	section("terminals");
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGIO, &sa, 0);
	sigaction(RT, &sa, 0);
	pipes();
	others();
	sockets();
	owners();
	terminals();
	return verdict();
}
