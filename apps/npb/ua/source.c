#include <math.h>
#include "heat.h"
#include "source.h"

#define PI 3.14159265358979323846

/* Squared distances in one direction from the source to the five planes of nodes; the
 * smallest to any point of the element is returned. */
static double distances(double low, double half, double source, double out[NODES])
{
	double high = low + 2.0 * half, away = source < low ? low - source : source > high ? source - high : 0.0;

	for (int i = 0; i < NODES; i++) {
		double d = low + half * (basis.node[i] + 1.0) - source;
		out[i] = d * d;
	}
	return away * away;
}

void source_add(const struct mesh *m, int g, double time, double alpha, double *slope)
{
	double source[3], reach = alpha * alpha;

	heat_source(time, source);
	for (int l = 0; l < LANES; l++) {
		int e = g * LANES + l;
		double square[3][NODES], nearest = 0.0;
		if (e >= m->elements)
			break;
		for (int d = 0; d < 3; d++)
			nearest += distances(m->corner[e][d], m->half[e], source[d], square[d]);
		/* Well beyond what rounding can do to a point on the edge of the source. */
		if (nearest > 1.001 * reach)
			continue;
		for (int q = 0; q < POINTS; q++) {
			double r2 = square[0][q % NODES] + square[1][q / NODES % NODES] + square[2][q / (NODES * NODES)];
			double r = sqrt(r2);
			if (r <= alpha)
				slope[q * LANES + l] += cos(PI * r / alpha) + 1.0;
		}
	}
}

void source_fix(const struct mesh *m, int g, double *slope)
{
	for (int l = 0; l < LANES; l++) {
		int outer = m->outer[g * LANES + l];
		if (!outer)
			continue;
		for (int q = 0; q < POINTS; q++) {
			int i = q % NODES, j = q / NODES % NODES, k = q / (NODES * NODES), last = NODES - 1;
			int on = (i == 0) | (i == last) << 1 | (j == 0) << 2 | (j == last) << 3 | (k == 0) << 4 | (k == last) << 5;
			if (on & outer)
				slope[q * LANES + l] = 0.0;
		}
	}
}
