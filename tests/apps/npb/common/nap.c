/* Whether the timer counts a nap: 1 by the wall clock, 0 by processor time. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>
#include "options.h"
#include "timer.h"

int main(int argc, char **argv)
{
	struct timespec nap = { 0, 50000000 };
	double began;

	options_read(argc, argv);
	began = timer_seconds();
	while (nanosleep(&nap, &nap))
		;
	printf("%d\n", timer_seconds() - began >= 0.05);
	return 0;
}
