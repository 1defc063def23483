/*
 * What happens at one point of a sweep.
 *
 * The blocks are applied, not formed. Of D little is left to eliminate: the viscous
 * Jacobians have nothing above the diagonal, nor has their sum over the three
 * directions, so elimination without pivoting ends after the forward part. And the
 * products of Lo and Up with v at a point need that point's state only, so they are
 * made there, once v is known, and handed to the neighbours:
 *
 *   with y_m = v_{m+1} - v_m*v_1 and dp = c2*(q*v_1 - sum v_m*v_{m+1} + v_5),
 *   (A v) = ( v_{d+1},  w*v_{m+1} + v_m*y_d + [m = d] dp,  (c1*e - c2*q)*y_d + w*(v_5 + dp) )
 *   (N v) = ( 0,  k_m*mu/rho*y_m,  sum (k_m*mu - c1345)/rho*v_m*y_m + c1345/rho*(v_5 - e*v_1) )
 *
 * which is what multiplying the Jacobians out gives. (v_m with m = 1..3 is the
 * velocity where it is a factor.)
 */
#ifndef LU_POINT_H
#define LU_POINT_H

#include "flow.h"
#include "lanes.h"

/* The factors of the blocks, the same at all points. */
struct factors {
	double implicit;          /* 2*dt*t1 */
	double base, inverse;     /* 1 + 2*dt*t1*(d_x + d_y + d_z), and its inverse */
	double convection;        /* omega*dt*t2, negative in the lower blocks */
	double viscosity;         /* -omega*dt*t1 */
	double diffusion[3];      /* -omega*dt*t1*d_d */
};

struct local {
	lanes inverse;            /* 1/rho */
	lanes velocity[3];
	lanes q, e;
};

INLINE struct local local_state(const lanes u[5])
{
	struct local s;

	s.inverse = 1.0 / u[0];
	for (int m = 0; m < 3; m++)
		s.velocity[m] = u[m + 1] * s.inverse;
	s.q = 0.5 * (s.velocity[0] * s.velocity[0] + s.velocity[1] * s.velocity[1] + s.velocity[2] * s.velocity[2]);
	s.e = u[4] * s.inverse;
	return s;
}

/* x := D^-1 * x */
INLINE void solve_diagonal(lanes x[5], const struct local *s, const struct factors *c)
{
	/* k_m is 4/3 in one direction and 1 in two: 10/3 for each momentum. */
	lanes momentum = c->implicit * 10.0 / 3.0 * FLOW_MU * s->inverse;
	lanes heat = c->implicit * 3.0 * FLOW_C1345 * s->inverse;
	lanes pivot = 1.0 / (c->base + momentum), work = lanes_all(0.0);

	x[0] *= c->inverse;
#pragma GCC unroll 3
	for (int m = 0; m < 3; m++) {
		lanes carried = s->velocity[m] * x[0];
		x[m + 1] = pivot * (x[m + 1] + momentum * carried);
		work += s->velocity[m] * (x[m + 1] - carried);
	}
	x[4] = (x[4] + heat * s->e * x[0] - (momentum - heat) * work) / (c->base + heat);
}

/* out[d] := omega times Lo_d (or Up_d) times x, for the three directions. */
INLINE void neighbour_products(int upper, lanes out[3][5], const lanes x[5], const struct local *s,
	const struct factors *c)
{
	double convection = upper ? c->convection : -c->convection;
	lanes nu = FLOW_MU * s->inverse, heat = FLOW_C1345 * s->inverse;
	lanes y[3], carried = lanes_all(0.0), work = lanes_all(0.0), pressure, conducted, enthalpy;

#pragma GCC unroll 3
	for (int m = 0; m < 3; m++) {
		y[m] = x[m + 1] - s->velocity[m] * x[0];
		carried += s->velocity[m] * x[m + 1];
		work += s->velocity[m] * y[m];
	}
	pressure = FLOW_C2 * (s->q * x[0] - carried + x[4]);
	conducted = c->viscosity * ((nu - heat) * work + heat * (x[4] - s->e * x[0]));
	enthalpy = FLOW_C1 * s->e - FLOW_C2 * s->q;
	nu *= c->viscosity;
#pragma GCC unroll 3
	for (int d = 0; d < 3; d++) {
		lanes w = convection * s->velocity[d], moved = convection * y[d], spread = w + c->diffusion[d];
		out[d][0] = convection * x[d + 1] + c->diffusion[d] * x[0];
#pragma GCC unroll 3
		for (int m = 0; m < 3; m++) {
			out[d][m + 1] = spread * x[m + 1] + s->velocity[m] * moved;
			if (m == d)
				out[d][m + 1] += convection * pressure + 4.0 / 3.0 * nu * y[m];
			else
				out[d][m + 1] += nu * y[m];
		}
		out[d][4] = enthalpy * moved + spread * x[4] + w * pressure + conducted
			+ 1.0 / 3.0 * nu * s->velocity[d] * y[d];
	}
}

#endif
