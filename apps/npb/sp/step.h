/* One time step of SP. */
#ifndef SP_STEP_H
#define SP_STEP_H

#include <stddef.h>
#include "flow.h"
#include "team.h"

struct step {
	struct flow *flow;
	double dt;
	double *weight;     /* of the implicit dissipation, [n][5] */
	double *scratch;    /* of the first thread; each has its own, */
	size_t stride;      /* so far apart */
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int step_open(struct step *s, struct flow *f, double dt, int threads);
void step_close(struct step *s);

/* One step. Called by every member of a team. */
void step_take(const struct step *s, struct member *me);

#endif
