/* One time step of SP, in two parts between which all planes must be done. */
#ifndef SP_STEP_H
#define SP_STEP_H

#include <stddef.h>
#include "flow.h"

struct step {
	struct flow *flow;
	double dt;
	double *weight;     /* of the implicit dissipation, [n][5] */
	double *scratch;    /* one per thread */
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int step_open(struct step *s, struct flow *f, double dt);
void step_close(struct step *s);

/* Residual, x and y systems of plane k (1..n-2): reads u, writes r of the plane. */
void step_plane(const struct step *s, int k);
/* z systems of the lines with index j (1..n-2), u += solution. */
void step_wall(const struct step *s, int j);

/* One whole step. */
void step_take(const struct step *s);

#endif
