/*
 * Memory of the size of a problem: from the heap, so that no class meets the
 * 2 GiB limit of static data, aligned to cache lines, and spread.
 *
 * Spread: large blocks come from the system in whole pages. Arrays that are worked
 * through side by side would all begin at the same place of a page and compete for
 * the same sets of the cache, so each begins some lines later than the one before.
 */
#ifndef NPB_HEAP_H
#define NPB_HEAP_H

#include <stddef.h>

/* BYTES of memory with any content, or zero filled. Ends the program, with a line
 * on stderr that says how much was asked for, where there is not enough. */
void *heap_take(size_t bytes);
void *heap_zeroed(size_t bytes);
void heap_free(void *memory);

#endif
