/* The program that runs, as a file of its own. */
#ifndef COPY_H
#define COPY_H

#include "check.h"
#include <fcntl.h>

static const char me[] = "/proc/self/exe";

static inline void copy_me(const char *path)
{
	static char buffer[1 << 16];
	int from = open(me, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;
	CHECK(from >= 0 && to >= 0);
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		CHECK(write(to, buffer, n) == n);
	close(from);
	close(to);
}

#endif
