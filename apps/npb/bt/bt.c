/* NPB BT: block-tridiagonal solver. One class per program; its parameters and
 * reference values are generated from verification.json into params.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "flow.h"
#include "params.h"
#include "report.h"
#include "step.h"
#include "timer.h"
#include "verify.h"

#if NPB_NX != NPB_NY || NPB_NX != NPB_NZ
#error "the flow solver is for cubes"
#endif

static double operations(double n)
{
	return NPB_NITER * (3478.8 * n * n * n - 17655.7 * n * n + 28023.7 * n);
}

static void start(struct flow *f, const struct step *s)
{
	flow_set_forcing(f, s->scratch);
	flow_set_initial(f);
	/* Touch all code and memory before the clock starts. */
	step_take(s);
	flow_set_initial(f);
}

/* Norms of the state as it is: the residual's, then the error's. */
static void norms(struct flow *f, const struct step *s, double xcr[5], double xce[5])
{
	flow_residual_norm(f, xcr, s->scratch);
	flow_error_norm(f, xce);
}

/* For tests: the norms before the first step and after each of STEPS steps. */
static void checkpoints(struct flow *f, const struct step *s, int steps)
{
	for (int step = 0; step <= steps; step++) {
		double xcr[5], xce[5];
		if (step)
			step_take(s);
		norms(f, s, xcr, xce);
		for (int m = 0; m < 5; m++)
			printf("step %d component %d xcr %.16e xce %.16e\n", step, m + 1, xcr[m], xce[m]);
	}
}

static int verified(struct flow *f, const struct step *s)
{
	double xcr[5], xce[5];
	int ok = verify_within("dt", s->dt, NPB_DT, NPB_EPSILON);

	norms(f, s, xcr, xce);
	ok &= verify_all("xcr", xcr, npb_xcr, 5, NPB_EPSILON);
	ok &= verify_all("xce", xce, npb_xce, 5, NPB_EPSILON);
	return ok;
}

static int run(struct flow *f, const struct step *s)
{
	struct report report = {
		.name = "BT", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.date = NPB_COMPILE_DATE,
	};
	double began;

	began = timer_seconds();
	for (int step = 1; step <= NPB_NITER; step++) {
		if (step % 20 == 0 || step == 1)
			report_progress("time step", step);
		step_take(s);
	}
	report.seconds = timer_seconds() - began;
	report.verified = verified(f, s);
	report.operations = operations(f->n);
	report_grid(&report, NPB_NX, NPB_NY, NPB_NZ);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct flow flow;
	struct step step;
	size_t bytes;
	int status = EXIT_SUCCESS;

	report_heading("BT", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	if (flow_open(&flow, NPB_NX, &bytes) || step_open(&step, &flow, NPB_DT)) {
		fprintf(stderr, "bt: class %c needs %zu MiB of memory\n", NPB_CLASS, bytes >> 20);
		return EXIT_FAILURE;
	}
	start(&flow, &step);
	if (argc == 3 && !strcmp(argv[1], "--checkpoints"))
		checkpoints(&flow, &step, atoi(argv[2]));
	else
		status = run(&flow, &step);
	step_close(&step);
	flow_close(&flow);
	return status;
}
