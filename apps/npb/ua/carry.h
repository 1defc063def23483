/* Carry a field from one mesh to another. */
#ifndef UA_CARRY_H
#define UA_CARRY_H

#include "tree.h"

/* The place of point Q of element E in a field: LANES elements are neighbours. */
long field_place(int e, int q);

/* to := `from`, a field on the leaves of the tree `old`, on the leaves of `new`. */
void carry(const struct tree *old, const double *from, const struct tree *new, double *to);

#endif
