/*
 * The spatial operator R.
 *
 * A plane is worked through row by row, a row in vectors of lanes. What the
 * fluxes need besides U (velocities, pressure, the isotropic part of V5) is
 * formed once per row and kept in cache: three rows roll along with j, and the
 * two of the neighbouring planes are formed on the spot. That costs two extra
 * divisions a point and saves keeping (and re-reading) five more fields.
 *
 * Both differences of U itself, d*t1*D2 - sigma*D4, are one stencil of five
 * weights, which also carry the modification next to the boundary.
 */
#include "flow.h"
#include "lanes.h"

enum { V1, V2, V3, PRESSURE, HEAT };    /* the derived rows */

/* A row of the three around a point: U, and what is derived from it. */
struct row {
	const double *u;
	const double *derived;
};

/* Five derived rows, and room for the first and last lanes of x to look beyond
 * them: what they find goes into points of the boundary, which are cleared. */
static size_t slot(const struct flow *f)
{
	return 5 * f->row + LANES_MAX;
}

size_t flow_scratch(const struct flow *f)
{
	return 5 * slot(f) + LANES_MAX;
}

static void derive(const struct flow *f, const double *u, double *out)
{
	size_t s = f->row;

	for (size_t i = 0; i < s; i += LANES) {
		lanes inverse = 1.0 / lanes_load(u + i);
		lanes m1 = lanes_load(u + s + i), m2 = lanes_load(u + 2 * s + i);
		lanes m3 = lanes_load(u + 3 * s + i), energy = lanes_load(u + 4 * s + i);
		lanes v1 = m1 * inverse, v2 = m2 * inverse, v3 = m3 * inverse;
		lanes kinetic = 0.5 * (m1 * v1 + m2 * v2 + m3 * v3);
		lanes_store(out + V1 * s + i, v1);
		lanes_store(out + V2 * s + i, v2);
		lanes_store(out + V3 * s + i, v3);
		lanes_store(out + PRESSURE * s + i, FLOW_C2 * (energy - kinetic));
		lanes_store(out + HEAT * s + i, ((1.0 - FLOW_KAPPA) * kinetic + FLOW_KAPPA * energy) * inverse);
	}
}

INLINE lanes second(lanes before, lanes here, lanes after)
{
	return before - 2.0 * here + after;
}

/* What a row of R_d is computed from, d being x, y or z: the rows at p-1, p, p+1 in
 * that direction, U at p-2 and p+2, and the five weights. In x the weights differ
 * from point to point, and the rows at p-1, p+1, ... are the row itself, shifted. */
struct around {
	struct row near[3];
	const double *far[2];
	const double *weight;
};

/*
 * r := R_d + (`forcing` ? -forcing : r) on one row. One direction after the other,
 * as the pointers of all three do not fit into the registers. Meanwhile the row
 * `ahead`, which will be met for the first time, is fetched.
 */
INLINE void add_direction(int d, const struct flow *f, const struct around *a, const double *forcing, double *r,
	const double *ahead)
{
	size_t s = f->row;
	const double *before = a->near[0].derived, *here = a->near[1].derived, *after = a->near[2].derived;
	const double *far_before = a->far[0], *far_after = a->far[1], *weight = a->weight;
	const double *u_before = a->near[0].u, *u_here = a->near[1].u, *u_after = a->near[2].u;
	lanes convection = lanes_all(f->t2), viscous = lanes_all(FLOW_MU * f->t1), w[5];

	for (int p = 0; p < 5; p++)
		w[p] = lanes_all(weight[p]);
	for (size_t i = 0; i < s; i += LANES) {
		lanes w0 = lanes_load_any(before + d * s + i), w1 = lanes_load_any(here + d * s + i);
		lanes w2 = lanes_load_any(after + d * s + i);
		lanes p0 = lanes_load_any(before + PRESSURE * s + i), p2 = lanes_load_any(after + PRESSURE * s + i);

		if (i % LANES_MAX == 0)
			for (int m = 0; m < 5; m++)
				lanes_prefetch(ahead + m * s + i);
		if (d == 0)
			for (int p = 0; p < 5; p++)
				w[p] = lanes_load(weight + p * s + i);
#pragma GCC unroll 5
		for (int m = 0; m < 5; m++) {
			lanes u0 = lanes_load_any(u_before + m * s + i), u2 = lanes_load_any(u_after + m * s + i);
			lanes sum = forcing ? -lanes_load(forcing + m * s + i) : lanes_load(r + m * s + i);
			lanes flux, stress;

			sum += w[0] * lanes_load_any(far_before + m * s + i);
			sum += w[1] * u0;
			sum += w[2] * lanes_load_any(u_here + m * s + i);
			sum += w[3] * u2;
			sum += w[4] * lanes_load_any(far_after + m * s + i);
			if (m == 0) {
				flux = lanes_load_any(u_after + (d + 1) * s + i) - lanes_load_any(u_before + (d + 1) * s + i);
			} else if (m == 4) {
				flux = (u2 + p2) * w2 - (u0 + p0) * w0;
				stress = second(lanes_load_any(before + HEAT * s + i), lanes_load_any(here + HEAT * s + i),
					lanes_load_any(after + HEAT * s + i));
				stress += 1.0 / 6.0 * second(w0 * w0, w1 * w1, w2 * w2);
			} else if (m == d + 1) {
				flux = u2 * w2 - u0 * w0 + (p2 - p0);
				stress = 4.0 / 3.0 * second(w0, w1, w2);
			} else {
				flux = u2 * w2 - u0 * w0;
				stress = second(lanes_load_any(before + (m - 1) * s + i), lanes_load_any(here + (m - 1) * s + i),
					lanes_load_any(after + (m - 1) * s + i));
			}
			sum -= convection * flux;
			if (m > 0)
				sum += viscous * stress;
			lanes_store(r + m * s + i, sum);
		}
	}
}

/* U of the row (k, j); indices outside the grid are met only with weight 0. */
static const double *row_of(const struct flow *f, int k, int j)
{
	int last = f->n - 1;
	k = k < 0 ? 0 : k > last ? last : k;
	j = j < 0 ? 0 : j > last ? last : j;
	return f->u + k * f->plane + j * f->line;
}

/* The residual is 0 on the boundary and in the padding. */
static void clear_ends(const struct flow *f, double *r)
{
	for (int m = 0; m < 5; m++) {
		r[m * f->row] = 0.0;
		for (size_t i = f->n - 1; i < f->row; i++)
			r[m * f->row + i] = 0.0;
	}
}

void flow_residual_rows(const struct flow *f, int k, int from, int to, const double *forcing, double *r, double *scratch)
{
	double *derived[5];    /* rows j-1, j, j+1 of this plane; row j of planes k-1 and k+1 */
	int n = f->n;

	for (int s = 0; s < 5; s++)
		derived[s] = scratch + s * slot(f) + LANES_MAX;
	derive(f, row_of(f, k, from - 1), derived[0]);
	derive(f, row_of(f, k, from), derived[1]);
	for (int j = from; j < to; j++) {
		const double *u = row_of(f, k, j);
		derive(f, row_of(f, k, j + 1), derived[2]);
		derive(f, row_of(f, k - 1, j), derived[3]);
		derive(f, row_of(f, k + 1, j), derived[4]);
		struct row centre = { u, derived[1] };
		struct around x = {
			{ { u - 1, derived[1] - 1 }, centre, { u + 1, derived[1] + 1 } }, { u - 2, u + 2 }, f->along,
		};
		struct around y = {
			{ { row_of(f, k, j - 1), derived[0] }, centre, { row_of(f, k, j + 1), derived[2] } },
			{ row_of(f, k, j - 2), row_of(f, k, j + 2) }, f->across + 5 * j,
		};
		struct around z = {
			{ { row_of(f, k - 1, j), derived[3] }, centre, { row_of(f, k + 1, j), derived[4] } },
			{ row_of(f, k - 2, j), row_of(f, k + 2, j) }, f->across + 5 * (n + k),
		};
		add_direction(0, f, &x, forcing + j * f->line, r + j * f->line, forcing + (j + 1) * f->line);
		add_direction(1, f, &y, NULL, r + j * f->line, r + (j + 1) * f->line);
		add_direction(2, f, &z, NULL, r + j * f->line, z.far[1] + f->line);
		clear_ends(f, r + j * f->line);

		double *oldest = derived[0];
		derived[0] = derived[1];
		derived[1] = derived[2];
		derived[2] = oldest;
	}
}

void flow_residual_plane(const struct flow *f, int k, const double *forcing, double *r, double *scratch)
{
	flow_residual_rows(f, k, 1, f->n - 1, forcing, r, scratch);
}

void flow_set_forcing(struct flow *f, double *scratch)
{
	flow_set_exact(f);
	for (int k = 1; k < f->n - 1; k++) {
		double *plane = f->r + k * f->plane, *forcing = f->forcing + k * f->plane;
		for (size_t i = 0; i < f->plane; i++)
			forcing[i] = 0.0;
		flow_residual_plane(f, k, forcing, plane, scratch);
		for (size_t i = 0; i < f->plane; i++)
			forcing[i] = plane[i];
	}
}
