#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <time.h>
#include "../check.h"
#include "parts.h"

#define ADDITIONS 5000
#define WRITES 200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static long counter, atomic_counter, initialised;
static volatile long left, right;	/* equal whenever no writer is at work */

static void *add(void *arg)
{
	int i;

	for (i = 0; i < ADDITIONS; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		__atomic_fetch_add(&atomic_counter, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

/* Half of the threads write, the other half reads and finds both alike. */
static void *read_or_write(void *arg)
{
	int i;

	for (i = 0; i < WRITES; i++) {
		if (NUMBER(arg) % 2) {
			CHECK_IS(pthread_rwlock_wrlock(&rwlock), 0);
			left++;
			sched_yield();
			right++;
		} else {
			CHECK_IS(pthread_rwlock_rdlock(&rwlock), 0);
			CHECK(left == right, "a reader met a writer: %ld, %ld", left, right);
		}
		CHECK_IS(pthread_rwlock_unlock(&rwlock), 0);
	}
	return arg;
}

static void initialise(void)
{
	struct timespec nap = { 0, 1000000 };
	nanosleep(&nap, 0);
	initialised++;
}

static void *initialise_once(void *arg)
{
	CHECK_IS(pthread_once(&once, initialise), 0);
	CHECK(initialised == 1, "pthread_once returned with %ld initialisations", initialised);
	return arg;
}

static pthread_mutex_t *mutex(int type, int robust)
{
	static pthread_mutex_t m;
	pthread_mutexattr_t attr;

	CHECK_IS(pthread_mutexattr_init(&attr), 0);
	CHECK_IS(pthread_mutexattr_settype(&attr, type), 0);
	CHECK_IS(pthread_mutexattr_setrobust(&attr, robust), 0);
	CHECK_IS(pthread_mutex_init(&m, &attr), 0);
	return &m;
}

static void *try_lock(void *m)
{
	struct timespec until;

	CHECK_IS(pthread_mutex_trylock(m), EBUSY);
	CHECK_IS(clock_gettime(CLOCK_REALTIME, &until), 0);
	CHECK_IS(pthread_mutex_timedlock(m, &until), ETIMEDOUT);
	return 0;
}

static void *die_locked(void *m)
{
	CHECK_IS(pthread_mutex_lock(m), 0);
	return 0;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	CHECK_IS(pthread_create(&thread, 0, fn, arg), 0);
	CHECK_IS(pthread_join(thread, 0), 0);
}

static void kinds_of_mutex(void)
{
	pthread_mutex_t *m = mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);

	CHECK_IS(pthread_mutex_lock(m), 0);
	CHECK_IS(pthread_mutex_lock(m), EDEADLK);
	in_thread(try_lock, m);
	CHECK_IS(pthread_mutex_unlock(m), 0);
	CHECK_IS(pthread_mutex_unlock(m), EPERM);

	m = mutex(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	CHECK_IS(pthread_mutex_lock(m), 0);
	CHECK_IS(pthread_mutex_lock(m), 0);
	CHECK_IS(pthread_mutex_unlock(m), 0);
	in_thread(try_lock, m);
	CHECK_IS(pthread_mutex_unlock(m), 0);

	m = mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	in_thread(die_locked, m);
	CHECK_IS(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_IS(pthread_mutex_consistent(m), 0);
	CHECK_IS(pthread_mutex_unlock(m), 0);
	CHECK_IS(pthread_mutex_lock(m), 0);
	CHECK_IS(pthread_mutex_unlock(m), 0);
	puts("mutexes: normal, error checking, recursive and robust");
}

void check_locks(void)
{
	team(add);
	CHECK(counter == THREADS*ADDITIONS, "the counter under the lock is %ld", counter);
	CHECK(atomic_counter == THREADS*ADDITIONS, "the atomic counter is %ld", atomic_counter);
	printf("mutex: %d threads counted to %ld\n", THREADS, counter);

	team(read_or_write);
	CHECK(left == THREADS/2*WRITES && right == left, "the writers counted to %ld and %ld", left, right);
	CHECK_IS(pthread_rwlock_rdlock(&rwlock), 0);
	CHECK_IS(pthread_rwlock_tryrdlock(&rwlock), 0);
	CHECK_IS(pthread_rwlock_trywrlock(&rwlock), EBUSY);
	CHECK_IS(pthread_rwlock_unlock(&rwlock), 0);
	CHECK_IS(pthread_rwlock_unlock(&rwlock), 0);
	puts("rwlock: no reader met a writer");

	team(initialise_once);
	puts("once: once");
	kinds_of_mutex();
}
