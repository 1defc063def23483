/* Square roots, maxima and bit patterns of lanes: what the vector extension of
 * lanes.h has no operators for. */
#ifndef NPB_LANES_MATH_H
#define NPB_LANES_MATH_H

#include "lanes.h"

#if LANES > 2
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef unsigned long long lane_bits __attribute__((vector_size(8 * LANES)));

INLINE lane_bits lanes_all_bits(unsigned long long bits)
{
	return bits + (lane_bits){ 0 };
}

INLINE lanes lanes_sqrt(lanes v)
{
#if LANES == 8
	return (lanes)_mm512_sqrt_pd((__m512d)v);
#elif LANES == 4
	return (lanes)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__)
	return (lanes)_mm_sqrt_pd((__m128d)v);
#else
	for (int l = 0; l < LANES; l++)
		v[l] = __builtin_sqrt(v[l]);
	return v;
#endif
}

/* The larger; b where they cannot be compared. */
INLINE lanes lanes_max(lanes a, lanes b)
{
#if LANES == 8
	return (lanes)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif LANES == 4
	return (lanes)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
	return (lanes)_mm_max_pd((__m128d)a, (__m128d)b);
#else
	for (int l = 0; l < LANES; l++)
		if (a[l] > b[l])
			b[l] = a[l];
	return b;
#endif
}

/* The smaller; b where they cannot be compared. */
INLINE lanes lanes_min(lanes a, lanes b)
{
#if LANES == 8
	return (lanes)_mm512_min_pd((__m512d)a, (__m512d)b);
#elif LANES == 4
	return (lanes)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif defined(__SSE2__)
	return (lanes)_mm_min_pd((__m128d)a, (__m128d)b);
#else
	for (int l = 0; l < LANES; l++)
		if (a[l] < b[l])
			b[l] = a[l];
	return b;
#endif
}

INLINE lanes lanes_abs(lanes v)
{
	return (lanes)((lane_bits)v & lanes_all_bits(~0ULL >> 1));
}

INLINE double lanes_sum(lanes v)
{
	double sum = 0;

	for (int l = 0; l < LANES; l++)
		sum += v[l];
	return sum;
}

INLINE long long lanes_count(lane_index v)
{
	long long sum = 0;

	for (int l = 0; l < LANES; l++)
		sum += v[l];
	return sum;
}

/* Whether a comparison is true for any lane. */
INLINE int lanes_any(lane_index truth)
{
	long long any = 0;

	for (int l = 0; l < LANES; l++)
		any |= truth[l];
	return any != 0;
}

#endif
