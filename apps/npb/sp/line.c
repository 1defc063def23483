/*
 * Gaussian elimination in pentadiagonal systems. LANES lines go through it side
 * by side, one per lane. Each line has three matrices of equal shape: one for
 * components 1 to 3, one each for components 4 and 5, which differ from the first
 * by the speed of sound.
 *
 * The matrices are formed where they are used, from U, and so are the changes of
 * variables before and after: a line is read once and written once. What the
 * forward sweep leaves for the backward sweep is 11 values a point.
 */
#include "eigen.h"
#include "lines.h"

enum { MATRICES = 3 };

/* A row after the elimination: x[p] + up1*x[p+1] + up2*x[p+2] = s, for each
 * matrix and its right sides. */
struct swept {
	lanes up1[MATRICES], up2[MATRICES], s[5];
};

/* What the state at point p adds to the rows p+1, p and p-1. */
struct terms {
	lanes below, diagonal, above;
	lanes sound;    /* added to `above` for component 4, taken from `below` */
};

size_t lines_scratch(const struct flow *f)
{
	return f->n * sizeof(struct swept) / sizeof(double);
}

/* The weights of dt*sigma*D4 for U[p-2..p+2], p = 0..n-1: n rows of five. */
size_t lines_table(int n)
{
	return 5 * (size_t)n;
}

void lines_prepare(double *weight, int n, double dt)
{
	static const double fourth[5] = { 1, -4, 6, -4, 1 };
	double g = dt * FLOW_SIGMA;

	for (int p = 0; p < n; p++)
		for (int s = 0; s < 5; s++) {
			int q = p + s - 2, edge = s == 2 && (p == 1 || p == n - 2);
			weight[5 * p + s] = q < 1 || q > n - 2 ? 0.0 : g * (fourth[s] - edge);
		}
}

INLINE void load_point(lanes v[5], const double *from, const struct lines *at, int p)
{
#pragma GCC unroll 5
	for (int m = 0; m < 5; m++)
		v[m] = lanes_load(from + p * at->point + m * at->component);
}

/* kappa exceeds 4/3 and 1 and rho is positive: of the four values whose maximum
 * scales the implicit viscosity, d_d + kappa*mu/rho is always it. */
INLINE struct terms terms_of(int d, const struct flow *f, double dt, const struct local *s)
{
	lanes speed = dt * f->t2 * (d == 0 ? s->v1 : d == 1 ? s->v2 : s->v3);
	lanes spread = dt * f->t1 * (f->diffuse[d] + FLOW_KAPPA * FLOW_MU * s->inverse);
	struct terms t = { -speed - spread, 1.0 + 2.0 * spread, speed - spread, dt * f->t2 * s->sound };

	return t;
}

/* Eliminate the columns p-2 and p-1 of a row and scale it; the right sides FIRST to
 * LAST go with it. */
INLINE void eliminate(struct swept *out, int matrix, int first, int last, const lanes a[4], lanes a4, const lanes r[5])
{
	const struct swept *one = out - 1, *two = out - 2;
	lanes left = a[1] - a[0] * two->up1[matrix];
	lanes pivot = 1.0 / (a[2] - a[0] * two->up2[matrix] - left * one->up1[matrix]);

	out->up1[matrix] = pivot * (a[3] - left * one->up2[matrix]);
	out->up2[matrix] = pivot * a4;
#pragma GCC unroll 3
	for (int m = first; m <= last; m++)
		out->s[m] = pivot * (r[m] - a[0] * two->s[m] - left * one->s[m]);
}

/* Rows 0 and n-1 are identities with right side 0. */
INLINE void forward(int d, const struct flow *f, double dt, const double *weight, const struct lines *at,
	struct swept *sweep)
{
	static const struct swept identity;
	struct terms before, here, after;
	struct local state;
	lanes u[5];

	sweep[-1] = sweep[0] = identity;
	load_point(u, at->u, at, 0);
	state = local_state(u);
	before = terms_of(d, f, dt, &state);
	load_point(u, at->u, at, 1);
	state = local_state(u);
	here = terms_of(d, f, dt, &state);
	for (int p = 1; p < f->n - 1; p++) {
		const double *w = weight + 5 * p;
		lanes r[5], a[4], plus[4], minus[4], a4 = lanes_all(w[4]);

		load_point(r, at->r, at, p);
		if (d == 0) {
			eigen_to_x(r, &state);
		} else {
			for (int m = 0; m < 5; m++) {
				lanes_prefetch(at->u + p * at->point + m * at->component + LANES_MAX);
				lanes_prefetch(at->r + p * at->point + m * at->component + LANES_MAX);
			}
		}
		load_point(u, at->u, at, p + 1);
		state = local_state(u);
		after = terms_of(d, f, dt, &state);

		a[0] = plus[0] = minus[0] = lanes_all(w[0]);
		a[1] = before.below + w[1];
		a[2] = plus[2] = minus[2] = here.diagonal + w[2];
		a[3] = after.above + w[3];
		plus[1] = a[1] - before.sound;
		plus[3] = a[3] + after.sound;
		minus[1] = a[1] + before.sound;
		minus[3] = a[3] - after.sound;
		eliminate(sweep + p, 0, 0, 2, a, a4, r);
		eliminate(sweep + p, 1, 3, 3, plus, a4, r);
		eliminate(sweep + p, 2, 4, 4, minus, a4, r);
		before = here;
		here = after;
	}
}

INLINE void backward(int d, const struct flow *f, const struct lines *at, const struct swept *sweep)
{
	lanes one[5], two[5];

	for (int m = 0; m < 5; m++)
		one[m] = two[m] = lanes_all(0.0);
	for (int p = f->n - 2; p > 0; p--) {
		const struct swept *row = sweep + p;
		size_t place = p * at->point;
		lanes x[5], u[5];

#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			int matrix = m < 3 ? 0 : m - 2;
			x[m] = row->s[m] - row->up2[matrix] * two[m] - row->up1[matrix] * one[m];
			two[m] = one[m];
			one[m] = x[m];
		}
		if (d == 0) {
			eigen_x_to_y(x);
		} else if (d == 1) {
			eigen_y_to_z(x);
		} else {
			load_point(u, at->u, at, p);
			struct local state = local_state(u);
			eigen_from_z(x, &state);
		}
#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			if (d == 2)
				lanes_store(at->u + place + m * at->component, u[m] + x[m]);
			else
				lanes_store(at->r + place + m * at->component, x[m]);
		}
	}
}

/* The changes of variables: to the eigenvectors of x before its systems, to those of y, to those of z, and back. */
INLINE void solve(int d, const struct systems *s, const struct lines *at, double *scratch)
{
	struct swept *sweep = (struct swept *)scratch + 1;

	forward(d, s->flow, s->dt, s->table, at, sweep);
	backward(d, s->flow, at, sweep);
}

void lines_solve_x(const struct systems *s, const struct lines *at, double *scratch)
{
	solve(0, s, at, scratch);
}

void lines_solve_y(const struct systems *s, const struct lines *at, double *scratch)
{
	solve(1, s, at, scratch);
}

void lines_advance_z(const struct systems *s, const struct lines *at, double *scratch)
{
	solve(2, s, at, scratch);
}
