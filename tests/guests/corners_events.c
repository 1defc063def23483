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
	R(rt_sigaction, SIGKILL, P(&ignore), 0, SET);
	R(rt_sigaction, SIGSTOP, P(&ignore), 0, SET);
	R(rt_sigaction, SIGKILL, 0, P(&old), SET);
	R(rt_sigaction, 0, P(&ignore), 0, SET);
	R(rt_sigaction, 65, P(&ignore), 0, SET);
	R(rt_sigaction, -1, 0, P(&old), SET);
	R(rt_sigaction, SIGUSR1, P(&ignore), 0, 4);
	R(rt_sigaction, SIGUSR1, P(BAD), 0, SET);
	R(rt_sigaction, SIGUSR1, 0, P(BAD), SET);
	unsigned long set = ~0ul, none = 0, pending = 0;
	R(rt_sigprocmask, SIG_SETMASK, P(&set), P(&pending), SET);
	R(rt_sigprocmask, 9, 0, P(&set), SET);
	printf("  blocked %#lx\n", set);
	R(rt_sigprocmask, 9, P(&set), 0, SET);
	R(rt_sigprocmask, SIG_BLOCK, P(BAD), 0, SET);
	R(rt_sigprocmask, SIG_BLOCK, 0, P(BAD), SET);
	R(rt_sigprocmask, SIG_BLOCK, P(&set), 0, 16);
	struct timespec zero = { 0, 0 }, negative = { -1, 0 }, large = { 0, 1000000000 };
	siginfo_t info;
	memset(&info, 0, sizeof info);
	set = ~0ul;
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(&negative), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(&large), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(BAD), SET);
	R(rt_sigtimedwait, P(BAD), P(&info), P(&zero), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), 4);
	raise(SIGUSR1);
	R(rt_sigpending, P(&pending), SET);
	printf("  pending %#lx\n", pending);
	R(rt_sigpending, P(&pending), 16);
	R(rt_sigpending, P(BAD), SET);
	R(rt_sigtimedwait, P(&none), P(&info), P(&zero), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), SET);
	printf("  signo %d code %d\n", info.si_signo, info.si_code);
	raise(SIGUSR2);
	R(rt_sigtimedwait, P(&set), P(BAD), P(&zero), SET);
	memset(&info, 0, sizeof info);
	info.si_code = SI_QUEUE;
	info.si_value.sival_int = 7;
	R(rt_sigqueueinfo, getpid(), SIGUSR1, P(&info));
	R(rt_sigqueueinfo, getpid(), 0, P(&info));
	R(rt_sigqueueinfo, getpid(), 65, P(&info));
	R(rt_sigqueueinfo, getpid(), -1, P(&info));
	R(rt_sigqueueinfo, 0x7fffffff, SIGUSR1, P(&info));
	R(rt_sigqueueinfo, getpid(), SIGUSR1, P(BAD));
	R(rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, P(&info));
	R(rt_tgsigqueueinfo, -1, getpid(), SIGRTMIN, P(&info));
	R(rt_tgsigqueueinfo, getpid(), 0x7fffffff, SIGRTMIN, P(&info));
	info.si_code = SI_USER;
	R(rt_sigqueueinfo, getppid(), 0, P(&info));
	info.si_code = SI_TKILL;
	R(rt_sigqueueinfo, getppid(), 0, P(&info));
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), SET);
	printf("  signo %d code %d value %d\n", info.si_signo, info.si_code, info.si_value.sival_int);
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), SET);
	R(rt_sigtimedwait, P(&set), P(&info), P(&zero), SET);
	int fd = R(signalfd4, -1, P(&set), SET, SFD_NONBLOCK);
	R(signalfd4, -1, P(&set), 16, 0);
	R(signalfd4, -1, P(&set), SET, 1);
	R(signalfd4, -1, P(BAD), SET, 0);
	R(signalfd4, CLOSED, P(&set), SET, 0);
	R(signalfd4, 1, P(&set), SET, 0);
	R(signalfd4, fd, P(&set), SET, 0);
	R(read, fd, P(mem), 127);
	R(read, fd, P(mem), 128);
	raise(SIGUSR1);
	R(read, fd, P(mem), 127);
	R(read, fd, P(mem), 300);
	R(write, fd, P(mem), 128);
	R(lseek, fd, 0, 0);
	close(fd);
	stack_t stack = { mem, 0, 100 }, was;
	R(sigaltstack, P(&stack), 0);
	stack = (stack_t){ mem, 16, sizeof mem };
	R(sigaltstack, P(&stack), 0);
	stack = (stack_t){ mem, SS_ONSTACK, sizeof mem };
	R(sigaltstack, P(&stack), 0);
	stack = (stack_t){ mem, SS_DISABLE, 0 };
	R(sigaltstack, P(&stack), P(&was));
	R(sigaltstack, P(BAD), 0);
	R(sigaltstack, 0, P(BAD));
	R(rt_sigsuspend, P(&set), 16);
	R(rt_sigsuspend, P(BAD), SET);
	R(rt_sigprocmask, SIG_SETMASK, P(&none), 0, SET);
}

static void timers(void)
{
	struct timespec t = { 0, 0 }, negative = { -1, 0 }, large = { 0, 1000000000 }, minus = { 0, -1 };
	struct itimerspec off = { { 0, 0 }, { 0, 0 } }, wrong = { { 0, 0 }, { 0, 1000000000 } }, minus1 = { { 0, 0 }, { -1, 0 } };
	struct itimerspec interval = { { 0, -1 }, { 1, 0 } };
	struct itimerval bad = { { 0, 0 }, { 0, 1000000 } }, badinterval = { { 0, -1 }, { 0, 0 } }, v;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 0 };
	int id = -1;
	R(nanosleep, P(&negative), 0);
	R(nanosleep, P(&large), 0);
	R(nanosleep, P(&minus), 0);
	R(nanosleep, P(BAD), 0);
	R(nanosleep, P(&t), P(BAD));
	R(clock_nanosleep, CLOCK_REALTIME, 0, P(&large), 0);
	R(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, P(&t), 0);
	R(clock_nanosleep, CLOCK_REALTIME, 8, P(&t), 0);
	R(clock_nanosleep, 99, 0, P(&t), 0);
	R(clock_nanosleep, -1, 0, P(&t), 0);
	R(clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, P(&t), 0);
	R(clock_nanosleep, CLOCK_REALTIME_COARSE, 0, P(&t), 0);
	R(clock_nanosleep, CLOCK_MONOTONIC, 0, P(BAD), 0);
	R(clock_gettime, 99, P(&t));
	R(clock_gettime, 10, P(&t));
	R(clock_gettime, -1, P(&t));
	R(clock_gettime, CLOCK_REALTIME, P(BAD));
	R(clock_getres, 99, P(&t));
	R(clock_getres, CLOCK_REALTIME, 0);
	R(clock_getres, CLOCK_REALTIME, P(BAD));
	R(clock_settime, CLOCK_MONOTONIC, P(&t));
	R(clock_settime, 99, P(&t));
	R(clock_settime, CLOCK_REALTIME, P(&large));
	R(gettimeofday, P(BAD), 0);
	R(gettimeofday, 0, 0);
	R(time, P(BAD));
	R(setitimer, 3, 0, P(&v));
	R(setitimer, -1, P(&bad), 0);
	R(setitimer, ITIMER_REAL, P(&bad), 0);
	R(setitimer, ITIMER_REAL, P(&badinterval), 0);
	R(setitimer, ITIMER_REAL, P(BAD), 0);
	R(getitimer, 3, P(&v));
	R(getitimer, ITIMER_REAL, P(BAD));
	R(getitimer, ITIMER_VIRTUAL, P(&v));
	R(timer_create, 99, 0, P(&id));
	R(timer_create, CLOCK_MONOTONIC_RAW, 0, P(&id));
	R(timer_create, CLOCK_REALTIME, P(&event), P(&id));
	event.sigev_signo = 65;
	R(timer_create, CLOCK_REALTIME, P(&event), P(&id));
	event.sigev_signo = SIGUSR1;
	event.sigev_notify = 99;
	R(timer_create, CLOCK_REALTIME, P(&event), P(&id));
	R(timer_create, CLOCK_REALTIME, P(BAD), P(&id));
	R(timer_create, CLOCK_REALTIME, 0, P(BAD));
	event.sigev_notify = SIGEV_NONE;
	event.sigev_signo = 0;
	R(timer_create, CLOCK_MONOTONIC, P(&event), P(&id));
	R(timer_settime, id, 0, P(&wrong), 0);
	R(timer_settime, id, 0, P(&minus1), 0);
	R(timer_settime, id, 0, P(&interval), 0);
	R(timer_settime, id, 0, 0, 0);
	R(timer_settime, id, 0, P(BAD), 0);
	R(timer_settime, id, 0, P(&off), P(BAD));
	R(timer_settime, 9999, 0, P(&off), 0);
	R(timer_gettime, id, P(BAD));
	R(timer_gettime, 9999, P(&wrong));
	R(timer_getoverrun, id);
	R(timer_getoverrun, 9999);
	R(timer_delete, id);
	R(timer_delete, id);
	R(timer_delete, -1);
	wrong = (struct itimerspec){ { 0, 0 }, { 0, 1000000000 } };
	R(timerfd_create, 99, 0);
	R(timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0);
	R(timerfd_create, CLOCK_MONOTONIC, 1);
	int fd = R(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
	R(timerfd_settime, fd, 0, P(&wrong), 0);
	R(timerfd_settime, fd, 0, P(&minus1), 0);
	R(timerfd_settime, fd, 8, P(&off), 0);
	R(timerfd_settime, fd, 0, P(BAD), 0);
	R(timerfd_settime, fd, 0, 0, 0);
	R(timerfd_settime, 1, 0, P(&off), 0);
	R(timerfd_settime, CLOSED, 0, P(&off), 0);
	R(timerfd_gettime, fd, P(BAD));
	R(timerfd_gettime, 1, P(&off));
	R(timerfd_gettime, CLOSED, P(&off));
	R(read, fd, P(mem), 8);
	R(read, fd, P(mem), 7);
	R(write, fd, P(mem), 8);
	close(fd);
}

static void futexes(void)
{
	static uint32_t words[4];
	struct timespec zero = { 0, 0 }, large = { 0, 1000000000 }, negative = { -1, 0 };
	long w = P(words);
	R(futex, w, 99, 0, 0, 0, 0);
	R(futex, w, FUTEX_FD, 0, 0, 0, 0);
	R(futex, w + 1, FUTEX_WAIT, 0, 0, 0, 0);
	R(futex, w + 1, FUTEX_WAKE, 1, 0, 0, 0);
	R(futex, 0, FUTEX_WAIT, 0, P(&zero), 0, 0);
	R(futex, w, FUTEX_WAIT, 1, 0, 0, 0);
	R(futex, w, FUTEX_WAIT, 0, P(&zero), 0, 0);
	R(futex, w, FUTEX_WAIT, 0, P(&large), 0, 0);
	R(futex, w, FUTEX_WAIT, 0, P(&negative), 0, 0);
	R(futex, w, FUTEX_WAIT, 0, P(BAD), 0, 0);
	R(futex, w, FUTEX_WAIT_BITSET, 0, P(&zero), 0, 0);
	R(futex, w, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
	R(futex, w, FUTEX_WAIT_BITSET, 0, P(&zero), 0, -1);
	R(futex, w, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, P(&zero), 0, 0);
	R(futex, w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0);
	R(futex, w, FUTEX_WAKE, 0, 0, 0, 0);
	R(futex, w, FUTEX_REQUEUE, 1, 1, w + 4, 0);
	R(futex, w, FUTEX_REQUEUE, -1, 1, w + 4, 0);
	R(futex, w, FUTEX_REQUEUE, 1, -1, w + 4, 0);
	R(futex, w, FUTEX_CMP_REQUEUE, 1, 1, w + 4, 1);
	R(futex, w, FUTEX_CMP_REQUEUE, 1, 1, w + 5, 0);
	R(futex, w, FUTEX_WAKE_OP, 1, 1, w + 4, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 0));
	printf("  the word is %u\n", words[1]);
	R(futex, w, FUTEX_WAKE_OP, 1, 1, w + 4, FUTEX_OP(7, 3, FUTEX_OP_CMP_EQ, 0));
	R(get_robust_list, 0x7fffffff, P(mem), P(mem) + 8);
	R(set_robust_list, P(mem), 8);
}

static void waiting(void)
{
	struct epoll_event e = { .events = EPOLLIN }, exclusive = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int regular = open("regular", O_CREAT | O_RDWR, 0600), dir = open(".", O_RDONLY), ends[2];
	(void)!pipe(ends);
	int a = R(epoll_create1, EPOLL_CLOEXEC), b = epoll_create1(0), c = epoll_create1(0);
	R(epoll_create1, 1);
	R(epoll_create, 0);
	R(epoll_create, -1);
	R(epoll_ctl, a, EPOLL_CTL_ADD, regular, P(&e));
	R(epoll_ctl, a, EPOLL_CTL_ADD, dir, P(&e));
	R(epoll_ctl, a, EPOLL_CTL_ADD, a, P(&e));
	R(epoll_ctl, a, EPOLL_CTL_ADD, CLOSED, P(&e));
	R(epoll_ctl, CLOSED, EPOLL_CTL_ADD, a, P(&e));
	R(epoll_ctl, ends[0], EPOLL_CTL_ADD, ends[1], P(&e));
	R(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], P(BAD));
	R(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], P(&e));
	R(epoll_ctl, a, EPOLL_CTL_ADD, ends[0], P(&e));
	R(epoll_ctl, a, EPOLL_CTL_MOD, ends[1], P(&e));
	R(epoll_ctl, a, EPOLL_CTL_DEL, ends[1], 0);
	R(epoll_ctl, a, 9, ends[0], P(&e));
	R(epoll_ctl, a, EPOLL_CTL_MOD, ends[0], P(&exclusive));
	R(epoll_ctl, a, EPOLL_CTL_ADD, b, P(&exclusive));
	R(epoll_ctl, a, EPOLL_CTL_ADD, b, P(&e));
	R(epoll_ctl, b, EPOLL_CTL_ADD, c, P(&e));
	R(epoll_ctl, c, EPOLL_CTL_ADD, a, P(&e));
	R(epoll_ctl, b, EPOLL_CTL_ADD, a, P(&e));
	R(epoll_ctl, a, EPOLL_CTL_DEL, ends[0], P(BAD));
	R(epoll_wait, a, P(mem), 0, 0);
	R(epoll_wait, a, P(mem), -1, 0);
	R(epoll_wait, a, P(BAD), 1, 0);
	R(epoll_wait, CLOSED, P(mem), 1, 0);
	R(epoll_wait, ends[0], P(mem), 1, 0);
	R(epoll_wait, a, P(mem), 0x7fffffff, 0);
	R(epoll_pwait, a, P(mem), 1, 0, P(mem), 4);
	R(epoll_pwait, a, P(mem), 1, 0, P(BAD), SET);
	R(read, a, P(mem), 1);
	close(a), close(b), close(c);
	R(eventfd2, 0, 2);
	int event = R(eventfd2, 5, EFD_NONBLOCK);
	uint64_t value = ~0ull;
	R(write, event, P(&value), 8);
	value--;
	R(write, event, P(&value), 8);
	value = ~0ull - 6;
	R(write, event, P(&value), 8);
	R(write, event, P(&value), 7);
	R(read, event, P(mem), 7);
	R(read, event, P(&value), 8);
	printf("  %#llx\n", (unsigned long long)value);
	R(read, event, P(&value), 8);
	value = 1;
	R(write, event, P(&value), 8);
	R(read, event, P(BAD), 8);
	R(pread64, event, P(mem), 8, 0);
	R(lseek, event, 0, 0);
	close(event);
	struct pollfd p[3] = { { CLOSED, POLLIN, 0 }, { -1, POLLIN, 99 }, { ends[1], POLLOUT, 0 } };
	struct timespec zero = { 0, 0 }, large = { 0, 1000000000 };
	R(poll, P(p), 3, 0);
	printf("  %#x %#x %#x\n", p[0].revents, p[1].revents, p[2].revents);
	R(poll, P(BAD), 1, 0);
	R(poll, P(BAD), 0, 0);
	R(ppoll, P(p), 1, P(&large), 0, SET);
	R(ppoll, P(p), 1, P(&zero), P(mem), 4);
	R(ppoll, P(p), 1, P(BAD), 0, SET);
	struct rlimit before, lower;
	getrlimit(RLIMIT_NOFILE, &before);
	lower = before;
	lower.rlim_cur = 20;
	setrlimit(RLIMIT_NOFILE, &lower);
	R(poll, P(p), 21, 0);
	R(poll, P(p), -1, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	fd_set set;
	struct timeval none = { 0, 0 }, negative = { -1, 0 };
	FD_ZERO(&set);
	FD_SET(60, &set);
	R(select, 61, P(&set), 0, 0, P(&none));
	R(select, -1, 0, 0, 0, P(&none));
	FD_ZERO(&set);
	FD_SET(regular, &set);
	R(select, regular + 1, P(&set), 0, 0, P(&none));
	R(select, regular + 1, P(BAD), 0, 0, P(&none));
	R(select, 0, 0, 0, 0, P(&negative));
	R(select, 0, 0, 0, 0, P(BAD));
	R(pselect6, 0, 0, 0, 0, P(&large), 0);
	R(pselect6, 0, 0, 0, 0, P(&zero), P(BAD));
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
