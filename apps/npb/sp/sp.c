/* NPB SP: scalar pentadiagonal solver. One class per program; its parameters and
 * reference values are generated from verification.json into params.h. */
#include <stdio.h>
#include <stdlib.h>
#include "flow.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "step.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

static double operations(double n)
{
	return NPB_NITER * (881.174 * n * n * n - 4683.91 * n * n + 11484.5 * n - 19272.4);
}

/* Time steps to take, and whether to tell of them. */
struct march {
	const struct step *step;
	int count, tell;
};

static void work(struct member *me, void *argument)
{
	const struct march *march = argument;

	for (int step = 1; step <= march->count; step++) {
		if (march->tell && me->rank == 0 && (step % 20 == 0 || step == 1))
			report_progress("time step", step);
		step_take(march->step, me);
	}
}

static void take(struct team *team, const struct step *s, int count, int tell)
{
	struct march march = { s, count, tell };

	team_run(team, work, &march);
}

static void start(struct flow *f, struct team *team, const struct step *s)
{
	flow_set_forcing(f, s->scratch);
	flow_set_initial(f);
	/* Touch all code and memory before the clock starts. */
	take(team, s, 1, 0);
	flow_set_initial(f);
}

/* Norms of the state as it is: the residual's, then the error's. */
static void norms(struct flow *f, const struct step *s, double xcr[5], double xce[5])
{
	flow_residual_norm(f, xcr, s->scratch);
	flow_error_norm(f, xce);
}

/* For tests: the norms before the first step and after each of STEPS steps. */
static void checkpoints(struct flow *f, struct team *team, const struct step *s, int steps)
{
	for (int step = 0; step <= steps; step++) {
		double xcr[5], xce[5];
		if (step)
			take(team, s, 1, 0);
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

static int run(struct flow *f, struct team *team, const struct step *s)
{
	struct report report = {
		.name = "SP", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.date = NPB_COMPILE_DATE,
	};
	double began;

	began = timer_seconds();
	take(team, s, NPB_NITER, 1);
	report.seconds = timer_seconds() - began;
	report.verified = verified(f, s);
	report.operations = operations(f->n);
	report_grid(&report, NPB_NX, NPB_NY, NPB_NZ);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team;
	struct flow flow;
	struct step step;
	size_t bytes;
	int status = EXIT_SUCCESS;

	report_heading("SP", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	if (flow_open(&flow, NPB_NX, &bytes) || step_open(&step, &flow, NPB_DT, options.threads)) {
		fprintf(stderr, "sp: class %c needs %zu MiB of memory\n", NPB_CLASS, bytes >> 20);
		return EXIT_FAILURE;
	}
	team = team_open(options.threads);
	start(&flow, team, &step);
	if (options.checkpoints)
		checkpoints(&flow, team, &step, options.checkpoints);
	else
		status = run(&flow, team, &step);
	team_close(team);
	step_close(&step);
	flow_close(&flow);
	return status;
}
