/* Driver: meetings.c -t THREADS. Members count each other through many barriers, add up fractions whose sum
 * depends on the order, share out ranges, and take pieces one by one. Prints what went wrong, and the sum's bits. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "heap.h"
#include "options.h"
#include "team.h"

enum { ROUNDS = 3000 };

struct board {
	int *visits;     /* per member, plain memory: only the barrier orders it */
	int wrong;
	double sum;
	int taken[1000], next[97];
};

static void meet(struct member *me, void *argument)
{
	struct board *b = argument;
	double sum = 0;
	long from, to;

	for (int round = 1; round <= ROUNDS; round++) {
		b->visits[me->rank]++;
		team_barrier(me);
		for (int other = 0; other < me->threads; other++)
			if (b->visits[other] != round)
				__atomic_fetch_add(&b->wrong, 1, __ATOMIC_RELAXED);
		team_barrier(me);
	}
	for (int round = 1; round <= ROUNDS; round++)
		sum += team_sum(me, 1.0 / (me->rank + 3 * round));
	if (me->rank == 0)
		b->sum = sum;
	if (team_sum(me, sum) != sum * me->threads && me->threads < 3)
		__atomic_fetch_add(&b->wrong, 1, __ATOMIC_RELAXED);
	team_share(me, 1000, &from, &to);
	for (long i = from; i < to; i++)
		__atomic_fetch_add(&b->taken[i], 1, __ATOMIC_RELAXED);
	for (int round = 1; round <= ROUNDS; round++) {
		long next;
		while ((next = team_next(me, 97)) >= 0)
			b->next[next]++;    /* plain memory: it is one member's until the barrier */
		team_barrier(me);
	}
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct team *team = team_open(options.threads);
	struct board b = { .visits = heap_zeroed(sizeof *b.visits * options.threads) };
	uint64_t bits;

	for (int time = 1; time <= 2; time++) {
		memset(b.visits, 0, sizeof *b.visits * options.threads);
		team_run(team, meet, &b);
	}
	for (int i = 0; i < 1000; i++)
		b.wrong += b.taken[i] != 2;
	for (int i = 0; i < 97; i++)
		b.wrong += b.next[i] != 2 * ROUNDS;
	team_close(team);
	heap_free(b.visits);
	memcpy(&bits, &b.sum, sizeof bits);
	printf("wrong %d sum %016llx %.15g\n", b.wrong, (unsigned long long)bits, b.sum);
	return b.wrong != 0;
}
