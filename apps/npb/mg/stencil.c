/*
 * A symmetric operator with 27 weights, with few additions: with
 *     pair[j]  = f[k-1][j] + f[k+1][j]
 *     faces    = f[k][j-1] + f[k][j+1] + pair[j]      (the neighbours of a point across the row
 *     edges    = pair[j-1] + pair[j+1]                 that are one, or two steps away)
 * the value is
 *     own[i] + beside[i-1] + beside[i+1],
 *     own    = centre f + face faces + edge edges
 *     beside = face f + edge faces + corner edges.
 * pair[] of three rows is kept from row to row; own[] and beside[] are line buffers.
 *
 * No loop along a row reads what it writes at another point. The compiler would have
 * to compare too many pointers to find that out, so ivdep says it.
 */
#include "stencil.h"

enum { LINE = 8, LINES = 5 };    /* doubles; line buffers */

static size_t buffer(int n)
{
	return (size_t)(n + LINE - 1) / LINE * LINE + 2 * LINE;
}

size_t stencil_scratch(int n)
{
	return LINES * buffer(n) + LINE;
}

/* What the operators read for one row after the other of a plane. */
struct rows {
	const struct grid *f;
	int k, j;
	double *pair[3];             /* rows j-1, j, j+1 */
	double *own, *beside;        /* beside[-1] and beside[n] are there */
};

/* Ask for the row two further on than this one. What the processor fetches ahead by itself
 * ends with a page, which is not even two rows of class A. */
static void ask_beyond(const double *row, const struct grid *g)
{
	for (int i = 0; i < g->n; i += LINE)
		__builtin_prefetch(row + 2 * g->row + i);
}

static void add(double *restrict sum, const double *restrict a, const double *restrict b, int n)
{
#pragma GCC ivdep
	for (int i = 0; i < n; i++)
		sum[i] = a[i] + b[i];
}

static void form_pair(const struct rows *at, double *pair, int j)
{
	add(pair, grid_row(at->f, at->k - 1, j), grid_row(at->f, at->k + 1, j), at->f->n);
}

/* Begin so that rows_next() leads to row j. */
static void rows_start(struct rows *at, const struct grid *f, int k, int j, double *lines)
{
	size_t step = buffer(f->n);

	at->f = f;
	at->k = k;
	at->j = j - 1;
	for (int b = 0; b < 3; b++)
		at->pair[b] = lines + b * step;
	at->own = lines + 3 * step;
	at->beside = lines + 4 * step + LINE;
	form_pair(at, at->pair[1], j - 1);
	form_pair(at, at->pair[2], j);
}

/* The next row; the last of its pairs is formed by whoever works on the row. */
static void rows_next(struct rows *at)
{
	double *oldest = at->pair[0];

	at->pair[0] = at->pair[1];
	at->pair[1] = at->pair[2];
	at->pair[2] = oldest;
	at->j++;
}

static void wrap(const struct rows *at)
{
	at->beside[-1] = at->beside[at->f->n - 1];
	at->beside[at->f->n] = at->beside[0];
}

/* own := v - centre f - edge edges,  beside := edge faces + corner edges. */
static void residual_lines(const struct rows *at, const double *restrict v)
{
	const double centre = -8.0 / 3.0, edge = 1.0 / 6.0, corner = 1.0 / 12.0;
	const double *restrict f = grid_row(at->f, at->k, at->j);
	const double *restrict before = grid_row(at->f, at->k, at->j - 1), *restrict after = grid_row(at->f, at->k, at->j + 1);
	const double *restrict pair0 = at->pair[0], *restrict pair1 = at->pair[1];
	const double *restrict below = grid_row(at->f, at->k - 1, at->j + 1);
	const double *restrict above = grid_row(at->f, at->k + 1, at->j + 1);
	double *restrict pair2 = at->pair[2];
	double *restrict own = at->own, *restrict beside = at->beside;
	int n = at->f->n;

#pragma GCC ivdep
	for (int i = 0; i < n; i++) {
		double next = below[i] + above[i];
		double faces = before[i] + after[i] + pair1[i], edges = pair0[i] + next;
		pair2[i] = next;
		own[i] = v[i] - centre * f[i] - edge * edges;
		beside[i] = edge * faces + corner * edges;
	}
	wrap(at);
}

void residual_plane(const struct grid *u, const struct grid *v, const struct grid *r, int k, double *lines)
{
	struct rows at;

	rows_start(&at, u, k, 0, lines);
	for (int j = 0; j < u->n; j++) {
		double *restrict out = grid_row(r, k, j);
		const double *restrict own = at.own, *restrict beside = at.beside;
		ask_beyond(out, r);
		ask_beyond(grid_row(v, k, j), v);
		ask_beyond(grid_row(u, k + 1, j), u);
		rows_next(&at);
		residual_lines(&at, grid_row(v, k, j));
#pragma GCC ivdep
		for (int i = 0; i < u->n; i++)
			out[i] = own[i] - (beside[i - 1] + beside[i + 1]);
	}
}

/* The general form, with weights for beside[] of its own, as the smoother's corner is 0. */
static inline void operator_lines(const struct rows *at, const struct weights *w, int corners)
{
	const double centre = w->centre, face = w->face, edge = w->edge, corner = w->corner;
	const double *restrict f = grid_row(at->f, at->k, at->j);
	const double *restrict before = grid_row(at->f, at->k, at->j - 1), *restrict after = grid_row(at->f, at->k, at->j + 1);
	const double *restrict pair0 = at->pair[0], *restrict pair1 = at->pair[1];
	const double *restrict below = grid_row(at->f, at->k - 1, at->j + 1);
	const double *restrict above = grid_row(at->f, at->k + 1, at->j + 1);
	double *restrict pair2 = at->pair[2];
	double *restrict own = at->own, *restrict beside = at->beside;
	int n = at->f->n;

#pragma GCC ivdep
	for (int i = 0; i < n; i++) {
		double next = below[i] + above[i];
		double faces = before[i] + after[i] + pair1[i], edges = pair0[i] + next;
		pair2[i] = next;
		own[i] = centre * f[i] + face * faces + edge * edges;
		beside[i] = face * f[i] + edge * faces;
		if (corners)
			beside[i] += corner * edges;
	}
	wrap(at);
}

void smooth_plane(const struct grid *u, const struct grid *r, const struct weights *s, int k, double *lines)
{
	struct rows at;

	rows_start(&at, r, k, 0, lines);
	for (int j = 0; j < r->n; j++) {
		double *restrict out = grid_row(u, k, j);
		const double *restrict own = at.own, *restrict beside = at.beside;
		ask_beyond(out, u);
		ask_beyond(grid_row(r, k + 1, j), r);
		rows_next(&at);
		operator_lines(&at, s, 0);
#pragma GCC ivdep
		for (int i = 0; i < r->n; i++)
			out[i] += own[i] + (beside[i - 1] + beside[i + 1]);
	}
}

void restrict_plane(const struct grid *coarse, const struct grid *fine, int k, double *lines)
{
	static const struct weights weights = { 1.0 / 2, 1.0 / 4, 1.0 / 8, 1.0 / 16 };
	struct rows at;

	rows_start(&at, fine, 2 * k + 1, 0, lines);
	for (int j = 0; j < coarse->n; j++) {
		double *restrict out = grid_row(coarse, k, j);
		const double *restrict own = at.own, *restrict beside = at.beside;
		rows_next(&at);
		form_pair(&at, at.pair[2], at.j + 1);
		rows_next(&at);
		operator_lines(&at, &weights, 1);
#pragma GCC ivdep
		for (int i = 0; i < coarse->n; i++)
			out[i] = own[2 * i + 1] + (beside[2 * i] + beside[2 * i + 2]);
	}
}

/* The coarse rows around fine row (k, j), which are one, two or four, as their mean. */
static void mean_rows(const struct grid *coarse, int k, int j, double *restrict mean)
{
	/* An odd index 2c+1 lies on the coarse c, an even one 2c between c-1 and c. */
	const double *restrict a = grid_row(coarse, (k - 1) >> 1, (j - 1) >> 1);
	const double *restrict b = grid_row(coarse, (k - 1) >> 1, j >> 1);
	const double *restrict c = grid_row(coarse, k >> 1, (j - 1) >> 1);
	const double *restrict d = grid_row(coarse, k >> 1, j >> 1);
	int n = coarse->n;

	if (k % 2 && j % 2) {
#pragma GCC ivdep
		for (int i = 0; i < n; i++)
			mean[i] = a[i];
	} else if (k % 2 || j % 2) {
#pragma GCC ivdep
		for (int i = 0; i < n; i++)
			mean[i] = 0.5 * (a[i] + d[i]);
	} else {
#pragma GCC ivdep
		for (int i = 0; i < n; i++)
			mean[i] = 0.25 * ((a[i] + b[i]) + (c[i] + d[i]));
	}
	mean[-1] = mean[n - 1];
}

void interpolate_plane(const struct grid *fine, const struct grid *coarse, int k, int add, double *lines)
{
	double *mean = lines + LINE;

	for (int j = 0; j < fine->n; j++) {
		double *restrict out = grid_row(fine, k, j);
		ask_beyond(out, fine);
		mean_rows(coarse, k, j, mean);
		if (add) {
#pragma GCC ivdep
			for (int i = 0; i < coarse->n; i++) {
				out[2 * i] += 0.5 * (mean[i - 1] + mean[i]);
				out[2 * i + 1] += mean[i];
			}
		} else {
#pragma GCC ivdep
			for (int i = 0; i < coarse->n; i++) {
				out[2 * i] = 0.5 * (mean[i - 1] + mean[i]);
				out[2 * i + 1] = mean[i];
			}
		}
	}
}
