/* The V-cycle, as a team works through it. */
#ifndef MG_CYCLE_H
#define MG_CYCLE_H

#include "grid.h"
#include "stencil.h"
#include "team.h"

enum { LEVELS_MAX = 12 };

struct cycle {
	int levels;
	struct weights smoother;
	struct grid v;                    /* the right-hand side */
	/* By level from 1 on, level l with (2^l)^3 points. */
	struct grid u[LEVELS_MAX + 1], r[LEVELS_MAX + 1];
};

void cycle_open(struct cycle *c, int levels, const struct weights *smoother);
void cycle_close(struct cycle *c);

/* Doubles of scratch memory, one per member, for the functions below; all members call them. */
size_t cycle_scratch(const struct cycle *c);

/* u := 0, r := v - A u. */
void cycle_start(struct cycle *c, struct member *me, double *scratch);

/* One V-cycle: from u and r to the next u and r. */
void cycle_turn(struct cycle *c, struct member *me, double *scratch);

/* sqrt(sum of r^2 / n^3), and the largest |r| of the member's share in *largest. */
double cycle_norm(struct cycle *c, struct member *me, double *largest);

#endif
