/* The conjugate gradient method on the rows of a team. */
#ifndef CG_SOLVE_H
#define CG_SOLVE_H

#include "matrix.h"

struct solver {
	const struct matrix *a;
	double *x, *z, *p, *q, *r;    /* [n] */
};

void solver_open(struct solver *s, const struct matrix *a);
void solver_close(struct solver *s);

/* All members: z := the approximate solution of A z = x after so many steps, from
 * z = 0. Returns ||x - A z||. */
double solver_solve(struct solver *s, struct member *me, int steps);

#endif
