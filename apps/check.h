#ifndef CHECK_H
#define CHECK_H

/* A program of this folder verifies itself: it prints what it has verified
 * and returns 0, or it prints the first difference and exits with 1. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static inline void check_failed(const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("FAILED %s:%d: ", file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

/* CHECK(condition, format, values...): the words say what was found. */
#define CHECK(cond, ...) \
	do if (!(cond)) check_failed(__FILE__, __LINE__, __VA_ARGS__); while (0)

/* Most POSIX thread functions return the error rather than set errno. */
#define CHECK_IS(call, expected) \
	do { \
		long got_ = (call), want_ = (expected); \
		if (got_ != want_) check_failed(__FILE__, __LINE__, \
			#call " gave %ld instead of %ld", got_, want_); \
	} while (0)

#endif
