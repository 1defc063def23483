/* The corners of signals, timers, clocks, futexes and of what waits for events. */
#define _GNU_SOURCE
#include "corners.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define SET 8L				/* the kernel's sigset_t, in bytes */

static char mem[4096] __attribute__((aligned(4096)));

/* The kernel's struct sigaction. */
struct action {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static void signals(void)
{
	struct action ignore = { .handler = SIG_IGN }, old;
	T(rt_sigaction, SIGKILL, &ignore, 0, SET);
	T(rt_sigaction, SIGSTOP, &ignore, 0, SET);
	T(rt_sigaction, SIGKILL, 0, &old, SET);
	T(rt_sigaction, 0, &ignore, 0, SET);
	T(rt_sigaction, 65, &ignore, 0, SET);
	T(rt_sigaction, -1, 0, &old, SET);
	T(rt_sigaction, SIGUSR1, &ignore, 0, 4);
	T(rt_sigaction, SIGUSR1, BAD, 0, SET);
	T(rt_sigaction, SIGUSR1, 0, BAD, SET);
	unsigned long set = ~0ul, none = 0, pending = 0;
	T(rt_sigprocmask, SIG_SETMASK, &set, &pending, SET);
	T(rt_sigprocmask, 9, 0, &set, SET);
	printf("  blocked %#lx\n", set);
	T(rt_sigprocmask, 9, &set, 0, SET);
	T(rt_sigprocmask, SIG_BLOCK, BAD, 0, SET);
	T(rt_sigprocmask, SIG_BLOCK, 0, BAD, SET);
	T(rt_sigprocmask, SIG_BLOCK, &set, 0, 16);
	struct timespec zero = { 0, 0 }, negative = { -1, 0 }, large = { 0, 1000000000 };
	siginfo_t info;
	memset(&info, 0, sizeof info);
	set = ~0ul;
	T(rt_sigtimedwait, &set, &info, &zero, SET);
	T(rt_sigtimedwait, &set, &info, &negative, SET);
	T(rt_sigtimedwait, &set, &info, &large, SET);
	T(rt_sigtimedwait, &set, &info, BAD, SET);
	T(rt_sigtimedwait, BAD, &info, &zero, SET);
	T(rt_sigtimedwait, &set, &info, &zero, 4);
	raise(SIGUSR1);
	T(rt_sigpending, &pending, SET);
	printf("  pending %#lx\n", pending);
	T(rt_sigpending, &pending, 16);
	T(rt_sigpending, BAD, SET);
	T(rt_sigtimedwait, &none, &info, &zero, SET);
	T(rt_sigtimedwait, &set, &info, &zero, SET);
	printf("  signo %d code %d\n", info.si_signo, info.si_code);
	raise(SIGUSR2);
	T(rt_sigtimedwait, &set, BAD, &zero, SET);
	memset(&info, 0, sizeof info);
	info.si_code = SI_QUEUE;
	info.si_value.sival_int = 7;
	T(rt_sigqueueinfo, getpid(), SIGUSR1, &info);
	T(rt_sigqueueinfo, getpid(), 0, &info);
	T(rt_sigqueueinfo, getpid(), 65, &info);
	T(rt_sigqueueinfo, getpid(), -1, &info);
	T(rt_sigqueueinfo, 0x7fffffff, SIGUSR1, &info);
	T(rt_sigqueueinfo, getpid(), SIGUSR1, BAD);
	T(rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info);
	T(rt_tgsigqueueinfo, -1, getpid(), SIGRTMIN, &info);
	T(rt_tgsigqueueinfo, getpid(), 0x7fffffff, SIGRTMIN, &info);
	info.si_code = SI_USER;
	T(rt_sigqueueinfo, getppid(), 0, &info);
	info.si_code = SI_TKILL;
	T(rt_sigqueueinfo, getppid(), 0, &info);
	T(rt_sigtimedwait, &set, &info, &zero, SET);
	printf("  signo %d code %d value %d\n", info.si_signo, info.si_code, info.si_value.sival_int);
	T(rt_sigtimedwait, &set, &info, &zero, SET);
	T(rt_sigtimedwait, &set, &info, &zero, SET);
	int fd = T(signalfd4, -1, &set, SET, SFD_NONBLOCK);
	T(signalfd4, -1, &set, 16, 0);
	T(signalfd4, -1, &set, SET, 1);
	T(signalfd4, -1, BAD, SET, 0);
	T(signalfd4, CLOSED, &set, SET, 0);
	T(signalfd4, 1, &set, SET, 0);
	T(signalfd4, fd, &set, SET, 0);
	T(read, fd, mem, 127);
	T(read, fd, mem, 128);
	raise(SIGUSR1);
	T(read, fd, mem, 127);
	T(read, fd, mem, 300);
	T(write, fd, mem, 128);
	T(lseek, fd, 0, 0);
	close(fd);
	stack_t stack = { mem, 0, 100 }, was;
	T(sigaltstack, &stack, 0);
	stack = (stack_t){ mem, 16, sizeof mem };
	T(sigaltstack, &stack, 0);
	stack = (stack_t){ mem, SS_ONSTACK, sizeof mem };
	T(sigaltstack, &stack, 0);
	stack = (stack_t){ mem, SS_DISABLE, 0 };
	T(sigaltstack, &stack, &was);
	T(sigaltstack, BAD, 0);
	T(sigaltstack, 0, BAD);
	T(rt_sigsuspend, &set, 16);
	T(rt_sigsuspend, BAD, SET);
	T(rt_sigprocmask, SIG_SETMASK, &none, 0, SET);
}

static void timers(void)
{
	struct timespec t = { 0, 0 }, negative = { -1, 0 }, large = { 0, 1000000000 }, minus = { 0, -1 };
	struct itimerspec off = { { 0, 0 }, { 0, 0 } }, wrong = { { 0, 0 }, { 0, 1000000000 } }, minus1 = { { 0, 0 }, { -1, 0 } };
	struct itimerspec interval = { { 0, -1 }, { 1, 0 } };
	struct itimerval bad = { { 0, 0 }, { 0, 1000000 } }, badinterval = { { 0, -1 }, { 0, 0 } }, v;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 0 };
	int id = -1;
	T(nanosleep, &negative, 0);
	T(nanosleep, &large, 0);
	T(nanosleep, &minus, 0);
	T(nanosleep, BAD, 0);
	T(nanosleep, &t, BAD);
	T(clock_nanosleep, CLOCK_REALTIME, 0, &large, 0);
	T(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &t, 0);
	T(clock_nanosleep, CLOCK_REALTIME, 8, &t, 0);
	T(clock_nanosleep, 99, 0, &t, 0);
	T(clock_nanosleep, -1, 0, &t, 0);
	T(clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &t, 0);
	T(clock_nanosleep, CLOCK_REALTIME_COARSE, 0, &t, 0);
	T(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, 0);
	T(clock_gettime, 99, &t);
	T(clock_gettime, 10, &t);
	T(clock_gettime, -1, &t);
	T(clock_gettime, CLOCK_REALTIME, BAD);
	T(clock_getres, 99, &t);
	T(clock_getres, CLOCK_REALTIME, 0);
	T(clock_getres, CLOCK_REALTIME, BAD);
	T(clock_settime, CLOCK_MONOTONIC, &t);
	T(clock_settime, 99, &t);
	T(clock_settime, CLOCK_REALTIME, &large);
	T(gettimeofday, BAD, 0);
	T(gettimeofday, 0, 0);
	T(time, BAD);
	T(setitimer, 3, 0, &v);
	T(setitimer, -1, &bad, 0);
	T(setitimer, ITIMER_REAL, &bad, 0);
	T(setitimer, ITIMER_REAL, &badinterval, 0);
	T(setitimer, ITIMER_REAL, BAD, 0);
	T(getitimer, 3, &v);
	T(getitimer, ITIMER_REAL, BAD);
	T(getitimer, ITIMER_VIRTUAL, &v);
	T(timer_create, 99, 0, &id);
	T(timer_create, CLOCK_MONOTONIC_RAW, 0, &id);
	T(timer_create, CLOCK_REALTIME, &event, &id);
	event.sigev_signo = 65;
	T(timer_create, CLOCK_REALTIME, &event, &id);
	event.sigev_signo = SIGUSR1;
	event.sigev_notify = 99;
	T(timer_create, CLOCK_REALTIME, &event, &id);
	T(timer_create, CLOCK_REALTIME, BAD, &id);
	T(timer_create, CLOCK_REALTIME, 0, BAD);
	event.sigev_notify = SIGEV_NONE;
	event.sigev_signo = 0;
	T(timer_create, CLOCK_MONOTONIC, &event, &id);
	T(timer_settime, id, 0, &wrong, 0);
	T(timer_settime, id, 0, &minus1, 0);
	T(timer_settime, id, 0, &interval, 0);
	T(timer_settime, id, 0, 0, 0);
	T(timer_settime, id, 0, BAD, 0);
	T(timer_settime, id, 0, &off, BAD);
	T(timer_settime, 9999, 0, &off, 0);
	T(timer_gettime, id, BAD);
	T(timer_gettime, 9999, &wrong);
	T(timer_getoverrun, id);
	T(timer_getoverrun, 9999);
	T(timer_delete, id);
	T(timer_delete, id);
	T(timer_delete, -1);
	wrong = (struct itimerspec){ { 0, 0 }, { 0, 1000000000 } };
	T(timerfd_create, 99, 0);
	T(timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0);
	T(timerfd_create, CLOCK_MONOTONIC, 1);
	int fd = T(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
	T(timerfd_settime, fd, 0, &wrong, 0);
	T(timerfd_settime, fd, 0, &minus1, 0);
	T(timerfd_settime, fd, 8, &off, 0);
	T(timerfd_settime, fd, 0, BAD, 0);
	T(timerfd_settime, fd, 0, 0, 0);
	T(timerfd_settime, 1, 0, &off, 0);
	T(timerfd_settime, CLOSED, 0, &off, 0);
	T(timerfd_gettime, fd, BAD);
	T(timerfd_gettime, 1, &off);
	T(timerfd_gettime, CLOSED, &off);
	T(read, fd, mem, 8);
	T(read, fd, mem, 7);
	T(write, fd, mem, 8);
	close(fd);
}

static void futexes(void)
{
	static uint32_t words[4];
	struct timespec zero = { 0, 0 }, large = { 0, 1000000000 }, negative = { -1, 0 };
	long w = (long)words;
	T(futex, w, 99, 0, 0, 0, 0);
	T(futex, w, FUTEX_FD, 0, 0, 0, 0);
	T(futex, w + 1, FUTEX_WAIT, 0, 0, 0, 0);
	T(futex, w + 1, FUTEX_WAKE, 1, 0, 0, 0);
	T(futex, 0, FUTEX_WAIT, 0, &zero, 0, 0);
	T(futex, w, FUTEX_WAIT, 1, 0, 0, 0);
	T(futex, w, FUTEX_WAIT, 0, &zero, 0, 0);
	T(futex, w, FUTEX_WAIT, 0, &large, 0, 0);
	T(futex, w, FUTEX_WAIT, 0, &negative, 0, 0);
	T(futex, w, FUTEX_WAIT, 0, BAD, 0, 0);
	T(futex, w, FUTEX_WAIT_BITSET, 0, &zero, 0, 0);
	T(futex, w, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
	T(futex, w, FUTEX_WAIT_BITSET, 0, &zero, 0, -1);
	T(futex, w, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, &zero, 0, 0);
	T(futex, w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0);
	T(futex, w, FUTEX_WAKE, 0, 0, 0, 0);
	T(futex, w, FUTEX_REQUEUE, 1, 1, w + 4, 0);
	T(futex, w, FUTEX_REQUEUE, -1, 1, w + 4, 0);
	T(futex, w, FUTEX_REQUEUE, 1, -1, w + 4, 0);
	T(futex, w, FUTEX_CMP_REQUEUE, 1, 1, w + 4, 1);
	T(futex, w, FUTEX_CMP_REQUEUE, 1, 1, w + 5, 0);
	T(futex, w, FUTEX_WAKE_OP, 1, 1, w + 4, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 0));
	printf("  the word is %u\n", words[1]);
	T(futex, w, FUTEX_WAKE_OP, 1, 1, w + 4, FUTEX_OP(7, 3, FUTEX_OP_CMP_EQ, 0));
	T(get_robust_list, 0x7fffffff, mem, mem + 8);
	T(set_robust_list, mem, 8);
}

static void waiting(void)
{
	struct epoll_event e = { .events = EPOLLIN }, exclusive = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int regular = open("regular", O_CREAT | O_RDWR, 0600), dir = open(".", O_RDONLY), ends[2];
	(void)!pipe(ends);
	int a = T(epoll_create1, EPOLL_CLOEXEC), b = epoll_create1(0), c = epoll_create1(0);
	T(epoll_create1, 1);
	T(epoll_create, 0);
	T(epoll_create, -1);
	T(epoll_ctl, a, EPOLL_CTL_ADD, regular, &e);
	T(epoll_ctl, a, EPOLL_CTL_ADD, dir, &e);
	T(epoll_ctl, a, EPOLL_CTL_ADD, a, &e);
	T(epoll_ctl, a, EPOLL_CTL_ADD, CLOSED, &e);
	T(epoll_ctl, CLOSED, EPOLL_CTL_ADD, a, &e);
	T(epoll_ctl, ends[0], EPOLL_CTL_ADD, ends[1], &e);
	T(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], BAD);
	T(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], &e);
	T(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], &e);
	T(epoll_ctl, a, EPOLL_CTL_MOD, ends[1], &e);
	T(epoll_ctl, a, EPOLL_CTL_DEL, ends[1], 0);
	T(epoll_ctl, a, 9, ends[0], &e);
	T(epoll_ctl, a, EPOLL_CTL_MOD, ends[0], &exclusive);
	T(epoll_ctl, a, EPOLL_CTL_ADD, b, &exclusive);
	T(epoll_ctl, a, EPOLL_CTL_ADD, b, &e);
	T(epoll_ctl, b, EPOLL_CTL_ADD, c, &e);
	T(epoll_ctl, c, EPOLL_CTL_ADD, a, &e);
	T(epoll_ctl, b, EPOLL_CTL_ADD, a, &e);
	T(epoll_ctl, a, EPOLL_CTL_DEL, ends[0], BAD);
	T(epoll_wait, a, mem, 0, 0);
	T(epoll_wait, a, mem, -1, 0);
	T(epoll_wait, a, BAD, 1, 0);
	T(epoll_wait, CLOSED, mem, 1, 0);
	T(epoll_wait, ends[0], mem, 1, 0);
	T(epoll_wait, a, mem, 0x7fffffff, 0);
	T(epoll_pwait, a, mem, 1, 0, mem, 4);
	T(epoll_pwait, a, mem, 1, 0, BAD, SET);
	T(read, a, mem, 1);
	close(a), close(b), close(c);
	T(eventfd2, 0, 2);
	int event = T(eventfd2, 5, EFD_NONBLOCK);
	uint64_t value = ~0ull;
	T(write, event, &value, 8);
	value--;
	T(write, event, &value, 8);
	value = ~0ull - 6;
	T(write, event, &value, 8);
	T(write, event, &value, 7);
	T(read, event, mem, 7);
	T(read, event, &value, 8);
	printf("  %#llx\n", (unsigned long long)value);
	T(read, event, &value, 8);
	value = 1;
	T(write, event, &value, 8);
	T(read, event, BAD, 8);
	T(pread64, event, mem, 8, 0);
	T(lseek, event, 0, 0);
	close(event);
	struct pollfd p[3] = { { CLOSED, POLLIN, 0 }, { -1, POLLIN, 99 }, { ends[1], POLLOUT, 0 } };
	struct timespec zero = { 0, 0 }, large = { 0, 1000000000 };
	T(poll, p, 3, 0);
	printf("  %#x %#x %#x\n", p[0].revents, p[1].revents, p[2].revents);
	T(poll, BAD, 1, 0);
	T(poll, BAD, 0, 0);
	T(ppoll, p, 1, &large, 0, SET);
	T(ppoll, p, 1, &zero, mem, 4);
	T(ppoll, p, 1, BAD, 0, SET);
	struct rlimit before, lower;
	getrlimit(RLIMIT_NOFILE, &before);
	lower = before;
	lower.rlim_cur = 20;
	setrlimit(RLIMIT_NOFILE, &lower);
	T(poll, p, 21, 0);
	T(poll, p, -1, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	fd_set set;
	struct timeval none = { 0, 0 }, negative = { -1, 0 };
	FD_ZERO(&set);
	FD_SET(60, &set);
	T(select, 61, &set, 0, 0, &none);
	T(select, -1, 0, 0, 0, &none);
	FD_ZERO(&set);
	FD_SET(regular, &set);
	T(select, regular + 1, &set, 0, 0, &none);
	T(select, regular + 1, BAD, 0, 0, &none);
	T(select, 0, 0, 0, 0, &negative);
	T(select, 0, 0, 0, 0, BAD);
	T(pselect6, 0, 0, 0, 0, &large, 0);
	T(pselect6, 0, 0, 0, 0, &zero, BAD);
	close(regular), close(dir), close(ends[0]), close(ends[1]);
}

int main(void)
{
	signals(), section("signals");
	timers(), section("timers");
	futexes(), section("futexes");
	waiting(), section("waiting");
	return verdict();
}
