/* The run that BT and SP have in common: time steps towards the steady state,
 * timed and verified, or stopped after a few for their checkpoints. */
#ifndef NPB_MARCH_H
#define NPB_MARCH_H

#include "options.h"
#include "report.h"

struct march {
	int n;                      /* points along an edge of the cube */
	double dt, dt_reference, epsilon;
	const double *xcr, *xce;    /* five reference values each */
};

/* The whole run, and the printout, for which REPORT has name, class, size, iterations
 * and operations. The exit status. */
int march_run(const struct march *m, struct report *report, const struct options *options);

#endif
