#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include "../check.h"
#include "clocks.h"

#define NAP_NS 3000000LL	/* 3 ms */
#define ALARM_US 30000		/* 30 ms */
#define LONG_S 20
#define LATE_NS (5*NS_PER_S)	/* what a busy machine may add */

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static struct timespec in(long long ns)
{
	struct timespec ts = { ns/NS_PER_S, ns%NS_PER_S };
	return ts;
}

static void slept(const char *how, long long wanted, long long took)
{
	CHECK(took >= wanted, "%s woke %lld ns early", how, wanted - took);
	CHECK(took <= wanted + LATE_NS, "%s took %lld ns", how, took);
}

static void whole_sleeps(void)
{
	static const clockid_t sleepable[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	struct timespec nap = in(NAP_NS), until;
	long long start;
	size_t i;

	start = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(nanosleep(&nap, 0), 0);
	slept("nanosleep", NAP_NS, now_ns(CLOCK_MONOTONIC) - start);

	for (i = 0; i < sizeof sleepable/sizeof *sleepable; i++) {
		start = now_ns(sleepable[i]);
		CHECK_IS(clock_nanosleep(sleepable[i], 0, &nap, 0), 0);
		slept("clock_nanosleep", NAP_NS, now_ns(sleepable[i]) - start);

		start = now_ns(sleepable[i]);
		until = in(start + NAP_NS);
		CHECK_IS(clock_nanosleep(sleepable[i], TIMER_ABSTIME, &until, 0), 0);
		slept("clock_nanosleep(TIMER_ABSTIME)", NAP_NS, now_ns(sleepable[i]) - start);

		start = now_ns(CLOCK_MONOTONIC);
		until = in(1);
		CHECK_IS(clock_nanosleep(sleepable[i], TIMER_ABSTIME, &until, 0), 0);
		slept("a time that has passed", 0, now_ns(CLOCK_MONOTONIC) - start);
	}
	nap = in(0);
	CHECK_IS(nanosleep(&nap, &nap), 0);
	puts("sleeps: relative and absolute, none too short");
}

static void refusals(void)
{
	static const struct timespec wrong[] = { { 0, 1000000000 }, { 0, -1 }, { -1, 0 }, { -1, 999999999 } };
	struct timespec nap = in(NAP_NS);
	size_t i;

	for (i = 0; i < sizeof wrong/sizeof *wrong; i++) {
		errno = 0;
		CHECK_IS(nanosleep(wrong + i, 0), -1);
		CHECK(errno == EINVAL, "nanosleep(%lld s, %ld ns): %s", (long long)wrong[i].tv_sec,
			wrong[i].tv_nsec, strerror(errno));
		CHECK_IS(clock_nanosleep(CLOCK_MONOTONIC, 0, wrong + i, 0), EINVAL);
		CHECK_IS(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, wrong + i, 0), EINVAL);
	}
	CHECK_IS(clock_nanosleep(4711, 0, &nap, 0), EINVAL);
	CHECK_IS(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &nap, 0), EINVAL);
	puts("sleeps: impossible times and clocks are refused");
}

static void set_alarm(long us)
{
	struct itimerval it = { { 0, 0 }, { 0, us } };
	CHECK_IS(setitimer(ITIMER_REAL, &it, 0), 0);
}

/* A signal ends a sleep, SA_RESTART or not. What has passed and what remains
 * make up what was asked for. */
static void interrupted(const char *how, int flags, clockid_t clk)
{
	struct sigaction sa;
	struct timespec nap = { LONG_S, 123456789 }, rest = { -1, -1 };
	const long long wanted = nap.tv_sec*NS_PER_S + nap.tv_nsec;
	long long took, remains;
	int r;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_alarm;
	sa.sa_flags = flags;
	CHECK_IS(sigaction(SIGALRM, &sa, 0), 0);
	alarms = 0;
	took = now_ns(CLOCK_MONOTONIC);
	set_alarm(ALARM_US);
	if (clk < 0) {
		errno = 0;
		r = nanosleep(&nap, &rest) ? errno : 0;
	} else {
		r = clock_nanosleep(clk, 0, &nap, &rest);
	}
	took = now_ns(CLOCK_MONOTONIC) - took;
	CHECK(r == EINTR, "%s, interrupted: \"%s\" instead of EINTR", how, strerror(r));
	CHECK(alarms == 1, "%s: the handler ran %d times", how, (int)alarms);
	CHECK(took >= ALARM_US*1000LL, "%s: the alarm came after %lld ns", how, took);
	CHECK(rest.tv_nsec >= 0 && rest.tv_nsec < NS_PER_S, "%s: %ld ns remain", how, rest.tv_nsec);
	remains = rest.tv_sec*NS_PER_S + rest.tv_nsec;
	CHECK(remains <= wanted, "%s: %lld ns remain of %lld", how, remains, wanted);
	CHECK(took + remains >= wanted, "%s: %lld ns got lost", how, wanted - took - remains);
	CHECK(took + remains <= wanted + LATE_NS, "%s: %lld ns too many remain", how, took + remains - wanted);
}

static void interrupted_until(void)
{
	struct timespec until = in(now_ns(CLOCK_MONOTONIC) + LONG_S*NS_PER_S), rest = { 47, 11 };

	set_alarm(ALARM_US);
	CHECK_IS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &rest), EINTR);
	CHECK(rest.tv_sec == 47 && rest.tv_nsec == 11, "an absolute sleep wrote a remainder");
}

void check_sleeps(void)
{
	whole_sleeps();
	refusals();
	interrupted("nanosleep", 0, -1);
	interrupted("nanosleep with SA_RESTART", SA_RESTART, -1);
	interrupted("clock_nanosleep(MONOTONIC)", 0, CLOCK_MONOTONIC);
	interrupted("clock_nanosleep(REALTIME)", 0, CLOCK_REALTIME);
	interrupted_until();
	puts("sleeps: a signal ends them, and the remainder is true");
}
