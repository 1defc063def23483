/*
 * A view: the tuples grouped by some attributes, groups in order, measures summed.
 *
 * Its rows are kept in a file, which is written and read back. A row is the ranks of
 * its attributes, the first in the highest bits, in one or two 8-byte words, then the
 * sum of its measures in 8 bytes.
 */
#ifndef DC_GROUP_H
#define DC_GROUP_H

#include <stdint.h>
#include "tuples.h"

struct grouper {
	const struct columns *columns;
	uint64_t *from, *to;    /* the tuples' keys, before and after a pass of sorting */
	uint64_t *rows;         /* what is written, what was read */
	uint32_t *counts;       /* how often each digit of the keys has each value */
	int fd;
};

struct group_result {
	uint64_t rows, checksum;
};

/* Make the view's file, and take memory. fd is -1 (and errno set) where there is no file. */
void group_open(struct grouper *g, const struct columns *c, const char *path);
void group_close(struct grouper *g);

/* Compute a view, write it, read it, sum it up. 0, or -1 and errno. */
int group_view(struct grouper *g, uint32_t mask, struct group_result *result);

#endif
