/* Everything that POSIX threads do, with eight threads and with hundreds. */
#include <pthread.h>
#include "../check.h"
#include "parts.h"

static void *last(void *main_thread)
{
	CHECK_IS(pthread_join(*(pthread_t *)main_thread, 0), 0);
	puts("exit: the last thread ended the process, long after main");
	return 0;
}

int main(void)
{
	static pthread_t self;
	pthread_t thread;

	check_life();
	check_locks();
	check_meetings();
	check_storage();
	check_endings();

	/* The process lives on in the other thread, and ends with status 0. */
	self = pthread_self();
	CHECK_IS(pthread_create(&thread, 0, last, &self), 0);
	pthread_exit(0);
}
