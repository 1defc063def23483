/*
 * A time step: convection within elements, a continuous start for diffusion, the
 * residual, conjugate gradients, the correction.
 *
 * Members of the team share out groups of elements and mortar points. What is on
 * elements is done group by group while it is in cache; between that and what is on
 * mortar points they meet.
 */
#include <string.h>
#include "element.h"
#include "heat.h"
#include "source.h"
#include "theta.h"

/* A member's part of the work. */
struct part {
	long from_group, to_group, from_mortar, to_mortar;
};

enum { GROUP = POINTS * LANES, INNER_GROUP = INNER_POINTS * LANES };

static struct part part_of(const struct heat *h, const struct member *me)
{
	struct part p;

	team_share(me, h->mesh.groups, &p.from_group, &p.to_group);
	team_share(me, h->mesh.mortars + 1L, &p.from_mortar, &p.to_mortar);
	return p;
}

static struct scale scale_of(const struct heat *h, long g)
{
	return element_scale(h->mesh.half + g * LANES, h->problem.nu, h->problem.dt);
}

/* Convection by the classical Runge-Kutta method; what diffusion starts from. */
static void convect(struct heat *h, long g)
{
	/* The state and slope of a stage: its time, its weight in the sum of slopes, and how
	 * far the slope leads to the next state. */
	static const double at[4] = { 0.0, 0.5, 0.5, 1.0 }, weight[4] = { 1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6 };
	static const double next[4] = { 0.5, 0.5, 1.0, 0.0 };
	double dt = h->problem.dt, *field = h->field + g * GROUP, *load = h->load + g * GROUP;
	double state[GROUP] __attribute__((aligned(LANES_ALIGN))), slope[GROUP] __attribute__((aligned(LANES_ALIGN)));
	double sum[GROUP] __attribute__((aligned(LANES_ALIGN))), source[GROUP] __attribute__((aligned(LANES_ALIGN)));
	struct scale s = scale_of(h, g);
	const double *from = field;

	for (int stage = 0; stage < 4; stage++) {
		element_convection(&s, from, slope);
		if (stage == 0 || at[stage] != at[stage - 1])
			source_values(&h->mesh, g, h->time + at[stage] * dt, h->problem.alpha, source);
		for (int i = 0; i < GROUP; i += LANES) {
			lanes k = lanes_load(slope + i) + lanes_load(source + i), so_far = stage ? lanes_load(sum + i) : lanes_all(0.0);
			lanes_store(sum + i, so_far + weight[stage] * k);
			lanes_store(state + i, lanes_load(field + i) + next[stage] * dt * k);
		}
		from = state;
	}
	source_fix(&h->mesh, g, sum);
	for (int q = 0; q < POINTS; q++) {
		lanes t = lanes_load(field + q * LANES), rate = lanes_load(sum + q * LANES);
		lanes_store(load + q * LANES, s.volume * element_weight(q) * (t * (1.0 / dt) + rate));
		lanes_store(field + q * LANES, t + dt * rate);
	}
}

/* Boundary values by their weight in the mean, to the slots. */
static void weigh(struct heat *h, long g)
{
	const double *weight = h->mesh.weight + g * PARTS * LANES, *field = h->field + g * GROUP;
	double *out = h->slots + g * GROUP;

	for (int r = 0; r < RIM; r++) {
		int q = geometry.point[r] * LANES;
		lanes_store(out + q, lanes_load(weight + geometry.part[r] * LANES) * lanes_load(field + q));
	}
	theta_skip(&h->mesh, g, h->slots);
}

/* The residual, of which the boundary goes to the slots. Returns the sum of r^2. */
static lanes form_residual(struct heat *h, long g)
{
	struct scale s = scale_of(h, g);
	double *u = h->field + g * GROUP, *out = h->slots + g * GROUP, *inner = h->inner_r + g * INNER_GROUP;
	lanes sum = lanes_all(0.0);

	theta_spread(&h->mesh, g, h->mortar_p, u);
	element_operator(&s, u, out);
	for (int i = 0; i < GROUP; i += LANES)
		lanes_store(out + i, lanes_load(h->load + g * GROUP + i) - lanes_load(out + i));
	theta_collect(&h->mesh, g, out, h->slots);
	for (int n = 0; n < INNER_POINTS; n++) {
		lanes r = lanes_load(out + geometry.inner[n] * LANES);
		lanes_store(inner + n * LANES, r);
		lanes_store(h->inner_x + g * INNER_GROUP + n * LANES, lanes_all(0.0));
		sum += r * r;
	}
	return sum;
}

/* (r, M r) of what a member has. */
static double preconditioned(const struct heat *h, const struct part *part)
{
	lanes inner = lanes_all(0.0);
	double sum = 0.0;

	for (long i = part->from_group * INNER_GROUP; i < part->to_group * INNER_GROUP; i += LANES) {
		lanes r = lanes_load(h->inner_r + i);
		inner += r * r * lanes_load(h->inner_inverse + i);
	}
	for (long i = part->from_mortar; i < part->to_mortar; i++)
		sum += h->mortar_r[i] * h->mortar_r[i] * h->mesh.inverse[i];
	for (int l = 0; l < LANES; l++)
		sum += inner[l];
	return sum;
}

/* p := M r + ratio * p at mortar points; then p within elements and the matrix times p.
 * Returns (p, matrix * p). */
static double multiply(struct heat *h, struct member *me, const struct part *part, double ratio)
{
	const struct mesh *m = &h->mesh;
	lanes inner = lanes_all(0.0);
	double sum = 0.0;

	for (long i = part->from_mortar; i < part->to_mortar; i++)
		h->mortar_p[i] = m->inverse[i] * h->mortar_r[i] + (ratio ? ratio * h->mortar_p[i] : 0.0);
	team_barrier(me);
	for (long g = part->from_group; g < part->to_group; g++) {
		const double *r = h->inner_r + g * INNER_GROUP, *inverse = h->inner_inverse + g * INNER_GROUP;
		double *p = h->p + g * GROUP, *out = h->slots + g * GROUP;
		struct scale s = scale_of(h, g);
		for (int n = 0; n < INNER_POINTS; n++) {
			double *to = p + geometry.inner[n] * LANES;
			lanes z = lanes_load(inverse + n * LANES) * lanes_load(r + n * LANES);
			lanes_store(to, ratio ? z + ratio * lanes_load(to) : z);
		}
		theta_spread(m, g, h->mortar_p, p);
		element_operator(&s, p, out);
		theta_collect(m, g, out, h->slots);
		for (int n = 0; n < INNER_POINTS; n++)
			inner += lanes_load(p + geometry.inner[n] * LANES) * lanes_load(out + geometry.inner[n] * LANES);
	}
	team_barrier(me);
	mesh_sums(m, part->from_mortar, part->to_mortar, h->slots, h->mortar_q);
	for (long i = part->from_mortar; i < part->to_mortar; i++)
		sum += h->mortar_p[i] * h->mortar_q[i];
	for (int l = 0; l < LANES; l++)
		sum += inner[l];
	return team_sum(me, sum);
}

/* x += a*p, r -= a * matrix * p, which is in the slots and in mortar_q. Returns (r, M r)
 * of what a member has. */
static double advance(struct heat *h, const struct part *part, double a)
{
	lanes inner = lanes_all(0.0);
	double sum = 0.0;

	for (long g = part->from_group; g < part->to_group; g++)
		for (int n = 0; n < INNER_POINTS; n++) {
			long to = g * INNER_GROUP + n * LANES, from = g * GROUP + geometry.inner[n] * LANES;
			lanes r = lanes_load(h->inner_r + to) - a * lanes_load(h->slots + from);
			lanes_store(h->inner_x + to, lanes_load(h->inner_x + to) + a * lanes_load(h->p + from));
			lanes_store(h->inner_r + to, r);
			inner += r * r * lanes_load(h->inner_inverse + to);
		}
	for (long i = part->from_mortar; i < part->to_mortar; i++) {
		double r = h->mortar_r[i] - a * h->mortar_q[i];
		h->mortar_x[i] += a * h->mortar_p[i];
		h->mortar_r[i] = r;
		sum += r * r * h->mesh.inverse[i];
	}
	for (int l = 0; l < LANES; l++)
		sum += inner[l];
	return sum;
}

static void iterate(struct heat *h, struct member *me, const struct part *part)
{
	double rho = team_sum(me, preconditioned(h, part)), ratio = 0.0;

	for (int it = 1; it <= h->problem.iterations; it++) {
		double next = team_sum(me, advance(h, part, rho / multiply(h, me, part, ratio)));
		ratio = next / rho;
		rho = next;
	}
}

/* T += x */
static void correct(struct heat *h, long g)
{
	double x[GROUP] __attribute__((aligned(LANES_ALIGN)));

	for (int n = 0; n < INNER_POINTS; n++)
		lanes_store(x + geometry.inner[n] * LANES, lanes_load(h->inner_x + g * INNER_GROUP + n * LANES));
	theta_spread(&h->mesh, g, h->mortar_x, x);
	for (int i = 0; i < GROUP; i += LANES)
		lanes_store(h->field + g * GROUP + i, lanes_load(h->field + g * GROUP + i) + lanes_load(x + i));
}

void heat_step(struct heat *h, struct member *me)
{
	struct part part = part_of(h, me);
	struct sums sums = { 0.0, 0.0, 0.0 };
	lanes inner = lanes_all(0.0);

	for (long g = part.from_group; g < part.to_group; g++) {
		convect(h, g);
		weigh(h, g);
	}
	team_barrier(me);
	mesh_sums(&h->mesh, part.from_mortar, part.to_mortar, h->slots, h->mortar_p);
	for (long i = part.from_mortar; i < part.to_mortar; i++) {
		h->mortar_p[i] *= h->mesh.inverse_weight[i];
		sums.mean += h->mortar_p[i];
	}
	team_barrier(me);
	for (long g = part.from_group; g < part.to_group; g++)
		inner += form_residual(h, g);
	team_barrier(me);
	mesh_sums(&h->mesh, part.from_mortar, part.to_mortar, h->slots, h->mortar_r);
	for (long i = part.from_mortar; i < part.to_mortar; i++) {
		h->mortar_x[i] = 0.0;
		sums.mortar += h->mortar_r[i] * h->mortar_r[i];
	}
	for (int l = 0; l < LANES; l++)
		sums.inner += inner[l];
	sums.mean = team_sum(me, sums.mean);
	sums.mortar = team_sum(me, sums.mortar);
	sums.inner = team_sum(me, sums.inner);

	iterate(h, me, &part);
	for (long g = part.from_group; g < part.to_group; g++)
		correct(h, g);
	team_barrier(me);
	if (me->rank == 0) {
		h->sums = sums;
		h->time += h->problem.dt;
	}
	team_barrier(me);
}
