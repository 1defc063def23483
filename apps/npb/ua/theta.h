/* Theta: from mortar points to the boundaries of elements, and its transpose. */
#ifndef UA_THETA_H
#define UA_THETA_H

#include "mesh.h"

/* Boundary values of group G, in its part of a field. Inner points stay. */
void theta_spread(const struct mesh *m, int g, const double *mortar, double *u);

/* Boundary values of group G, in its part of a field, to the slots of its patches.
 * SLOTS is the beginning of all slots. */
void theta_collect(const struct mesh *m, int g, const double *u, double *slots);

/* Zero in the slots of the patches of group G. */
void theta_skip(const struct mesh *m, int g, double *slots);

#endif
