/*
 * Operators within elements, for a group of LANES of them at once.
 *
 * A matrix that acts along a line of 5 nodes looks the same from both ends, or the same
 * with the opposite sign. Split into an even and an odd part, the values meet matrices
 * of half the size.
 */
#ifndef UA_ELEMENT_H
#define UA_ELEMENT_H

#include "basis.h"
#include "lanes.h"

/* One lane per element: half the edge, and what follows from it. */
struct scale {
	lanes diffusion;    /* nu*h/2 */
	lanes reaction;     /* (h/2)^3/dt */
	lanes volume;       /* (h/2)^3 */
	lanes convection;   /* -6/h */
};

/* Form the tables. */
void element_fill(void);

struct scale element_scale(const double *half, double nu, double dt);

/* w_i*w_j*w_k */
double element_weight(int q);

/* out := L u, on [point][lane]. */
void element_operator(const struct scale *s, const double *u, double *out);

/* The diagonal of L at the inner points, in their order. */
void element_diagonal(const struct scale *s, double *out);

/* out := -(2/h) * (3 Dx u + 3 Dy u + 3 Dz u) */
void element_convection(const struct scale *s, const double *u, double *out);

#endif
