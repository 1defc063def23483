/* Corners of system calls, one line each: the call as written here, and what came of it. There is nothing to expect in
 * here: tests/skete/test_guests.py compares the lines with those of the same program on Linux. */
#ifndef CORNERS_H
#define CORNERS_H

#include "check.h"

static long shown(const char *name, const char *words, long result)
{
	int error = errno;
	printf("%s(%s) = ", name, words);
	if (result == -1)
		printf("%s\n", strerror(error));
	else
		printf("%ld\n", result);
	fflush(stdout);
	return result;
}

/* The call itself, and its result. */
#define T(name, ...) shown(#name, #__VA_ARGS__, (errno = 0, syscall(SYS_##name, ##__VA_ARGS__)))
/* The same where only success and errno are the same everywhere (numbers of processes, addresses). */
#define T0(name, ...) shown(#name, #__VA_ARGS__, (errno = 0, syscall(SYS_##name, ##__VA_ARGS__)) == -1 ? -1 : 0)
/* Any expression. */
#define SAY(what) printf("%s: %ld\n", #what, (long)(what))

#define BAD ((void *)16)

#endif
