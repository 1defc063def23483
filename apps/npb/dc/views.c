#include <stdlib.h>
#include "heap.h"
#include "views.h"

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

uint64_t views_order(uint64_t prime, uint64_t exponent)
{
	return (prime - 1) / gcd(prime - 1, exponent);
}

static int by_size(const void *a, const void *b)
{
	const struct view *one = a, *two = b;

	if (one->size != two->size)
		return one->size < two->size ? -1 : 1;
	return one->mask < two->mask ? -1 : one->mask > two->mask;
}

struct view *views_choose(const uint64_t order[], int attributes, uint64_t tuples, long step, long *count)
{
	long masks = 1L << attributes, chosen = 0;
	struct view *all = heap_take(masks * sizeof *all);

	all[0] = (struct view){ 0, 0 };
	for (long mask = 1; mask < masks; mask++) {
		int lowest = 0;
		while (!(mask >> lowest & 1))
			lowest++;
		/* What the others give, or 1; once that reaches `tuples` it stays there, so
		 * products do not overflow. */
		uint64_t rest = all[mask & (mask - 1)].size;
		uint64_t size = rest ? rest / gcd(rest, order[lowest]) * order[lowest] : order[lowest];
		if (rest >= tuples || size > tuples)
			size = tuples;
		all[mask] = (struct view){ (uint32_t)mask, size };
	}
	qsort(all, masks, sizeof *all, by_size);
	for (long at = 1; at < masks; at += step)
		all[chosen++] = all[at];
	*count = chosen;
	return all;
}
