/* Grid, memory and the weights of the dissipation. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "flow.h"
#include "lanes.h"

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

double *flow_doubles(size_t count, void **memory)
{
	if (count > (SIZE_MAX - LANES_ALIGN) / sizeof(double))
		return NULL;
	/* calloc, as large blocks come zero filled from the system for nothing. */
	char *block = calloc(1, count * sizeof(double) + LANES_ALIGN);
	*memory = block;
	if (!block)
		return NULL;
	return (double *)(block + (LANES_ALIGN - (uintptr_t)block % LANES_ALIGN) % LANES_ALIGN);
}

/* -sigma*D4 + d*t1*D2 as weights of U[p-2..p+2]. D4 is cut off at the boundary so
 * that boundary values never enter it: it behaves as if the field were 0 on the
 * boundary and odd beyond it. */
static void weights(double w[5], int p, int n, double diffusion)
{
	static const double fourth[5] = { 1, -4, 6, -4, 1 };

	for (int s = 0; s < 5; s++) {
		int q = p + s - 2;
		w[s] = q < 1 || q > n - 2 ? 0.0 : -FLOW_SIGMA * fourth[s];
	}
	if (p == 1 || p == n - 2)
		w[2] += FLOW_SIGMA;
	w[1] += diffusion;
	w[2] -= 2 * diffusion;
	w[3] += diffusion;
}

static void set_weights(struct flow *f)
{
	for (int p = 1; p < f->n - 1; p++) {
		double w[5];
		weights(w, p, f->n, f->diffuse[0] * f->t1);
		for (int s = 0; s < 5; s++)
			f->along[s * f->row + p] = w[s];
		weights(f->across + 5 * p, p, f->n, f->diffuse[1] * f->t1);
		weights(f->across + 5 * (f->n + p), p, f->n, f->diffuse[2] * f->t1);
	}
}

int flow_open(struct flow *f, int n, size_t *bytes)
{
	size_t field, weight, count;

	memset(f, 0, sizeof *f);
	f->n = n;
	f->row = round_up(n, LANES_MAX);
	f->line = 5 * f->row;
	/* An odd number of cache lines more than a multiple of 4 KiB. */
	f->plane = round_up(n * f->line, 512) + 5 * LANES_MAX;
	f->h = 1.0 / (n - 1);
	f->t1 = 1.0 / (f->h * f->h);
	f->t2 = 1.0 / (2.0 * f->h);
	f->diffuse[0] = f->diffuse[1] = 0.75;
	f->diffuse[2] = 1.0;

	/* A gap before each field: fields of equal size would otherwise differ by
	 * a multiple of 4 KiB and meet in the same sets. */
	field = n * f->plane + 17 * LANES_MAX;
	weight = round_up(10 * n, LANES_MAX);
	count = 3 * field + weight + 5 * f->row;
	if (bytes)
		*bytes = count * sizeof(double);
	f->u = flow_doubles(count, &f->memory);
	if (!f->u)
		return -1;
	f->forcing = f->u + field;
	f->r = f->forcing + field;
	f->across = f->r + field;
	f->along = f->across + weight;
	set_weights(f);
	return 0;
}

void flow_close(struct flow *f)
{
	free(f->memory);
	memset(f, 0, sizeof *f);
}
