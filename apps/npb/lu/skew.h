/*
 * Planes turned so that a sweep can be vectorised.
 *
 * In a plane of constant k, points on a diagonal i + j = s do not depend on each
 * other, only on those of the diagonal before. In the skewed layout a diagonal is
 * a row,
 *     [s][component][j]
 * and lanes are neighbours in j: the neighbour in x of (s, j) is (s-1, j), that in
 * y is (s-1, j-1). A row has room for the interior points of its diagonal, in whole
 * cache lines, and no more.
 */
#ifndef LU_SKEW_H
#define LU_SKEW_H

#include <stddef.h>
#include "flow.h"

struct diagonal {
	int low, high;    /* j of its interior points; none if low > high */
	int first;        /* j of the first place that is kept, a multiple of LANES_MAX */
	size_t width;     /* doubles from one component to the next */
	size_t at;        /* where it starts in the plane */
};

struct skew {
	int rows;                  /* diagonals 0..rows-1; the first two are empty */
	size_t plane;              /* doubles */
	struct diagonal *row;
};

/* 0, or -1 where there is not enough memory. */
int skew_open(struct skew *s, int n);
void skew_close(struct skew *s);

/* Both functions do the rows j = FROM to TO - 1 of a plane; FROM is a multiple of LANES,
 * and so is TO unless it is n - 1. */

/* out := a plane of a field. Lanes that are no interior points get any value. The
 * field must go on for LANES_MAX doubles on either side of the plane. */
void skew_in(const struct skew *s, const struct flow *f, int from, int to, const double *plane, double *out);

/* A plane of a field += `by` times a skewed plane, which is 0 where lanes are no
 * interior points. */
void skew_add(const struct skew *s, const struct flow *f, int from, int to, double by, const double *in, double *plane);

#endif
