/*
 * Lanes: the machine's vector registers, as wide as the compiler was allowed.
 *
 * One value of type `lanes` holds the same quantity of LANES neighbouring grid
 * lines. Code written with it says once what happens to each line and is
 * compiled to SSE2, AVX or AVX-512 as the flags permit. This header is the only
 * place that leaves ISO C: it uses GCC's vector extension.
 */
#ifndef NPB_LANES_H
#define NPB_LANES_H

#include <stddef.h>

#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX__)
#define LANES 4
#else
#define LANES 2
#endif

/* Every array that lanes are loaded from starts at a multiple of this many
 * bytes, and its rows are a multiple of LANES_MAX doubles: a cache line. */
#define LANES_MAX 8
#define LANES_ALIGN 64

#define INLINE static inline __attribute__((always_inline))

typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef long long lane_index __attribute__((vector_size(8 * LANES)));

/* The same in memory that is declared as plain doubles: may_alias, as the
 * vector type is not compatible with double; the second also at any address. */
typedef double lanes_aligned __attribute__((vector_size(8 * LANES), may_alias));
typedef double lanes_anywhere __attribute__((vector_size(8 * LANES), may_alias, aligned(8)));

INLINE lanes lanes_load(const double *p)
{
	return *(const lanes_aligned *)p;
}

INLINE lanes lanes_load_any(const double *p)
{
	return *(const lanes_anywhere *)p;
}

INLINE void lanes_store(double *p, lanes v)
{
	*(lanes_aligned *)p = v;
}

INLINE void lanes_store_any(double *p, lanes v)
{
	*(lanes_anywhere *)p = v;
}

/* Ask for the cache line at p, which may lie outside any array. */
INLINE void lanes_prefetch(const double *p)
{
	__builtin_prefetch(p);
}

INLINE lanes lanes_all(double value)
{
	return value - (lanes){ 0.0 };
}

/* Exchange the off-diagonal SPAN x SPAN squares of every 2*SPAN x 2*SPAN square. */
INLINE void lanes_exchange(lanes a[LANES], int span)
{
	lane_index low, high;
	for (int c = 0; c < LANES; c++) {
		low[c] = c & span ? LANES + (c ^ span) : c;
		high[c] = c & span ? LANES + c : c ^ span;
	}
#pragma GCC unroll 8
	for (int r = 0; r < LANES; r++) {
		if (r & span)
			continue;
		lanes top = a[r], bottom = a[r + span];
		a[r] = __builtin_shuffle(top, bottom, low);
		a[r + span] = __builtin_shuffle(top, bottom, high);
	}
}

/* Transpose a LANES x LANES square in registers. */
INLINE void lanes_transpose(lanes a[LANES])
{
#pragma GCC unroll 4
	for (int span = 1; span < LANES; span *= 2)
		lanes_exchange(a, span);
}

#endif
