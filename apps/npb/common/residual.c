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

static size_t guarded(const struct flow *f)
{
	return f->row + 2 * LANES_MAX;
}

size_t flow_scratch(const struct flow *f)
{
	return 5 * 5 * guarded(f);
}

static void derive(const struct flow *f, const double *u, double *out)
{
	size_t s = f->row, t = guarded(f);

	for (size_t i = 0; i < f->row; i += LANES) {
		lanes inverse = 1.0 / lanes_load(u + i);
		lanes m1 = lanes_load(u + s + i), m2 = lanes_load(u + 2 * s + i);
		lanes m3 = lanes_load(u + 3 * s + i), energy = lanes_load(u + 4 * s + i);
		lanes v1 = m1 * inverse, v2 = m2 * inverse, v3 = m3 * inverse;
		lanes kinetic = 0.5 * (m1 * v1 + m2 * v2 + m3 * v3);
		lanes_store(out + V1 * t + i, v1);
		lanes_store(out + V2 * t + i, v2);
		lanes_store(out + V3 * t + i, v3);
		lanes_store(out + PRESSURE * t + i, FLOW_C2 * (energy - kinetic));
		lanes_store(out + HEAT * t + i, ((1.0 - FLOW_KAPPA) * kinetic + FLOW_KAPPA * energy) * inverse);
	}
}

INLINE lanes second(lanes before, lanes here, lanes after)
{
	return before - 2.0 * here + after;
}

/*
 * Add R_d for the lanes at i. `near` are the rows at p-1, p, p+1 in direction d;
 * `far` are U at p-2 and p+2; `w` the five weights.
 */
INLINE void add_direction(int d, const struct flow *f, lanes sum[5], const struct row near[3],
	const double *const far[2], const lanes w[5], size_t i)
{
	size_t s = f->row, t = guarded(f);
	const double *before = near[0].derived + i, *here = near[1].derived + i, *after = near[2].derived + i;
	double viscous = FLOW_MU * f->t1, along = 4.0 / 3.0 * viscous;
	lanes w0 = lanes_load_any(before + d * t), w1 = lanes_load_any(here + d * t), w2 = lanes_load_any(after + d * t);
	lanes p0 = lanes_load_any(before + PRESSURE * t), p2 = lanes_load_any(after + PRESSURE * t);
	lanes u0[5], u2[5];

#pragma GCC unroll 5
	for (int m = 0; m < 5; m++) {
		u0[m] = lanes_load_any(near[0].u + m * s + i);
		u2[m] = lanes_load_any(near[2].u + m * s + i);
		sum[m] += w[0] * lanes_load_any(far[0] + m * s + i) + w[1] * u0[m]
		        + w[2] * lanes_load_any(near[1].u + m * s + i)
		        + w[3] * u2[m] + w[4] * lanes_load_any(far[1] + m * s + i);
	}
	sum[0] -= f->t2 * (u2[d + 1] - u0[d + 1]);
#pragma GCC unroll 3
	for (int m = 0; m < 3; m++) {
		lanes flux = u2[m + 1] * w2 - u0[m + 1] * w0;
		if (m == d) {
			flux += p2 - p0;
			sum[m + 1] += along * second(w0, w1, w2);
		} else {
			sum[m + 1] += viscous * second(lanes_load_any(before + m * t), lanes_load_any(here + m * t),
				lanes_load_any(after + m * t));
		}
		sum[m + 1] -= f->t2 * flux;
	}
	sum[4] += viscous * second(lanes_load_any(before + HEAT * t), lanes_load_any(here + HEAT * t),
			lanes_load_any(after + HEAT * t))
	        + viscous / 6.0 * second(w0 * w0, w1 * w1, w2 * w2)
	        - f->t2 * ((u2[4] + p2) * w2 - (u0[4] + p0) * w0);
}

/* U of the row (k, j); indices outside the grid are met only with weight 0. */
static const double *row_of(const struct flow *f, int k, int j)
{
	int last = f->n - 1;
	k = k < 0 ? 0 : k > last ? last : k;
	j = j < 0 ? 0 : j > last ? last : j;
	return f->u + k * f->plane + j * f->line;
}

/* The rows around row (k, j): x by shifting the row itself, then y, then z. */
struct around {
	struct row near[3][3];
	const double *far[3][2];
	const double *weight[3];
};

static void residual_row(const struct flow *f, const struct around *a, const double *forcing, double *r)
{
	for (size_t i = 0; i < f->row; i += LANES) {
		lanes sum[5], w[5];
		if (i % LANES_MAX == 0)
			for (int m = 0; m < 5; m++) {
				lanes_prefetch(forcing + f->line + m * f->row + i);
				lanes_prefetch(a->far[2][1] + f->line + m * f->row + i);
				lanes_prefetch(r + f->line + m * f->row + i);
			}
		for (int m = 0; m < 5; m++)
			sum[m] = -lanes_load(forcing + m * f->row + i);
		for (int s = 0; s < 5; s++)
			w[s] = lanes_load(a->weight[0] + s * f->row + i);
		add_direction(0, f, sum, a->near[0], a->far[0], w, i);
		for (int s = 0; s < 5; s++)
			w[s] = lanes_all(a->weight[1][s]);
		add_direction(1, f, sum, a->near[1], a->far[1], w, i);
		for (int s = 0; s < 5; s++)
			w[s] = lanes_all(a->weight[2][s]);
		add_direction(2, f, sum, a->near[2], a->far[2], w, i);
		for (int m = 0; m < 5; m++)
			lanes_store(r + m * f->row + i, sum[m]);
	}
	for (int m = 0; m < 5; m++) {
		r[m * f->row] = 0.0;
		for (size_t i = f->n - 1; i < f->row; i++)
			r[m * f->row + i] = 0.0;
	}
}

void flow_residual_plane(const struct flow *f, int k, const double *forcing, double *r, double *scratch)
{
	size_t slot = 5 * guarded(f);
	double *derived[5];    /* rows j-1, j, j+1 of this plane; row j of planes k-1 and k+1 */
	int n = f->n;

	for (int s = 0; s < 5; s++)
		derived[s] = scratch + s * slot + LANES_MAX;
	derive(f, row_of(f, k, 0), derived[0]);
	derive(f, row_of(f, k, 1), derived[1]);
	for (int j = 1; j < n - 1; j++) {
		const double *u = row_of(f, k, j);
		derive(f, row_of(f, k, j + 1), derived[2]);
		derive(f, row_of(f, k - 1, j), derived[3]);
		derive(f, row_of(f, k + 1, j), derived[4]);
		struct row centre = { u, derived[1] };
		struct around a = {
			{
				{ { u - 1, derived[1] - 1 }, centre, { u + 1, derived[1] + 1 } },
				{ { row_of(f, k, j - 1), derived[0] }, centre, { row_of(f, k, j + 1), derived[2] } },
				{ { row_of(f, k - 1, j), derived[3] }, centre, { row_of(f, k + 1, j), derived[4] } },
			},
			{
				{ u - 2, u + 2 },
				{ row_of(f, k, j - 2), row_of(f, k, j + 2) },
				{ row_of(f, k - 2, j), row_of(f, k + 2, j) },
			},
			{ f->along, f->across + 5 * j, f->across + 5 * (n + k) },
		};
		residual_row(f, &a, forcing + j * f->line, r + j * f->line);

		double *oldest = derived[0];
		derived[0] = derived[1];
		derived[1] = derived[2];
		derived[2] = oldest;
	}
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
