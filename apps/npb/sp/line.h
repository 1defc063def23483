/* Scalar pentadiagonal systems along LANES neighbouring grid lines. */
#ifndef SP_LINE_H
#define SP_LINE_H

#include <stddef.h>
#include "flow.h"

/* LANES lines: U and the right side r at point p, component m, start at
 * [p * point + m * component] and take the lanes from there. */
struct lines {
	double *u, *r;
	size_t point, component;
};

/* Doubles of scratch memory for one call below. */
size_t lines_scratch(const struct flow *f);

/* The weights of dt*sigma*D4 for U[p-2..p+2], p = 0..n-1: n rows of five. */
void lines_weights(double *weight, int n, double dt);

/* r, which comes in multiplied by dt: to the eigenvectors of x, the systems of x, to
 * the eigenvectors of y. */
void lines_solve_x(const struct flow *f, double dt, const double *weight, const struct lines *at, double *scratch);
/* r := the systems of y, to the eigenvectors of z. */
void lines_solve_y(const struct flow *f, double dt, const double *weight, const struct lines *at, double *scratch);
/* The systems of z, back from the eigenvectors, u += the result; r stays as it is. */
void lines_advance_z(const struct flow *f, double dt, const double *weight, const struct lines *at, double *scratch);

#endif
