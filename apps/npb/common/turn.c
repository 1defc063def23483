#include "lanes.h"
#include "turn.h"

size_t turn_size(const struct flow *f)
{
	return 5 * f->row * LANES;
}

void turn_in(const struct flow *f, const double *plane, int j, double by, double *out)
{
	const double *start[LANES];

	for (int l = 0; l < LANES; l++)
		start[l] = plane + (j + l < f->n ? j + l : f->n - 1) * f->line;
	for (size_t i = 0; i < f->row; i += LANES)
		for (int m = 0; m < 5; m++) {
			lanes square[LANES];
			for (int l = 0; l < LANES; l++)
				square[l] = lanes_load(start[l] + m * f->row + i);
			lanes_transpose(square);
			for (int c = 0; c < LANES; c++)
				lanes_store(out + ((i + c) * 5 + m) * LANES, by * square[c]);
		}
}

void turn_out(const struct flow *f, const double *in, int j, double *plane)
{
	int left = f->n - 1 - j, count = left < LANES ? left : LANES;

	plane += j * f->line;
	for (size_t i = 0; i < f->row; i += LANES)
		for (int m = 0; m < 5; m++) {
			lanes square[LANES];
			for (int c = 0; c < LANES; c++)
				square[c] = lanes_load(in + ((i + c) * 5 + m) * LANES);
			lanes_transpose(square);
			for (int l = 0; l < count; l++)
				lanes_store(plane + l * f->line + m * f->row + i, square[l]);
		}
}
