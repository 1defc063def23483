/* NPB UA: unstructured adaptive mesh, heat from a moving source. One class per program;
 * its parameters and reference values are generated from verification.json into
 * params.h. */
#include <stdio.h>
#include <stdlib.h>
#include "heat.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

/* Time steps to take; the counts are filled in. */
struct march {
	struct heat *heat;
	int steps, adapt, tell;
	long long elements;    /* the sum over the steps */
};

static void work(struct member *me, void *argument)
{
	struct march *march = argument;

	for (int step = 1; step <= march->steps; step++) {
		heat_step(march->heat, me);
		if (me->rank == 0) {
			if (march->adapt && step % NPB_FRE == 0 && step < march->steps)
				heat_adapt(march->heat);
			march->elements += march->heat->mesh.elements;
			if (march->tell && (step % 20 == 0 || step == 1))
				report_progress("time step", step);
		}
		team_barrier(me);
	}
}

/* For tests: what is known of the first steps, and of the meshes after adaptations. */
static void checkpoints(struct heat *h, struct team *team, int steps)
{
	struct march march = { .heat = h, .steps = 1 };

	for (int step = 1; step <= steps; step++) {
		const struct mesh *m = &h->mesh;
		team_run(team, work, &march);
		printf("step %d sum_mbar %.16e sum_rmor_squared %.16e sum_rint_squared %.16e\n", step,
			h->sums.mean, h->sums.mortar, h->sums.inner);
		if (step % NPB_FRE == 0 && step < NPB_NITER)
			heat_adapt(h);
		printf("step %d elements %d mortar_points %d vertices %d integral %.16e\n", step, m->elements, m->mortars,
			m->vertices, heat_integral(h));
	}
}

static void print_diagonal(const struct mesh *m)
{
	double sum = 0.0, inverse = 0.0;

	for (int i = 1; i <= m->mortars; i++) {
		sum += m->diagonal[i];
		inverse += 1.0 / m->diagonal[i];
	}
	printf("step 0 elements %d mortar_points %d vertices %d\n", m->elements, m->mortars, m->vertices);
	printf("diagonal %.16e inverse %.16e\n", sum, inverse);
}

static int run(struct heat *h, struct team *team)
{
	struct report report = {
		.name = "UA", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "coll. point advanced",
		.date = NPB_COMPILE_DATE,
	};
	struct march march = { .heat = h, .steps = NPB_NITER, .adapt = 1, .tell = 1 };
	double began, integral, reference = NPB_INTEGRAL;

	began = timer_seconds();
	team_run(team, work, &march);
	report.seconds = timer_seconds() - began;
	integral = heat_integral(h);
	printf(" elements %d, mortar points %d; elements in all steps %lld\n", h->mesh.elements, h->mesh.mortars,
		march.elements);
	report.verified = verify_all("integral", &integral, &reference, 1, NPB_EPSILON);
	report.operations = (double)march.elements * POINTS * (NPB_NMXH + 1);
	report_count(&report, NPB_REFINE_MAX);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct problem problem = {
		.levels = NPB_REFINE_MAX, .alpha = NPB_ALPHA, .nu = NPB_NU, .dt = NPB_DT, .iterations = NPB_NMXH,
	};
	struct march warm_up = { .steps = 1 };
	struct heat heat;
	int status = EXIT_SUCCESS;

	report_heading_count("UA", NPB_CLASS, NPB_REFINE_MAX, NPB_NITER);
	heat_open(&heat, &problem);
	warm_up.heat = &heat;
	if (options.checkpoints)
		print_diagonal(&heat.mesh);
	team_run(team, work, &warm_up);
	heat_reset(&heat);
	if (options.checkpoints)
		checkpoints(&heat, team, options.checkpoints);
	else
		status = run(&heat, team);
	heat_close(&heat);
	team_close(team);
	return status;
}
