/* NPB EP: Gaussian pairs from one long sequence of random numbers. One class per
 * program; its parameters and reference values come from verification.json. */
#include <stdio.h>
#include <stdlib.h>
#include "batch.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "team.h"
#include "timer.h"
#include "verify.h"

struct shared {
	long batches;
	struct tally total;
};

/* Counts are below 2^53, so the sum of doubles is exact. */
static void work(struct member *me, void *argument)
{
	struct shared *shared = argument;
	struct tally own = { 0 }, total;
	long from, to;

	team_share(me, shared->batches, &from, &to);
	batches_tally(from, to, &own);
	total.sx = team_sum(me, own.sx);
	total.sy = team_sum(me, own.sy);
	for (int l = 0; l < ANNULI; l++)
		total.q[l] = (long long)team_sum(me, (double)own.q[l]);
	if (me->rank == 0)
		shared->total = total;
}

static void print(const struct tally *t)
{
	long long pairs = 0;

	for (int l = 0; l < ANNULI; l++)
		pairs += t->q[l];
	printf(" gaussian pairs %lld\n sx %.16e\n sy %.16e\n", pairs, t->sx, t->sy);
	for (int l = 0; l < ANNULI; l++)
		printf(" q[%d] %lld\n", l, t->q[l]);
	fflush(stdout);
}

static int verified(const struct tally *t)
{
	const double sx = NPB_SX, sy = NPB_SY;
	int ok = verify_all("sx", &t->sx, &sx, 1, NPB_EPSILON);

	return verify_all("sy", &t->sy, &sy, 1, NPB_EPSILON) && ok;
}

static int run(struct team *team)
{
	struct shared shared = { .batches = 1 };
	struct report report = {
		.name = "EP", .class = NPB_CLASS, .iterations = 0, .operation = "Random numbers generated",
		.operations = 2.0 * NPB_PAIRS, .date = NPB_COMPILE_DATE,
	};
	double began;

	team_run(team, work, &shared);    /* touch code and memory */
	began = timer_seconds();
	shared.batches = (long)NPB_PAIRS >> BATCH_LOG2_PAIRS;
	team_run(team, work, &shared);
	report.seconds = timer_seconds() - began;
	print(&shared.total);
	report.verified = verified(&shared.total);
	report_count(&report, 2LL * NPB_PAIRS);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	int status = EXIT_SUCCESS;

	if (options.checkpoints) {
		struct shared shared = { .batches = options.checkpoints };
		team_run(team, work, &shared);
		print(&shared.total);
	} else {
		report_heading_count("EP", NPB_CLASS, 2LL * NPB_PAIRS, 0);
		status = run(team);
	}
	team_close(team);
	return status;
}
