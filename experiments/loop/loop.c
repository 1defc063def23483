/* usage: loop ioctl|terminal|getppid COUNT: what one call costs in a loop of COUNT, through libc's own wrapper.
 *
 * ioctl: of the window size of standard input, which is no terminal; terminal: which is one.
 * The loop runs once before it is timed, so that what happens to a call site only once is not counted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static int terminal(long count)
{
	struct winsize size;
	int failed = 0;

	while (count--)
		failed |= ioctl(0, TIOCGWINSZ, &size);
	return failed;
}

static int ioctls(long count)
{
	struct winsize size;
	int failed = 0;

	while (count--)
		failed |= ioctl(0, TIOCGWINSZ, &size) != -1;
	return failed || errno != ENOTTY;
}

static int getppids(long count)
{
	int failed = 0;

	while (count--)
		failed |= getppid() < 0;
	return failed;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*loop)(long);
	} loops[] = { { "ioctl", ioctls }, { "terminal", terminal }, { "getppid", getppids } };
	int (*loop)(long) = NULL;
	struct timespec from, to;
	unsigned long long start, end;
	long count = argc == 3 ? atol(argv[2]) : 0;
	unsigned i;

	for (i = 0; argc == 3 && i < sizeof loops / sizeof *loops; i++)
		if (!strcmp(argv[1], loops[i].name))
			loop = loops[i].loop;
	if (count < 1 || !loop) {
		fprintf(stderr, "usage: loop ioctl|terminal|getppid COUNT\n");
		return 2;
	}
	if (loop(count)) {
		fprintf(stderr, "loop: %s was not answered as it should be; is standard input what it wants?\n", argv[1]);
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	start = __rdtsc();
	loop(count);
	end = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("cycles %.2f ns %.2f\n", (double)(end - start) / (double)count,
		((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / (double)count);
	return 0;
}
