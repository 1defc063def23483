/* timerfd_create(2). */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define MS 1000000LL

static struct itimerspec spec(int64_t value_ns, int64_t interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 },
		{ value_ns / 1000000000, value_ns % 1000000000 } };
}

static void single(void)
{
	uint64_t ticks = 0;
	struct itimerspec now, old, set;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	CHECK(fd >= 0);
	EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	FAILS(read(fd, &ticks, 8), EAGAIN);
	EQ(timerfd_gettime(fd, &now), 0);
	EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	set = spec(20 * MS, 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	EQ(timerfd_settime(fd, 0, &set, &old), 0);
	EQ(old.it_value.tv_sec + old.it_value.tv_nsec, 0);
	EQ(timerfd_gettime(fd, &now), 0);
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 20 * MS);
	struct pollfd p = { fd, POLLIN, 0 };
	EQ(poll(&p, 1, 5000), 1);
	EQ(p.revents, POLLIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	FAILS(read(fd, &ticks, 4), EINVAL);
	EQ(read(fd, &ticks, 8), 8);
	EQ(ticks, 1);
	FAILS(read(fd, &ticks, 8), EAGAIN);
	EQ(timerfd_gettime(fd, &now), 0);
	EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	/* Setting it anew forgets what has expired; a time in the past expires at once. */
	set = spec(1 * MS, 0);
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	EQ(poll(&p, 1, 5000), 1);
	set = spec(1000 * 1000 * MS, 0);
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	FAILS(read(fd, &ticks, 8), EAGAIN);
	set = spec(1, 0);
	EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, &old), 0);
	CHECK(old.it_value.tv_sec > 900);
	EQ(read(fd, &ticks, 8), 8);
	EQ(ticks, 1);
	FAILS(write(fd, &ticks, 8), EINVAL);
	close(fd);
	section("single");
}

static void periodic(void)
{
	uint64_t ticks = 0;
	struct itimerspec now, set;
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	set = spec(5 * MS, 5 * MS);
	int64_t begin = now_ns(CLOCK_MONOTONIC), sum = 0;
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	while (sum < 6) {
		EQ(read(fd, &ticks, 8), 8);
		CHECK(ticks >= 1);
		sum += ticks;
	}
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 29 * MS);
	EQ(timerfd_gettime(fd, &now), 0);
	EQ(now.it_interval.tv_nsec, 5 * MS);
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 5 * MS);
	/* Expirations that nobody read are added up. */
	nanosleep(&(struct timespec){ 0, 31 * MS }, 0);
	EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks >= 6);
	set = spec(0, 0);
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	FAILS(read(fd, &ticks, 8), EAGAIN);
	/* An absolute time of this clock. */
	int64_t then = now_ns(CLOCK_REALTIME) + 10 * MS;
	set = spec(then, 0);
	EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, 0), 0);
	fcntl(fd, F_SETFL, 0);
	EQ(read(fd, &ticks, 8), 8);
	CHECK(now_ns(CLOCK_REALTIME) >= then);
	/* A very short interval is one busy timer, not a flood. */
	set = spec(1, 1);
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	nanosleep(&(struct timespec){ 0, 2 * MS }, 0);
	EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks >= 1000000);
	close(fd);
	section("periodic");
}

static void watched(void)
{
	struct epoll_event event;
	uint64_t ticks;
	struct itimerspec set = spec(3 * MS, 3 * MS);
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK), ep = epoll_create1(0);
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){ EPOLLIN | EPOLLET, { .u64 = 1 } }), 0);
	EQ(timerfd_settime(fd, 0, &set, 0), 0);
	/* One edge: expirations that follow unread are counted, not shown. */
	EQ(epoll_wait(ep, &event, 1, 5000), 1);
	EQ(epoll_wait(ep, &event, 1, 20), 0);
	EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks >= 6);
	EQ(epoll_wait(ep, &event, 1, 5000), 1);
	close(fd);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	section("watched");
}

static void refusals(void)
{
	struct itimerspec set = spec(1, 0);
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), ends[2];
	FAILS(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	FAILS(timerfd_create(99, 0), EINVAL);
	FAILS(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	FAILS(timerfd_settime(fd, 8, &set, 0), EINVAL);
	set.it_value.tv_nsec = 1000000000;
	FAILS(timerfd_settime(fd, 0, &set, 0), EINVAL);
	set = spec(1, 0);
	set.it_interval.tv_nsec = -1;
	FAILS(timerfd_settime(fd, 0, &set, 0), EINVAL);
	FAILS(timerfd_settime(fd, 0, (void *)8, 0), EFAULT);
	FAILS(timerfd_gettime(99, &set), EBADF);
	EQ(pipe(ends), 0);
	FAILS(timerfd_gettime(ends[0], &set), EINVAL);
	close(fd);
	section("refusals");
}

int main(void)
{
	single();
	periodic();
	watched();
	refusals();
	return verdict();
}
