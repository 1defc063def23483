/* The systems of BT and SP along LANES neighbouring grid lines. What they look like is
 * each benchmark's own: line.c there. */
#ifndef NPB_LINES_H
#define NPB_LINES_H

#include <stddef.h>
#include "flow.h"

/* LANES lines: U and the right side r at point p, component m, start at
 * [p * point + m * component] and take the lanes from there. */
struct lines {
	double *u, *r;
	size_t point, component;
};

struct systems {
	const struct flow *flow;
	double dt;
	const double *table;    /* what lines_prepare() left */
};

/* Doubles that are the same for all lines, and their values. */
size_t lines_table(int n);
void lines_prepare(double *table, int n, double dt);

/* Doubles of scratch memory for one call below. */
size_t lines_scratch(const struct flow *f);

/* r, which comes in multiplied by dt, is what solves the systems of x on the way out, as
 * those of y take it; then of y, as those of z take it. */
void lines_solve_x(const struct systems *s, const struct lines *at, double *scratch);
void lines_solve_y(const struct systems *s, const struct lines *at, double *scratch);

/* u += the solution of the systems of z; r stays as it is. */
void lines_advance_z(const struct systems *s, const struct lines *at, double *scratch);

#endif
