/* The three-dimensional transform and the evolution, shared by a team. */
#ifndef FT_TRANSFORM_H
#define FT_TRANSFORM_H

#include "field.h"
#include "line.h"
#include "team.h"

struct transform {
	struct plan x, y, z;
	/* Evolution factors of one time step; that of a point is the product of three. */
	double *wx, *wy, *wz;
};

void transform_open(struct transform *t, int nx, int ny, int nz);
void transform_close(struct transform *t);

/* Compute the evolution factors. */
void transform_factors(struct transform *t, double alpha);

/* Doubles of scratch memory, one per member, for the functions below; all members call them. */
size_t transform_scratch(const struct transform *t);

/* v := the transform of v. */
void transform_forward(const struct transform *t, struct member *me, struct field *v, double *scratch);

/* v := v * evolution factors;  u := the inverse transform of v, unnormalised. */
void transform_evolve(const struct transform *t, struct member *me, struct field *v, struct field *u, double *scratch);

#endif
