/*
 * A time step in two passes over memory: plane by plane (residual, x, y, while
 * the plane's r is in cache), then wall by wall (planes of constant j) for z,
 * which adds its solution to u at once. u is thus read twice and written once,
 * r written once and read once. Whatever else a benchmark does with u and r, it
 * does on the way into and out of the lines.
 */
#include <stdlib.h>
#include "lanes.h"
#include "step.h"
#include "turn.h"

/* A thread's scratch memory: what the residual or the lines need, then turned lines,
 * U and r. */
static size_t shared(const struct flow *f)
{
	size_t residual = flow_scratch(f), lines = lines_scratch(f);
	return residual > lines ? residual : lines;
}

int step_open(struct step *s, const struct flow *f, double dt, int threads)
{
	size_t table = (lines_table(f->n) + LANES_MAX - 1) / LANES_MAX * LANES_MAX;
	double *block;

	/* Scratch memory of two threads must not begin in the same set of the cache. */
	s->stride = ((shared(f) + 2 * turn_size(f)) / 512 + 1) * 512 + 5 * LANES_MAX;
	block = flow_doubles(table + threads * s->stride, &s->memory);
	if (!block)
		return -1;
	s->systems = (struct systems){ f, dt, block };
	s->scratch = block + table;
	lines_prepare(block, f->n, dt);
	return 0;
}

void step_close(struct step *s)
{
	free(s->memory);
}

static void solve_x(const struct step *s, int k, double *scratch)
{
	const struct flow *f = s->systems.flow;
	const double *u = f->u + k * f->plane;
	double *r = f->r + k * f->plane;
	double *turned = scratch + shared(f);
	struct lines at = { turned, turned + turn_size(f), 5 * LANES, LANES };

	for (int j = 1; j < f->n - 1; j += LANES) {
		turn_in(f, u, j, 1.0, at.u);
		turn_in(f, r, j, s->systems.dt, at.r);
		lines_solve_x(&s->systems, &at, scratch);
		turn_out(f, at.r, j, r);
	}
}

static void step_plane(const struct step *s, int k, double *scratch)
{
	const struct flow *f = s->systems.flow;
	double *u = f->u + k * f->plane, *r = f->r + k * f->plane;

	flow_residual_plane(f, k, f->forcing + k * f->plane, r, scratch);
	solve_x(s, k, scratch);
	for (size_t i = 0; i < f->row; i += LANES) {
		struct lines at = { u + i, r + i, f->line, f->row };
		lines_solve_y(&s->systems, &at, scratch);
	}
}

static void step_wall(const struct step *s, int j, double *scratch)
{
	const struct flow *f = s->systems.flow;
	double *u = f->u + j * f->line, *r = f->r + j * f->line;

	for (size_t i = 0; i < f->row; i += LANES) {
		struct lines at = { u + i, r + i, f->plane, f->row };
		lines_advance_z(&s->systems, &at, scratch);
	}
}

void step_take(const struct step *s, struct member *me)
{
	double *scratch = s->scratch + me->rank * s->stride;
	const int inner = s->systems.flow->n - 2;
	long next;

	while ((next = team_next(me, inner)) >= 0)
		step_plane(s, 1 + next, scratch);
	team_barrier(me);
	while ((next = team_next(me, inner)) >= 0)
		step_wall(s, 1 + next, scratch);
	team_barrier(me);
}
