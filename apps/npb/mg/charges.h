/* The right-hand side: +1 at ten points, -1 at ten others, chosen by random numbers. */
#ifndef MG_CHARGES_H
#define MG_CHARGES_H

#include <stdint.h>
#include "grid.h"
#include "team.h"

enum { CHARGES = 10 };

struct charge {
	double value;    /* the random number there */
	int i, j, k;     /* from 0; i along a row */
};

struct charges {
	struct charge largest[CHARGES], smallest[CHARGES];    /* the most extreme one first */
};

/* All members: find the points among n^3 random numbers from SEED on. `all` has room for one
 * struct charges per member; the result is in all[0] for everybody. */
void charges_find(struct charges *all, struct member *me, int n, uint64_t seed);

/* v := the right-hand side. */
void charges_place(const struct charges *c, struct grid *v);

#endif
