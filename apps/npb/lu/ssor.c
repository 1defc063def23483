/*
 * The sweeps. A plane is taken in, skewed, and worked through diagonal by
 * diagonal; the lanes of a diagonal are independent of each other. The residual of
 * a plane is computed when the lower sweep comes to it, as U does not change
 * before the upper sweep: it needs no memory but the plane's. The upper sweep adds
 * the correction to U as soon as a plane is done; what the next plane must know of
 * the old U is in the products handed to it.
 *
 * So an iteration reads U and the forcing and writes v; then it reads U and v and
 * writes U.
 */
#include <math.h>
#include <stdlib.h>
#include "lanes.h"
#include "ssor.h"

/* Products handed from a diagonal to the next one: two rows each for x and y, with a
 * vector of zeros at both ends. */
static size_t handed(const struct flow *f)
{
	return 5 * (f->row + 2 * LANES_MAX);
}

/* The residual's plane, with room for vectors to begin before it and to end after. */
static size_t residual_plane(const struct flow *f)
{
	return f->plane + 2 * LANES_MAX;
}

int ssor_open(struct ssor *s, struct flow *f, double dt, double omega)
{
	double scale = omega * dt;
	size_t planes;

	if (skew_open(&s->skew, f->n))
		return -1;
	s->flow = f;
	s->dt = dt;
	s->advance = 1.0 / (omega * (2.0 - omega));
	s->factors.implicit = 2.0 * dt * f->t1;
	s->factors.base = 1.0 + s->factors.implicit * (f->diffuse[0] + f->diffuse[1] + f->diffuse[2]);
	s->factors.inverse = 1.0 / s->factors.base;
	s->factors.convection = scale * f->t2;
	s->factors.viscosity = -scale * f->t1;
	for (int d = 0; d < 3; d++)
		s->factors.diffusion[d] = s->factors.viscosity * f->diffuse[d];

	planes = (f->n + 1) * s->skew.plane;
	s->v = flow_doubles(planes + s->skew.plane + flow_scratch(f) + residual_plane(f) + 4 * handed(f), &s->memory);
	if (!s->v) {
		skew_close(&s->skew);
		return -1;
	}
	s->above = s->v + f->n * s->skew.plane;
	s->scratch = s->v + planes;
	return 0;
}

void ssor_close(struct ssor *s)
{
	free(s->memory);
	skew_close(&s->skew);
}

INLINE lanes keep(lanes v, lane_index mask)
{
	return (lanes)((lane_index)v & mask);
}

/* What a diagonal works on; the pointers are such that j is the index. */
struct work {
	const double *u;
	double *v, *above;
	size_t width;                             /* from component to component in these */
	const double *from_x, *from_y;            /* products of the diagonal before */
	double *to_x, *to_y;                      /* for the next one */
	size_t handed;
};

/* One diagonal. */
INLINE void sweep(int upper, const struct ssor *s, const struct diagonal *row, const struct work *a)
{
	lanes low = lanes_all(row->low), high = lanes_all(row->high), number;
	int start = row->low / LANES * LANES, j;

	for (int l = 0; l < LANES; l++)
		number[l] = start + l;
	for (int m = 0; m < 5; m++) {
		lanes_store(a->to_x + m * a->handed + start - LANES, lanes_all(0.0));
		lanes_store(a->to_y + m * a->handed + start - LANES, lanes_all(0.0));
	}
	for (j = start; j <= row->high; j += LANES, number += LANES) {
		lane_index mask = (number >= low) & (number <= high);
		lanes u[5], x[5], out[3][5];
#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			lanes sum = lanes_load(a->from_x + m * a->handed + j);
			sum += lanes_load_any(a->from_y + m * a->handed + j + (upper ? 1 : -1));
			sum += lanes_load(a->above + m * a->width + j);
			u[m] = lanes_load(a->u + m * a->width + j);
			x[m] = upper ? sum : s->dt * lanes_load(a->v + m * a->width + j) - sum;
		}
		struct local state = local_state(u);
		solve_diagonal(x, &state, &s->factors);
#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			double *v = a->v + m * a->width + j;
			x[m] = keep(upper ? lanes_load(v) - x[m] : x[m], mask);
			lanes_store(v, x[m]);
		}
		neighbour_products(upper, out, x, &state, &s->factors);
#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			/* Lanes of no interior point may have divided by anything. */
			lanes_store(a->to_x + m * a->handed + j, keep(out[0][m], mask));
			lanes_store(a->to_y + m * a->handed + j, keep(out[1][m], mask));
			lanes_store(a->above + m * a->width + j, keep(out[2][m], mask));
		}
	}
	for (int m = 0; m < 5; m++) {
		lanes_store(a->to_x + m * a->handed + j, lanes_all(0.0));
		lanes_store(a->to_y + m * a->handed + j, lanes_all(0.0));
	}
}

INLINE void sweep_plane(int upper, const struct ssor *s, int k, const double *u, double *rows)
{
	double *v = s->v + k * s->skew.plane;
	size_t length = handed(s->flow);
	struct work a = { .handed = length / 5 };

	for (size_t i = 0; i < 4 * length; i++)
		rows[i] = 0.0;
	for (int step = 0; step < s->skew.rows - 2; step++) {
		int d = upper ? s->skew.rows - 1 - step : 2 + step, odd = step % 2;
		const struct diagonal *row = s->skew.row + d;
		a.u = u + row->at - row->first;
		a.v = v + row->at - row->first;
		a.above = s->above + row->at - row->first;
		a.width = row->width;
		a.from_x = rows + odd * length + LANES_MAX;
		a.to_x = rows + !odd * length + LANES_MAX;
		a.from_y = a.from_x + 2 * length;
		a.to_y = a.to_x + 2 * length;
		sweep(upper, s, row, &a);
	}
}

static void lower_plane(const struct ssor *s, int k)
{
	const struct flow *f = s->flow;
	double *u = s->scratch, *r = u + s->skew.plane + LANES_MAX, *rows = r + f->plane + LANES_MAX;

	flow_residual_plane(f, k, f->forcing + k * f->plane, r, rows + 4 * handed(f));
	skew_in(&s->skew, f, r, s->v + k * s->skew.plane);
	skew_in(&s->skew, f, f->u + k * f->plane, u);
	sweep_plane(0, s, k, u, rows);
}

static void upper_plane(const struct ssor *s, int k)
{
	const struct flow *f = s->flow;
	double *u = s->scratch, *rows = u + s->skew.plane + residual_plane(f);

	skew_in(&s->skew, f, f->u + k * f->plane, u);
	sweep_plane(1, s, k, u, rows);
	skew_add(&s->skew, f, s->advance, s->v + k * s->skew.plane, f->u + k * f->plane);
}

static void clear_above(const struct ssor *s)
{
	for (size_t i = 0; i < s->skew.plane; i++)
		s->above[i] = 0.0;
}

void ssor_iterate(const struct ssor *s)
{
	clear_above(s);
	for (int k = 1; k < s->flow->n - 1; k++)
		lower_plane(s, k);
	clear_above(s);
	for (int k = s->flow->n - 2; k > 0; k--)
		upper_plane(s, k);
}

void ssor_correction_norm(const struct ssor *s, double norm[5])
{
	double points = pow(s->flow->n - 2, 3);

	for (int m = 0; m < 5; m++) {
		double sum = 0.0;
		for (int k = 1; k < s->flow->n - 1; k++)
		for (int d = 2; d < s->skew.rows; d++) {
			const struct diagonal *row = s->skew.row + d;
			const double *v = s->v + k * s->skew.plane + row->at + m * row->width - row->first;
			for (int j = row->low; j <= row->high; j++)
				sum += v[j] * v[j];
		}
		norm[m] = sqrt(sum / points);
	}
}
