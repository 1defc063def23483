/* The run that BT and SP have in common: time steps towards the steady state,
 * timed and verified, or stopped after a few for their checkpoints. */
#ifndef NPB_MARCH_H
#define NPB_MARCH_H

#include "flow.h"
#include "report.h"
#include "team.h"

struct march {
	struct flow *flow;
	/* Take one time step, every member its share; a barrier at the end. */
	void (*take)(const void *step, struct member *me);
	const void *step;
	double *scratch;            /* flow_scratch() doubles */
	double dt, dt_reference, epsilon;
	const double *xcr, *xce;    /* five reference values each */
};

/* Set the forcing and the starting field, having touched all code and memory. */
void march_start(const struct march *m, struct team *team);

/* All time steps, verification and the printout, for which REPORT has name, class,
 * size, iterations and operations. The exit status. */
int march_run(const struct march *m, struct team *team, struct report *report);

/* Print the norms before the first step and after each of STEPS steps. */
void march_checkpoints(const struct march *m, struct team *team, int steps);

#endif
