#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include "timer.h"

static clockid_t clock_read = CLOCK_MONOTONIC;

void timer_counts_processor_time(void)
{
	clock_read = CLOCK_PROCESS_CPUTIME_ID;
}

double timer_seconds(void)
{
	struct timespec now;

	clock_gettime(clock_read, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}
