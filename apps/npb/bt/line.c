/*
 * Block Thomas elimination. LANES lines go through it side by side, one per
 * lane, so every operation on a block is a vector operation and no lane waits
 * for another. Rows 0 and n-1 are identities with right side 0 and are dropped.
 *
 * The blocks are formed where they are used, from U. What the forward sweep
 * leaves for the backward sweep, c' and r', is 30 values a point, and the only
 * memory besides the fields.
 */
#include "block.h"
#include "lines.h"

/* c'[p] by columns, then r'[p]. */
typedef lanes swept[6][5];

/* All that lines have in common is in the blocks. */
size_t lines_table(int n)
{
	(void)n;
	return 0;
}

void lines_prepare(double *table, int n, double dt)
{
	(void)table, (void)n, (void)dt;
}

size_t lines_scratch(const struct flow *f)
{
	return f->n * sizeof(swept) / sizeof(double);
}

INLINE void load_point(int d, lanes v[5], const double *from, const struct lines *at, int p)
{
#pragma GCC unroll 5
	for (int m = 0; m < 5; m++)
		v[m] = lanes_load(from + p * at->point + component(d, m) * at->component);
}

/* b := the factors of diagonal + lower * c', where `lower` is minus the lower block. */
INLINE void eliminate(block b, block lower, block diagonal, swept *before)
{
#pragma GCC unroll 5
	for (int j = 0; j < 5; j++) {
		lanes column[5];
		for (int i = 0; i < 5; i++)
			column[i] = viscous(i, j) ? diagonal[i][j] : lanes_all(0.0);
		multiply_add(column, lower, (*before)[j]);
		for (int i = 0; i < 5; i++)
			b[i][j] = column[i];
	}
	factor(b);
}

/* c' := b^-1 * upper, r' := b^-1 * r. */
INLINE void normalise(swept *now, block b, block upper, lanes r[5])
{
	/* The first row of each column of the upper block that is not zero. */
	static const int first[5] = { 0, 1, 2, 0, 3 };

#pragma GCC unroll 5
	for (int j = 0; j < 5; j++) {
		lanes column[5];
		for (int i = 0; i < 5; i++)
			column[i] = coupled(i, j) ? upper[i][j] : lanes_all(0.0);
		solve(b, column, first[j]);
		for (int i = 0; i < 5; i++)
			(*now)[j][i] = column[i];
	}
	solve(b, r, 0);
	for (int i = 0; i < 5; i++)
		(*now)[5][i] = r[i];
}

INLINE void forward(int d, const struct flow *f, double dt, const struct lines *at, swept *sweep)
{
	struct scale by = { dt * f->t2, dt * f->t1, f->diffuse[d] };
	struct blocks ring[3], *before = ring, *here = ring + 1, *after = ring + 2;
	lanes u[5], r[5];
	block upper;

	for (int j = 0; j < 6; j++)
		for (int i = 0; i < 5; i++)
			sweep[0][j][i] = lanes_all(0.0);
	load_point(d, u, at->u, at, 0);
	form_blocks(before, upper, u, &by);
	load_point(d, u, at->u, at, 1);
	form_blocks(here, upper, u, &by);
	for (int p = 1; p < f->n - 1; p++) {
		block b;

		/* Forming the next blocks stands here to fill the time that the
		 * five dependent divisions of the factors take. */
		eliminate(b, before->lower, here->diagonal, &sweep[p - 1]);
		load_point(d, r, at->r, at, p);
		multiply_add(r, before->lower, sweep[p - 1][5]);
		load_point(d, u, at->u, at, p + 1);
		if (d != 0)
			for (int m = 0; m < 5; m++) {
				lanes_prefetch(at->u + p * at->point + m * at->component + LANES_MAX);
				lanes_prefetch(at->r + p * at->point + m * at->component + LANES_MAX);
			}
		form_blocks(after, upper, u, &by);
		normalise(&sweep[p], b, upper, r);

		struct blocks *oldest = before;
		before = here;
		here = after;
		after = oldest;
	}
}

INLINE void backward(int d, const struct flow *f, const struct lines *at, swept *sweep, int advance)
{
	lanes s[5];

	for (int m = 0; m < 5; m++)
		s[m] = lanes_all(0.0);
	for (int p = f->n - 2; p > 0; p--) {
		lanes next[5];
		for (int i = 0; i < 5; i++) {
			next[i] = sweep[p][5][i];
			for (int j = 0; j < 5; j++)
				next[i] -= sweep[p][j][i] * s[j];
		}
		for (int m = 0; m < 5; m++) {
			size_t place = p * at->point + component(d, m) * at->component;
			s[m] = next[m];
			if (advance)
				lanes_store(at->u + place, lanes_load(at->u + place) + s[m]);
			else
				lanes_store(at->r + place, s[m]);
		}
	}
}

INLINE void solve_lines(int d, const struct systems *s, const struct lines *at, double *scratch)
{
	forward(d, s->flow, s->dt, at, (swept *)scratch);
	backward(d, s->flow, at, (swept *)scratch, d == 2);
}

void lines_solve_x(const struct systems *s, const struct lines *at, double *scratch)
{
	solve_lines(0, s, at, scratch);
}

void lines_solve_y(const struct systems *s, const struct lines *at, double *scratch)
{
	solve_lines(1, s, at, scratch);
}

void lines_advance_z(const struct systems *s, const struct lines *at, double *scratch)
{
	solve_lines(2, s, at, scratch);
}
