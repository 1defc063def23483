/*
 * Every lane walks its own pairs: lane l of a vector starts l pairs later and takes
 * LANES pairs in a step. A block of pairs is drawn, turned into Gaussian ones and
 * tallied in three loops: a single one keeps too few steps in flight at a time.
 *
 * Rejected pairs are not sorted out, as filling vectors again would cost more than
 * the fifth that is lost: t = 1 takes the place of a larger t, the factor is then 0.
 */
#include "batch.h"
#include "gauss.h"
#include "params.h"
#include "random.h"

/* Steps after which the tallies of the lanes are added up. */
enum { BLOCK_STEPS = 64, BATCH_STEPS = (1 << BATCH_LOG2_PAIRS) / LANES, RARE = 4 };

struct walk {
	lane_bits x;                /* states of the first numbers of the next LANES pairs */
	unsigned long long leap;    /* the multiplier of a step */
};

/* 2 r - 1 for the number r of a state: exact, as the 46 bits fit below 2^52. */
INLINE lanes centred(lane_bits state)
{
	return ((lanes)(state | lanes_all_bits(0x4330000000000000)) - (0x1p52 + 0x1p45)) * 0x1p-45;
}

static struct walk walk_from(unsigned long long pair)
{
	struct walk w = {
		.leap = random_power(RANDOM_MULTIPLIER, 2 * LANES),
	};

	for (int l = 0; l < LANES; l++)
		w.x[l] = random_product(NPB_SEED, random_power(RANDOM_MULTIPLIER, 2 * (pair + l) + 1));
	return w;
}

/* The few pairs that lie further out. */
static void tally_rare(const lanes *size, long long *q)
{
	for (int step = 0; step < BLOCK_STEPS; step++)
		for (int l = 0; l < LANES; l++)
			if (size[step][l] >= RARE) {
				q[RARE - 1]--;
				q[(int)size[step][l]]++;
			}
}

/* The numbers of a block of pairs, 2 r - 1 each, as the lanes walk them. */
struct block {
	lanes x[BLOCK_STEPS], y[BLOCK_STEPS];
	lanes size[BLOCK_STEPS];    /* first x^2 + y^2, at most 1; then the factor; then max(|X|, |Y|) */
};

#ifdef __AVX512DQ__
static void draw(struct block *b, struct walk *w)
{
	lane_bits x = w->x, mask = lanes_all_bits(RANDOM_MASK);

	for (int step = 0; step < BLOCK_STEPS; step++) {
		b->x[step] = centred(x);
		b->y[step] = centred(RANDOM_MULTIPLIER * x & mask);
		x = w->leap * x & mask;
	}
	w->x = x;
}
#else
/* Vectors without products of 64 bits have to put them together from halves: the plain
 * multiplier is faster. The asm hides its results from the vectoriser. */
static void draw(struct block *b, struct walk *w)
{
	unsigned long long x[LANES];

	for (int l = 0; l < LANES; l++)
		x[l] = w->x[l];
	for (int step = 0; step < BLOCK_STEPS; step++) {
		lane_bits first, second;
#pragma GCC unroll 4
		for (int l = 0; l < LANES; l++) {
			first[l] = x[l];
			second[l] = random_product(RANDOM_MULTIPLIER, x[l]);
			x[l] = random_product(w->leap, x[l]);
			__asm__ ("" : "+r" (x[l]));
		}
		b->x[step] = centred(first);
		b->y[step] = centred(second);
	}
	for (int l = 0; l < LANES; l++)
		w->x[l] = x[l];
}
#endif

/* The pairs within the circle. */
static long long accept(struct block *b)
{
	lane_index accepted = { 0 };

	for (int step = 0; step < BLOCK_STEPS; step++) {
		lanes square = b->x[step] * b->x[step] + b->y[step] * b->y[step];
		accepted -= square <= 1.0;
		b->size[step] = gauss_factor(lanes_min(square, lanes_all(1.0)));
	}
	return lanes_count(accepted);
}

static void tally_block(struct walk *w, struct tally *t)
{
	struct block b;
	lanes sx = lanes_all(0), sy = sx, largest = sx;
	lane_index beyond1 = { 0 }, beyond2 = beyond1, beyond3 = beyond1;

	draw(&b, w);
	t->q[0] += accept(&b);
	for (int step = 0; step < BLOCK_STEPS; step++) {
		lanes x = b.x[step] * b.size[step], y = b.y[step] * b.size[step];
		lanes size = lanes_max(lanes_abs(x), lanes_abs(y));
		sx += x;
		sy += y;
		b.size[step] = size;
		largest = lanes_max(largest, size);
		beyond1 -= size >= 1.0;
		beyond2 -= size >= 2.0;
		beyond3 -= size >= 3.0;
	}
	t->sx += lanes_sum(sx);
	t->sy += lanes_sum(sy);
	t->q[0] -= lanes_count(beyond1);
	t->q[1] += lanes_count(beyond1) - lanes_count(beyond2);
	t->q[2] += lanes_count(beyond2) - lanes_count(beyond3);
	t->q[3] += lanes_count(beyond3);
	if (lanes_any(largest >= RARE))
		tally_rare(b.size, t->q);
}

void batches_tally(long from, long to, struct tally *t)
{
	for (long batch = from; batch < to; batch++) {
		struct walk w = walk_from((unsigned long long)batch << BATCH_LOG2_PAIRS);
		for (int block = 0; block < BATCH_STEPS / BLOCK_STEPS; block++)
			tally_block(&w, t);
	}
}
