/* Root mean squares over the interior. */
#include <math.h>
#include "flow.h"

static void mean_root(const struct flow *f, double norm[5])
{
	double points = (double)(f->n - 2) * (f->n - 2) * (f->n - 2);

	for (int m = 0; m < 5; m++)
		norm[m] = sqrt(norm[m] / points);
}

void flow_residual_norm(struct flow *f, double norm[5], double *scratch)
{
	for (int m = 0; m < 5; m++)
		norm[m] = 0.0;
	for (int k = 1; k < f->n - 1; k++) {
		double *plane = f->r + k * f->plane;
		flow_residual_plane(f, k, f->forcing + k * f->plane, plane, scratch);
		for (int j = 1; j < f->n - 1; j++)
		for (int m = 0; m < 5; m++) {
			const double *r = plane + j * f->line + m * f->row;
			double sum = 0.0;
			for (int i = 1; i < f->n - 1; i++)
				sum += r[i] * r[i];
			norm[m] += sum;
		}
	}
	mean_root(f, norm);
}

void flow_error_norm(const struct flow *f, double norm[5])
{
	for (int m = 0; m < 5; m++)
		norm[m] = 0.0;
	for (int k = 1; k < f->n - 1; k++)
	for (int j = 1; j < f->n - 1; j++) {
		const double *u = f->u + k * f->plane + j * f->line;
		for (int i = 1; i < f->n - 1; i++) {
			double exact[5];
			flow_exact(i * f->h, j * f->h, k * f->h, exact);
			for (int m = 0; m < 5; m++) {
				double error = u[m * f->row + i] - exact[m];
				norm[m] += error * error;
			}
		}
	}
	mean_root(f, norm);
}
