/* Driver: draws.c SEED prints the state after 1, 2, 3, 10, 100, 1000, 10^6 draws, by single draws, by leaps
 * and by filling; then the first draw, and the multiplier that leaps 2^17 draws. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "random.h"

static double numbers[1000000];

int main(int argc, char **argv)
{
	static const uint64_t counts[] = { 1, 2, 3, 10, 100, 1000, 1000000 };
	uint64_t seed = strtoull(argv[argc - 1], NULL, 10), x = seed, drawn = 0;

	for (int i = 0; i < 7; i++) {
		double last = 0;
		for (; drawn < counts[i]; drawn++)
			last = random_draw(&x, RANDOM_MULTIPLIER);
		uint64_t filled = seed;
		random_fill(&filled, RANDOM_MULTIPLIER, numbers, counts[i]);
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", counts[i], x,
			random_product(random_power(RANDOM_MULTIPLIER, counts[i]), seed), filled, numbers[counts[i] - 1] == last);
	}
	printf("%.17g %" PRIu64 "\n", numbers[0], random_power(RANDOM_MULTIPLIER, 1 << 17));
	return 0;
}
