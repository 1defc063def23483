/*
 * A periodic cube of n^3 points, n a power of two.
 *
 * No images of the boundary are stored: neighbours in the two slower directions
 * are found by wrapping the index, and along a row the operators wrap in their
 * line buffers. Rows and planes are a little longer than needed, so that the rows a
 * stencil reads together do not fall into the same sets of the cache.
 */
#ifndef MG_GRID_H
#define MG_GRID_H

#include <stddef.h>

struct grid {
	int n;
	size_t row, plane;    /* doubles from one to the next */
	double *data;
};

/* Zero filled. */
void grid_open(struct grid *g, int n);
void grid_close(struct grid *g);

/* Row j of plane k, either of them up to n beyond the grid on both sides. */
static inline double *grid_row(const struct grid *g, int k, int j)
{
	int mask = g->n - 1;

	return g->data + (size_t)(k & mask) * g->plane + (size_t)(j & mask) * g->row;
}

#endif
