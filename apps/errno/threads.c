#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "../check.h"
#include "parts.h"

#define THREADS 8

static pthread_barrier_t together;
static unsigned rounds;

/* In a round, all eight fail, and only when all have done so does each look
 * at its errno: seven failures of others lie between cause and look. */
static void *fail_by_rounds(void *arg)
{
	unsigned self = (unsigned)(size_t)arg, i;

	CHECK(errno == 0, "thread %u began with errno %d", self, errno);
	for (i = 0; i < rounds; i++) {
		int due = provoke(self + i);
		if (i % 16 == 0) pthread_barrier_wait(&together);
		else sched_yield();
		CHECK(errno == due, "thread %u, round %u: errno is %d instead of %d", self, i, errno, due);
	}
	errno = ERANGE + (int)self;
	pthread_barrier_wait(&together);
	CHECK(errno == ERANGE + (int)self, "thread %u: errno is %d", self, errno);
	return 0;
}

void check_threads(unsigned n)
{
	pthread_t thread[THREADS];
	size_t i;

	rounds = n;
	CHECK_IS(pthread_barrier_init(&together, 0, THREADS), 0);
	errno = EDOM;
	for (i = 0; i < THREADS; i++)
		CHECK_IS(pthread_create(thread + i, 0, fail_by_rounds, (void *)i), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_IS(pthread_join(thread[i], 0), 0);
	CHECK(errno == EDOM, "the main thread's errno became %d", errno);
	pthread_barrier_destroy(&together);
	printf("%d threads failed together %u times, each saw its own errno\n", THREADS, n);
}
