/* The exact solution, and the field the iteration starts from. */
#include "flow.h"

/* Coefficients e1..e13 of each component: a constant, then x, y, z, x^2, y^2, ... */
static const double coefficient[5][13] = {
	{ 2, 0, 0, 4, 5,   3,   0.5, 0.02, 0.01, 0.03, 0.5, 0.4, 0.3 },
	{ 1, 0, 0, 0, 1,   2,   3,   0.01, 0.03, 0.02, 0.4, 0.3, 0.5 },
	{ 2, 2, 0, 0, 0,   2,   3,   0.04, 0.03, 0.05, 0.3, 0.5, 0.4 },
	{ 2, 2, 0, 0, 0,   2,   3,   0.03, 0.05, 0.04, 0.2, 0.1, 0.3 },
	{ 5, 4, 3, 2, 0.1, 0.4, 0.3, 0.05, 0.04, 0.03, 0.1, 0.3, 0.2 },
};

void flow_exact(double x, double y, double z, double u[5])
{
	for (int m = 0; m < 5; m++) {
		const double *e = coefficient[m];
		u[m] = e[0] + x * (e[1] + x * (e[4] + x * (e[7] + x * e[10])))
		            + y * (e[2] + y * (e[5] + y * (e[8] + y * e[11])))
		            + z * (e[3] + z * (e[6] + z * (e[9] + z * e[12])));
	}
}

/* The transfinite blend of the six face values at an interior point. */
static void blend(double x, double y, double z, double u[5])
{
	double face[6][5];

	flow_exact(0, y, z, face[0]);
	flow_exact(1, y, z, face[1]);
	flow_exact(x, 0, z, face[2]);
	flow_exact(x, 1, z, face[3]);
	flow_exact(x, y, 0, face[4]);
	flow_exact(x, y, 1, face[5]);
	for (int m = 0; m < 5; m++) {
		double p = (1 - x) * face[0][m] + x * face[1][m];
		double q = (1 - y) * face[2][m] + y * face[3][m];
		double r = (1 - z) * face[4][m] + z * face[5][m];
		u[m] = p + q + r - p * q - q * r - r * p + p * q * r;
	}
}

/* Every row is filled to its padded end: the padding repeats the boundary state. */
static void fill(struct flow *f, void (*interior)(double, double, double, double *))
{
	int n = f->n;

	for (int k = 0; k < n; k++)
	for (int j = 0; j < n; j++)
	for (int i = 0; i < (int)f->row; i++) {
		double state[5];
		int inside = i > 0 && i < n - 1 && j > 0 && j < n - 1 && k > 0 && k < n - 1;
		double x = i < n ? i * f->h : 1.0;
		(inside ? interior : flow_exact)(x, j * f->h, k * f->h, state);
		for (int m = 0; m < 5; m++)
			f->u[k * f->plane + j * f->line + m * f->row + i] = state[m];
	}
}

void flow_set_exact(struct flow *f)
{
	fill(f, flow_exact);
}

void flow_set_initial(struct flow *f)
{
	fill(f, blend);
}
