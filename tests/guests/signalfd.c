/* signalfd(2). */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#define MS 1000000LL

static int readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, 0);
}

static void *kills_later(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	kill(getpid(), SIGUSR1);
	return 0;
}

int main(void)
{
	struct signalfd_siginfo info[3];
	sigset_t set;
	pthread_t thread;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGKILL);		/* quietly left out */
	sigprocmask(SIG_BLOCK, &set, 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQ(sizeof *info, 128);
	FAILS(read(fd, info, sizeof *info), EAGAIN);
	FAILS(read(fd, info, 127), EINVAL);
	EQ(readable(fd), 0);
	EQ(kill(getpid(), SIGUSR1), 0);
	EQ(kill(getpid(), SIGUSR1), 0);		/* standard signals do not queue */
	EQ(readable(fd), 1);
	EQ(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = -7 }), 0);
	EQ(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 8 }), 0);
	EQ(read(fd, info, 2 * sizeof *info + 5), 2 * sizeof *info);
	EQ(info[0].ssi_signo, SIGUSR1);
	EQ(info[0].ssi_code, SI_USER);
	EQ(info[0].ssi_pid, getpid());
	EQ(info[0].ssi_uid, getuid());
	EQ(info[1].ssi_signo, SIGRTMIN + 1);
	EQ(info[1].ssi_code, SI_QUEUE);
	EQ(info[1].ssi_int, -7);
	EQ(read(fd, info, sizeof info), sizeof *info);
	EQ(info[0].ssi_int, 8);
	EQ(readable(fd), 0);
	section("reading");

	/* Taken elsewhere, it is no longer readable here. */
	EQ(raise(SIGUSR1), 0);
	EQ(readable(fd), 1);
	EQ(sigtimedwait(&set, 0, &(struct timespec){ 0, 0 }), SIGUSR1);
	EQ(readable(fd), 0);
	EQ(raise(SIGUSR1), 0);
	signal(SIGUSR1, SIG_IGN);		/* forgets it */
	EQ(readable(fd), 0);
	signal(SIGUSR1, SIG_DFL);
	section("taken elsewhere");

	int ep = epoll_create1(0);
	struct epoll_event event = { EPOLLIN | EPOLLET, { .u64 = 1 } };
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	EQ(pthread_create(&thread, 0, kills_later, 0), 0);
	EQ(epoll_wait(ep, &event, 1, 5000), 1);
	pthread_join(thread, 0);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	EQ(read(fd, info, sizeof *info), sizeof *info);
	EQ(pthread_create(&thread, 0, kills_later, 0), 0);
	fcntl(fd, F_SETFL, 0);
	EQ(read(fd, info, sizeof *info), sizeof *info);	/* waits */
	EQ(info[0].ssi_signo, SIGUSR1);
	pthread_join(thread, 0);
	section("waiting");

	/* Another set for the same descriptor. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, 0);
	EQ(raise(SIGUSR1), 0);
	EQ(readable(fd), 1);
	EQ(signalfd(fd, &set, 0), fd);
	EQ(readable(fd), 0);
	EQ(raise(SIGUSR2), 0);
	EQ(read(fd, info, sizeof info), sizeof *info);
	EQ(info[0].ssi_signo, SIGUSR2);
	EQ(info[0].ssi_code, SI_TKILL);
	FAILS(signalfd(99, &set, 0), EBADF);
	FAILS(signalfd(ep, &set, 0), EINVAL);
	FAILS(signalfd(-1, &set, 1), EINVAL);
	FAILS(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	FAILS(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
	FAILS(write(fd, info, sizeof *info), EINVAL);
	section("another set");
	return verdict();
}
