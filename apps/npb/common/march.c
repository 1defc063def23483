#include <stdio.h>
#include <stdlib.h>
#include "march.h"
#include "timer.h"
#include "verify.h"

struct stretch {
	const struct march *march;
	int steps, tell;
};

static void work(struct member *me, void *argument)
{
	const struct stretch *stretch = argument;
	const struct march *m = stretch->march;

	for (int step = 1; step <= stretch->steps; step++) {
		if (stretch->tell && me->rank == 0 && (step % 20 == 0 || step == 1))
			report_progress("time step", step);
		m->take(m->step, me);
	}
}

static void take(const struct march *m, struct team *team, int steps, int tell)
{
	struct stretch stretch = { m, steps, tell };

	team_run(team, work, &stretch);
}

/* Norms of the state as it is: the residual's, then the error's. */
static void norms(const struct march *m, double xcr[5], double xce[5])
{
	flow_residual_norm(m->flow, xcr, m->scratch);
	flow_error_norm(m->flow, xce);
}

static int verified(const struct march *m)
{
	double xcr[5], xce[5];
	int ok = verify_within("dt", m->dt, m->dt_reference, m->epsilon);

	norms(m, xcr, xce);
	ok &= verify_all("xcr", xcr, m->xcr, 5, m->epsilon);
	ok &= verify_all("xce", xce, m->xce, 5, m->epsilon);
	return ok;
}

void march_start(const struct march *m, struct team *team)
{
	flow_set_forcing(m->flow, m->scratch);
	flow_set_initial(m->flow);
	take(m, team, 1, 0);
	flow_set_initial(m->flow);
}

int march_run(const struct march *m, struct team *team, struct report *report)
{
	double began = timer_seconds();

	take(m, team, report->iterations, 1);
	report->seconds = timer_seconds() - began;
	report->verified = verified(m);
	report_print(report);
	return report->verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

void march_checkpoints(const struct march *m, struct team *team, int steps)
{
	for (int step = 0; step <= steps; step++) {
		double xcr[5], xce[5];
		if (step)
			take(m, team, 1, 0);
		norms(m, xcr, xce);
		for (int c = 0; c < 5; c++)
			printf("step %d component %d xcr %.16e xce %.16e\n", step, c + 1, xcr[c], xce[c]);
	}
}
