/* Waiting for Unix sockets: time-outs, signals, other threads, epoll(7). */
#include "sockets.h"
#include "pester.h"

static int pair[2];

static void *drains(void *unused)
{
	static char data[1 << 16];
	long sum = 0;
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	while (sum < 4 << 20) {
		ssize_t n = read(pair[1], data, sizeof data);
		if (n <= 0)
			break;
		sum += n;
	}
	return (void *)sum;
}

static void *writes_twice(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 10 * MS }, 0);
	EQ(write(pair[0], "ab", 2), 2);
	nanosleep(&(struct timespec){ .tv_nsec = 10 * MS }, 0);
	EQ(write(pair[0], "cd", 2), 2);
	return 0;
}

static void waiting(void)
{
	pthread_t thread, self = pthread_self();
	struct timeval soon = { 0, 20000 }, seen;
	socklen_t length = sizeof seen;
	static char big[4 << 20];
	char c[8];
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EQ(pthread_create(&thread, 0, drains, 0), 0);
	EQ(send(pair[0], big, sizeof big, 0), sizeof big);
	void *sum;
	pthread_join(thread, &sum);
	EQ((long)sum, 4 << 20);
	EQ(pthread_create(&thread, 0, writes_twice, 0), 0);
	EQ(recv(pair[1], c, 4, MSG_WAITALL), 4);
	CHECK(!memcmp(c, "abcd", 4));
	pthread_join(thread, 0);

	EQ(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	EQ(getsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &seen, &length), 0);
	CHECK(seen.tv_sec == 0 && seen.tv_usec >= 20000 && seen.tv_usec < 40000);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	FAILS(recv(pair[1], c, 1, 0), EAGAIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 19 * MS);
	FAILS(read(pair[1], c, 1), EAGAIN);
	soon.tv_usec = 1000000;
	FAILS(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), EDOM);
	soon.tv_usec = 20000;
	EQ(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
	ssize_t n = write(pair[0], big, sizeof big);
	CHECK(n > 0 && n < (ssize_t)sizeof big);	/* what there was room for */
	FAILS(send(pair[0], big, sizeof big, 0), EAGAIN);

	/* With a timeout a call is not made again after the handler, whatever SA_RESTART says. */
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, 0);
	close(pair[0]);
	close(pair[1]);
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	soon = (struct timeval){ 60, 0 };
	EQ(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(recv(pair[1], c, 1, 0), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(handled >= 1);
	sa.sa_flags = 0;
	sigaction(SIGUSR1, &sa, 0);
	soon = (struct timeval){ 0, 0 };
	EQ(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	enough = 0;
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(recv(pair[1], c, 1, 0), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	close(pair[0]);
	close(pair[1]);
	section("waiting");
}

static void watched(void)
{
	struct epoll_event event;
	int ep = epoll_create1(0), s = bound(SOCK_STREAM, "watched.sock");
	EQ(listen(s, 5), 0);
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, s, &(struct epoll_event){ EPOLLIN, { .u64 = 1 } }), 0);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(connect_to(client, "watched.sock"), 0);
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	int peer = accept(s, 0, 0);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, peer, &(struct epoll_event){ EPOLLIN | EPOLLRDHUP | EPOLLET, { .u64 = 2 } }), 0);
	EQ(write(client, "x", 1), 1);
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	EQ(event.events, EPOLLIN);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	shutdown(client, SHUT_WR);
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	EQ(event.events, EPOLLIN | EPOLLRDHUP);
	close(client);
	EQ(epoll_wait(ep, &event, 1, -1), 1);
	CHECK(event.events & EPOLLHUP);
	unlink("watched.sock");
	section("watched");
}

int main(void)
{
	waiting();
	watched();
	return verdict();
}
