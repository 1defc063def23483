#include <stdlib.h>
#include "lanes.h"
#include "skew.h"

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

int skew_open(struct skew *s, int n)
{
	s->rows = 2 * n - 3;
	s->plane = 0;
	s->row = malloc(s->rows * sizeof *s->row);
	if (!s->row)
		return -1;
	for (int d = 0; d < s->rows; d++) {
		struct diagonal *row = s->row + d;
		row->low = most(1, d - (n - 2));
		row->high = least(n - 2, d - 1);
		row->first = row->low / LANES_MAX * LANES_MAX;
		row->width = row->high < row->low ? 0 : (row->high / LANES_MAX + 1) * LANES_MAX - row->first;
		row->at = s->plane;
		s->plane += 5 * row->width;
	}
	/* As with the planes of fields, keep off multiples of 4 KiB. */
	s->plane = (s->plane / 512 + 1) * 512 + 5 * LANES_MAX;
	return 0;
}

void skew_close(struct skew *s)
{
	free(s->row);
}

/* Where the vector of LANES points from j on the diagonal d is kept, and the distance
 * of its components. NULL where there is no interior point in it. */
INLINE double *vector_at(const struct skew *s, double *plane, int d, int j, size_t *width)
{
	const struct diagonal *row = s->row + d;

	*width = 0;
	if (d >= s->rows || j + LANES <= row->low || j > row->high)
		return NULL;
	*width = row->width;
	return plane + row->at + (j - row->first);
}

/*
 * Squares of LANES x LANES points are moved in registers. In rows j..j+LANES-1 the
 * square of the diagonals d..d+LANES-1 is a parallelogram: it starts one point
 * further left in each row.
 */

void skew_in(const struct skew *s, const struct flow *f, int from, int to, const double *plane, double *out)
{
	for (int j = from; j < to; j += LANES)
		for (int d = most(j, 1) + 1; d <= least(j + LANES - 1, f->n - 2) + f->n - 2; d += LANES) {
			const double *source[LANES];
			double *target[LANES];
			size_t width[LANES];
			for (int l = 0; l < LANES; l++) {
				source[l] = plane + least(j + l, f->n - 1) * f->line + (d - j - l);
				target[l] = vector_at(s, out, d + l, j, width + l);
			}
#pragma GCC unroll 5
			for (int m = 0; m < 5; m++) {
				lanes square[LANES];
				for (int l = 0; l < LANES; l++)
					square[l] = lanes_load_any(source[l] + m * f->row);
				lanes_transpose(square);
				for (int l = 0; l < LANES; l++)
					if (target[l])
						lanes_store(target[l] + m * width[l], square[l]);
			}
		}
}

/* Points i.. of a row += v, those that are in the interior: beyond may be a row of
 * another thread. */
INLINE void add_to_row(const struct flow *f, double *row, int i, lanes v)
{
	if (i > 0 && i + LANES < f->n) {
		lanes_store_any(row + i, lanes_load_any(row + i) + v);
	} else {
		for (int l = 0; l < LANES; l++)
			if (i + l > 0 && i + l < f->n - 1)
				row[i + l] += v[l];
	}
}

void skew_add(const struct skew *s, const struct flow *f, int from, int to, double by, const double *in, double *plane)
{
	for (int j = from; j < to; j += LANES)
		for (int d = most(j, 1) + 1; d <= least(j + LANES - 1, f->n - 2) + f->n - 2; d += LANES) {
			const double *source[LANES];
			size_t width[LANES];
			for (int l = 0; l < LANES; l++)
				source[l] = vector_at(s, (double *)in, d + l, j, width + l);
#pragma GCC unroll 5
			for (int m = 0; m < 5; m++) {
				lanes square[LANES];
				for (int l = 0; l < LANES; l++)
					square[l] = source[l] ? by * lanes_load(source[l] + m * width[l]) : lanes_all(0.0);
				lanes_transpose(square);
				for (int l = 0; l < LANES; l++)
					if (j + l > 0 && j + l < f->n - 1)
						add_to_row(f, plane + (j + l) * f->line + m * f->row, d - j - l, square[l]);
			}
		}
}
