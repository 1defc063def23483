/* epoll(7): triggering, one shot, exclusive, nesting, and what closing descriptors does. */
#include "check.h"
#include "pester.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define MS 1000000LL

static int ends[2];

static int add(int ep, int fd, unsigned events, uint64_t data)
{
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){ events, { .u64 = data } });
}

static int mod(int ep, int fd, unsigned events, uint64_t data)
{
	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &(struct epoll_event){ events, { .u64 = data } });
}

static int del(int ep, int fd) { return epoll_ctl(ep, EPOLL_CTL_DEL, fd, 0); }

static int look(int ep, struct epoll_event *event)
{
	memset(event, 0, sizeof *event);
	return epoll_wait(ep, event, 1, 0);
}

static void put(char c) { EQ(write(ends[1], &c, 1), 1); }
static void get(void) { char c; EQ(read(ends[0], &c, 1), 1); }

static void refusals(void)
{
	struct epoll_event event = { EPOLLIN, { .u64 = 1 } };
	FAILS(epoll_create(0), EINVAL);
	FAILS(epoll_create(-1), EINVAL);
	FAILS(epoll_create1(1), EINVAL);
	int ep = epoll_create1(EPOLL_CLOEXEC), other = epoll_create(1);
	EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(other, F_GETFD), 0);
	EQ(pipe(ends), 0);
	int file = open("epoll.file", O_RDWR | O_CREAT, 0600);
	FAILS(add(ep, file, EPOLLIN, 1), EPERM);
	FAILS(del(ep, file), EPERM);
	FAILS(add(ep, ep, EPOLLIN, 1), EINVAL);
	FAILS(add(ends[0], ends[1], EPOLLIN, 1), EINVAL);
	FAILS(add(99, ends[0], EPOLLIN, 1), EBADF);
	FAILS(add(ep, 99, EPOLLIN, 1), EBADF);
	FAILS(mod(ep, ends[0], EPOLLIN, 1), ENOENT);
	FAILS(del(ep, ends[0]), ENOENT);
	EQ(add(ep, ends[0], EPOLLIN, 1), 0);
	FAILS(add(ep, ends[0], EPOLLIN, 1), EEXIST);
	FAILS(epoll_ctl(ep, 7, ends[0], &event), EINVAL);
	FAILS(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], (void *)8), EFAULT);
	FAILS(epoll_wait(ep, &event, 0, 0), EINVAL);
	FAILS(syscall(SYS_epoll_wait, ep, &event, -1, 0), EINVAL);
	FAILS(epoll_wait(ends[0], &event, 1, 0), EINVAL);
	FAILS(epoll_wait(99, &event, 1, 0), EBADF);
	EQ(syscall(SYS_epoll_wait, ep, 8, 1, 0), 0);		/* nothing to be written */
	put('x');
	FAILS(syscall(SYS_epoll_wait, ep, 8, 1, 0), EFAULT);
	EQ(look(ep, &event), 1);			/* it was not lost */
	get();
	FAILS(add(ep, ends[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 1), EINVAL);
	EQ(add(ep, ends[1], EPOLLOUT | EPOLLEXCLUSIVE, 1), 0);
	FAILS(mod(ep, ends[1], EPOLLOUT, 1), EINVAL);
	EQ(del(ep, ends[1]), 0);
	FAILS(read(ep, &event, 8), EINVAL);
	FAILS(write(ep, &event, 8), EINVAL);
	/* In a circle. */
	EQ(add(ep, other, EPOLLIN, 2), 0);
	FAILS(add(other, ep, EPOLLIN, 3), ELOOP);
	FAILS(add(ep, other, EPOLLIN | EPOLLEXCLUSIVE, 2), EINVAL);
	close(other);
	close(file);
	unlink("epoll.file");
	close(ep);
	close(ends[0]);
	close(ends[1]);
	section("refusals");
}

static void triggering(void)
{
	struct epoll_event event, events[4];
	int ep = epoll_create1(0);
	EQ(pipe2(ends, O_NONBLOCK), 0);
	EQ(add(ep, ends[0], EPOLLIN, 0x1122334455667788), 0);
	EQ(look(ep, &event), 0);
	put('a');
	for (int i = 0; i < 2; i++) {
		EQ(look(ep, &event), 1);
		EQ(event.events, EPOLLIN);
		EQ(event.data.u64, 0x1122334455667788);
	}
	get();
	EQ(look(ep, &event), 0);

	EQ(mod(ep, ends[0], EPOLLIN | EPOLLET, 2), 0);
	put('b');
	EQ(look(ep, &event), 1);
	EQ(event.data.u64, 2);
	EQ(look(ep, &event), 0);		/* the edge has passed, the byte is still there */
	put('c');
	EQ(look(ep, &event), 1);
	EQ(mod(ep, ends[0], EPOLLIN | EPOLLET, 3), 0);
	EQ(look(ep, &event), 1);		/* changing it asks anew */
	get();
	get();

	EQ(mod(ep, ends[0], EPOLLIN | EPOLLONESHOT, 4), 0);
	put('d');
	EQ(look(ep, &event), 1);
	EQ(look(ep, &event), 0);
	put('e');
	EQ(look(ep, &event), 0);
	EQ(mod(ep, ends[0], EPOLLIN | EPOLLONESHOT, 5), 0);
	EQ(look(ep, &event), 1);
	EQ(event.data.u64, 5);
	get();
	get();

	EQ(add(ep, ends[1], EPOLLOUT, 6), 0);
	EQ(mod(ep, ends[0], EPOLLIN, 7), 0);
	put('f');
	EQ(epoll_wait(ep, events, 4, -1), 2);
	EQ(events[0].data.u64 + events[1].data.u64, 13);
	EQ(epoll_wait(ep, events, 1, -1), 1);	/* in turn */
	uint64_t first = events[0].data.u64;
	EQ(epoll_wait(ep, events, 1, -1), 1);
	EQ(first + events[0].data.u64, 13);
	EQ(mod(ep, ends[0], 0, 7), 0);		/* errors and hang-ups come always */
	EQ(del(ep, ends[1]), 0);
	EQ(look(ep, &event), 0);
	close(ends[1]);
	EQ(look(ep, &event), 1);
	EQ(event.events, EPOLLHUP);
	close(ends[0]);
	EQ(look(ep, &event), 0);
	close(ep);
	section("triggering");
}

static void closing(void)
{
	struct epoll_event event, events[4];
	int ep = epoll_create1(0);
	EQ(pipe(ends), 0);
	put('x');
	EQ(add(ep, ends[0], EPOLLIN, 1), 0);
	int copy = dup(ends[0]);
	EQ(add(ep, copy, EPOLLIN, 2), 0);	/* the same file by another number */
	EQ(epoll_wait(ep, events, 4, 0), 2);
	EQ(events[0].data.u64 + events[1].data.u64, 3);
	int number = ends[0];
	close(ends[0]);				/* still open by its copy, so still watched */
	EQ(epoll_wait(ep, events, 4, 0), 2);
	FAILS(del(ep, number), EBADF);
	close(copy);
	EQ(epoll_wait(ep, events, 4, 0), 0);
	close(ends[1]);
	EQ(pipe(ends), 0);			/* the number anew: another file */
	EQ(ends[0], number);
	FAILS(mod(ep, ends[0], EPOLLIN, 1), ENOENT);
	EQ(add(ep, ends[0], EPOLLIN, 9), 0);
	put('y');
	EQ(look(ep, &event), 1);
	EQ(event.data.u64, 9);
	close(ep);
	close(ends[0]);
	close(ends[1]);
	section("closing");
}

static void nested(void)
{
	struct epoll_event event;
	int outer = epoll_create1(0), inner = epoll_create1(0);
	EQ(pipe(ends), 0);
	EQ(add(inner, ends[0], EPOLLIN, 1), 0);
	EQ(add(outer, inner, EPOLLIN, 2), 0);
	EQ(look(outer, &event), 0);
	put('x');
	EQ(epoll_wait(outer, &event, 1, -1), 1);
	EQ(event.data.u64, 2);
	struct pollfd p = { outer, POLLIN, 0 };
	EQ(poll(&p, 1, -1), 1);
	EQ(p.revents, POLLIN);
	get();
	EQ(look(outer, &event), 0);
	EQ(poll(&p, 1, 10), 0);
	close(inner);
	EQ(look(outer, &event), 0);
	close(outer);
	close(ends[0]);
	close(ends[1]);
	section("nested");
}

static void *puts_later(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	put('x');
	return 0;
}

static void *adds_later(void *ep)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	EQ(add(*(int *)ep, ends[1], EPOLLOUT, 5), 0);
	return 0;
}

static void waiting(void)
{
	struct epoll_event event;
	pthread_t thread, self = pthread_self();
	int ep = epoll_create1(0);
	EQ(pipe(ends), 0);
	EQ(add(ep, ends[0], EPOLLIN, 4), 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	EQ(epoll_wait(ep, &event, 1, 20), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	begin = now_ns(CLOCK_MONOTONIC);
	EQ(syscall(SYS_epoll_pwait2, ep, &event, 1, &(struct timespec){ 0, 5 * MS }, 0, 0), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 5 * MS);
	FAILS(syscall(SYS_epoll_pwait2, ep, &event, 1, &(struct timespec){ 0, -1 }, 0, 0), EINVAL);
	EQ(pthread_create(&thread, 0, puts_later, 0), 0);
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	EQ(event.data.u64, 4);
	pthread_join(thread, 0);
	get();
	EQ(pthread_create(&thread, 0, adds_later, &ep), 0);	/* added while somebody waits */
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	EQ(event.data.u64, 5);
	pthread_join(thread, 0);
	EQ(del(ep, ends[1]), 0);

	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };	/* never restarted */
	sigset_t usr1, none;
	sigaction(SIGUSR1, &sa, 0);
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(epoll_wait(ep, &event, 1, 60000), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, 0);
	handled = 0;
	pthread_kill(self, SIGUSR1);
	EQ(epoll_wait(ep, &event, 1, 1), 0);
	EQ(handled, 0);
	FAILS(epoll_pwait(ep, &event, 1, 60000, &none), EINTR);
	EQ(handled, 1);
	FAILS(syscall(SYS_epoll_pwait, ep, &event, 1, 0, &none, 4), EINVAL);
	pthread_sigmask(SIG_UNBLOCK, &usr1, 0);
	close(ep);
	close(ends[0]);
	close(ends[1]);
	section("waiting");
}

static int shared;
static volatile int woken;

static void *takes_one(void *unused)
{
	struct epoll_event event;
	(void)unused;
	if (epoll_wait(shared, &event, 1, 200) == 1)
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* Several threads in one instance: an edge is for one of them. */
static void many_waiters(void)
{
	pthread_t threads[4];
	shared = epoll_create1(0);
	EQ(pipe(ends), 0);
	EQ(add(shared, ends[0], EPOLLIN | EPOLLET, 1), 0);
	for (int i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, takes_one, 0), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 50 * MS }, 0);
	put('x');
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	EQ(woken, 1);
	close(shared);
	section("many waiters");
}

static void many_descriptors(void)
{
	enum { COUNT = 300 };
	static struct epoll_event events[COUNT];
	int fds[COUNT], ep = epoll_create1(0);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = eventfd(0, 0);
		EQ(add(ep, fds[i], EPOLLIN, i), 0);
	}
	for (int i = 0; i < COUNT; i += 3)
		eventfd_write(fds[i], 1);
	EQ(epoll_wait(ep, events, COUNT, -1), COUNT / 3);
	long sum = 0;
	for (int i = 0; i < COUNT / 3; i++)
		sum += events[i].data.u64;
	EQ(sum, 3L * (COUNT / 3) * (COUNT / 3 - 1) / 2);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	EQ(epoll_wait(ep, events, COUNT, 0), 0);
	close(ep);
	section("many descriptors");
}

int main(void)
{
	refusals();
	triggering();
	closing();
	nested();
	waiting();
	many_waiters();
	many_descriptors();
	return verdict();
}
