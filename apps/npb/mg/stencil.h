/* The operators of the V-cycle, plane by plane. `lines` is scratch memory of the
 * calling thread for the largest n in use: stencil_scratch(n) doubles. */
#ifndef MG_STENCIL_H
#define MG_STENCIL_H

#include "grid.h"

/* Weights of the point and its face, edge and corner neighbours. */
struct weights {
	double centre, face, edge, corner;
};

size_t stencil_scratch(int n);

/* r := v - A u on plane k. v and r may be the same. */
void residual_plane(const struct grid *u, const struct grid *v, const struct grid *r, int k, double *lines);

/* u := u + S r on plane k; the weight of corners has to be 0. */
void smooth_plane(const struct grid *u, const struct grid *r, const struct weights *s, int k, double *lines);

/* Plane k of the coarse grid := R of the fine one, at every second point. */
void restrict_plane(const struct grid *coarse, const struct grid *fine, int k, double *lines);

/* Plane k of the fine grid := or += the interpolated coarse one. */
void interpolate_plane(const struct grid *fine, const struct grid *coarse, int k, int add, double *lines);

#endif
