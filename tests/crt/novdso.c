/* Is the vDSO of no use to this libc? Take it away, then ask for the time in every way there is. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static int unmapped;

static int take_away(void)
{
	char line[512], *what;
	unsigned long start[8], end[8];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && unmapped < 8 && fgets(line, sizeof line, maps)) {
		what = strrchr(line, '[');
		if (!what || (strncmp(what, "[vdso", 5) && strncmp(what, "[vvar", 5))) continue;
		sscanf(line, "%lx-%lx", start + unmapped, end + unmapped);
		unmapped++;
	}
	if (maps) fclose(maps);
	for (int i = 0; i < unmapped; i++) munmap((void *)start[i], end[i] - start[i]);
	return unmapped;
}

int main(void)
{
	struct timespec ts;
	struct timeval tv;

	printf("told %d\n", getauxval(33) != 0);
	printf("taken away %d\n", take_away() > 0);
	fflush(stdout);
	int bad = clock_gettime(CLOCK_REALTIME, &ts) + clock_gettime(CLOCK_MONOTONIC, &ts)
		+ clock_gettime(CLOCK_MONOTONIC_COARSE, &ts) + clock_getres(CLOCK_MONOTONIC, &ts) + gettimeofday(&tv, 0)
		+ (time(0) == -1) + (timespec_get(&ts, TIME_UTC) != TIME_UTC) + (sched_getcpu() < 0) + (clock() == -1);
	printf("failed %d\n", bad);
	return 0;
}
