/*
 * Stockham's algorithm, radix 4, with a last stage of radix 2 where n is no power of
 * four: the stage for length l = n/s (s = 1, 4, 16, ...) takes, for p < l/4 and q < s,
 * the points q + s(p + l/4 m), m = 0..3, to the points q + s(4p + m). What comes out is
 * in order. Every point is a group of lines, so all arithmetic is on whole vectors and
 * one factor serves all lines.
 */
#include <math.h>
#include "heap.h"
#include "line.h"

static int stages_of(int n)
{
	int stages = 0;

	for (; n > 1; n = n >= 4 ? n / 4 : n / 2)
		stages++;
	return stages;
}

void plan_open(struct plan *plan, int n)
{
	const double two_pi = 6.283185307179586476925287;
	int length = n;

	plan->n = n;
	plan->stages = stages_of(n);
	for (int stage = 0; stage < plan->stages; stage++, length /= 4) {
		double *w = plan->twiddle[stage] = heap_take(sizeof *w * 6 * (length / 4 + 1));
		for (int p = 0; p < length / 4; p++)
			for (int m = 1; m <= 3; m++) {
				*w++ = cos(two_pi * (m * p) / length);
				*w++ = -sin(two_pi * (m * p) / length);
			}
	}
}

void plan_close(struct plan *plan)
{
	for (int stage = 0; stage < plan->stages; stage++)
		heap_free(plan->twiddle[stage]);
}

size_t plan_buffer(int n)
{
	return (size_t)n * PAIR;
}

struct span span_of(double *data, size_t step, int inverse)
{
	return (struct span){ .data = data, .step = step, .real = inverse ? GROUP : 0, .imaginary = inverse ? 0 : GROUP };
}

struct number {
	lanes re, im;
};

INLINE struct number load(const struct span *s, size_t point, int vector)
{
	const double *at = s->data + point * s->step + vector * LANES;

	return (struct number){ lanes_load(at + s->real), lanes_load(at + s->imaginary) };
}

INLINE void store(const struct span *s, size_t point, int vector, lanes re, lanes im)
{
	double *at = s->data + point * s->step + vector * LANES;

	lanes_store(at + s->real, re);
	lanes_store(at + s->imaginary, im);
}

/* One butterfly: points at, at + quarter, ... of `in`, to points to, to + s, ... of `out`. Without
 * factors where w is null. */
INLINE void butterfly(const struct span *in, const struct span *out, size_t at, size_t quarter, size_t to, size_t s,
	const double *w)
{
#pragma GCC unroll 2
	for (int v = 0; v < VECTORS; v++) {
		struct number a = load(in, at, v), b = load(in, at + quarter, v);
		struct number c = load(in, at + 2 * quarter, v), d = load(in, at + 3 * quarter, v);
		struct number even = { a.re + c.re, a.im + c.im }, odd = { a.re - c.re, a.im - c.im };
		struct number sum = { b.re + d.re, b.im + d.im }, turned = { b.im - d.im, d.re - b.re };    /* -i (b - d) */
		struct number y1 = { odd.re + turned.re, odd.im + turned.im };
		struct number y2 = { even.re - sum.re, even.im - sum.im };
		struct number y3 = { odd.re - turned.re, odd.im - turned.im };
		store(out, to, v, even.re + sum.re, even.im + sum.im);
		if (w) {
			store(out, to + s, v, y1.re * w[0] - y1.im * w[1], y1.re * w[1] + y1.im * w[0]);
			store(out, to + 2 * s, v, y2.re * w[2] - y2.im * w[3], y2.re * w[3] + y2.im * w[2]);
			store(out, to + 3 * s, v, y3.re * w[4] - y3.im * w[5], y3.re * w[5] + y3.im * w[4]);
		} else {
			store(out, to + s, v, y1.re, y1.im);
			store(out, to + 2 * s, v, y2.re, y2.im);
			store(out, to + 3 * s, v, y3.re, y3.im);
		}
	}
}

/* The first stage: s = 1. */
static void stage_first(const struct span in, const struct span out, int n, const double *w)
{
	for (int p = 0; p < n / 4; p++, w += 6)
		butterfly(&in, &out, p, n / 4, 4 * (size_t)p, 1, w);
}

/* A stage between buffers. */
static void stage_middle(double *from, double *to, int n, int s, const double *w)
{
	const struct span in = span_of(from, PAIR, 0), out = span_of(to, PAIR, 0);
	int length = n / s;

	for (int p = 0; p < length / 4; p++, w += 6)
		for (int q = 0; q < s; q++)
			butterfly(&in, &out, q + (size_t)s * p, n / 4, q + 4 * (size_t)s * p, s, w);
}

/* The last stage, of length 4 or 2: no factors. */
static void stage_last(const struct span in, const struct span out, int n, int radix)
{
	if (radix == 4) {
		for (int q = 0; q < n / 4; q++)
			butterfly(&in, &out, q, n / 4, q, n / 4, NULL);
		return;
	}
	for (int q = 0; q < n / 2; q++)
		for (int v = 0; v < VECTORS; v++) {
			struct number a = load(&in, q, v), b = load(&in, q + n / 2, v);
			store(&out, q, v, a.re + b.re, a.im + b.im);
			store(&out, q + n / 2, v, a.re - b.re, a.im - b.im);
		}
}

void line_transform(const struct plan *plan, struct span in, struct span out, double *a, double *b)
{
	int n = plan->n, s = 4;
	double *from = a, *to = b;

	stage_first(in, span_of(a, PAIR, 0), n, plan->twiddle[0]);
	for (int stage = 1; stage < plan->stages - 1; stage++, s *= 4) {
		double *other = from;
		stage_middle(from, to, n, s, plan->twiddle[stage]);
		from = to;
		to = other;
	}
	stage_last(span_of(from, PAIR, 0), out, n, n / s);
}

double *line_result(const struct plan *plan, double *a, double *b)
{
	return plan->stages % 2 ? a : b;
}
