#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>
#include "../check.h"
#include "clocks.h"

#define READINGS 200
#define BURN_NS 5000000LL		/* 5 ms of processor time */
#define PATIENCE_NS (30*NS_PER_S)	/* a busy machine is no failure */
#define YEAR_2020 1577836800LL
#define US_PER_S 1000000LL
#define TICKS_PER_S 100LL

static const struct {
	const char *name;
	clockid_t clk;
} clocks[] = {
	{ "REALTIME", CLOCK_REALTIME },
	{ "MONOTONIC", CLOCK_MONOTONIC },
	{ "PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID },
	{ "THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID },
	{ "MONOTONIC_RAW", CLOCK_MONOTONIC_RAW },
	{ "REALTIME_COARSE", CLOCK_REALTIME_COARSE },
	{ "MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE },
	{ "BOOTTIME", CLOCK_BOOTTIME },
	{ "TAI", CLOCK_TAI },
};

static long long in_ns(const struct timespec *ts)
{
	return ts->tv_sec*NS_PER_S + ts->tv_nsec;
}

long long now_ns(clockid_t clk)
{
	struct timespec ts = { -1, -1 };

	CHECK(!clock_gettime(clk, &ts), "clock_gettime(%d): %s", clk, strerror(errno));
	CHECK(ts.tv_sec >= 0 && ts.tv_nsec >= 0 && ts.tv_nsec < NS_PER_S, "clock %d reads %lld s %ld ns",
		clk, (long long)ts.tv_sec, ts.tv_nsec);
	return in_ns(&ts);
}

/* Two clocks of one kind: a reading of the second lies between two of the
 * first, but for the lag and the lead that the second may have. */
static void agrees(const char *why, clockid_t reference, clockid_t clk, long long lag, long long lead)
{
	long long before = now_ns(reference), it = now_ns(clk), after = now_ns(reference);

	CHECK(it >= before - lag, "%s: %lld ns early", why, before - it);
	CHECK(it <= after + lead, "%s: %lld ns late", why, it - after);
}

static void each_by_itself(void)
{
	struct timespec res;
	size_t i;
	int n;

	for (i = 0; i < sizeof clocks/sizeof *clocks; i++) {
		long long last, next;

		CHECK(!clock_getres(clocks[i].clk, &res), "clock_getres(%s): %s", clocks[i].name, strerror(errno));
		CHECK(in_ns(&res) > 0 && in_ns(&res) <= NS_PER_S/50, "%s has a resolution of %lld ns",
			clocks[i].name, in_ns(&res));
		last = now_ns(clocks[i].clk);
		for (n = 0; n < READINGS; n++, last = next) {
			next = now_ns(clocks[i].clk);
			CHECK(next >= last, "%s went back by %lld ns", clocks[i].name, last - next);
		}
		printf("%-18s readable, never goes back\n", clocks[i].name);
	}
	CHECK_IS(clock_getres(CLOCK_MONOTONIC, 0), 0);
	errno = 0;
	CHECK_IS(clock_gettime(4711, &res), -1);
	CHECK(errno == EINVAL, "a clock that does not exist: %s", strerror(errno));
}

/* A coarse clock shows the last tick, which is at most 10 ms ago; ten times
 * that where the machine is a busy virtual one. */
static void among_each_other(void)
{
	const long long tick = NS_PER_S/10;
	long long offset;
	struct timespec ts;

	agrees("REALTIME_COARSE", CLOCK_REALTIME, CLOCK_REALTIME_COARSE, tick, 0);
	agrees("MONOTONIC_COARSE", CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, tick, 0);
	CHECK(now_ns(CLOCK_REALTIME) > YEAR_2020*NS_PER_S, "REALTIME is before 2020");

	/* TAI is ahead of UTC by whole seconds, 37 of them since 2017, or by
	 * none where nobody has told the kernel. */
	offset = (now_ns(CLOCK_TAI) - now_ns(CLOCK_REALTIME) + NS_PER_S/2) / NS_PER_S * NS_PER_S;
	CHECK(offset >= 0 && offset < 100*NS_PER_S, "TAI is %lld s ahead of REALTIME", offset/NS_PER_S);
	agrees("TAI", CLOCK_REALTIME, CLOCK_TAI, -offset, offset);

	/* BOOTTIME also counts the time that the machine was suspended. */
	offset = now_ns(CLOCK_MONOTONIC);
	CHECK(now_ns(CLOCK_BOOTTIME) >= offset, "BOOTTIME is behind MONOTONIC");

	CHECK_IS(timespec_get(&ts, TIME_UTC), TIME_UTC);
	puts("coarse and fine, TAI and UTC, BOOTTIME and MONOTONIC agree");
}

static void older_calls(void)
{
	struct timeval tv;
	long long before, after, us;
	time_t t, stored;

	before = now_ns(CLOCK_REALTIME)/1000;
	CHECK_IS(gettimeofday(&tv, 0), 0);
	after = now_ns(CLOCK_REALTIME)/1000;
	us = tv.tv_sec*US_PER_S + tv.tv_usec;
	CHECK(us >= before && us <= after, "gettimeofday is %lld us off", us - before);

	before = now_ns(CLOCK_REALTIME_COARSE)/NS_PER_S;
	t = time(&stored);
	after = now_ns(CLOCK_REALTIME)/NS_PER_S;
	CHECK(t == stored && t >= before && t <= after, "time() gave %lld, not %lld", (long long)t, before);
	puts("gettimeofday and time agree with REALTIME");
}

/* Work until the thread's clock has moved; sleep, and it must stand still. */
static void processor_time(void)
{
	long long wall = now_ns(CLOCK_MONOTONIC), process = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	long long thread = now_ns(CLOCK_THREAD_CPUTIME_ID), asleep, used;
	clock_t ticks = clock(), ticks_since;
	struct tms before, after;
	volatile unsigned long work = 0;
	struct timespec nap = { 0, 50000000 };
	int i;

	CHECK(ticks != (clock_t)-1, "clock() is not available");
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) - thread < BURN_NS) {
		for (i = 0; i < 100000; i++) work += (unsigned long)i;
		CHECK(now_ns(CLOCK_MONOTONIC) - wall < PATIENCE_NS, "THREAD_CPUTIME_ID stands still");
	}
	thread = now_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
	process = now_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
	ticks = clock() - ticks;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	CHECK(process >= thread - NS_PER_S/1000, "the process used %lld ns, its one thread %lld", process, thread);
	CHECK(thread <= wall + NS_PER_S/100, "one thread used %lld ns within %lld", thread, wall);
	CHECK(ticks >= BURN_NS/1000/2, "clock() counted %ld us", (long)ticks);

	ticks_since = times(&before);
	asleep = now_ns(CLOCK_THREAD_CPUTIME_ID);
	CHECK_IS(nanosleep(&nap, 0), 0);
	asleep = now_ns(CLOCK_THREAD_CPUTIME_ID) - asleep;
	CHECK(asleep < nap.tv_nsec/2, "a sleep of %ld ns used %lld ns of the processor", nap.tv_nsec, asleep);

	/* times() counts in hundredths of a second; two of them may be cut off at either end. */
	CHECK_IS(sysconf(_SC_CLK_TCK), TICKS_PER_S);
	ticks_since = times(&after) - ticks_since;
	CHECK(ticks_since >= nap.tv_nsec*TICKS_PER_S/NS_PER_S - 2, "times() saw %ld ticks pass", (long)ticks_since);
	used = (long long)(after.tms_utime + after.tms_stime);	/* clock_t may be unsigned */
	process = now_ns(CLOCK_PROCESS_CPUTIME_ID)*TICKS_PER_S/NS_PER_S;
	CHECK(used >= (long long)(before.tms_utime + before.tms_stime), "times() went back");
	CHECK(used >= process - 2 && used <= process + 2, "times() counted %lld ticks, PROCESS_CPUTIME_ID %lld",
		used, process);
	CHECK(after.tms_cutime == 0 && after.tms_cstime == 0, "times() knows of children");
	puts("processor time: counts work, not sleep");
}

void check_clocks(void)
{
	each_by_itself();
	among_each_other();
	older_calls();
	processor_time();
}
