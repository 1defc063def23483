/* Driver: operator N prints U and R(U) of the starting field at every point: i j k, five of U, five of R. */
#include <stdio.h>
#include <stdlib.h>
#include "flow.h"

int main(int argc, char **argv)
{
	struct flow f;
	void *memory;
	int n = argc > 1 ? atoi(argv[1]) : 12;

	if (flow_open(&f, n, NULL))
		return 1;
	double *scratch = flow_doubles(flow_scratch(&f), &memory);
	if (!scratch)
		return 1;
	flow_set_initial(&f);
	for (int k = 1; k < n - 1; k++)
		flow_residual_plane(&f, k, f.forcing + k * f.plane, f.r + k * f.plane, scratch);
	for (int k = 0; k < n; k++)
	for (int j = 0; j < n; j++)
	for (int i = 0; i < n; i++) {
		size_t at = k * f.plane + j * f.line + i;
		printf("%d %d %d", i, j, k);
		for (int m = 0; m < 5; m++)
			printf(" %.17g", f.u[at + m * f.row]);
		for (int m = 0; m < 5; m++)
			printf(" %.17g", f.r[at + m * f.row]);
		printf("\n");
	}
	free(memory);
	flow_close(&f);
	return 0;
}
