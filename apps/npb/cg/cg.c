/* NPB CG: the smallest eigenvalue of a random sparse matrix. One class per program;
 * its parameters and reference value come from verification.json. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "matrix.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "solve.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

struct run {
	struct matrix matrix;
	struct solver solver;
	int iterations, silent;
	double zeta, seconds;
};

static double operations(double n, double nonzer)
{
	double product = nonzer * (nonzer + 1);

	return 2.0 * NPB_NITER * n * (3 + product + NPB_CG_ITERATIONS * (5 + product) + 3);
}

/* The shares of x.z and z.z; their sums. */
static void products(const struct solver *s, struct member *me, int from, int to, double *xz, double *zz)
{
	double sum_xz = 0, sum_zz = 0;

	for (int i = from; i < to; i++) {
		sum_xz += s->x[i] * s->z[i];
		sum_zz += s->z[i] * s->z[i];
	}
	*xz = team_sum(me, sum_xz);
	*zz = team_sum(me, sum_zz);
}

static void iterate(struct run *run, struct member *me, int from, int to)
{
	struct solver *s = &run->solver;

	for (int it = 1; it <= run->iterations; it++) {
		double rnorm = solver_solve(s, me, NPB_CG_ITERATIONS), xz, zz, scale;
		products(s, me, from, to, &xz, &zz);
		scale = 1 / sqrt(zz);
		for (int i = from; i < to; i++)
			s->x[i] = scale * s->z[i];
		if (me->rank)
			continue;
		run->zeta = NPB_SHIFT + 1 / xz;
		if (!run->silent)
			printf(" iteration %3d rnorm %22.14e zeta %.16e\n", it, rnorm, run->zeta);
	}
}

static void work(struct member *me, void *argument)
{
	struct run *run = argument;
	int from, to;
	double began;

	matrix_share(&run->matrix, me, &from, &to);
	for (int i = from; i < to; i++)
		run->solver.x[i] = 1;
	team_barrier(me);
	began = timer_seconds();
	iterate(run, me, from, to);
	if (me->rank == 0)
		run->seconds = timer_seconds() - began;
}

static int benchmark(struct run *run, struct team *team)
{
	struct report report = {
		.name = "CG", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.operations = operations(NPB_N, NPB_NONZER), .date = NPB_COMPILE_DATE,
	};
	const double reference = NPB_ZETA;

	run->iterations = run->silent = 1;
	team_run(team, work, run);    /* touch code and memory */
	run->iterations = NPB_NITER;
	run->silent = 0;
	team_run(team, work, run);
	report.seconds = run->seconds;
	report.verified = verify_all("zeta", &run->zeta, &reference, 1, NPB_EPSILON);
	report_count(&report, NPB_N);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* For tests: facts about the matrix, and the first iterations. */
static void checkpoints(struct run *run, struct team *team, int steps)
{
	const struct matrix *a = &run->matrix;
	double sum = 0, trace = 0, absolute = 0, squares = 0;

	for (int r = 0; r < a->n; r++)
		for (int64_t e = a->row[r]; e < a->row[r + 1]; e++) {
			sum += a->value[e];
			absolute += fabs(a->value[e]);
			squares += a->value[e] * a->value[e];
			trace += a->column[e] == r ? a->value[e] : 0;
		}
	printf(" drawn %lld state %llu triples %lld elements %lld\n", (long long)a->drawn, (unsigned long long)a->state,
		(long long)a->triples, (long long)a->row[a->n]);
	printf(" sum %.16e trace %.16e absolute %.16e squares %.16e first %.16e\n", sum, trace, absolute, squares,
		a->value[0]);
	run->iterations = steps;
	team_run(team, work, run);
}

int main(int argc, char **argv)
{
	static const struct matrix_recipe recipe = {
		.n = NPB_N, .nonzer = NPB_NONZER, .shift = NPB_SHIFT, .rcond = NPB_RCOND, .seed = NPB_SEED,
	};
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct run run = { .silent = 0 };
	int status = EXIT_SUCCESS;

	report_heading_count("CG", NPB_CLASS, NPB_N, NPB_NITER);
	matrix_open(&run.matrix, &recipe, team);
	solver_open(&run.solver, &run.matrix);
	if (options.checkpoints)
		checkpoints(&run, team, options.checkpoints);
	else
		status = benchmark(&run, team);
	solver_close(&run.solver);
	matrix_close(&run.matrix);
	team_close(team);
	return status;
}
