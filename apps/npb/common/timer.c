#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include "timer.h"

double timer_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}
