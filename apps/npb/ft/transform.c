/*
 * Lines in x and y are transformed plane by plane, while the plane is in the cache.
 * Lines in z go from memory to memory once, first in the inverse transform, where the
 * evolution is done on the way.
 */
#include <math.h>
#include "heap.h"
#include "transform.h"

void transform_open(struct transform *t, int nx, int ny, int nz)
{
	plan_open(&t->x, nx);
	plan_open(&t->y, ny);
	plan_open(&t->z, nz);
	t->wx = heap_take(sizeof *t->wx * nx);
	t->wy = heap_take(sizeof *t->wy * ny);
	t->wz = heap_take(sizeof *t->wz * nz);
}

void transform_close(struct transform *t)
{
	plan_close(&t->x);
	plan_close(&t->y);
	plan_close(&t->z);
	heap_free(t->wx);
	heap_free(t->wy);
	heap_free(t->wz);
}

static void factors(double *w, int n, double alpha)
{
	const double pi = 3.14159265358979323846;

	for (int i = 0; i < n; i++) {
		double wave = i < n / 2 ? i : i - n;
		w[i] = exp(-4 * alpha * pi * pi * wave * wave);
	}
}

void transform_factors(struct transform *t, double alpha)
{
	factors(t->wx, t->x.n, alpha);
	factors(t->wy, t->y.n, alpha);
	factors(t->wz, t->z.n, alpha);
}

static int longest(const struct transform *t)
{
	int n = t->x.n > t->y.n ? t->x.n : t->y.n;

	return n > t->z.n ? n : t->z.n;
}

/* Two buffers, the second a little off a multiple of 4 KiB from the first. */
static size_t buffer(const struct transform *t)
{
	return plan_buffer(longest(t)) + 5 * PAIR;
}

size_t transform_scratch(const struct transform *t)
{
	return 2 * buffer(t);
}

/* GROUP x GROUP numbers, one part of them: to[c * to_step + r] := from[r * from_step + c]. */
INLINE void turn(const double *from, size_t from_step, double *to, size_t to_step)
{
	for (int r = 0; r < GROUP; r += LANES)
		for (int c = 0; c < GROUP; c += LANES) {
			lanes square[LANES];
#pragma GCC unroll 8
			for (int l = 0; l < LANES; l++)
				square[l] = lanes_load(from + (r + l) * from_step + c);
			lanes_transpose(square);
#pragma GCC unroll 8
			for (int l = 0; l < LANES; l++)
				lanes_store(to + (c + l) * to_step + r, square[l]);
		}
}

/* GROUP rows from `rows` on: they are turned, so that the lines lie side by side, and back. */
static void transform_rows(const struct plan *plan, double *rows, size_t row, int inverse, double *a, double *b)
{
	double *result = line_result(plan, a, b);

	for (int i = 0; i < plan->n; i += GROUP)
		for (int part = 0; part < PAIR; part += GROUP)
			turn(rows + 2 * i + part, row, b + (size_t)i * PAIR + part, PAIR);
	line_transform(plan, span_of(b, PAIR, inverse), span_of(result, PAIR, inverse), a, b);
	for (int i = 0; i < plan->n; i += GROUP)
		for (int part = 0; part < PAIR; part += GROUP)
			turn(result + (size_t)i * PAIR + part, PAIR, rows + 2 * i + part, row);
}

/* Lines in x and y of the member's planes. */
static void transform_planes(const struct transform *t, const struct member *me, struct field *f, int inverse,
	double *scratch)
{
	double *a = scratch, *b = scratch + buffer(t);
	long from, to;

	team_share(me, f->nz, &from, &to);
	for (int k = (int)from; k < to; k++) {
		for (int j = 0; j < f->ny; j += GROUP)
			transform_rows(&t->x, field_point(f, k, j, 0), f->row, inverse, a, b);
		for (int i = 0; i < f->nx; i += GROUP) {
			struct span lines = span_of(field_point(f, k, 0, i), f->row, inverse);
			line_transform(&t->y, lines, lines, a, b);
		}
	}
}

void transform_forward(const struct transform *t, struct member *me, struct field *v, double *scratch)
{
	double *a = scratch, *b = scratch + buffer(t);
	long from, to;

	transform_planes(t, me, v, 0, scratch);
	team_barrier(me);
	team_share(me, v->ny, &from, &to);
	for (int j = (int)from; j < to; j++)
		for (int i = 0; i < v->nx; i += GROUP) {
			struct span lines = span_of(field_point(v, 0, j, i), v->plane, 0);
			line_transform(&t->z, lines, lines, a, b);
		}
	team_barrier(me);
}

/* Lines in z: v := v * factors, which goes to the buffer as well. Asks for the lines after them,
 * which are a page and more apart, and for where the results of these go. */
static void evolve_lines(const struct transform *t, struct field *v, struct field *u, int j, int i, double *buffer)
{
	double *at = field_point(v, 0, j, i), *target = field_point(u, 0, j, i);
	lanes across[VECTORS];

	for (int l = 0; l < VECTORS; l++)
		across[l] = t->wy[j] * lanes_load(t->wx + i + l * LANES);
	for (int k = 0; k < v->nz; k++, at += v->plane, target += u->plane, buffer += PAIR) {
		lanes_prefetch(at + PAIR);
		lanes_prefetch(target);
		if (GROUP == LANES_MAX) {
			lanes_prefetch(at + PAIR + LANES_MAX);
			lanes_prefetch(target + LANES_MAX);
		}
		for (int l = 0; l < VECTORS; l++) {
			lanes factor = t->wz[k] * across[l];
			lanes re = factor * lanes_load(at + l * LANES), im = factor * lanes_load(at + GROUP + l * LANES);
			lanes_store(at + l * LANES, re);
			lanes_store(at + GROUP + l * LANES, im);
			lanes_store(buffer + l * LANES, re);
			lanes_store(buffer + GROUP + l * LANES, im);
		}
	}
}

void transform_evolve(const struct transform *t, struct member *me, struct field *v, struct field *u, double *scratch)
{
	double *a = scratch, *b = scratch + buffer(t);
	long from, to;

	team_share(me, v->ny, &from, &to);
	for (int j = (int)from; j < to; j++)
		for (int i = 0; i < v->nx; i += GROUP) {
			evolve_lines(t, v, u, j, i, b);
			line_transform(&t->z, span_of(b, PAIR, 1), span_of(field_point(u, 0, j, i), u->plane, 1), a, b);
		}
	team_barrier(me);
	transform_planes(t, me, u, 1, scratch);
	team_barrier(me);
}
