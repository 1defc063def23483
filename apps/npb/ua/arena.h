/*
 * Memory for what lives as long as one mesh. Blocks are taken one by one and given back
 * all at once; the memory itself stays, so adapting the mesh asks the system for more
 * only when there has never been a mesh as large.
 */
#ifndef UA_ARENA_H
#define UA_ARENA_H

#include <stddef.h>

enum { ARENA_CHUNKS = 64 };

/* All zero: an empty one. Each chunk is twice as large as the one before. */
struct arena {
	char *chunk[ARENA_CHUNKS];
	size_t size[ARENA_CHUNKS];
	int current;        /* chunk that blocks are taken from */
	size_t used;        /* of it */
};

/* BYTES with any content, or zero filled, aligned to a cache line. */
void *arena_take(struct arena *a, size_t bytes);
void *arena_zeroed(struct arena *a, size_t bytes);

/* Give all blocks back; and the memory too. */
void arena_reset(struct arena *a);
void arena_close(struct arena *a);

#endif
