/*
 * On the way up, a level goes through three or four operators, each of which reads
 * planes that the one before has made. Done one after the other, every one of them
 * would fetch the level from memory anew. So they follow each other through the
 * planes at a distance of one: what was made is still in the cache when it is read,
 *
 *     plane k      u := u + Q(coarse u)
 *     plane k-1    r := v - A u
 *     plane k-2    u := u + S r
 *     plane k-3    r := v - A u        (finest level only)
 *
 * Everything is done in place. A member does so for the planes it owns, as far as
 * they do not depend on other members' planes: stage s leaves out s planes at both
 * ends. Those are done afterwards, stage by stage, with barriers between. Nothing that
 * an earlier stage still has to read at the ends is overwritten before: stage s+1
 * leaves out one plane more. The periodic boundary is the same as another member.
 */
#include <math.h>
#include <string.h>
#include "cycle.h"
#include "heap.h"

void cycle_open(struct cycle *c, int levels, const struct weights *smoother)
{
	c->levels = levels;
	c->smoother = *smoother;
	grid_open(&c->v, 1 << levels);
	for (int l = levels; l > 0; l--) {
		grid_open(&c->u[l], 1 << l);
		grid_open(&c->r[l], 1 << l);
	}
}

void cycle_close(struct cycle *c)
{
	grid_close(&c->v);
	for (int l = 1; l <= c->levels; l++) {
		grid_close(&c->u[l]);
		grid_close(&c->r[l]);
	}
}

size_t cycle_scratch(const struct cycle *c)
{
	return stencil_scratch(1 << c->levels);
}

struct sweep {
	const struct cycle *cycle;
	int level, stages;
	double *scratch;
};

/* One stage of a sweep for one plane. */
static void stage(const struct sweep *s, int number, int k)
{
	const struct cycle *c = s->cycle;
	const struct grid *u = &c->u[s->level], *r = &c->r[s->level];
	int finest = s->level == c->levels;

	if (number == 0)
		interpolate_plane(u, &c->u[s->level - 1], k, finest, s->scratch);
	else if (number == 2)
		smooth_plane(u, r, &c->smoother, k, s->scratch);
	else
		residual_plane(u, finest ? &c->v : r, r, k, s->scratch);
}

static void sweep(const struct sweep *s, struct member *me)
{
	long from, to;

	team_share(me, s->cycle->u[s->level].n, &from, &to);
	for (long front = from; front < to; front++)
		for (int number = 0; number < s->stages; number++) {
			long k = front - number;
			if (k >= from + number && k < to - number)
				stage(s, number, (int)k);
		}
	for (int number = 1; number < s->stages; number++) {
		team_barrier(me);
		for (long k = from; k < to; k++)
			if (k < from + number || k >= to - number)
				stage(s, number, (int)k);
	}
	team_barrier(me);
}

static void go_down(struct cycle *c, struct member *me, double *scratch)
{
	for (int l = c->levels; l > 1; l--) {
		long from, to;
		team_share(me, c->r[l - 1].n, &from, &to);
		for (long k = from; k < to; k++)
			restrict_plane(&c->r[l - 1], &c->r[l], (int)k, scratch);
		team_barrier(me);
	}
}

/* u of a level := 0, this member's planes. */
static void clear(struct cycle *c, int level, const struct member *me)
{
	struct grid *u = &c->u[level];
	long from, to;

	team_share(me, u->n, &from, &to);
	memset(u->data + from * u->plane, 0, sizeof *u->data * (to - from) * u->plane);
}

void cycle_turn(struct cycle *c, struct member *me, double *scratch)
{
	struct sweep s = { .cycle = c, .scratch = scratch };
	long from, to;

	go_down(c, me, scratch);
	clear(c, 1, me);
	team_share(me, c->u[1].n, &from, &to);
	for (long k = from; k < to; k++)
		smooth_plane(&c->u[1], &c->r[1], &c->smoother, (int)k, scratch);
	team_barrier(me);
	for (s.level = 2; s.level <= c->levels; s.level++) {
		s.stages = s.level < c->levels ? 3 : 4;
		sweep(&s, me);
	}
}

void cycle_start(struct cycle *c, struct member *me, double *scratch)
{
	long from, to;

	clear(c, c->levels, me);
	team_barrier(me);
	team_share(me, c->v.n, &from, &to);
	for (long k = from; k < to; k++)
		residual_plane(&c->u[c->levels], &c->v, &c->r[c->levels], (int)k, scratch);
	team_barrier(me);
}

static double row_norm(const double *restrict r, int n, double *largest)
{
	double sum[4] = { 0 }, most = *largest;

	for (int i = 0; i < n; i += 4)
		for (int l = 0; l < 4; l++)
			sum[l] += r[i + l] * r[i + l];
	for (int i = 0; i < n; i++)
		most = fabs(r[i]) > most ? fabs(r[i]) : most;
	*largest = most;
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

double cycle_norm(struct cycle *c, struct member *me, double *largest)
{
	const struct grid *r = &c->r[c->levels];
	double sum = 0;
	long from, to;

	*largest = 0;
	team_share(me, r->n, &from, &to);
	for (long k = from; k < to; k++)
		for (int j = 0; j < r->n; j++)
			sum += row_norm(grid_row(r, (int)k, j), r->n, largest);
	return sqrt(team_sum(me, sum) / ((double)r->n * r->n * r->n));
}
