#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "../check.h"
#include "parts.h"

#define THREADS 8
#define OWN_STACK 65536

int libc_errno(void) { return errno; }
void libc_set_errno(int value) { errno = value; }
int libc_fail_with_ebadf(void) { return close(-1); }

#ifdef HAVE_NEWLIB

static int before_main;
static pthread_barrier_t together;
static pthread_key_t key;
static _Thread_local int mine = 1234;

__attribute__((__constructor__)) static void early(void)
{
	before_main = newlib_check();
}

/* What of the libc lives in its thread structure, used after the damage. */
static void libc_still_works(void)
{
	char text[32], *p;
	void *value = pthread_getspecific(key);

	CHECK(mine == 1234, "a thread-local variable became %d", mine);
	CHECK(value == &mine, "a thread-specific value was overwritten");
	errno = 0;
	CHECK_IS(close(-1), -1);
	CHECK(errno == EBADF, "errno is %d instead of EBADF", errno);
	CHECK(p = malloc(100000), "malloc failed");
	memset(p, 1, 100000);
	free(p);
	snprintf(text, sizeof text, "%.3f %d", 2.5, 42);
	CHECK(!strcmp(text, "2.500 42"), "snprintf wrote \"%s\"", text);
	CHECK(localeconv()->decimal_point[0] == '.', "the locale is damaged");
	CHECK_IS(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, 0), 0);
	pthread_testcancel();
}

static void *one_thread(void *arg)
{
	unsigned long size;
	int line;

	CHECK_IS(pthread_setspecific(key, &mine), 0);
	line = newlib_check();
	CHECK(!line, "newlib.c:%d, in a thread", line);
	libc_set_errno(arg ? 21 : 22);
	pthread_barrier_wait(&together);
	CHECK(libc_errno() == (arg ? 21 : 22), "another thread's errno shows through");
	size = newlib_scribble(0xa5);
	pthread_barrier_wait(&together);
	libc_still_works();
	newlib_scribble(0);
	libc_still_works();
	return (void *)size;
}

void check_newlib(void)
{
	static _Alignas(16) char own[OWN_STACK];
	pthread_attr_t attr;
	pthread_t thread[THREADS];
	size_t i, size;
	void *result;
	int line;

	CHECK(!before_main, "newlib.c:%d, in a constructor", before_main);
	line = newlib_check();
	CHECK(!line, "newlib.c:%d, in main", line);
	CHECK_IS(pthread_key_create(&key, 0), 0);
	CHECK_IS(pthread_barrier_init(&together, 0, THREADS), 0);
	CHECK_IS(pthread_attr_init(&attr), 0);
	CHECK_IS(pthread_attr_setstack(&attr, own, sizeof own), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_IS(pthread_create(thread + i, i ? 0 : &attr, one_thread, (void *)(i%2)), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_IS(pthread_join(thread[i], &result), 0);
	CHECK_IS(pthread_setspecific(key, &mine), 0);
	size = newlib_scribble(0x5a);
	CHECK((size_t)result == size, "the structure has two sizes");
	libc_still_works();
	printf("newlib object: shares errno before main, in main and in %d threads\n", THREADS);
	printf("newlib object: wrote all %zu bytes of struct _reent and hurt nothing\n", size);
}

#else

void check_newlib(void)
{
	puts("newlib object: LEFT OUT, the build says why");
}

#endif
