/* One SSOR iteration of LU. */
#ifndef LU_SSOR_H
#define LU_SSOR_H

#include <stddef.h>
#include "flow.h"
#include "point.h"
#include "progress.h"
#include "skew.h"
#include "team.h"

struct ssor {
	struct flow *flow;
	struct skew skew;
	struct factors factors;
	double dt, advance;      /* advance: 1/(omega*(2 - omega)) */
	double *v;               /* [n] skewed planes: the correction */
	double *above;           /* a skewed plane: products for the plane that comes next */
	struct progress progress;
	double *edges;           /* products handed from thread to thread, in y */
	double *scratch;         /* of the first thread; each has its own, */
	size_t stride;           /* so far apart */
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int ssor_open(struct ssor *s, struct flow *f, double dt, double omega, int threads);
void ssor_close(struct ssor *s);

/* Residual and lower sweep, then upper sweep; u += v / (omega*(2 - omega)).
 * Called by every member of a team. */
void ssor_iterate(struct ssor *s, struct member *me);

/* norm(v) as the last iteration left it. */
void ssor_correction_norm(const struct ssor *s, double norm[5]);

#endif
