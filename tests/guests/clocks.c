/* Sleeping and clocks. Nothing here depends on how long a sleep takes too long, only that none is too short. */
#include "check.h"
#include <pthread.h>
#include <sys/time.h>
#include <sys/timex.h>

#define MS 1000000LL
#define SEC 1000000000LL

static struct timespec span(int64_t ns) { return (struct timespec){ ns / SEC, ns % SEC }; }
static int64_t nanos(struct timespec t) { return t.tv_sec * SEC + t.tv_nsec; }

static volatile sig_atomic_t handled;
static void on_signal(int signo) { handled += signo == SIGALRM || signo == SIGUSR1; }

static void reading(void)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_TAI };
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct timespec t, resolution;
		int64_t last = 0;
		EQ(syscall(SYS_clock_getres, clocks[i], &resolution), 0);
		CHECK(nanos(resolution) > 0 && nanos(resolution) <= 10 * MS);
		for (int k = 0; k < 200; k++) {
			EQ(syscall(SYS_clock_gettime, clocks[i], &t), 0);
			CHECK(t.tv_nsec >= 0 && t.tv_nsec < SEC && nanos(t) >= last);
			last = nanos(t);
		}
	}
	FAILS(syscall(SYS_clock_gettime, 77, 0), EINVAL);
	FAILS(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);
	EQ(syscall(SYS_clock_getres, CLOCK_REALTIME, 0), 0);
	section("reading");

	/* They are one time: seconds since 1970, and the same whoever is asked. */
	struct timeval tv;
	int64_t real = now_ns(CLOCK_REALTIME);
	CHECK(real > 1700000000 * SEC);
	EQ(gettimeofday(&tv, 0), 0);
	CHECK(tv.tv_sec * SEC + tv.tv_usec * 1000LL - real < SEC && tv.tv_usec < 1000000);
	EQ(syscall(SYS_gettimeofday, &tv, 0), 0);
	CHECK(tv.tv_sec * SEC + tv.tv_usec * 1000LL - real + 1000 >= 0);
	/* The seconds are those of the last tick. */
	CHECK((uint64_t)(time(0) + 1 - real / SEC) <= 2 && (uint64_t)(syscall(SYS_time, 0) + 1 - real / SEC) <= 2);
	CHECK(now_ns(CLOCK_MONOTONIC_COARSE) <= now_ns(CLOCK_MONOTONIC));
	section("agreement");
}

static void cpu_time(void)
{
	int64_t before = now_ns(CLOCK_THREAD_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
	struct timespec t = span(30 * MS);
	nanosleep(&t, 0);
	int64_t slept = now_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	CHECK(slept < now_ns(CLOCK_MONOTONIC) - wall);
	volatile unsigned work = 0;
	wall = now_ns(CLOCK_MONOTONIC);
	before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) - before < 10 * MS && now_ns(CLOCK_MONOTONIC) - wall < 10 * SEC)
		for (int i = 0; i < 10000; i++)
			work += i;
	CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= 10 * MS);
	section("processor time");
}

static void sleeping(void)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	struct timespec t = span(20 * MS), rest = span(7);
	EQ(nanosleep(&t, &rest), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	EQ(nanos(rest), 7);				/* a sleep that is not interrupted writes no remainder */

	begin = now_ns(CLOCK_MONOTONIC);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, 0), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);

	t = span(now_ns(CLOCK_MONOTONIC) + 20 * MS);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) >= nanos(t));
	t = span(now_ns(CLOCK_REALTIME) + 20 * MS);
	EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0), 0);
	CHECK(now_ns(CLOCK_REALTIME) >= nanos(t));

	/* What is over already, and nothing at all. */
	begin = now_ns(CLOCK_MONOTONIC);
	t = span(1);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0), 0);
	t = span(0);
	EQ(nanosleep(&t, 0), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin < SEC);
	section("sleeping");

	t = (struct timespec){ 0, SEC };
	FAILS(nanosleep(&t, 0), EINVAL);
	t = (struct timespec){ -1, 0 };
	FAILS(nanosleep(&t, 0), EINVAL);
	FAILS(syscall(SYS_nanosleep, 8, 0), EFAULT);
	t = span(1);
	EQ(clock_nanosleep(77, 0, &t, 0), EINVAL);
	EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, 0), EINVAL);
	section("refusals");
}

/* The remainder and what has passed make up the whole. */
static void account(int64_t whole, int64_t begin, struct timespec rest)
{
	int64_t passed = now_ns(CLOCK_MONOTONIC) - begin;
	CHECK(nanos(rest) > 0 && nanos(rest) < whole);
	CHECK(nanos(rest) + passed >= whole);
	CHECK(nanos(rest) + passed < whole + 5 * SEC);
}

/* Nobody can tell when a thread is really asleep: so a timer that repeats, and signals without end. */
static void every_30_ms(int on)
{
	struct itimerval timer = { { 0, on ? 30000 : 0 }, { 0, on ? 30000 : 0 } };
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
}

static volatile int enough;

static void *pesters(void *whom)
{
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 30 * MS }, 0);
		pthread_kill(*(pthread_t *)whom, SIGUSR1);
	} while (!enough);
	return 0;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };	/* sleeps end all the same */
	sigaction(SIGALRM, &sa, 0);
	sigaction(SIGUSR1, &sa, 0);

	struct itimerval timer = { 0 }, old;
	struct timespec t = span(20 * SEC), rest = span(1);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	every_30_ms(1);
	FAILS(nanosleep(&t, &rest), EINTR);
	CHECK(handled >= 1);
	account(20 * SEC, begin, rest);

	begin = now_ns(CLOCK_MONOTONIC);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &rest), EINTR);
	CHECK(handled >= 2);
	account(20 * SEC, begin, rest);

	/* An absolute sleep has no remainder to write. */
	t = span(now_ns(CLOCK_MONOTONIC) + 20 * SEC);
	rest = span(7);
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &rest), EINTR);
	CHECK(handled >= 3);
	EQ(nanos(rest), 7);
	every_30_ms(0);
	section("interrupted by a timer");

	pthread_t self = pthread_self(), thread;
	handled = 0;
	t = span(20 * SEC);
	begin = now_ns(CLOCK_MONOTONIC);
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(nanosleep(&t, &rest), EINTR);
	account(20 * SEC, begin, rest);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(handled >= 1);

	/* Sleeping on in the remainder's words ends after the whole. */
	t = span(60 * MS);
	handled = 0;
	begin = now_ns(CLOCK_MONOTONIC);
	timer.it_value.tv_usec = timer.it_interval.tv_usec = 10000;
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
	while (nanosleep(&t, &t) == -1)
		EQ(errno, EINTR);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 60 * MS);
	CHECK(handled >= 1);

	/* Stopping the timer tells what it had left; a blocked or ignored signal interrupts nothing. */
	timer = (struct itimerval){ .it_value = { 100, 0 } };
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
	EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK(old.it_value.tv_sec == 99 || old.it_value.tv_sec == 100);
	timer.it_value.tv_sec = 0;
	EQ(setitimer(ITIMER_REAL, &timer, &old), 0);
	CHECK(old.it_value.tv_sec == 99 || old.it_value.tv_sec == 100);
	signal(SIGALRM, SIG_IGN);
	timer.it_value.tv_usec = 5000;
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
	t = span(30 * MS);
	EQ(nanosleep(&t, 0), 0);
	section("interrupted by a thread");
}

int main(void)
{
	reading();
	cpu_time();
	sleeping();
	interrupted();
	return verdict();
}
