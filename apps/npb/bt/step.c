/*
 * A time step in two passes over memory: plane by plane (residual, x, y, while
 * the plane's r is in cache), then wall by wall (planes of constant j) for z,
 * which adds its solution to u at once. u is thus read twice and written once,
 * r written once and read once.
 */
#include <stdlib.h>
#include "line.h"
#include "lanes.h"
#include "step.h"

/* The scratch memory: the residual's or the lines', and LANES lines in x turned so
 * that lanes are neighbours in y: [i][component][lane], first U, then r. */
static size_t turned(const struct flow *f)
{
	return 5 * f->row * LANES;
}

static size_t shared(const struct flow *f)
{
	size_t residual = flow_scratch(f), lines = lines_scratch(f);
	return residual > lines ? residual : lines;
}

int step_open(struct step *s, struct flow *f, double dt)
{
	s->flow = f;
	s->dt = dt;
	s->scratch = flow_doubles(shared(f) + 2 * turned(f), &s->memory);
	return s->scratch ? 0 : -1;
}

void step_close(struct step *s)
{
	free(s->memory);
}

/* Where the lane's line starts: lanes beyond the grid repeat the boundary, whose
 * right side is 0. */
static void line_starts(const struct flow *f, int j, size_t start[LANES])
{
	for (int l = 0; l < LANES; l++)
		start[l] = (j + l < f->n ? j + l : f->n - 1) * f->line;
}

static void turn_in(const struct flow *f, const double *plane, const size_t start[LANES], double by, double *out)
{
	for (size_t i = 0; i < f->row; i += LANES)
		for (int m = 0; m < 5; m++) {
			lanes square[LANES];
			for (int l = 0; l < LANES; l++)
				square[l] = lanes_load(plane + start[l] + m * f->row + i);
			lanes_transpose(square);
			for (int c = 0; c < LANES; c++)
				lanes_store(out + ((i + c) * 5 + m) * LANES, by * square[c]);
		}
}

static void turn_out(const struct flow *f, const double *in, int count, const size_t start[LANES], double *plane)
{
	for (size_t i = 0; i < f->row; i += LANES)
		for (int m = 0; m < 5; m++) {
			lanes square[LANES];
			for (int c = 0; c < LANES; c++)
				square[c] = lanes_load(in + ((i + c) * 5 + m) * LANES);
			lanes_transpose(square);
			for (int l = 0; l < count; l++)
				lanes_store(plane + start[l] + m * f->row + i, square[l]);
		}
}

static void solve_x(const struct step *s, int k, double *scratch)
{
	const struct flow *f = s->flow;
	const double *u = f->u + k * f->plane;
	double *r = f->r + k * f->plane;
	double *turned_u = scratch + shared(f), *turned_r = turned_u + turned(f);
	struct lines at = { turned_u, turned_r, 5 * LANES, LANES };

	for (int j = 1; j < f->n - 1; j += LANES) {
		size_t start[LANES];
		int left = f->n - 1 - j;
		line_starts(f, j, start);
		turn_in(f, u, start, 1.0, turned_u);
		turn_in(f, r, start, s->dt, turned_r);
		lines_solve_x(f, s->dt, at, scratch);
		turn_out(f, turned_r, left < LANES ? left : LANES, start, r);
	}
}

void step_plane(const struct step *s, int k)
{
	const struct flow *f = s->flow;
	double *r = f->r + k * f->plane;

	flow_residual_plane(f, k, f->forcing + k * f->plane, r, s->scratch);
	solve_x(s, k, s->scratch);
	for (size_t i = 0; i < f->row; i += LANES) {
		struct lines at = { f->u + k * f->plane + i, r + i, f->line, f->row };
		lines_solve_y(f, s->dt, at, s->scratch);
	}
}

void step_wall(const struct step *s, int j)
{
	const struct flow *f = s->flow;
	double *u = f->u + j * f->line, *r = f->r + j * f->line;

	for (size_t i = 0; i < f->row; i += LANES) {
		struct lines at = { u + i, r + i, f->plane, f->row };
		lines_advance_z(f, s->dt, at, s->scratch);
	}
}

void step_take(const struct step *s)
{
	for (int k = 1; k < s->flow->n - 1; k++)
		step_plane(s, k);
	for (int j = 1; j < s->flow->n - 1; j++)
		step_wall(s, j);
}
