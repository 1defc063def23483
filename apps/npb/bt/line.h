/* Block-tridiagonal systems along LANES neighbouring grid lines. */
#ifndef BT_LINE_H
#define BT_LINE_H

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

/* r := the solution of the systems of direction x or y. */
void lines_solve_x(const struct flow *f, double dt, struct lines at, double *scratch);
void lines_solve_y(const struct flow *f, double dt, struct lines at, double *scratch);

/* u += the solution of the systems of direction z; r stays as it is. */
void lines_advance_z(const struct flow *f, double dt, struct lines at, double *scratch);

#endif
