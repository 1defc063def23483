#include <string.h>
#include "heat.h"
#include "lanes_math.h"
#include "source.h"

#define PI 3.14159265358979323846

/* 1 + cos(pi*x), x in 0..1: 1 - sin(y) with y = pi*(x - 1/2), whose series ends below
 * rounding at y^21. */
INLINE lanes one_plus_cosine(lanes x)
{
	static const double factor[] = {    /* of y^3, y^5, ...: each divides the one before */
		-1.0 / (2 * 3), -1.0 / (4 * 5), -1.0 / (6 * 7), -1.0 / (8 * 9), -1.0 / (10 * 11), -1.0 / (12 * 13),
		-1.0 / (14 * 15), -1.0 / (16 * 17), -1.0 / (18 * 19), -1.0 / (20 * 21),
	};
	lanes y = PI * (x - 0.5), square = y * y, sum = lanes_all(1.0);

	for (int n = sizeof factor / sizeof factor[0] - 1; n >= 0; n--)
		sum = 1.0 + factor[n] * square * sum;
	return 1.0 - y * sum;
}

/* Squared distance of the source from an element, 0 inside. */
static double nearest(const struct mesh *m, int e, const double source[3])
{
	double sum = 0.0;

	for (int d = 0; d < 3; d++) {
		double low = m->corner[e][d], high = low + 2.0 * m->half[e];
		double away = source[d] < low ? low - source[d] : source[d] > high ? source[d] - high : 0.0;
		sum += away * away;
	}
	return sum;
}

/* Squared distances in direction d of the five planes of nodes. */
static void distances(const struct mesh *m, int g, int d, double source, lanes out[NODES])
{
	lanes half = lanes_load(m->half + g * LANES), low;

	for (int l = 0; l < LANES; l++)
		low[l] = m->corner[g * LANES + l][d];
	for (int i = 0; i < NODES; i++) {
		lanes away = low + half * (basis.node[i] + 1.0) - source;
		out[i] = away * away;
	}
}

void source_values(const struct mesh *m, int g, double time, double alpha, double *out)
{
	double source[3];
	lanes square[3][NODES], reach = lanes_all(alpha);
	int touched = 0;

	heat_source(time, source);
	/* Well beyond what rounding can do to a point on the edge of the source. */
	for (int l = 0; l < LANES; l++)
		touched |= nearest(m, g * LANES + l, source) < 1.001 * alpha * alpha;
	if (!touched) {
		memset(out, 0, POINTS * LANES * sizeof *out);
		return;
	}
	for (int d = 0; d < 3; d++)
		distances(m, g, d, source[d], square[d]);
	for (int q = 0; q < POINTS; q++) {
		lanes r = lanes_sqrt(square[0][q % NODES] + square[1][q / NODES % NODES] + square[2][q / (NODES * NODES)]);
		lane_index within = r <= reach;
		/* Beyond the source the series means nothing. */
		lanes_store(out + q * LANES, (lanes)((lane_index)one_plus_cosine(r * (1.0 / alpha)) & within));
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
