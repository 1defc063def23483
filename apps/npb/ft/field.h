/*
 * A complex field of nx * ny * nz points.
 *
 * Along x, GROUP real parts alternate with the GROUP imaginary parts that belong to
 * them: both can be loaded as vectors without a shuffle, and stand in one cache line
 * (or two, where a vector fills one). Rows and planes are a little longer than needed: a
 * line in y or z would otherwise meet itself in one set of the cache.
 */
#ifndef FT_FIELD_H
#define FT_FIELD_H

#include <stddef.h>
#include <stdint.h>
#include "lanes.h"

#define GROUP (LANES < 4 ? 4 : LANES)
#define VECTORS (GROUP / LANES)
#define PAIR (2 * GROUP)    /* doubles of a group */

struct field {
	int nx, ny, nz;
	size_t row, plane;    /* doubles from one to the next */
	double *data;
};

void field_open(struct field *f, int nx, int ny, int nz);
void field_close(struct field *f);

/* The real part of a point; the imaginary part is GROUP further. */
static inline double *field_point(const struct field *f, int k, int j, int i)
{
	return f->data + (size_t)k * f->plane + (size_t)j * f->row + (size_t)(i / GROUP) * PAIR + i % GROUP;
}

/* Fill planes from..to-1 from the generator's sequence, which runs through the whole
 * field. `numbers` is scratch memory for 2 nx doubles. */
void field_fill(struct field *f, uint64_t seed, int from, int to, double *numbers);

/* Planes from..to-1 := 0. */
void field_clear(struct field *f, int from, int to);

#endif
