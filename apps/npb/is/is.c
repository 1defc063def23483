/* NPB IS: ranking of integer keys. One class per program; its parameters and test
 * keys come from verification.json. */
#include <stdio.h>
#include <stdlib.h>
#include "heap.h"
#include "options.h"
#include "params.h"
#include "rank.h"
#include "report.h"
#include "team.h"
#include "timer.h"

enum { TESTS = 5 };

struct run {
	struct ranking ranking;
	int first, last;       /* rankings to do */
	uint32_t value[TESTS]; /* of the test keys, when the ranking begins */
	int passed;            /* tests that were right */
	int show;              /* print the test keys and their ranks */
	double seconds;
};

/* Ranking number IT begins by changing two keys. */
static void modify(uint32_t *keys, int it)
{
	keys[it] = (uint32_t)it;
	keys[it + NPB_ITERATIONS] = (uint32_t)(NPB_MAX_KEY - it);
}

static void save(struct run *r)
{
	for (int i = 0; i < TESTS; i++)
		r->value[i] = r->ranking.keys[npb_test_index[i]];
}

/* Count how many of the five test keys have the rank they should have. */
static void test(struct run *r, int it)
{
	for (int i = 0; i < TESTS; i++) {
		uint32_t value = r->value[i];
		long long rank, expected = npb_test_rank[i] + npb_sign[i] * (it + npb_offset[i]);
		if (value == 0 || value > NPB_KEYS - 1)
			continue;
		rank = r->ranking.count[value - 1];
		if (r->show)
			printf(" ranking %d test %d value %u rank %lld\n", it, i + 1, value, rank);
		if (rank == expected)
			r->passed++;
		else
			printf(" !! ranking %d test %d value %u rank %lld expected %lld\n", it, i + 1, value, rank, expected);
	}
}

static void rank(struct run *r, struct member *me, int it)
{
	if (me->rank == 0) {
		modify(r->ranking.keys, it);
		save(r);
	}
	ranking_count(&r->ranking, me);
	if (me->rank == 0)
		test(r, it);
}

static void generate(struct member *me, void *argument)
{
	struct run *r = argument;

	ranking_generate(&r->ranking, me);
}

static void work(struct member *me, void *argument)
{
	struct run *r = argument;
	double began = timer_seconds();

	for (int it = r->first; it <= r->last; it++)
		rank(r, me, it);
	if (me->rank == 0)
		r->seconds = timer_seconds() - began;
}

/* Put every key where its rank says and see whether that is in order. */
static int sorted(struct ranking *r)
{
	uint32_t *out = heap_take(sizeof *out * NPB_KEYS);
	long wrong = 0;

	for (long i = 0; i < NPB_KEYS; i++)
		out[--r->count[r->keys[i]]] = r->keys[i];
	for (long i = 1; i < NPB_KEYS; i++)
		wrong += out[i - 1] > out[i];
	heap_free(out);
	if (wrong)
		printf(" !! %ld keys are out of order\n", wrong);
	return wrong == 0;
}

static void print_keys(const uint32_t *keys)
{
	unsigned long long sum = 0;
	uint32_t least = keys[0], most = keys[0];

	for (long i = 0; i < NPB_KEYS; i++) {
		sum += keys[i];
		least = keys[i] < least ? keys[i] : least;
		most = keys[i] > most ? keys[i] : most;
	}
	for (int i = 0; i < 10; i++)
		printf(" key[%d] %u\n", i, keys[i]);
	printf(" sum %llu least %u most %u\n", sum, least, most);
}

static int benchmark(struct run *r, struct team *team)
{
	struct report report = {
		.name = "IS", .class = NPB_CLASS, .iterations = NPB_ITERATIONS, .operation = "keys ranked",
		.operations = (double)NPB_ITERATIONS * NPB_KEYS, .date = NPB_COMPILE_DATE, .no_period = 1,
	};

	r->first = r->last = 1;
	team_run(team, work, r);    /* touch code and memory */
	r->passed = 0;
	r->last = NPB_ITERATIONS;
	team_run(team, work, r);
	r->passed += sorted(&r->ranking);
	printf(" passed %d\n", r->passed);
	report.seconds = r->seconds;
	report.verified = r->passed == TESTS * NPB_ITERATIONS + 1;
	report_count(&report, NPB_KEYS);
	report_print(&report);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct run run = { .show = options.checkpoints };
	int status = EXIT_SUCCESS;

	report_heading_count("IS", NPB_CLASS, NPB_KEYS, NPB_ITERATIONS);
	ranking_open(&run.ranking, options.threads);
	team_run(team, generate, &run);
	if (options.checkpoints) {
		print_keys(run.ranking.keys);
		run.first = 1;
		run.last = options.checkpoints;
		team_run(team, work, &run);
	} else {
		status = benchmark(&run, team);
	}
	ranking_close(&run.ranking);
	team_close(team);
	return status;
}
