#include <errno.h>
#include <stdint.h>
#include <string.h>
#include "../check.h"
#include "parts.h"

#define PATTERN "what every thread begins with"

/* Initialised, zero, and aligned more strictly than a pointer needs. */
static _Thread_local char initialised[64] = PATTERN;
static _Thread_local long zero[32];
static _Thread_local _Alignas(64) char aligned[3] = { 1, 2, 3 };

static pthread_key_t key;
static pthread_barrier_t together;
static int destroyed;

static void destroy(void *value)
{
	CHECK(value == zero, "a destructor got another thread's value");
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void *look_and_write(void *arg)
{
	size_t i, self = NUMBER(arg);

	CHECK(!strcmp(initialised, PATTERN), "a thread-local array began as \"%s\"", initialised);
	CHECK((uintptr_t)aligned % 64 == 0, "a thread-local variable lies at %p", (void *)aligned);
	CHECK(aligned[0] == 1 && aligned[2] == 3, "a thread-local variable is not initialised");
	CHECK(!pthread_getspecific(key), "a thread-specific value is there from the start");
	CHECK(errno == 0, "errno began as %d", errno);
	for (i = 0; i < 32; i++) {
		CHECK(!zero[i], "a thread-local variable began as %ld", zero[i]);
		zero[i] = (long)self;
	}
	snprintf(initialised, sizeof initialised, "thread %zu", self);
	errno = (int)self + 1;
	CHECK_IS(pthread_setspecific(key, zero), 0);

	pthread_barrier_wait(&together);
	for (i = 0; i < 32; i++)
		CHECK(zero[i] == (long)self, "thread %zu finds the value of thread %ld", self, zero[i]);
	CHECK(errno == (int)self + 1, "thread %zu finds errno %d", self, errno);
	CHECK(pthread_getspecific(key) == zero, "a thread-specific value changed");
	return arg;
}

void check_storage(void)
{
	CHECK_IS(pthread_key_create(&key, destroy), 0);
	CHECK_IS(pthread_barrier_init(&together, 0, THREADS), 0);
	strcpy(initialised, "main");
	team(look_and_write);
	CHECK(!strcmp(initialised, "main"), "a thread wrote the main thread's variable");
	CHECK(destroyed == THREADS, "%d destructors ran", destroyed);
	CHECK_IS(pthread_key_delete(key), 0);
	printf("storage: thread-local, thread-specific and errno are private to %d threads\n", THREADS);
}
