#include <math.h>
#include "heap.h"
#include "solve.h"

void solver_open(struct solver *s, const struct matrix *a)
{
	double **vectors[] = { &s->x, &s->z, &s->p, &s->q, &s->r };

	s->a = a;
	for (int v = 0; v < 5; v++)
		*vectors[v] = heap_zeroed(sizeof(double) * a->n);
}

void solver_close(struct solver *s)
{
	heap_free(s->x);
	heap_free(s->z);
	heap_free(s->p);
	heap_free(s->q);
	heap_free(s->r);
}

/* The matrix is far larger than the near caches and comes in the same order every
 * time. Asking for it this many elements ahead, which is beyond the page where the
 * processor's own prefetching stops, gives half as much speed again (class A). */
enum { AHEAD = 512 };

/* Element r of A p. Several partial sums, as each addition takes several cycles. */
static inline double row_times(const struct matrix *a, int r, const double *restrict p)
{
	const double *restrict value = a->value;
	const int32_t *restrict column = a->column;
	int64_t e = a->row[r], end = a->row[r + 1];
	double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;

	for (; e + 4 <= end; e += 4) {
		__builtin_prefetch(value + e + AHEAD);
		__builtin_prefetch(column + e + 2 * AHEAD);
		sum0 += value[e] * p[column[e]];
		sum1 += value[e + 1] * p[column[e + 1]];
		sum2 += value[e + 2] * p[column[e + 2]];
		sum3 += value[e + 3] * p[column[e + 3]];
	}
	for (; e < end; e++)
		sum0 += value[e] * p[column[e]];
	return (sum0 + sum1) + (sum2 + sum3);
}

/* q := A p on the rows from..to-1; returns their part of p.q. */
static double multiply(const struct solver *s, int from, int to)
{
	double sum = 0;

	for (int r = from; r < to; r++) {
		double product = row_times(s->a, r, s->p);
		s->q[r] = product;
		sum += s->p[r] * product;
	}
	return sum;
}

/* z += alpha p, r -= alpha q; returns r.r. */
static double advance(const struct solver *s, int from, int to, double alpha)
{
	double *restrict z = s->z, *restrict r = s->r, sum[4] = { 0 };
	const double *restrict p = s->p, *restrict q = s->q;
	int i = from;

	for (; i + 4 <= to; i += 4)
		for (int l = 0; l < 4; l++) {
			z[i + l] += alpha * p[i + l];
			r[i + l] -= alpha * q[i + l];
			sum[l] += r[i + l] * r[i + l];
		}
	for (; i < to; i++) {
		z[i] += alpha * p[i];
		r[i] -= alpha * q[i];
		sum[0] += r[i] * r[i];
	}
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static double start(const struct solver *s, int from, int to)
{
	double sum = 0;

	for (int i = from; i < to; i++) {
		s->z[i] = 0;
		s->r[i] = s->p[i] = s->x[i];
		sum += s->x[i] * s->x[i];
	}
	return sum;
}

static void turn(const struct solver *s, int from, int to, double beta)
{
	double *restrict p = s->p;
	const double *restrict r = s->r;

	for (int i = from; i < to; i++)
		p[i] = r[i] + beta * p[i];
}

static double distance(const struct solver *s, int from, int to)
{
	double sum = 0;

	for (int r = from; r < to; r++) {
		double d = s->x[r] - row_times(s->a, r, s->z);
		sum += d * d;
	}
	return sum;
}

double solver_solve(struct solver *s, struct member *me, int steps)
{
	int from, to;
	double rho;

	matrix_share(s->a, me, &from, &to);
	rho = team_sum(me, start(s, from, to));
	for (int step = 0; step < steps; step++) {
		double alpha = rho / team_sum(me, multiply(s, from, to)), before = rho;
		rho = team_sum(me, advance(s, from, to, alpha));
		turn(s, from, to, rho / before);
		team_barrier(me);
	}
	return sqrt(team_sum(me, distance(s, from, to)));
}
