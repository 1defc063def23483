/*
 * blackscholes NTHREADS INPUT OUTPUT: price a portfolio of European options.
 *
 * The interface and the file formats are those of the program of that name in PARSEC.
 * As there, the whole portfolio is priced RUNS times, for the sake of measuring. Prices
 * are compared with those in the input file: to 1e-4, as there, and to 1e-6.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "options.h"
#include "pricing.h"

#ifndef RUNS
#define RUNS 100
#endif

enum { THREADS_MAX = 1024 };

/* What one thread prices. */
struct share {
	const struct options *options;
	long from, to;
	pthread_t thread;
};

static void *work(void *argument)
{
	const struct share *share = argument;

	for (int run = 0; run < RUNS; run++)
		pricing_run(share->options, share->from, share->to);
	return NULL;
}

static int price_all(const struct options *o, int threads)
{
	struct share *shares = malloc(threads * sizeof *shares);
	int started = 0, error = shares ? 0 : ENOMEM;

	for (; started < threads && !error; started += !error) {
		shares[started].options = o;
		shares[started].from = (long)((double)o->count * started / threads);
		shares[started].to = (long)((double)o->count * (started + 1) / threads);
		error = pthread_create(&shares[started].thread, NULL, work, shares + started);
	}
	for (int t = 0; t < started; t++)
		pthread_join(shares[t].thread, NULL);
	free(shares);
	return error;
}

/* Prices that are further from the reference than a tolerance. Written so that NaN is. */
static long count_off(const struct options *o, double tolerance)
{
	long off = 0;

	for (long i = 0; i < o->count; i++)
		off += !(fabs(o->price[i] - o->reference[i]) < tolerance);
	return off;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
}

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "blackscholes: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options;
	long threads, wrong, coarse, fine;
	double began, took;
	char *end;
	int error;

	if (argc != 4) {
		fprintf(stderr, "usage: blackscholes NTHREADS INPUT OUTPUT\n");
		return 2;
	}
	threads = strtol(argv[1], &end, 10);
	if (end == argv[1] || *end || threads < 1 || threads > THREADS_MAX)
		return refuse(argv[1], "no number of threads from 1 to 1024");
	wrong = options_read(&options, argv[2]);
	if (wrong > 0) {
		fprintf(stderr, "blackscholes: %s: line %ld is wrong\n", argv[2], wrong);
		return EXIT_FAILURE;
	}
	if (wrong < 0)
		return refuse(argv[2], strerror(errno));

	began = seconds();
	error = price_all(&options, threads);
	took = seconds() - began;
	if (error)
		return refuse("threads", strerror(error));
	if (options_write(&options, argv[3]))
		return refuse(argv[3], strerror(errno));

	coarse = count_off(&options, 1e-4);
	fine = count_off(&options, 1e-6);
	printf(" options %ld, %d runs, %ld threads\n", options.count, RUNS, threads);
	printf(" Time in seconds = %24.2f\n", took);
	printf(" Mop/s total     = %24.2f\n", took > 0 ? 1e-6 * RUNS * options.count / took : 0.0);
	printf(" off by 1e-4     = %24ld\n off by 1e-6     = %24ld\n", coarse, fine);
	printf(" Verification    = %24s\n", coarse || fine ? "UNSUCCESSFUL" : "SUCCESSFUL");
	options_free(&options);
	return coarse || fine ? EXIT_FAILURE : EXIT_SUCCESS;
}
