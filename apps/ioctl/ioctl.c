/* The loop that skete began with: what does a system call cost that does
 * next to nothing? Usage: ioctl [calls], by default 10000.
 *
 * The result of the call is printed as it was, for standard input need not be
 * a terminal, and the price of ENOTTY is a result too. Cycles are those of
 * the time stamp counter, which runs at a constant rate on today's machines. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>
#include "../check.h"

#define CALLS 10000

/* The fences keep the processor from moving work across the reading. */
static unsigned long long now(void)
{
	unsigned long long t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

static const char *outcome(int err, const struct winsize *ws)
{
	static char text[64];

	if (err) return err == ENOTTY ? "ENOTTY" : strerror(err);
	snprintf(text, sizeof text, "%u rows, %u columns", ws->ws_row, ws->ws_col);
	return text;
}

int main(int argc, char **argv)
{
	struct winsize ws = { 0 };
	unsigned long long start, cycles;
	long i, calls = CALLS;
	int first, err, r = 0;
	char *end;

	if (argc > 1) {
		errno = 0;
		calls = strtol(argv[1], &end, 10);
		CHECK(!errno && *argv[1] && !*end && calls > 0, "\"%s\" is not a number of calls", argv[1]);
	}

	/* One call beforehand, so that no first touch of a page is counted. */
	first = ioctl(0, TIOCGWINSZ, &ws);
	err = first ? errno : 0;
	CHECK(!err || err == ENOTTY || err == EBADF, "ioctl(0, TIOCGWINSZ): %s", strerror(err));

	start = now();
	for (i = 0; i < calls; i++)
		r |= ioctl(0, TIOCGWINSZ, &ws) - first;
	cycles = now() - start;

	CHECK(!r, "the calls did not all give the same result");
	printf("ioctl(0, TIOCGWINSZ): %s\n", outcome(err, &ws));
	printf("calls=%ld cycles=%llu cycles_per_call=%.1f\n", calls, cycles, (double)cycles / calls);
	return 0;
}
