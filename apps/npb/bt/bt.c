/* NPB BT: block-tridiagonal solver. One class per program; its parameters and
 * reference values are generated from verification.json into params.h. */
#include <stdio.h>
#include <stdlib.h>
#include "march.h"
#include "options.h"
#include "params.h"
#include "step.h"

#if NPB_NX != NPB_NY || NPB_NX != NPB_NZ
#error "the flow solver is for cubes"
#endif

static double operations(double n)
{
	return NPB_NITER * (3478.8 * n * n * n - 17655.7 * n * n + 28023.7 * n);
}

static void take(const void *step, struct member *me)
{
	step_take(step, me);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team;
	struct flow flow;
	struct step step;
	struct report report = {
		.name = "BT", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.operations = operations(NPB_NX), .date = NPB_COMPILE_DATE,
	};
	size_t bytes;
	int status = EXIT_SUCCESS;

	report_heading("BT", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	report_grid(&report, NPB_NX, NPB_NY, NPB_NZ);
	if (flow_open(&flow, NPB_NX, &bytes) || step_open(&step, &flow, NPB_DT, options.threads)) {
		fprintf(stderr, "bt: class %c needs %zu MiB of memory\n", NPB_CLASS, bytes >> 20);
		return EXIT_FAILURE;
	}
	struct march march = {
		.flow = &flow, .take = take, .step = &step, .scratch = step.scratch, .dt = NPB_DT,
		.dt_reference = NPB_DT, .epsilon = NPB_EPSILON, .xcr = npb_xcr, .xce = npb_xce,
	};
	team = team_open(options.threads);
	march_start(&march, team);
	if (options.checkpoints)
		march_checkpoints(&march, team, options.checkpoints);
	else
		status = march_run(&march, team, &report);
	team_close(team);
	step_close(&step);
	flow_close(&flow);
	return status;
}
