/* One time step of BT or SP. */
#ifndef NPB_STEP_H
#define NPB_STEP_H

#include "lines.h"
#include "team.h"

struct step {
	struct systems systems;
	double *scratch;    /* of the first thread; each has its own, `stride` further on */
	size_t stride;
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int step_open(struct step *s, const struct flow *f, double dt, int threads);
void step_close(struct step *s);

/* One whole step, every member its share of it; a barrier at the end. */
void step_take(const struct step *s, struct member *me);

#endif
