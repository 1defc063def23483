/* Which views of the data cube are computed. A view is a set of attributes, as a mask. */
#ifndef DC_VIEWS_H
#define DC_VIEWS_H

#include <stdint.h>
#include "tuples.h"

struct view {
	uint32_t mask;
	uint64_t size;    /* predicted number of rows */
};

/* The number of different values that a progression takes: the order of its generator,
 * which is root^exponent. */
uint64_t views_order(uint64_t prime, uint64_t exponent);

/* The views at positions 1, 1 + step, ... of all masks, ordered by size and mask. The
 * array comes from the heap. */
struct view *views_choose(const uint64_t order[], int attributes, uint64_t tuples, long step, long *count);

#endif
