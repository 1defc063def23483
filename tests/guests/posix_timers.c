/* timer_create(2), timer_settime(2), timer_getoverrun(2), timer_delete(2): the system calls themselves. */
#include "check.h"
#include <pthread.h>

#define MS 1000000LL
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int fired, code, value, timer_of, overrun_of;
static volatile pid_t fired_in;

static void on_timer(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	code = info->si_code;
	value = info->si_value.sival_int;
	timer_of = info->si_timerid;
	overrun_of = info->si_overrun;
	fired_in = syscall(SYS_gettid);
	fired++;		/* last: another thread may be waiting for it */
}

static int create(clockid_t clock, struct sigevent *event, int *timer)
{
	return syscall(SYS_timer_create, clock, event, timer);
}

static int arm(int timer, int flags, int64_t value_ns, int64_t interval_ns, struct itimerspec *old)
{
	struct itimerspec set = { { interval_ns / 1000000000, interval_ns % 1000000000 },
		{ value_ns / 1000000000, value_ns % 1000000000 } };
	return syscall(SYS_timer_settime, timer, flags, &set, old);
}

static void until(int count)
{
	for (int i = 0; i < 2000 && fired < count; i++)
		nanosleep(&(struct timespec){ 0, MS }, 0);
}

static void signals(void)
{
	int timer = -1;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77 };
	struct sigaction sa = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO };
	struct itimerspec now, old;
	sigaction(SIGUSR1, &sa, 0);
	sigaction(SIGALRM, &sa, 0);
	EQ(create(CLOCK_MONOTONIC, &event, &timer), 0);
	EQ(timer, 0);
	EQ(syscall(SYS_timer_gettime, timer, &now), 0);
	EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	/* so long that it does not end before it was asked, however busy the machine is */
	EQ(arm(timer, 0, 500 * MS, 0, &old), 0);
	EQ(old.it_value.tv_sec + old.it_value.tv_nsec, 0);
	EQ(syscall(SYS_timer_gettime, timer, &now), 0);
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 500 * MS);
	EQ(arm(timer, 0, 10 * MS, 0, 0), 0);
	until(1);
	EQ(fired, 1);
	EQ(code, SI_TIMER);
	EQ(value, 77);
	EQ(timer_of, timer);
	EQ(overrun_of, 0);
	EQ(syscall(SYS_timer_getoverrun, timer), 0);
	EQ(syscall(SYS_timer_gettime, timer, &now), 0);
	EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	fired = 0;
	EQ(arm(timer, 0, 5 * MS, 5 * MS, 0), 0);
	until(4);
	CHECK(fired >= 4);
	EQ(arm(timer, 0, 0, 0, &old), 0);
	EQ(old.it_interval.tv_nsec, 5 * MS);
	fired = 0;
	int64_t then = now_ns(CLOCK_MONOTONIC) + 10 * MS;
	EQ(arm(timer, TIMER_ABSTIME, then, 0, 0), 0);
	until(1);
	EQ(fired, 1);
	CHECK(now_ns(CLOCK_MONOTONIC) >= then);
	EQ(syscall(SYS_timer_delete, timer), 0);
	FAILS(syscall(SYS_timer_delete, timer), EINVAL);
	fired = 0;
	EQ(create(CLOCK_REALTIME, 0, &timer), 0);	/* SIGALRM, with the timer's number */
	EQ(arm(timer, 0, MS, 0, 0), 0);
	until(1);
	EQ(fired, 1);
	EQ(value, timer);
	EQ(syscall(SYS_timer_delete, timer), 0);
	section("signals");
}

static void overruns(void)
{
	int timer;
	sigset_t usr1;
	siginfo_t info;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, 0);
	EQ(create(CLOCK_MONOTONIC, &event, &timer), 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	EQ(arm(timer, 0, 2 * MS, 2 * MS, 0), 0);
	nanosleep(&(struct timespec){ 0, 41 * MS }, 0);
	EQ(sigtimedwait(&usr1, &info, &(struct timespec){ 0, 0 }), SIGUSR1);
	int64_t most = (now_ns(CLOCK_MONOTONIC) - begin) / (2 * MS);
	CHECK(info.si_overrun >= 19 && info.si_overrun < most);
	EQ(syscall(SYS_timer_getoverrun, timer), info.si_overrun);
	/* It goes on after that. */
	EQ(sigtimedwait(&usr1, &info, &(struct timespec){ 5, 0 }), SIGUSR1);
	EQ(arm(timer, 0, 0, 0, 0), 0);
	EQ(syscall(SYS_timer_delete, timer), 0);
	while (sigtimedwait(&usr1, 0, &(struct timespec){ 0, 0 }) > 0)
		;
	section("overruns");

	event.sigev_notify = SIGEV_NONE;
	EQ(create(CLOCK_MONOTONIC, &event, &timer), 0);
	EQ(arm(timer, 0, MS, 0, 0), 0);
	nanosleep(&(struct timespec){ 0, 3 * MS }, 0);
	struct itimerspec now;
	EQ(syscall(SYS_timer_gettime, timer, &now), 0);
	EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	FAILS(sigtimedwait(&usr1, 0, &(struct timespec){ 0, 0 }), EAGAIN);
	EQ(arm(timer, 0, 0, 0, 0), 0);
	EQ(syscall(SYS_timer_delete, timer), 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, 0);
	section("no signal");
}

static volatile pid_t tid;
static volatile int over;

static void *receives(void *unused)
{
	(void)unused;
	tid = syscall(SYS_gettid);
	while (!over)
		nanosleep(&(struct timespec){ 0, MS }, 0);
	return 0;
}

static void threads(void)
{
	pthread_t thread;
	int timer;
	EQ(pthread_create(&thread, 0, receives, 0), 0);
	while (!tid)
		nanosleep(&(struct timespec){ 0, MS }, 0);
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	event.sigev_notify_thread_id = tid;
	EQ(create(CLOCK_MONOTONIC, &event, &timer), 0);
	fired = 0;
	EQ(arm(timer, 0, 5 * MS, 0, 0), 0);
	until(1);
	EQ(fired_in, tid);
	over = 1;
	pthread_join(thread, 0);
	EQ(syscall(SYS_timer_delete, timer), 0);
	event.sigev_notify_thread_id = 1 << 22;
	FAILS(create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	section("threads");
}

static void cpu_clocks(void)
{
	int timer;
	fired = 0;
	EQ(create(CLOCK_PROCESS_CPUTIME_ID, 0, &timer), 0);
	EQ(arm(timer, 0, 10 * MS, 0, 0), 0);
	int64_t end = now_ns(CLOCK_MONOTONIC) + 10000 * MS;
	while (!fired && now_ns(CLOCK_MONOTONIC) < end)
		;
	EQ(fired, 1);
	EQ(syscall(SYS_timer_delete, timer), 0);
	section("cpu clocks");
}

static void refusals(void)
{
	int timer;
	struct itimerspec set = { 0 };
	struct sigevent event = { .sigev_notify = 9, .sigev_signo = SIGUSR1 };
	FAILS(create(99, 0, &timer), EINVAL);
	FAILS(create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	event = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	FAILS(create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	FAILS(create(CLOCK_MONOTONIC, (void *)8, &timer), EFAULT);
	FAILS(create(CLOCK_MONOTONIC, 0, (void *)8), EFAULT);
	FAILS(syscall(SYS_timer_settime, 55, 0, &set, 0), EINVAL);
	FAILS(syscall(SYS_timer_gettime, 55, &set), EINVAL);
	FAILS(syscall(SYS_timer_getoverrun, 55), EINVAL);
	EQ(create(CLOCK_MONOTONIC, 0, &timer), 0);
	set.it_value.tv_nsec = 1000000000;
	FAILS(syscall(SYS_timer_settime, timer, 0, &set, 0), EINVAL);
	FAILS(syscall(SYS_timer_settime, timer, 0, 8, 0), EFAULT);
	FAILS(syscall(SYS_timer_settime, timer, 0, 0, 0), EINVAL);
	EQ(syscall(SYS_timer_delete, timer), 0);
	section("refusals");
}

int main(void)
{
	signals();
	overruns();
	threads();
	cpu_clocks();
	refusals();
	return verdict();
}
