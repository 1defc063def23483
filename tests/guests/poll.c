/* Waiting for descriptors: poll, ppoll, select, pselect6, on pipes. */
#include "check.h"
#include "pester.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>

#define MS 1000000LL

static int ends[2];

static void *write_later(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	EQ(write(ends[1], "x", 1), 1);
	return 0;
}

static void *close_later(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	EQ(close(ends[1]), 0);
	return 0;
}

static void polling(void)
{
	pthread_t thread;
	char c;
	struct pollfd fds[3];
	EQ(pipe(ends), 0);
	fds[0] = (struct pollfd){ ends[0], POLLIN, 77 };
	fds[1] = (struct pollfd){ ends[1], POLLOUT, 77 };
	fds[2] = (struct pollfd){ -5, POLLIN, 77 };
	EQ(poll(fds, 3, 0), 1);
	EQ(fds[0].revents, 0);
	EQ(fds[1].revents, POLLOUT);
	EQ(fds[2].revents, 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	EQ(poll(fds, 1, 20), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	EQ(poll(0, 0, 1), 0);
	EQ(write(ends[1], "x", 1), 1);
	EQ(poll(fds, 1, -1), 1);
	EQ(fds[0].revents, POLLIN);
	EQ(read(ends[0], &c, 1), 1);
	fds[2] = (struct pollfd){ 99, POLLIN, 0 };
	EQ(poll(fds, 3, -1), 2);
	EQ(fds[2].revents, POLLNVAL);
	FAILS(syscall(SYS_poll, 8, 1, 0), EFAULT);
	section("poll");

	EQ(pthread_create(&thread, 0, write_later, 0), 0);
	EQ(poll(fds, 1, -1), 1);
	EQ(fds[0].revents, POLLIN);
	EQ(read(ends[0], &c, 1), 1);
	pthread_join(thread, 0);
	EQ(pthread_create(&thread, 0, close_later, 0), 0);
	EQ(poll(fds, 1, 10000), 1);
	EQ(fds[0].revents, POLLHUP);
	pthread_join(thread, 0);
	close(ends[0]);
	EQ(pipe(ends), 0);
	close(ends[0]);
	fds[0] = (struct pollfd){ ends[1], POLLOUT, 0 };
	EQ(poll(fds, 1, -1), 1);
	EQ(fds[0].revents & POLLERR, POLLERR);
	close(ends[1]);
	section("poll that waits");
}

/* The call itself: it writes what is left of the time, which a libc may keep from its caller. */
static int select_(int n, fd_set *in, fd_set *out, fd_set *odd, struct timeval *left)
{
	return syscall(SYS_select, n, in, out, odd, left);
}

static void selecting(void)
{
	pthread_t thread;
	fd_set in, out;
	char c;
	EQ(pipe(ends), 0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	struct timeval soon = { 0, 20000 };
	EQ(select_(ends[1] + 1, &in, &out, 0, &soon), 1);
	CHECK(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
	FD_SET(ends[0], &in);
	soon = (struct timeval){ 0, 20000 };
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	EQ(select_(ends[0] + 1, &in, 0, 0, &soon), 0);
	CHECK(!FD_ISSET(ends[0], &in));
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	EQ(soon.tv_sec * 1000000L + soon.tv_usec, 0);		/* Linux writes what is left */
	FD_SET(ends[0], &in);
	EQ(pthread_create(&thread, 0, write_later, 0), 0);
	soon = (struct timeval){ 100, 0 };
	EQ(select_(ends[0] + 1, &in, 0, 0, &soon), 1);
	CHECK(FD_ISSET(ends[0], &in) && soon.tv_sec >= 90 && soon.tv_sec < 100);
	EQ(read(ends[0], &c, 1), 1);
	pthread_join(thread, 0);
	soon = (struct timeval){ 0, 1000 };
	EQ(select_(0, 0, 0, 0, &soon), 0);
	int closed = dup(ends[0]);
	close(closed);
	FD_ZERO(&in);
	FD_SET(closed, &in);
	soon = (struct timeval){ 0, 0 };
	FAILS(select_(closed + 1, &in, 0, 0, &soon), EBADF);
	FAILS(select_(-1, 0, 0, 0, &soon), EINVAL);
	soon = (struct timeval){ -1, 0 };
	FAILS(select_(0, 0, 0, 0, &soon), EINVAL);
	section("select");
}

static void interrupted(void)
{
	pthread_t self = pthread_self(), thread;
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };	/* poll is never restarted */
	struct pollfd fd = { ends[0], POLLIN, 0 };
	struct timespec minute = { 60, 0 };
	fd_set in;
	sigset_t none, usr1;
	sigaction(SIGUSR1, &sa, 0);
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(poll(&fd, 1, 60000), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(handled >= 1);

	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	enough = handled = 0;
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(select(ends[0] + 1, &in, 0, 0, 0), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(handled >= 1);

	/* A signal that is blocked outside is let in for the time of ppoll and pselect alone. */
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, 0);
	handled = 0;
	pthread_kill(self, SIGUSR1);
	EQ(poll(&fd, 1, 1), 0);
	EQ(handled, 0);
	FAILS(ppoll(&fd, 1, &minute, &none), EINTR);
	EQ(handled, 1);
	pthread_kill(self, SIGUSR1);
	EQ(handled, 1);
	FD_SET(ends[0], &in);
	FAILS(pselect(ends[0] + 1, &in, 0, 0, &minute, &none), EINTR);
	EQ(handled, 2);
	sigset_t now;
	pthread_sigmask(SIG_BLOCK, 0, &now);
	CHECK(sigismember(&now, SIGUSR1));
	section("interrupted");
}

int main(void)
{
	polling();
	selecting();
	interrupted();
	return verdict();
}
