#include <string.h>
#include "field.h"
#include "heap.h"
#include "random.h"

void field_open(struct field *f, int nx, int ny, int nz)
{
	f->nx = nx;
	f->ny = ny;
	f->nz = nz;
	f->row = 2 * (size_t)nx + PAIR;
	f->plane = ny * f->row + PAIR;
	f->data = heap_zeroed(sizeof(double) * nz * f->plane);
}

void field_close(struct field *f)
{
	heap_free(f->data);
}

void field_fill(struct field *f, uint64_t seed, int from, int to, double *numbers)
{
	uint64_t before = 2 * (uint64_t)f->nx * f->ny * from;
	uint64_t state = random_product(seed, random_power(RANDOM_MULTIPLIER, before));

	for (int k = from; k < to; k++)
		for (int j = 0; j < f->ny; j++) {
			double *row = field_point(f, k, j, 0);
			random_fill(&state, RANDOM_MULTIPLIER, numbers, 2 * f->nx);
			for (int g = 0; g < f->nx / GROUP; g++)
				for (int l = 0; l < GROUP; l++) {
					row[g * PAIR + l] = numbers[2 * (g * GROUP + l)];
					row[g * PAIR + GROUP + l] = numbers[2 * (g * GROUP + l) + 1];
				}
		}
}

void field_clear(struct field *f, int from, int to)
{
	memset(field_point(f, from, 0, 0), 0, sizeof(double) * (to - from) * f->plane);
}
