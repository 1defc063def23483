/* eventfd(2): counters and semaphores. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

static int efd;

static void *reads_later(void *unused)
{
	uint64_t value = 0;
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, 0);
	EQ(read(efd, &value, 8), 8);
	EQ(value, UINT64_MAX - 1);
	return 0;
}

static void *writes_later(void *unused)
{
	uint64_t value = 5;
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, 0);
	EQ(write(efd, &value, 8), 8);
	return 0;
}

static int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	poll(&p, 1, 0);
	return p.revents;
}

static void counter(void)
{
	uint64_t value = 0, pair[2] = { 0, 77 };
	efd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(efd >= 0);
	EQ(fcntl(efd, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(efd, F_GETFL), O_RDWR | O_NONBLOCK);
	EQ(ready(efd), POLLIN | POLLOUT);
	FAILS(read(efd, &value, 7), EINVAL);
	EQ(read(efd, pair, 16), 8);
	EQ(pair[0], 3);
	EQ(pair[1], 77);
	EQ(ready(efd), POLLOUT);
	FAILS(read(efd, &value, 8), EAGAIN);
	value = UINT64_MAX;
	FAILS(write(efd, &value, 8), EINVAL);
	FAILS(write(efd, &value, 4), EINVAL);
	value = UINT64_MAX - 1;
	EQ(write(efd, &value, 8), 8);
	EQ(ready(efd), POLLIN);
	value = 1;
	FAILS(write(efd, &value, 8), EAGAIN);
	value = 0;
	EQ(write(efd, &value, 8), 8);
	EQ(read(efd, &value, 8), 8);
	EQ(value, UINT64_MAX - 1);
	EQ(write(efd, &(uint64_t){ 2 }, 8), 8);
	EQ(write(efd, &(uint64_t){ 40 }, 8), 8);
	EQ(read(efd, &value, 8), 8);
	EQ(value, 42);
	EQ(lseek(efd, 5, SEEK_SET), 0);
	FAILS(pread(efd, &value, 8, 0), ESPIPE);
	FAILS(ftruncate(efd, 0), EINVAL);
	FAILS(syscall(SYS_write, efd, 8, 8), EFAULT);
	close(efd);
	FAILS(eventfd(0, 0x40), EINVAL);
	section("counter");
}

static void semaphore(void)
{
	uint64_t value;
	int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	EQ(read(fd, &value, 8), 8);
	EQ(value, 1);
	EQ(read(fd, &value, 8), 8);
	EQ(value, 1);
	FAILS(read(fd, &value, 8), EAGAIN);
	close(fd);
	section("semaphore");
}

static void waiting(void)
{
	pthread_t thread;
	uint64_t value = 0;
	efd = syscall(SYS_eventfd, 0);
	EQ(fcntl(efd, F_GETFL), O_RDWR);
	EQ(pthread_create(&thread, 0, writes_later, 0), 0);
	EQ(read(efd, &value, 8), 8);
	EQ(value, 5);
	pthread_join(thread, 0);
	/* Room for 1, as POLLOUT promises, is no room for 9. */
	value = UINT64_MAX - 2;
	EQ(write(efd, &value, 8), 8);
	EQ(write(efd, &(uint64_t){ 1 }, 8), 8);
	EQ(pthread_create(&thread, 0, reads_later, 0), 0);
	value = 9;
	EQ(write(efd, &value, 8), 8);
	pthread_join(thread, 0);
	EQ(read(efd, &value, 8), 8);
	EQ(value, 9);
	close(efd);
	section("waiting");
}

int main(void)
{
	counter();
	semaphore();
	waiting();
	return verdict();
}
