/*
 * The 5x5 blocks of a line in direction d, and the elimination of one of them.
 *
 * Components are taken in the order mass, the two momenta across the line, the
 * momentum along it, energy. In this order the blocks have these nonzeros, the
 * same for the three directions, and only these are formed and multiplied:
 *
 *     x . . x .
 *     x x . x .
 *     x . x x .
 *     x x x x x
 *     x x x x x
 */
#ifndef BT_BLOCK_H
#define BT_BLOCK_H

#include "flow.h"
#include "lanes.h"

typedef lanes block[5][5];

/* dt*t2, dt*t1 and d_d: what scales the Jacobians. */
struct scale {
	double convection, viscosity, diffusion;
};

/* The blocks that the state at one point gives: the diagonal one of its own row,
 * minus the lower one of the next row; the upper one of the row before is used at
 * once and not kept. */
struct blocks {
	block lower, diagonal;
};

/* Where components 0..4 of the order above sit in U. */
INLINE int component(int d, int m)
{
	static const int order[3][5] = { { 0, 2, 3, 1, 4 }, { 0, 3, 1, 2, 4 }, { 0, 1, 2, 3, 4 } };
	return order[d][m];
}

/* Whether the blocks have a nonzero there, and whether the diagonal one does:
 * it has viscous terms only. */
INLINE int coupled(int row, int column)
{
	return row > 2 || column == 0 || column == row || column == 3;
}

INLINE int viscous(int row, int column)
{
	return row == column || column == 0 || row == 4;
}

INLINE void form_convective(struct blocks *out, block upper, int row, int column, lanes convection)
{
	out->lower[row][column] = convection;
	upper[row][column] = convection;
}

INLINE void form_viscous(struct blocks *out, block upper, int row, int column, lanes convection, lanes viscosity)
{
	out->lower[row][column] = convection + viscosity;
	out->diagonal[row][column] = viscosity + viscosity;
	if (row == column)
		out->diagonal[row][column] += 1.0;
	upper[row][column] = convection - viscosity;
}

INLINE void form_blocks(struct blocks *out, block upper, const lanes u[5], const struct scale *by)
{
	const double c1 = FLOW_C1, c2 = FLOW_C2, mu = FLOW_MU;
	double a = by->convection, plain = by->viscosity * by->diffusion;
	lanes inverse = 1.0 / u[0];
	lanes v1 = u[1] * inverse, v2 = u[2] * inverse, w = u[3] * inverse, e = u[4] * inverse;
	lanes q = 0.5 * (v1 * v1 + v2 * v2 + w * w);
	lanes aw = a * w, av1 = a * v1, av2 = a * v2;
	lanes share = by->viscosity * inverse, g = mu * share;
	lanes across = (mu - FLOW_C1345) * share, along = (4.0 / 3.0 * mu - FLOW_C1345) * share;
	lanes across1 = across * v1, across2 = across * v2, along3 = along * w, heat = FLOW_C1345 * share;

	form_viscous(out, upper, 0, 0, lanes_all(0.0), lanes_all(plain));
	form_convective(out, upper, 0, 3, lanes_all(a));

	form_viscous(out, upper, 1, 0, -v1 * aw, -g * v1);
	form_viscous(out, upper, 1, 1, aw, g + plain);
	form_convective(out, upper, 1, 3, av1);

	form_viscous(out, upper, 2, 0, -v2 * aw, -g * v2);
	form_viscous(out, upper, 2, 2, aw, g + plain);
	form_convective(out, upper, 2, 3, av2);

	form_viscous(out, upper, 3, 0, a * c2 * q - aw * w, -4.0 / 3.0 * g * w);
	form_convective(out, upper, 3, 1, -c2 * av1);
	form_convective(out, upper, 3, 2, -c2 * av2);
	form_viscous(out, upper, 3, 3, (2.0 - c2) * aw, 4.0 / 3.0 * g + plain);
	form_convective(out, upper, 3, 4, lanes_all(a * c2));

	form_viscous(out, upper, 4, 0, (2.0 * c2 * q - c1 * e) * aw, -(across1 * v1 + across2 * v2 + along3 * w + heat * e));
	form_viscous(out, upper, 4, 1, -c2 * v1 * aw, across1);
	form_viscous(out, upper, 4, 2, -c2 * v2 * aw, across2);
	form_viscous(out, upper, 4, 3, a * (c1 * e - c2 * q) - c2 * w * aw, along3);
	form_viscous(out, upper, 4, 4, c1 * aw, heat + plain);
}

/* y += a * x for a block with the nonzeros above. */
INLINE void multiply_add(lanes y[5], block a, const lanes x[5])
{
	y[0] += a[0][0] * x[0] + a[0][3] * x[3];
	y[1] += a[1][0] * x[0] + a[1][1] * x[1] + a[1][3] * x[3];
	y[2] += a[2][0] * x[0] + a[2][2] * x[2] + a[2][3] * x[3];
	y[3] += a[3][0] * x[0] + a[3][1] * x[1] + a[3][2] * x[2] + a[3][3] * x[3] + a[3][4] * x[4];
	y[4] += a[4][0] * x[0] + a[4][1] * x[1] + a[4][2] * x[2] + a[4][3] * x[3] + a[4][4] * x[4];
}

/* Triangular factors in place, without pivoting: L has the pivots' inverses on
 * its diagonal, U has ones. */
INLINE void factor(block b)
{
#pragma GCC unroll 5
	for (int k = 0; k < 5; k++) {
		b[k][k] = 1.0 / b[k][k];
#pragma GCC unroll 5
		for (int j = k + 1; j < 5; j++)
			b[k][j] *= b[k][k];
#pragma GCC unroll 5
		for (int i = k + 1; i < 5; i++)
#pragma GCC unroll 5
			for (int j = k + 1; j < 5; j++)
				b[i][j] -= b[i][k] * b[k][j];
	}
}

/* x := b^-1 * x with the factors; x[0..first-1] are known to be zero. */
INLINE void solve(block b, lanes x[5], int first)
{
#pragma GCC unroll 5
	for (int k = first; k < 5; k++) {
		x[k] *= b[k][k];
#pragma GCC unroll 5
		for (int i = k + 1; i < 5; i++)
			x[i] -= b[i][k] * x[k];
	}
#pragma GCC unroll 5
	for (int k = 4; k > 0; k--)
#pragma GCC unroll 5
		for (int i = 0; i < k; i++)
			x[i] -= b[i][k] * x[k];
}

#endif
