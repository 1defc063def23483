/* One SSOR iteration of LU. */
#ifndef LU_SSOR_H
#define LU_SSOR_H

#include <stddef.h>
#include "flow.h"
#include "point.h"
#include "skew.h"

struct ssor {
	struct flow *flow;
	struct skew skew;
	struct factors factors;
	double dt, advance;      /* advance: 1/(omega*(2 - omega)) */
	double *v;               /* [n] skewed planes: the correction */
	double *above;           /* a skewed plane: products for the plane that comes next */
	double *scratch;         /* per thread */
	void *memory;
};

/* 0, or -1 where there is not enough memory. */
int ssor_open(struct ssor *s, struct flow *f, double dt, double omega);
void ssor_close(struct ssor *s);

/* Residual and lower sweep, then upper sweep; u += v / (omega*(2 - omega)). */
void ssor_iterate(const struct ssor *s);

/* norm(v) as the last iteration left it. */
void ssor_correction_norm(const struct ssor *s, double norm[5]);

#endif
