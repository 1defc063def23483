/* One time step of BT. */
#ifndef BT_STEP_H
#define BT_STEP_H

#include <stddef.h>
#include "flow.h"
#include "team.h"

struct step {
	struct flow *flow;
	double dt;
	double *scratch;    /* of the first thread; each has its own, `stride` further on */
	size_t stride;
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int step_open(struct step *s, struct flow *f, double dt, int threads);
void step_close(struct step *s);

/* One whole step, every member its share of it; a barrier at the end. */
void step_take(const struct step *s, struct member *me);

#endif
