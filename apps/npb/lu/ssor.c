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
 *
 * The members of a team take a band of rows j each, of every plane, and follow each
 * other: at the edge of its band a member needs what the one beside it has handed over
 * in y on the diagonal before, and nothing else.
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

/* What is handed over between two bands: [plane][diagonal][component]. */
static size_t edge(const struct ssor *s)
{
	return (size_t)s->flow->n * s->skew.rows * 5;
}

int ssor_open(struct ssor *s, struct flow *f, double dt, double omega, int threads)
{
	double scale = omega * dt;
	size_t planes, edges;

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

	/* Scratch memory of two threads must not begin in the same set of the cache. */
	s->stride = s->skew.plane + residual_plane(f) + 4 * handed(f) + flow_scratch(f);
	s->stride = (s->stride / 512 + 1) * 512 + 5 * LANES_MAX;
	planes = (f->n + 1) * s->skew.plane;
	edges = (threads - 1) * edge(s);
	s->v = flow_doubles(planes + threads * s->stride + edges, &s->memory);
	if (!s->v || progress_open(&s->progress, threads)) {
		free(s->memory);
		skew_close(&s->skew);
		return -1;
	}
	s->above = s->v + f->n * s->skew.plane;
	s->scratch = s->v + planes;
	s->edges = s->scratch + threads * s->stride;
	return 0;
}

void ssor_close(struct ssor *s)
{
	progress_close(&s->progress);
	free(s->memory);
	skew_close(&s->skew);
}

INLINE lanes keep(lanes v, lane_index mask)
{
	return (lanes)((lane_index)v & mask);
}

/* A member's part of every plane. */
struct band {
	int from, to;             /* rows j */
	int low, high;            /* diagonals that have interior points there */
	int follows, followed;    /* whether there is a band before it in the sweep, and after it */
	int rank, leader;         /* this member, and the one of the band before */
	const double *edge_in;    /* what that one hands over */
	double *edge_out;
};

/* The band of a member in the lower or upper sweep. No rows where there are more
 * members than vectors. */
static struct band band_of(const struct ssor *s, const struct member *me, int upper)
{
	int last = s->flow->n - 2, vectors = last / LANES + 1, bands = me->threads < vectors ? me->threads : vectors;
	struct band b = { .rank = me->rank };

	if (me->rank >= bands)
		return b;
	b.from = vectors * me->rank / bands * LANES;
	b.to = vectors * (me->rank + 1) / bands * LANES;
	if (b.to > last + 1)
		b.to = last + 1;
	b.low = (b.from > 1 ? b.from : 1) + 1;
	b.high = b.to - 1 + last;
	b.leader = upper ? me->rank + 1 : me->rank - 1;
	b.follows = upper ? me->rank < bands - 1 : me->rank > 0;
	b.followed = upper ? me->rank > 0 : me->rank < bands - 1;
	b.edge_in = s->edges + (upper ? me->rank : me->rank - 1) * edge(s);
	b.edge_out = s->edges + (upper ? me->rank - 1 : me->rank) * edge(s);
	return b;
}

/* What a diagonal works on; the pointers are such that j is the index. */
struct work {
	const double *u;
	double *v, *above;
	size_t width;                             /* from component to component in these */
	double *from_x, *from_y;                  /* products of the diagonal before */
	double *to_x, *to_y;                      /* for the next one */
	size_t handed;
};

/* The points j = FIRST to LAST of a diagonal. */
INLINE void sweep(int upper, const struct ssor *s, int first, int last, const struct work *a)
{
	lanes low = lanes_all(first), high = lanes_all(last), number;
	int start = first / LANES * LANES, j;

	for (int l = 0; l < LANES; l++)
		number[l] = start + l;
	for (int m = 0; m < 5; m++) {
		lanes_store(a->to_x + m * a->handed + start - LANES, lanes_all(0.0));
		lanes_store(a->to_y + m * a->handed + start - LANES, lanes_all(0.0));
	}
	for (j = start; j <= last; j += LANES, number += LANES) {
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

/* Diagonals that are worked through between looking how far the others are: enough
 * to make looking cheap, few of all that a plane has. */
enum { GROUP = 8 };

/* Tell how far this member is, on the step-th diagonal of a sweep's PLANE-th plane;
 * wait until its leader is far enough for the next group. */
static void keep_distance(struct ssor *s, const struct band *b, int plane, int step, int leader_end)
{
	long start = (long)plane * s->skew.rows;
	int needed = step + GROUP - 1;

	if (b->followed)
		progress_tell(&s->progress, b->rank, start + step);
	if (b->follows)
		progress_await(&s->progress, b->leader, start + (needed < leader_end ? needed : leader_end));
}

INLINE void sweep_plane(int upper, struct ssor *s, const struct band *b, int k, const double *u, double *rows)
{
	double *v = s->v + k * s->skew.plane;
	size_t length = handed(s->flow);
	struct work a = { .handed = length / 5 };
	/* The steps of a sweep count diagonals in its direction; leader_end is the step after
	 * the leader's last one. */
	int end = s->skew.rows - 1, plane = upper ? s->flow->n - 2 - k : k - 1;
	int begin = upper ? end - b->high : b->low, last = upper ? end - b->low : b->high;
	int leader_end = upper ? end - b->to : b->from + s->flow->n - 2;

	for (size_t i = 0; i < 4 * length; i++)
		rows[i] = 0.0;
	for (int step = begin; step <= last; step++) {
		int d = upper ? end - step : step, before = upper ? d + 1 : d - 1, odd = step % 2;
		const struct diagonal *row = s->skew.row + d;
		int first_j = row->low > b->from ? row->low : b->from, last_j = row->high < b->to - 1 ? row->high : b->to - 1;
		size_t place = ((size_t)k * s->skew.rows + d) * 5, place_before = ((size_t)k * s->skew.rows + before) * 5;

		if ((step - begin) % GROUP == 0)
			keep_distance(s, b, plane, step, leader_end);
		a.u = u + row->at - row->first;
		a.v = v + row->at - row->first;
		a.above = s->above + row->at - row->first;
		a.width = row->width;
		a.from_x = rows + odd * length + LANES_MAX;
		a.to_x = rows + !odd * length + LANES_MAX;
		a.from_y = a.from_x + 2 * length;
		a.to_y = a.to_x + 2 * length;
		if (b->follows && before < s->skew.rows)
			for (int m = 0; m < 5; m++)
				a.from_y[m * a.handed + (upper ? b->to : b->from - 1)] = b->edge_in[place_before + m];
		sweep(upper, s, first_j, last_j, &a);
		if (b->followed)
			for (int m = 0; m < 5; m++)
				b->edge_out[place + m] = a.to_y[m * a.handed + (upper ? b->from : b->to - 1)];
	}
	if (b->followed)
		progress_tell(&s->progress, b->rank, (long)plane * s->skew.rows + last + 1);
}

static void lower_plane(struct ssor *s, const struct band *b, int k)
{
	const struct flow *f = s->flow;
	double *u = s->scratch + b->rank * s->stride;
	double *r = u + s->skew.plane + LANES_MAX, *rows = r + f->plane + LANES_MAX;

	flow_residual_rows(f, k, b->from > 1 ? b->from : 1, b->to, f->forcing + k * f->plane, r, rows + 4 * handed(f));
	skew_in(&s->skew, f, b->from, b->to, r, s->v + k * s->skew.plane);
	skew_in(&s->skew, f, b->from, b->to, f->u + k * f->plane, u);
	sweep_plane(0, s, b, k, u, rows);
}

static void upper_plane(struct ssor *s, const struct band *b, int k)
{
	const struct flow *f = s->flow;
	double *u = s->scratch + b->rank * s->stride, *rows = u + s->skew.plane + residual_plane(f);

	skew_in(&s->skew, f, b->from, b->to, f->u + k * f->plane, u);
	sweep_plane(1, s, b, k, u, rows);
	skew_add(&s->skew, f, b->from, b->to, s->advance, s->v + k * s->skew.plane, f->u + k * f->plane);
}

/* Nothing is handed to the first plane of a sweep. */
static void prepare(struct ssor *s, struct member *me)
{
	team_barrier(me);
	if (me->rank == 0) {
		for (size_t i = 0; i < s->skew.plane; i++)
			s->above[i] = 0.0;
		progress_reset(&s->progress);
	}
	team_barrier(me);
}

void ssor_iterate(struct ssor *s, struct member *me)
{
	struct band lower = band_of(s, me, 0), upper = band_of(s, me, 1);

	prepare(s, me);
	for (int k = 1; k < s->flow->n - 1 && lower.to; k++)
		lower_plane(s, &lower, k);
	prepare(s, me);
	for (int k = s->flow->n - 2; k > 0 && upper.to; k--)
		upper_plane(s, &upper, k);
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
