#define _GNU_SOURCE
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include "../check.h"
#include "parts.h"

#define ITEMS 2000
#define SLOTS 4
#define PHASES 50
#define BALLS 500

/* A bounded buffer: four threads put the numbers 1..ITEMS, four add them up. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t nonempty = PTHREAD_COND_INITIALIZER, nonfull = PTHREAD_COND_INITIALIZER;
static int slot[SLOTS], filled, produced, consumed;
static long total;

static void *produce_or_consume(void *arg)
{
	pthread_mutex_lock(&lock);
	if (NUMBER(arg) % 2) while (produced < ITEMS) {
		if (filled == SLOTS) {
			pthread_cond_wait(&nonfull, &lock);
			continue;
		}
		slot[filled++] = ++produced;
		pthread_cond_signal(&nonempty);
	} else while (consumed < ITEMS) {
		if (!filled) {
			pthread_cond_wait(&nonempty, &lock);
			continue;
		}
		total += slot[--filled];
		if (++consumed == ITEMS) pthread_cond_broadcast(&nonempty);
		pthread_cond_signal(&nonfull);
	}
	pthread_cond_broadcast(&nonfull);
	pthread_mutex_unlock(&lock);
	return arg;
}

static pthread_barrier_t barrier;
static int arrived[PHASES], serial[PHASES];

static void *phases(void *arg)
{
	int i, r;

	for (i = 0; i < PHASES; i++) {
		__atomic_fetch_add(arrived + i, 1, __ATOMIC_SEQ_CST);
		r = pthread_barrier_wait(&barrier);
		CHECK(arrived[i] == THREADS, "the barrier opened for %d threads", arrived[i]);
		CHECK(!r || r == PTHREAD_BARRIER_SERIAL_THREAD, "the barrier gave %d", r);
		if (r) __atomic_fetch_add(serial + i, 1, __ATOMIC_SEQ_CST);
	}
	return arg;
}

/* Round the table: each waits for its own semaphore and posts the next one. */
static sem_t table[THREADS];
static int ball;

static void *pass_on(void *arg)
{
	size_t self = NUMBER(arg);
	int i;

	for (i = 0; i < BALLS/THREADS; i++) {
		while (sem_wait(table + self)) CHECK(errno == EINTR, "sem_wait: %s", strerror(errno));
		CHECK((size_t)ball % THREADS == self, "thread %zu got ball %d", self, ball);
		ball++;
		CHECK_IS(sem_post(table + (self + 1)%THREADS), 0);
	}
	return arg;
}

static void timeouts(void)
{
	struct timespec until;
	pthread_condattr_t attr;
	pthread_cond_t cond;
	sem_t sem;

	CHECK_IS(pthread_condattr_init(&attr), 0);
	CHECK_IS(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), 0);
	CHECK_IS(pthread_cond_init(&cond, &attr), 0);
	CHECK_IS(pthread_mutex_lock(&lock), 0);
	clock_gettime(CLOCK_MONOTONIC, &until);
	if ((until.tv_nsec += 5000000) >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
	CHECK_IS(pthread_cond_timedwait(&cond, &lock, &until), ETIMEDOUT);
	CHECK_IS(pthread_mutex_unlock(&lock), 0);

	CHECK_IS(sem_init(&sem, 0, 0), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	if ((until.tv_nsec += 5000000) >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
	CHECK_IS(sem_timedwait(&sem, &until), -1);
	CHECK(errno == ETIMEDOUT, "sem_timedwait: %s", strerror(errno));
	CHECK_IS(sem_trywait(&sem), -1);
	CHECK(errno == EAGAIN, "sem_trywait: %s", strerror(errno));
}

void check_meetings(void)
{
	int i;

	team(produce_or_consume);
	CHECK(total == ITEMS*(ITEMS + 1L)/2, "the sum is %ld", total);
	printf("cond: %d items through %d slots, their sum is %ld\n", ITEMS, SLOTS, total);

	CHECK_IS(pthread_barrier_init(&barrier, 0, THREADS), 0);
	team(phases);
	for (i = 0; i < PHASES; i++)
		CHECK(serial[i] == 1, "%d threads were the last at the barrier", serial[i]);
	CHECK_IS(pthread_barrier_destroy(&barrier), 0);
	printf("barrier: %d threads, %d phases\n", THREADS, PHASES);

	for (i = 0; i < THREADS; i++) CHECK_IS(sem_init(table + i, 0, i == 0), 0);
	team(pass_on);
	printf("sem: passed a ball on %d times\n", ball);

	timeouts();
	puts("cond and sem: time out when it is time");
}
