/* The generator of the suite: x := a*x mod 2^46, r = x * 2^-46. */
#ifndef NPB_RANDOM_H
#define NPB_RANDOM_H

#include <stdint.h>

#define RANDOM_MULTIPLIER UINT64_C(1220703125)    /* 5^13 */
#define RANDOM_MASK ((UINT64_C(1) << 46) - 1)

/* a*x mod 2^46. Exact: 2^46 divides 2^64, at which unsigned products wrap. */
static inline uint64_t random_product(uint64_t a, uint64_t x)
{
	return a * x & RANDOM_MASK;
}

/* Advance the state once and return it as a number in (0, 1). */
static inline double random_draw(uint64_t *x, uint64_t a)
{
	*x = random_product(a, *x);
	return (double)(int64_t)*x * 0x1p-46;
}

/* a^n mod 2^46: the multiplier that advances a state by n draws at once. */
uint64_t random_power(uint64_t a, uint64_t n);

/* COUNT draws into r. */
void random_fill(uint64_t *x, uint64_t a, double *r, uint64_t count);

#endif
