/*
 * NPB DC: the data cube of an arithmetic data set. One class per program; its
 * parameters and reference values are generated from verification.json into params.h.
 *
 * Works in the current directory: the tuples are in dc.tuples, and dc.view.N has the
 * view that thread N computed last. Both are removed at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "group.h"
#include "heap.h"
#include "options.h"
#include "params.h"
#include "report.h"
#include "team.h"
#include "timer.h"
#include "tuples.h"
#include "views.h"

#define TUPLES "dc.tuples"

/* What the members of the team share. */
struct cube {
	struct columns columns;
	const struct view *views;
	long count;
	long next;                        /* view to compute next */
	struct grouper *groupers;         /* one per member */
	struct group_result *results;     /* one per view */
	int error;                        /* errno of what went wrong, or 0 */
};

static void view_path(int rank, char path[32])
{
	snprintf(path, 32, "dc.view.%d", rank);
}

/* Views differ in size: each member takes the next one, the largest first. */
static void work(struct member *me, void *argument)
{
	struct cube *cube = argument;
	long view;

	while ((view = cube->count - 1 - __atomic_fetch_add(&cube->next, 1, __ATOMIC_RELAXED)) >= 0)
		if (group_view(cube->groupers + me->rank, cube->views[view].mask, cube->results + view)) {
			__atomic_store_n(&cube->error, errno, __ATOMIC_RELAXED);
			break;
		}
}

static void fail(const char *what, int error)
{
	fprintf(stderr, "dc: %s: %s\n", what, error ? strerror(error) : "not what was written there");
	exit(EXIT_FAILURE);
}

static uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus)
{
	uint64_t product = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			product = product * base % modulus;
		base = base * base % modulus;
	}
	return product;
}

/* The data set of the class into its file. */
static void generate(uint64_t order[])
{
	struct progression of[NPB_ATTRIBUTES];
	uint64_t sum;

	for (int i = 0; i < NPB_ATTRIBUTES; i++) {
		of[i].prime = npb_primes[i];
		of[i].generator = power(npb_primitive_roots[i], npb_exponents[i], of[i].prime);
		order[i] = views_order(of[i].prime, npb_exponents[i]);
	}
	if (tuples_write(TUPLES, of, NPB_ATTRIBUTES, NPB_TUPLES, &sum))
		fail(TUPLES, errno);
	printf(" sum of measures %llu\n", (unsigned long long)sum);
}

static void open_groupers(struct cube *cube, int threads)
{
	cube->groupers = heap_take(threads * sizeof *cube->groupers);
	for (int rank = 0; rank < threads; rank++) {
		char path[32];
		view_path(rank, path);
		group_open(cube->groupers + rank, &cube->columns, path);
		if (cube->groupers[rank].fd < 0)
			fail(path, errno);
	}
}

static void close_groupers(struct cube *cube, int threads)
{
	for (int rank = 0; rank < threads; rank++) {
		char path[32];
		view_path(rank, path);
		group_close(cube->groupers + rank);
		unlink(path);
	}
	heap_free(cube->groupers);
}

/* Sizes and the sum of the checksums; *rows is the number of rows in all views. */
static int verified(const struct cube *cube, uint64_t *rows, uint64_t *checksum)
{
	int ok = 1;

	*rows = *checksum = 0;
	for (long v = 0; v < cube->count; v++) {
		*rows += cube->results[v].rows;
		*checksum += cube->results[v].checksum;
		if (cube->results[v].rows != cube->views[v].size) {
			printf(" !! view %#x has %llu rows instead of %llu\n", (unsigned)cube->views[v].mask,
				(unsigned long long)cube->results[v].rows, (unsigned long long)cube->views[v].size);
			ok = 0;
		}
	}
	return ok && *checksum == NPB_CHECKSUM && *rows == NPB_ROWS_IN_ALL_VIEWS;
}

/* For tests: every view that was computed. */
static void print_views(const struct cube *cube)
{
	for (long v = 0; v < cube->count; v++)
		printf("view %u rows %llu checksum %llu\n", (unsigned)cube->views[v].mask,
			(unsigned long long)cube->results[v].rows, (unsigned long long)cube->results[v].checksum);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct report report = {
		.name = "DC", .class = NPB_CLASS, .iterations = 1, .operation = "Tuples generated",
		.date = NPB_COMPILE_DATE, .no_period = 1,
	};
	struct cube cube = { 0 };
	uint64_t order[NPB_ATTRIBUTES], rows, checksum;
	struct view *views;
	double began;

	report_heading_count("DC", NPB_CLASS, NPB_TUPLES, 1);
	generate(order);
	cube.views = views = views_choose(order, NPB_ATTRIBUTES, NPB_TUPLES, NPB_VIEW_STEP, &cube.count);
	cube.results = heap_zeroed(cube.count * sizeof *cube.results);

	began = timer_seconds();
	if (tuples_read(&cube.columns, TUPLES, NPB_ATTRIBUTES, NPB_TUPLES))
		fail(TUPLES, errno);
	open_groupers(&cube, options.threads);
	team_run(team, work, &cube);
	if (cube.error)
		fail("view", cube.error);
	report.verified = verified(&cube, &rows, &checksum);
	report.seconds = timer_seconds() - began;

	if (options.checkpoints)
		print_views(&cube);
	printf(" time %.2f s\n input tuples %lld\n views %ld\n tasks 1\n tuples generated %llu\n tuples per second %.0f\n"
		" checksum %llu, reference %lld\n", report.seconds, (long long)NPB_TUPLES, cube.count, (unsigned long long)rows,
		rows / report.seconds, (unsigned long long)checksum, (long long)NPB_CHECKSUM);
	report.operations = rows;
	report_count(&report, NPB_TUPLES);
	report_print(&report);

	close_groupers(&cube, options.threads);
	unlink(TUPLES);
	tuples_free(&cube.columns);
	heap_free(cube.results);
	heap_free(views);
	team_close(team);
	return report.verified ? EXIT_SUCCESS : EXIT_FAILURE;
}
