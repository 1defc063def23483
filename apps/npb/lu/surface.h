/* The surface integral that LU is verified with. */
#ifndef LU_SURFACE_H
#define LU_SURFACE_H

#include "flow.h"

/* Of c2*(E - kinetic energy) over a box in the interior, by the trapezoidal rule. */
double surface_integral(const struct flow *f);

#endif
