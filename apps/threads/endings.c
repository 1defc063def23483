#define _GNU_SOURCE
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../check.h"
#include "parts.h"

#define TIMES 20

static sem_t ready, never;
static int cleaned;
static volatile sig_atomic_t handled;
static volatile pthread_t handled_by;

static void clean(void *arg)
{
	cleaned += *(int *)arg;
}

/* Three places to be cancelled in: a futex wait, a sleep, a computation. */
static void *wait_forever(void *arg)
{
	int one = 1;

	pthread_cleanup_push(clean, &one);
	sem_post(&ready);
	for (;;) sem_wait(&never);
	pthread_cleanup_pop(0);
	return arg;
}

static void *sleep_forever(void *arg)
{
	struct timespec hour = { 3600, 0 };
	int one = 1;

	pthread_cleanup_push(clean, &one);
	sem_post(&ready);
	for (;;) nanosleep(&hour, 0);
	pthread_cleanup_pop(0);
	return arg;
}

static void *compute_forever(void *arg)
{
	volatile unsigned long n = 0;
	int one = 1;

	CHECK_IS(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0), 0);
	pthread_cleanup_push(clean, &one);
	sem_post(&ready);
	for (;;) n++;
	pthread_cleanup_pop(0);
	return arg;
}

static void *refuse(void *arg)
{
	CHECK_IS(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, 0), 0);
	sem_post(&ready);
	sem_wait(arg);
	pthread_testcancel();
	return arg;
}

static void cancelled(void *(*fn)(void *), int times)
{
	pthread_t thread;
	void *result;
	int i;

	cleaned = 0;
	for (i = 0; i < times; i++) {
		CHECK_IS(pthread_create(&thread, 0, fn, 0), 0);
		CHECK_IS(sem_wait(&ready), 0);
		CHECK_IS(pthread_cancel(thread), 0);
		CHECK_IS(pthread_join(thread, &result), 0);
		CHECK(result == PTHREAD_CANCELED, "a cancelled thread returned %p", result);
	}
	CHECK(cleaned == times, "%d of %d cleanup handlers ran", cleaned, times);
}

static void not_cancelled(void)
{
	pthread_t thread;
	void *result;
	sem_t go;

	CHECK_IS(sem_init(&go, 0, 0), 0);
	CHECK_IS(pthread_create(&thread, 0, refuse, &go), 0);
	CHECK_IS(sem_wait(&ready), 0);
	CHECK_IS(pthread_cancel(thread), 0);
	CHECK_IS(sem_post(&go), 0);
	CHECK_IS(pthread_join(thread, &result), 0);
	CHECK(result == &go, "a thread that had switched cancellation off was cancelled");
}

static void on_signal(int signo)
{
	handled += signo == SIGUSR1;
	handled_by = pthread_self();
}

/* Wait for a signal that is blocked but for the time of the wait. */
static void *await_signal(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	sem_post(&ready);
	while (!handled) {
		CHECK_IS(sigsuspend(&none), -1);
		CHECK(errno == EINTR, "sigsuspend: %s", strerror(errno));
	}
	CHECK(pthread_equal(handled_by, pthread_self()), "another thread ran the handler");
	return arg;
}

static void signalled(void)
{
	struct sigaction sa;
	sigset_t usr1, old;
	pthread_t thread;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_signal;
	CHECK_IS(sigaction(SIGUSR1, &sa, 0), 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK_IS(pthread_sigmask(SIG_BLOCK, &usr1, &old), 0);
	CHECK_IS(pthread_create(&thread, 0, await_signal, 0), 0);
	CHECK_IS(sem_wait(&ready), 0);
	CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
	CHECK_IS(pthread_join(thread, 0), 0);
	CHECK_IS(pthread_sigmask(SIG_SETMASK, &old, 0), 0);
	CHECK(handled == 1, "the handler ran %d times", (int)handled);
	CHECK_IS(raise(SIGUSR1), 0);
	CHECK(handled == 2 && pthread_equal(handled_by, pthread_self()), "raise did not reach its own thread");
}

void check_endings(void)
{
	CHECK_IS(sem_init(&ready, 0, 0), 0);
	CHECK_IS(sem_init(&never, 0, 0), 0);
	cancelled(wait_forever, TIMES);
	cancelled(sleep_forever, TIMES);
	cancelled(compute_forever, TIMES);
	not_cancelled();
	printf("cancel: %d threads, waiting, sleeping and computing, cleaned up after themselves\n", 3*TIMES);
	signalled();
	puts("signals: reach the thread they are sent to");
}
