#include "random.h"

uint64_t random_power(uint64_t a, uint64_t n)
{
	uint64_t power = 1;

	for (; n; n >>= 1) {
		if (n & 1)
			power = random_product(power, a);
		a = random_product(a, a);
	}
	return power;
}

/* Four states, four draws apart, advance side by side: a product takes several
 * cycles, and a single chain of them would wait for each. */
enum { CHAINS = 4 };

void random_fill(uint64_t *x, uint64_t a, double *r, uint64_t count)
{
	uint64_t leap = random_power(a, CHAINS), chain[CHAINS], done = 0;

	chain[0] = random_product(a, *x);
	for (int c = 1; c < CHAINS; c++)
		chain[c] = random_product(a, chain[c - 1]);
	for (; count - done >= CHAINS; done += CHAINS)
		for (int c = 0; c < CHAINS; c++) {
			r[done + c] = (double)(int64_t)chain[c] * 0x1p-46;
			*x = chain[c];
			chain[c] = random_product(leap, chain[c]);
		}
	while (done < count)
		r[done++] = random_draw(x, a);
}
