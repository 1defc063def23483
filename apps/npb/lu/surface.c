#include "surface.h"

static double pressure(const struct flow *f, int i, int j, int k)
{
	const double *u = f->u + k * f->plane + j * f->line + i;
	size_t s = f->row;

	return FLOW_C2 * (u[4 * s] - 0.5 * (u[s] * u[s] + u[2 * s] * u[2 * s] + u[3 * s] * u[3 * s]) / u[0]);
}

/* The sum of both faces normal to axis AXIS: at every point, as often as cells meet
 * there, which is what summing the corners of all cells comes to. */
static double faces(const struct flow *f, int axis, const int low[3], const int high[3])
{
	int a = (axis + 1) % 3, b = (axis + 2) % 3, p[3];
	double sum = 0.0;

	for (p[a] = low[a]; p[a] <= high[a]; p[a]++)
	for (p[b] = low[b]; p[b] <= high[b]; p[b]++) {
		int cells = (1 + (p[a] > low[a] && p[a] < high[a])) * (1 + (p[b] > low[b] && p[b] < high[b]));
		p[axis] = low[axis];
		double face = pressure(f, p[0], p[1], p[2]);
		p[axis] = high[axis];
		face += pressure(f, p[0], p[1], p[2]);
		sum += cells * face;
	}
	return sum;
}

double surface_integral(const struct flow *f)
{
	/* The box is not symmetric: so the benchmark has it. */
	const int low[3] = { 1, 1, 2 }, high[3] = { f->n - 2, f->n - 3, f->n - 2 };
	double sum = 0.0;

	for (int axis = 0; axis < 3; axis++)
		sum += faces(f, axis, low, high);
	return 0.25 * f->h * f->h * sum;
}
