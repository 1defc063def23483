/* NPB LU: symmetric successive over-relaxation. One class per program; its parameters
 * and reference values are generated from verification.json into params.h. */
#include <stdio.h>
#include <stdlib.h>
#include "flow.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "ssor.h"
#include "surface.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

static double operations(double n)
{
	return NPB_NITER * (1984.77 * n * n * n - 10923.3 * n * n + 27770.9 * n - 144010.0);
}

/* Iterations to do, and whether to tell of them. */
struct march {
	struct ssor *ssor;
	int count, tell;
};

static void work(struct member *me, void *argument)
{
	const struct march *march = argument;

	for (int iteration = 1; iteration <= march->count; iteration++) {
		if (march->tell && me->rank == 0 && (iteration % 20 == 0 || iteration == 1))
			report_progress("iteration", iteration);
		ssor_iterate(march->ssor, me);
	}
}

static void iterate(struct team *team, struct ssor *s, int count, int tell)
{
	struct march march = { s, count, tell };

	team_run(team, work, &march);
}

static void start(struct flow *f, struct team *team, struct ssor *s)
{
	flow_set_forcing(f, s->scratch);
	flow_set_initial(f);
	/* Touch all code and memory before the clock starts. */
	iterate(team, s, 1, 0);
	flow_set_initial(f);
}

/* For tests: everything that is measured, before the first iteration and after each
 * of COUNT iterations. */
static void checkpoints(struct flow *f, struct team *team, struct ssor *s, int count)
{
	for (int iteration = 0; iteration <= count; iteration++) {
		double correction[5] = { 0 }, residual[5], error[5];
		if (iteration) {
			iterate(team, s, 1, 0);
			ssor_correction_norm(s, correction);
		}
		flow_residual_norm(f, residual, s->scratch);
		flow_error_norm(f, error);
		for (int m = 0; m < 5; m++)
			printf("iteration %d component %d correction %.16e residual %.16e error %.16e\n",
				iteration, m + 1, correction[m], residual[m], error[m]);
		printf("iteration %d frc %.16e\n", iteration, surface_integral(f));
	}
}

static int verified(struct flow *f, const struct ssor *s, const double xcr[5])
{
	double xce[5], xci = surface_integral(f), reference = NPB_XCI;
	int ok = verify_within("dt", s->dt, NPB_DT, NPB_EPSILON);

	flow_error_norm(f, xce);
	ok &= verify_all("xcr", xcr, npb_xcr, 5, NPB_EPSILON);
	ok &= verify_all("xce", xce, npb_xce, 5, NPB_EPSILON);
	ok &= verify_all("xci", &xci, &reference, 1, NPB_EPSILON);
	return ok;
}

static int run(struct flow *f, struct team *team, struct ssor *s)
{
	struct report report = {
		.name = "LU", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.date = NPB_COMPILE_DATE,
	};
	double began, xcr[5];

	began = timer_seconds();
	/* Each iteration begins with its residual, so that of the start is formed once more
	 * in this interval; the last one's is formed by the norm. */
	iterate(team, s, NPB_NITER, 1);
	flow_residual_norm(f, xcr, s->scratch);
	report.seconds = timer_seconds() - began;
	report.verified = verified(f, s, xcr);
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
	struct ssor ssor;
	size_t bytes;
	int status = EXIT_SUCCESS;

	report_heading("LU", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	if (flow_open(&flow, NPB_NX, &bytes) || ssor_open(&ssor, &flow, NPB_DT, NPB_OMEGA, options.threads)) {
		fprintf(stderr, "lu: class %c needs %zu MiB of memory\n", NPB_CLASS, 2 * bytes >> 20);
		return EXIT_FAILURE;
	}
	team = team_open(options.threads);
	start(&flow, team, &ssor);
	if (options.checkpoints)
		checkpoints(&flow, team, &ssor, options.checkpoints);
	else
		status = run(&flow, team, &ssor);
	team_close(team);
	ssor_close(&ssor);
	flow_close(&flow);
	return status;
}
