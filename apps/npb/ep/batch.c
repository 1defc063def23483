/*
 * Every lane walks its own pairs: lane l of a vector starts l pairs later and takes
 * LANES pairs in a step. No number is stored; nothing that is summed depends on it.
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
	lane_bits x;       /* states of the first numbers of the next LANES pairs */
	lane_bits leap;    /* the multiplier of a step */
};

INLINE lane_bits product(lane_bits a, lane_bits x)
{
	return a * x & lanes_all_bits(RANDOM_MASK);
}

/* 2 r - 1 for the number r of a state: exact, as the 46 bits fit below 2^52. */
INLINE lanes centred(lane_bits state)
{
	return ((lanes)(state | lanes_all_bits(0x4330000000000000)) - (0x1p52 + 0x1p45)) * 0x1p-45;
}

static struct walk walk_from(unsigned long long pair)
{
	struct walk w = { .leap = lanes_all_bits(random_power(RANDOM_MULTIPLIER, 2 * LANES)) };

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

static void tally_block(struct walk *w, struct tally *t)
{
	lanes size[BLOCK_STEPS], sx = lanes_all(0), sy = sx, largest = sx;
	lane_index accepted = { 0 }, beyond1 = accepted, beyond2 = accepted, beyond3 = accepted;
	lane_bits state = w->x;

	for (int step = 0; step < BLOCK_STEPS; step++) {
		lanes x = centred(state), y = centred(product(lanes_all_bits(RANDOM_MULTIPLIER), state));
		lanes distance = x * x + y * y, factor;
		state = product(w->leap, state);
		accepted -= distance <= 1.0;
		factor = gauss_factor(-lanes_max(-distance, lanes_all(-1.0)));
		x *= factor;
		y *= factor;
		sx += x;
		sy += y;
		size[step] = lanes_max(lanes_abs(x), lanes_abs(y));
		largest = lanes_max(largest, size[step]);
		beyond1 -= size[step] >= 1.0;
		beyond2 -= size[step] >= 2.0;
		beyond3 -= size[step] >= 3.0;
	}
	w->x = state;
	t->sx += lanes_sum(sx);
	t->sy += lanes_sum(sy);
	for (int l = 0; l < LANES; l++) {
		t->q[0] += accepted[l] - beyond1[l];
		t->q[1] += beyond1[l] - beyond2[l];
		t->q[2] += beyond2[l] - beyond3[l];
		t->q[3] += beyond3[l];
		if (largest[l] >= RARE)
			largest = lanes_all(RARE);
	}
	if (largest[0] >= RARE)
		tally_rare(size, t->q);
}

void batches_tally(long from, long to, struct tally *t)
{
	for (long batch = from; batch < to; batch++) {
		struct walk w = walk_from((unsigned long long)batch << BATCH_LOG2_PAIRS);
		for (int block = 0; block < BATCH_STEPS / BLOCK_STEPS; block++)
			tally_block(&w, t);
	}
}
