#include "registry.h"

/* Coordinates have up to 16 bits; 0 is no key. */
static uint64_t key_of(int kind, const int at[3])
{
	return (uint64_t)(kind + 1) << 48 | (uint64_t)at[2] << 32 | (uint64_t)at[1] << 16 | (uint64_t)at[0];
}

/* Where the key is, or would be. */
static uint64_t place_of(const struct registry *r, uint64_t key)
{
	/* Multiplicative hashing with 2^64 over the golden ratio. */
	uint64_t place = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & r->mask;

	while (r->keys[place] && r->keys[place] != key)
		place = (place + 1) & r->mask;
	return place;
}

void registry_open(struct registry *r, long count, struct arena *a)
{
	uint64_t size = 64;

	while (size < 2 * (uint64_t)count)
		size *= 2;
	r->mask = size - 1;
	r->keys = arena_zeroed(a, size * sizeof *r->keys);
	r->values = arena_take(a, size * sizeof *r->values);
}

int registry_find(const struct registry *r, int kind, const int at[3])
{
	uint64_t key = key_of(kind, at), place = place_of(r, key);

	return r->keys[place] == key ? r->values[place] : NOWHERE;
}

int registry_add(struct registry *r, int kind, const int at[3], int fresh)
{
	uint64_t key = key_of(kind, at), place = place_of(r, key);

	if (r->keys[place] != key) {
		r->keys[place] = key;
		r->values[place] = fresh;
	}
	return r->values[place];
}
