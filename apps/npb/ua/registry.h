/* Numbers for places of the mesh: a hash table from kind and coordinates to an int. */
#ifndef UA_REGISTRY_H
#define UA_REGISTRY_H

#include <stdint.h>
#include "arena.h"

enum { NOWHERE = -1 };

struct registry {
	uint64_t *keys;
	int *values;
	uint64_t mask;
};

/* For up to COUNT places. */
void registry_open(struct registry *r, long count, struct arena *a);

/* The number of a place; NOWHERE if it has none. */
int registry_find(const struct registry *r, int kind, const int at[3]);

/* The same, where a place without a number gets `fresh`. */
int registry_add(struct registry *r, int kind, const int at[3], int fresh);

#endif
