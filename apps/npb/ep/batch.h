/* Batches of 2^16 pairs of the one long sequence of random numbers. */
#ifndef EP_BATCH_H
#define EP_BATCH_H

enum { BATCH_LOG2_PAIRS = 16, ANNULI = 10 };

struct tally {
	double sx, sy;             /* sums of the Gaussian numbers */
	long long q[ANNULI];       /* pairs by the whole part of max(|X|, |Y|) */
};

/* Add the Gaussian pairs of batches from, from + 1, ..., to - 1. */
void batches_tally(long from, long to, struct tally *t);

#endif
