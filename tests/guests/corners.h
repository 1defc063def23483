/* Corners of system calls, one line each: the call as written here, and what came of it. There is nothing to expect in
 * here: tests/skete/test_guests.py compares the lines with those of the same program on Linux. */
#ifndef CORNERS_H
#define CORNERS_H

#include "check.h"
#include <sys/mman.h>
#include <sys/stat.h>

static inline long shown(const char *name, const char *words, long result)
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

/* The call itself. Every word is as wide as a register, whatever it was written as: a -1 is all ones. */
static inline long made(long nr, const long *a)
{
	long result = raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

#define WORDS_(a, b, c, d, e, f, ...) (const long[6]){ (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f) }
#define WORDS(...) WORDS_(__VA_ARGS__ __VA_OPT__(,) 0, 0, 0, 0, 0, 0)
/* The call, and its result. */
#define T(name, ...) shown(#name, #__VA_ARGS__, made(SYS_##name, WORDS(__VA_ARGS__)))
/* The same where only success and errno are the same everywhere (numbers of processes, addresses). */
#define T0(name, ...) shown(#name, #__VA_ARGS__, made(SYS_##name, WORDS(__VA_ARGS__)) == -1 ? -1 : 0)
/* Any expression. */
#define SAY(what) printf("%s: %ld\n", #what, (long)(what))

#define BAD ((void *)16)
#define CLOSED 99L

static inline void size_of(int fd, const char *when)
{
	struct stat st;
	fstat(fd, &st);
	printf("  size %lld, offset %lld: %s\n", (long long)st.st_size, (long long)lseek(fd, 0, SEEK_CUR), when);
}

/* Two pages, of which the second is not there: the address of the border. */
static inline char *border(void)
{
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	return pages + 4096;
}

#endif
