/* NPB FT: a diffusion equation solved by 3-D Fourier transforms. One class per program;
 * its parameters and reference values come from verification.json. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "field.h"
#include "heap.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "team.h"
#include "timer.h"
#include "transform.h"

struct run {
	struct field v, u;    /* the initial field, then its spectrum; the solution */
	struct transform transform;
	int verified;
	double seconds;
};

static const double points = (double)NPB_NX * NPB_NY * NPB_NZ;

static double operations(void)
{
	return points * (14.8157 + 7.19641 * log(points) + (5.23518 + 7.21113 * log(points)) * NPB_NITER);
}

/* |value - reference| / |reference| <= epsilon with complex moduli, so that a NaN fails. */
static int agrees(int it, double re, double im)
{
	double wanted_re = npb_checksums[it - 1][0], wanted_im = npb_checksums[it - 1][1];
	double error = hypot(re - wanted_re, im - wanted_im) / hypot(wanted_re, wanted_im);
	int ok = error <= NPB_EPSILON;

	if (!ok)
		printf(" !! iteration %d relative error %9.2e\n", it, error);
	return ok;
}

/* Prints the checksum; returns whether it is right. */
static int checksum(const struct field *u, int it)
{
	double re = 0, im = 0;

	for (int q = 1; q <= 1024; q++) {
		const double *at = field_point(u, 5 * q % u->nz, 3 * q % u->ny, q % u->nx);
		re += at[0];
		im += at[GROUP];
	}
	re /= points;
	im /= points;
	printf(" iteration %3d checksum %21.14e %21.14e\n", it, re, im);
	fflush(stdout);
	return agrees(it, re, im);
}

static void fill(struct run *run, struct member *me)
{
	double *numbers = heap_take(sizeof *numbers * 2 * NPB_NX);
	long from, to;

	team_share(me, NPB_NZ, &from, &to);
	field_fill(&run->v, NPB_SEED, (int)from, (int)to, numbers);
	heap_free(numbers);
}

/* The initial field alone, for the tests. */
static void start(struct member *me, void *argument)
{
	fill(argument, me);
}

/* Before the clock: its first transform, and every page of memory. */
static void warm_up(struct member *me, void *argument)
{
	struct run *run = argument;
	double *scratch = heap_take(sizeof *scratch * transform_scratch(&run->transform));
	long from, to;

	team_share(me, NPB_NZ, &from, &to);
	field_clear(&run->u, (int)from, (int)to);
	fill(run, me);
	transform_forward(&run->transform, me, &run->v, scratch);
	heap_free(scratch);
}

static void work(struct member *me, void *argument)
{
	struct run *run = argument;
	double *scratch = heap_take(sizeof *scratch * transform_scratch(&run->transform));
	double began = timer_seconds();

	if (me->rank == 0)
		transform_factors(&run->transform, NPB_ALPHA);
	fill(run, me);
	transform_forward(&run->transform, me, &run->v, scratch);
	for (int it = 1; it <= NPB_NITER; it++) {
		transform_evolve(&run->transform, me, &run->v, &run->u, scratch);
		if (me->rank == 0)
			run->verified &= checksum(&run->u, it);
		team_barrier(me);
	}
	if (me->rank == 0)
		run->seconds = timer_seconds() - began;
	heap_free(scratch);
}

static int benchmark(struct run *run, struct team *team)
{
	struct report report = {
		.name = "FT", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.operations = operations(), .date = NPB_COMPILE_DATE,
	};

	team_run(team, warm_up, run);
	run->verified = 1;
	team_run(team, work, run);
	report.seconds = run->seconds;
	report.verified = run->verified;
	report_grid(&report, NPB_NX, NPB_NY, NPB_NZ);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_point(const char *what, const struct field *f, int k, int j, int i)
{
	const double *at = field_point(f, k, j, i);

	printf(" %s[%d][%d][%d] %.16e %.16e\n", what, k, j, i, at[0], at[GROUP]);
}

/* For tests: some points of the initial field and of its transform. */
static void checkpoints(struct run *run, struct team *team)
{
	team_run(team, start, run);
	print_point("u", &run->v, 0, 0, 0);
	print_point("u", &run->v, NPB_NZ - 1, NPB_NY - 1, NPB_NX - 1);
	team_run(team, warm_up, run);
	print_point("V", &run->v, 0, 0, 0);
	print_point("V", &run->v, 1, 2, 3);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct run run = { .verified = 0 };
	int status = EXIT_SUCCESS;

	report_heading("FT", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	field_open(&run.v, NPB_NX, NPB_NY, NPB_NZ);
	field_open(&run.u, NPB_NX, NPB_NY, NPB_NZ);
	transform_open(&run.transform, NPB_NX, NPB_NY, NPB_NZ);
	if (options.checkpoints)
		checkpoints(&run, team);
	else
		status = benchmark(&run, team);
	transform_close(&run.transform);
	field_close(&run.u);
	field_close(&run.v);
	team_close(team);
	return status;
}
