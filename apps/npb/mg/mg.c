/* NPB MG: multigrid for a Poisson problem. One class per program; its parameters and
 * reference value come from verification.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "charges.h"
#include "cycle.h"
#include "heap.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

struct run {
	struct cycle cycle;
	struct charges *charges;    /* one per member */
	double *largest;            /* one per member, a cache line each */
	int cycles, every;          /* V-cycles to do; print the norm after each */
	double norm, seconds;
};

enum { LINE = 8 };    /* doubles */

static struct weights smoother(void)
{
	static const struct weights a = { -3.0 / 8, 1.0 / 32, -1.0 / 64, 0 }, b = { -3.0 / 17, 1.0 / 33, -1.0 / 61, 0 };

	return strcmp(NPB_SMOOTHER, "S_a") ? b : a;
}

static void find(struct member *me, void *argument)
{
	struct run *run = argument;

	charges_find(run->charges, me, NPB_N, NPB_SEED);
}

static double norm(struct run *run, struct member *me)
{
	return cycle_norm(&run->cycle, me, &run->largest[LINE * me->rank]);
}

static void print_norm(const struct run *run, const struct member *me, int cycle, double value)
{
	double largest = 0;

	for (int m = 0; m < me->threads; m++)
		largest = run->largest[LINE * m] > largest ? run->largest[LINE * m] : largest;
	printf(" cycle %2d norm %.16e largest %.16e\n", cycle, value, largest);
	fflush(stdout);
}

static void work(struct member *me, void *argument)
{
	struct run *run = argument;
	double *scratch = heap_take(sizeof *scratch * cycle_scratch(&run->cycle)), value;
	double began = timer_seconds();

	cycle_start(&run->cycle, me, scratch);
	value = norm(run, me);
	if (me->rank == 0)
		print_norm(run, me, 0, value);
	for (int cycle = 1; cycle <= run->cycles; cycle++) {
		cycle_turn(&run->cycle, me, scratch);
		if (cycle < run->cycles && !run->every)
			continue;
		value = norm(run, me);
		if (me->rank == 0)
			print_norm(run, me, cycle, value);
	}
	if (me->rank == 0) {
		run->norm = value;
		run->seconds = timer_seconds() - began;
	}
	team_barrier(me);
	heap_free(scratch);
}

static int benchmark(struct run *run, struct team *team)
{
	struct report report = {
		.name = "MG", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.operations = 58.0 * NPB_NITER * NPB_N * NPB_N * NPB_N, .date = NPB_COMPILE_DATE,
	};
	const double reference = NPB_RNM2;

	run->cycles = 1;
	team_run(team, work, run);    /* touch code and memory */
	run->cycles = NPB_NITER;
	team_run(team, work, run);
	report.seconds = run->seconds;
	report.verified = verify_all("rnm2", &run->norm, &reference, 1, NPB_EPSILON);
	report_grid(&report, NPB_N, NPB_N, NPB_N);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* For tests: where the charges are, and the norms after the first cycles. */
static void checkpoints(struct run *run, struct team *team, int cycles)
{
	for (int sign = -1; sign <= 1; sign += 2)
		for (int at = 0; at < CHARGES; at++) {
			const struct charge *c = sign < 0 ? &run->charges->smallest[at] : &run->charges->largest[at];
			printf(" charge %+d at %d %d %d\n", sign, c->i + 1, c->j + 1, c->k + 1);
		}
	run->cycles = cycles;
	run->every = 1;
	team_run(team, work, run);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct weights weights = smoother();
	struct run run = { .every = 0 };
	int status = EXIT_SUCCESS;

	report_heading("MG", NPB_CLASS, NPB_N, NPB_N, NPB_N, NPB_NITER);
	run.charges = heap_take(sizeof *run.charges * options.threads);
	run.largest = heap_zeroed(sizeof *run.largest * LINE * options.threads);
	cycle_open(&run.cycle, NPB_LEVELS, &weights);
	team_run(team, find, &run);
	charges_place(run.charges, &run.cycle.v);
	if (options.checkpoints)
		checkpoints(&run, team, options.checkpoints);
	else
		status = benchmark(&run, team);
	cycle_close(&run.cycle);
	heap_free(run.largest);
	heap_free(run.charges);
	team_close(team);
	return status;
}
