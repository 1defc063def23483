#include <string.h>
#include "arena.h"
#include "heap.h"

/* Blocks begin some lines after the one before ends, so that those of equal size do not
 * compete for the same sets of the cache. */
enum { LINE = 64, GAP = 5 * LINE, SMALLEST = 1 << 20 };

void *arena_take(struct arena *a, size_t bytes)
{
	char *block;

	bytes = (bytes + LINE - 1) / LINE * LINE + GAP;
	while (a->used + bytes > a->size[a->current]) {
		size_t before = a->size[a->current];
		if (before) {
			a->current++;
			a->used = 0;
		}
		if (!a->chunk[a->current]) {
			size_t size = before ? 2 * before : SMALLEST;
			while (size < bytes)
				size *= 2;
			a->chunk[a->current] = heap_take(size);
			a->size[a->current] = size;
		}
	}
	block = a->chunk[a->current] + a->used;
	a->used += bytes;
	return block;
}

void *arena_zeroed(struct arena *a, size_t bytes)
{
	return memset(arena_take(a, bytes), 0, bytes);
}

void arena_reset(struct arena *a)
{
	a->current = 0;
	a->used = 0;
}

void arena_close(struct arena *a)
{
	for (int c = 0; c < ARENA_CHUNKS; c++)
		heap_free(a->chunk[c]);
	memset(a, 0, sizeof *a);
}
