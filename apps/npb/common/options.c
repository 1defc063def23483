#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "timer.h"

enum { THREADS_MAX = 256, STEPS_MAX = 1000 };

/* A whole number from 1 to MOST, or 0. */
static int number(const char *text, int most)
{
	char *end;
	long value = text ? strtol(text, &end, 10) : 0;

	return value >= 1 && value <= most && !*end ? (int)value : 0;
}

/* Times the benchmark by this clock; 0 for a name that none has. */
static int clock_named(const char *name)
{
	int processor = name && !strcmp(name, "processor");

	if (processor)
		timer_counts_processor_time();
	return processor || (name && !strcmp(name, "wall"));
}

struct options options_read(int argc, char **argv)
{
	struct options o = { .threads = 1 };
	int ok = 1;

	for (int i = 1; i < argc && ok; i += 2) {
		if (!strcmp(argv[i], "-t"))
			ok = o.threads = number(argv[i + 1], THREADS_MAX);
		else if (!strcmp(argv[i], "--checkpoints"))
			ok = o.checkpoints = number(argv[i + 1], STEPS_MAX);
		else if (!strcmp(argv[i], "--clock"))
			ok = clock_named(argv[i + 1]);
		else
			ok = 0;
	}
	if (!ok) {
		fprintf(stderr, "usage: %s [-t THREADS] [--clock wall|processor] [--checkpoints STEPS]\n", argv[0]);
		exit(2);
	}
	return o;
}
