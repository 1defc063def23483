#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "flow.h"
#include "march.h"
#include "step.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

/* A benchmark under way. */
struct way {
	const struct march *march;
	struct flow flow;
	struct step step;
	struct team *team;
	int steps, tell;    /* of the stretch that is ahead */
};

static void work(struct member *me, void *argument)
{
	const struct way *way = argument;

	for (int step = 1; step <= way->steps; step++) {
		if (way->tell && me->rank == 0 && (step % 20 == 0 || step == 1))
			report_progress("time step", step);
		step_take(&way->step, me);
	}
}

static void take(struct way *way, int steps, int tell)
{
	way->steps = steps;
	way->tell = tell;
	team_run(way->team, work, way);
}

/* Norms of the state as it is: the residual's, then the error's. */
static void norms(struct way *way, double xcr[5], double xce[5])
{
	flow_residual_norm(&way->flow, xcr, way->step.scratch);
	flow_error_norm(&way->flow, xce);
}

static int verified(struct way *way)
{
	const struct march *m = way->march;
	double xcr[5], xce[5];
	int ok = verify_within("dt", m->dt, m->dt_reference, m->epsilon);

	norms(way, xcr, xce);
	ok &= verify_all("xcr", xcr, m->xcr, 5, m->epsilon);
	ok &= verify_all("xce", xce, m->xce, 5, m->epsilon);
	return ok;
}

/* Forcing and starting field, having touched all code and memory. */
static void start(struct way *way)
{
	flow_set_forcing(&way->flow, way->step.scratch);
	flow_set_initial(&way->flow);
	take(way, 1, 0);
	flow_set_initial(&way->flow);
}

static int run(struct way *way, struct report *report)
{
	double began = timer_seconds();

	take(way, report->iterations, 1);
	report->seconds = timer_seconds() - began;
	report->verified = verified(way);
	report_print(report);
	return report->verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* For tests: the norms before the first step and after each of so many. */
static void checkpoints(struct way *way, int steps)
{
	for (int step = 0; step <= steps; step++) {
		double xcr[5], xce[5];
		if (step)
			take(way, 1, 0);
		norms(way, xcr, xce);
		for (int c = 0; c < 5; c++)
			printf("step %d component %d xcr %.16e xce %.16e\n", step, c + 1, xcr[c], xce[c]);
	}
}

int march_run(const struct march *m, struct report *report, const struct options *options)
{
	struct way way = { .march = m };
	int status = EXIT_SUCCESS;
	size_t bytes;

	if (flow_open(&way.flow, m->n, &bytes) || step_open(&way.step, &way.flow, m->dt, options->threads)) {
		fprintf(stderr, "%c%c: class %c needs %zu MiB of memory\n", tolower(report->name[0]),
			tolower(report->name[1]), report->class, bytes >> 20);
		return EXIT_FAILURE;
	}
	way.team = team_open(options->threads);
	start(&way);
	if (options->checkpoints)
		checkpoints(&way, options->checkpoints);
	else
		status = run(&way, report);
	team_close(way.team);
	step_close(&way.step);
	flow_close(&way.flow);
	return status;
}
