/* The moving source, and the boundary of the cube, where nothing moves. */
#ifndef UA_SOURCE_H
#define UA_SOURCE_H

#include "mesh.h"

/* out := s(x, time) at the points of group G. */
void source_values(const struct mesh *m, int g, double time, double alpha, double *out);

/* slope := 0 at points on the boundary of the unit cube. */
void source_fix(const struct mesh *m, int g, double *slope);

#endif
