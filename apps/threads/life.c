#include <errno.h>
#include <limits.h>
#include <semaphore.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "../check.h"
#include "parts.h"

#define CREATIONS 200
#define WAVES 25
#define OWN_STACK 131072

static sem_t done;
static pthread_t seen[THREADS];

void team(void *(*fn)(void *))
{
	pthread_t thread[THREADS];
	void *result;
	size_t i;

	for (i = 0; i < THREADS; i++)
		CHECK_IS(pthread_create(thread + i, 0, fn, (void *)i), 0);
	for (i = 0; i < THREADS; i++) {
		CHECK_IS(pthread_join(thread[i], &result), 0);
		CHECK(NUMBER(result) == i, "thread %zu returned %zu", i, NUMBER(result));
	}
}

static void *square(void *arg)
{
	return (void *)(NUMBER(arg)*NUMBER(arg));
}

static void *leave(void *arg)
{
	pthread_exit(square(arg));
}

static void one_after_the_other(void)
{
	pthread_t thread;
	void *result;
	size_t i;

	for (i = 0; i < CREATIONS; i++) {
		CHECK_IS(pthread_create(&thread, 0, i%2 ? square : leave, (void *)i), 0);
		CHECK_IS(pthread_join(thread, &result), 0);
		CHECK(NUMBER(result) == i*i, "thread %zu returned %zu", i, NUMBER(result));
	}
	printf("created and joined %d threads, one after the other\n", CREATIONS);
}

static void *note_self(void *arg)
{
	seen[NUMBER(arg)] = pthread_self();
	return arg;
}

static void in_waves(void)
{
	int i, j, k;

	for (i = 0; i < WAVES; i++) {
		team(note_self);
		for (j = 0; j < THREADS; j++) {
			CHECK(!pthread_equal(seen[j], pthread_self()), "a thread took the main thread's identity");
			for (k = 0; k < j && i == 0; k++)
				CHECK(seen[j] != 0, "thread %d did not run", j);
		}
	}
	printf("created and joined %d times %d threads\n", WAVES, THREADS);
}

static void *post_done(void *arg)
{
	sem_post(&done);
	return arg;
}

static void detached(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i, state;

	CHECK_IS(sem_init(&done, 0, 0), 0);
	CHECK_IS(pthread_attr_init(&attr), 0);
	CHECK_IS(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	CHECK_IS(pthread_attr_getdetachstate(&attr, &state), 0);
	CHECK_IS(state, PTHREAD_CREATE_DETACHED);
	for (i = 0; i < CREATIONS; i++) {
		CHECK_IS(pthread_create(&thread, i%2 ? &attr : 0, post_done, 0), 0);
		if (i%2 == 0) CHECK_IS(pthread_detach(thread), 0);
		CHECK_IS(sem_wait(&done), 0);
	}
	CHECK_IS(pthread_attr_destroy(&attr), 0);
	printf("detached %d threads, and all of them ran\n", CREATIONS);
}

/* Write all of an array that nearly fills the stack, from its far end. */
static void *use_stack(void *arg)
{
	volatile unsigned char room[NUMBER(arg)];
	size_t i, sum = 0;

	for (i = NUMBER(arg); i-- > 0; ) room[i] = (unsigned char)i;
	for (i = 0; i < NUMBER(arg); i++) sum += room[i] == (unsigned char)i;
	return (void *)sum;
}

static void stacks(void)
{
	static const size_t sizes[] = { 16384, 65536, 1 << 20, 8 << 20 };
	static _Alignas(64) char own[OWN_STACK];
	pthread_attr_t attr;
	pthread_t thread;
	void *result;
	size_t i, size;

	CHECK_IS(pthread_attr_init(&attr), 0);
	for (i = 0; i < sizeof sizes/sizeof *sizes; i++) {
		CHECK_IS(pthread_attr_setstacksize(&attr, sizes[i]), 0);
		CHECK_IS(pthread_attr_getstacksize(&attr, &size), 0);
		CHECK(size == sizes[i], "a stack of %zu bytes became one of %zu", sizes[i], size);
		size -= 8192;
		CHECK_IS(pthread_create(&thread, &attr, use_stack, (void *)size), 0);
		CHECK_IS(pthread_join(thread, &result), 0);
		CHECK(NUMBER(result) == size, "%zu of %zu bytes held their values", NUMBER(result), size);
	}
	CHECK_IS(pthread_attr_setstacksize(&attr, 1), EINVAL);
	CHECK_IS(pthread_attr_setstack(&attr, own, sizeof own), 0);
	CHECK_IS(pthread_create(&thread, &attr, use_stack, (void *)(size_t)(OWN_STACK - 8192)), 0);
	CHECK_IS(pthread_join(thread, &result), 0);
	CHECK(NUMBER(result) == OWN_STACK - 8192, "%zu bytes of our own stack held", NUMBER(result));
	for (i = size = 0; i < sizeof own; i++) size += own[i] != 0;
	CHECK(size > OWN_STACK/2, "the thread did not run on the stack it was given");
	CHECK_IS(pthread_attr_destroy(&attr), 0);
	puts("stacks of 16 KiB to 8 MiB, and one of our own, are there in full");
}

void check_life(void)
{
	one_after_the_other();
	in_waves();
	detached();
	stacks();
}
