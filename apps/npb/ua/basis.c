#include <math.h>
#include "basis.h"

struct basis basis;

/* Of the lower half, [mortar point j][target point 1 to 3]: u_i = sum of these times
 * v_j is the quartic with the right ends whose difference from v, given on the two
 * halves, is orthogonal to all quadratics. */
static const double projection[NODES][INNER] = {
	{ -0.1772843218615690, 0.09375, -0.03700139242414530 },
	{ 0.7152146412463197, -0.2285757930375471, 0.08333333333333333 },
	{ 0.4398680650316104, 0.2083333333333333, -0.05891568407922938 },
	{ 0.08333333333333333, 0.3561799597042137, -0.04854797457965334 },
	{ 0.0, 0.0703125, 0.0 },
};

/* The quartic that is 1 at node K and 0 at the others. */
static double lagrange(int k, double z)
{
	double product = 1.0;

	for (int q = 0; q < NODES; q++)
		if (q != k)
			product *= (z - basis.node[q]) / (basis.node[k] - basis.node[q]);
	return product;
}

/* Its derivative at node I. */
static double lagrange_slope(int k, int i)
{
	double sum = 0.0;

	for (int left = 0; left < NODES; left++) {
		double product = 1.0;
		if (left == k)
			continue;
		for (int q = 0; q < NODES; q++)
			if (q != k && q != left)
				product *= (basis.node[i] - basis.node[q]) / (basis.node[k] - basis.node[q]);
		sum += product / (basis.node[k] - basis.node[left]);
	}
	return sum;
}

static void fill_projection(void)
{
	basis.project[0][0] = basis.project[NODES - 1][HALVED - 1] = 1.0;
	for (int j = 0; j < NODES; j++)
		for (int i = 1; i <= INNER; i++) {
			basis.project[i][j] += projection[j][i - 1];
			basis.project[i][NODES - 1 + j] += projection[NODES - 1 - j][INNER - i];
		}
}

void basis_fill(void)
{
	const double weight[NODES] = { 1.0 / 10, 49.0 / 90, 32.0 / 45, 49.0 / 90, 1.0 / 10 };

	basis.node[0] = -1.0;
	basis.node[1] = -sqrt(3.0 / 7.0);
	basis.node[3] = sqrt(3.0 / 7.0);
	basis.node[4] = 1.0;
	for (int i = 0; i < NODES; i++) {
		basis.weight[i] = weight[i];
		for (int k = 0; k < NODES; k++) {
			basis.derive[i][k] = lagrange_slope(k, i);
			basis.half[0][i][k] = lagrange(k, 0.5 * (basis.node[i] - 1.0));
			basis.half[1][i][k] = lagrange(k, 0.5 * (basis.node[i] + 1.0));
		}
	}
	for (int k = 0; k < NODES; k++)
		basis.coarsen[k] = lagrange(k, 2.0 * basis.node[1] + 1.0);
	for (int i = 0; i < NODES; i++)
		for (int j = 0; j < NODES; j++)
			for (int q = 0; q < NODES; q++)
				basis.stiff[i][j] += weight[q] * basis.derive[q][i] * basis.derive[q][j];
	fill_projection();
}
