/*
 * Counting at the speed of the cache: the population of a value is counted in one
 * byte, so that the counters of class A, 512 KiB of them, stay next to the processor
 * where words would not. A byte that overflows carries 256 keys over into the word
 * of its value; keys are spread widely enough for that to be rare, but any keys are
 * counted right.
 *
 * Members count their shares of the keys into bytes of their own. Then each adds up
 * the bytes of its share of the values, and once it knows how many keys there are
 * below its share, turns them into the running sum.
 */
#include <string.h>
#include "heap.h"
#include "params.h"
#include "random.h"
#include "rank.h"

enum { BLOCK = 256, LINE_WORDS = 16 };

void ranking_open(struct ranking *r, int threads)
{
	r->keys = heap_take(sizeof *r->keys * NPB_KEYS);
	r->count = heap_take(sizeof *r->count * NPB_MAX_KEY);
	r->narrow = heap_take((size_t)threads * NPB_MAX_KEY);
	r->totals = heap_take(sizeof *r->totals * LINE_WORDS * threads);
}

void ranking_close(struct ranking *r)
{
	heap_free(r->keys);
	heap_free(r->count);
	heap_free(r->narrow);
	heap_free(r->totals);
}

void ranking_generate(struct ranking *r, const struct member *me)
{
	double draws[4 * BLOCK];
	uint64_t state;
	long from, to;

	team_share(me, NPB_KEYS, &from, &to);
	state = random_product(NPB_SEED, random_power(RANDOM_MULTIPLIER, 4 * (uint64_t)from));
	for (long key = from; key < to; key += BLOCK) {
		long count = to - key < BLOCK ? to - key : BLOCK;
		random_fill(&state, RANDOM_MULTIPLIER, draws, 4 * count);
		for (long i = 0; i < count; i++) {
			const double *d = draws + 4 * i;
			r->keys[key + i] = (uint32_t)(NPB_MAX_KEY / 4 * (d[0] + d[1] + d[2] + d[3]));
		}
	}
}

/* The bytes of the values from..to-1, over all members, added to the words. Returns the keys among them. */
static uint32_t gather(struct ranking *r, int threads, long from, long to)
{
	uint32_t total = 0, *restrict count = r->count;

	for (int rank = 0; rank < threads; rank++) {
		const uint8_t *restrict narrow = r->narrow + (size_t)rank * NPB_MAX_KEY;
		for (long v = from; v < to; v++)
			count[v] += narrow[v];
	}
	for (long v = from; v < to; v++)
		total += count[v];
	return total;
}

static void populate(struct ranking *r, const struct member *me)
{
	const uint32_t *restrict keys = r->keys;
	uint8_t *restrict narrow = r->narrow + (size_t)me->rank * NPB_MAX_KEY;
	long from, to;

	memset(narrow, 0, NPB_MAX_KEY);
	team_share(me, NPB_KEYS, &from, &to);
	for (long i = from; i < to; i++)
		if (!++narrow[keys[i]])
			__atomic_fetch_add(&r->count[keys[i]], 256, __ATOMIC_RELAXED);
}

void ranking_count(struct ranking *r, struct member *me)
{
	uint32_t sum = 0;
	long from, to;

	/* The first member may still have been busy with the keys, or with the last ranking. */
	team_barrier(me);
	team_share(me, NPB_MAX_KEY, &from, &to);
	memset(r->count + from, 0, sizeof *r->count * (to - from));
	team_barrier(me);
	populate(r, me);
	team_barrier(me);
	r->totals[LINE_WORDS * me->rank] = gather(r, me->threads, from, to);
	team_barrier(me);
	for (int rank = 0; rank < me->rank; rank++)
		sum += r->totals[LINE_WORDS * rank];
	for (long v = from; v < to; v++)
		r->count[v] = sum += r->count[v];
	team_barrier(me);
}
