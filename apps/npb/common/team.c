#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "heap.h"
#include "team.h"

/* Looks before a member sleeps, some 20 ns each. The most is longer than members with
 * equal shares usually differ, about as long as a sleeper takes to wake. Each look that
 * was in vain to the end halves what the member gives the next wait, and each that was
 * not doubles it: where something else has a processor, and members take turns on what
 * is left, they sleep nearly at once. */
enum { LOOKS_MOST = 5000, LOOKS_LEAST = 300 };

/* What different members write stands in different cache lines. */
#define OWN_LINE __attribute__((aligned(64)))

struct slot {
	OWN_LINE struct member member;
	OWN_LINE double value[2];    /* of sums with even and odd number */
	OWN_LINE long next;          /* how many of its share are taken since the last barrier */
	pthread_t thread;
};

struct team {
	OWN_LINE unsigned long turn;    /* barriers passed; the last to come adds one */
	OWN_LINE int missing;           /* members that are still to come */
	OWN_LINE int threads;
	int has_room;                   /* a processor for each member */
	void (*work)(struct member *, void *);
	void *argument;
	pthread_mutex_t lock;           /* for those who sleep */
	pthread_cond_t passed;
	struct slot slots[];
};

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

static int has_passed(struct team *t, unsigned long turn)
{
	return __atomic_load_n(&t->turn, __ATOMIC_ACQUIRE) >= turn;
}

static void pass(struct team *t, unsigned long turn)
{
	/* Before the turn: whoever has passed may come to the next barrier at once. */
	for (int rank = 0; rank < t->threads; rank++)
		__atomic_store_n(&t->slots[rank].next, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->missing, t->threads, __ATOMIC_RELAXED);
	pthread_mutex_lock(&t->lock);
	__atomic_store_n(&t->turn, turn, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&t->lock);
	/* Without sleepers this is no system call. */
	pthread_cond_broadcast(&t->passed);
}

/* Whether it passed while we looked. */
static int look(struct team *t, struct member *me)
{
	for (int look = 0; look < me->looks; look++) {
		if (has_passed(t, me->turn)) {
			me->looks = me->looks > LOOKS_MOST / 2 ? LOOKS_MOST : 2 * me->looks;
			return 1;
		}
		relax();
	}
	me->looks = me->looks < 2 * LOOKS_LEAST ? LOOKS_LEAST : me->looks / 2;
	return 0;
}

static void sleep_until(struct team *t, unsigned long turn)
{
	pthread_mutex_lock(&t->lock);
	while (!has_passed(t, turn))
		pthread_cond_wait(&t->passed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void team_barrier(struct member *me)
{
	struct team *t = me->team;

	if (me->threads == 1)
		return;
	me->turn++;
	if (__atomic_sub_fetch(&t->missing, 1, __ATOMIC_ACQ_REL) == 0)
		pass(t, me->turn);
	else if (!t->has_room || !look(t, me))
		sleep_until(t, me->turn);
}

double team_sum(struct member *me, double value)
{
	struct team *t = me->team;
	/* Two places in turn: who is late to read one sum is not overtaken by the next. */
	unsigned place = me->sums++ % 2;
	double sum = 0;

	if (me->threads == 1)
		return value;
	t->slots[me->rank].value[place] = value;
	team_barrier(me);
	for (int rank = 0; rank < me->threads; rank++)
		sum += t->slots[rank].value[place];
	return sum;
}

void team_share(const struct member *me, long count, long *from, long *to)
{
	*from = count * me->rank / me->threads;
	*to = count * (me->rank + 1) / me->threads;
}

long team_next(struct member *me, long count)
{
	struct team *t = me->team;

	for (int ahead = 0; ahead < me->threads; ahead++) {
		struct member *owner = &t->slots[(me->rank + ahead) % me->threads].member;
		long from, to, taken;
		team_share(owner, count, &from, &to);
		taken = __atomic_fetch_add(&t->slots[owner->rank].next, 1, __ATOMIC_RELAXED);
		if (taken < to - from)
			return from + taken;
	}
	if (me->threads == 1)
		t->slots[0].next = 0;    /* there are no barriers */
	return -1;
}

/* Members other than the first: from one piece of work to the next. */
static void *serve(void *argument)
{
	struct member *me = argument;
	struct team *t = me->team;

	for (;;) {
		team_barrier(me);
		if (!t->work)
			return NULL;
		t->work(me, t->argument);
		team_barrier(me);
	}
}

struct team *team_open(int threads)
{
	struct team *t = heap_zeroed(sizeof *t + threads * sizeof t->slots[0]);

	t->threads = t->missing = threads;
	t->has_room = threads <= sysconf(_SC_NPROCESSORS_ONLN);    /* of those that we may use */
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->passed, NULL);
	for (int rank = 0; rank < threads; rank++) {
		struct slot *slot = &t->slots[rank];
		int error = 0;
		slot->member = (struct member){ .team = t, .rank = rank, .threads = threads, .looks = LOOKS_MOST };
		if (rank)
			error = pthread_create(&slot->thread, NULL, serve, &slot->member);
		if (error) {
			fprintf(stderr, "no thread %d of %d: %s\n", rank + 1, threads, strerror(error));
			exit(EXIT_FAILURE);
		}
	}
	return t;
}

void team_run(struct team *t, void (*work)(struct member *, void *), void *argument)
{
	struct member *me = &t->slots[0].member;

	t->work = work;
	t->argument = argument;
	team_barrier(me);
	work(me, argument);
	team_barrier(me);
}

void team_close(struct team *t)
{
	t->work = NULL;
	team_barrier(&t->slots[0].member);
	for (int rank = 1; rank < t->threads; rank++)
		pthread_join(t->slots[rank].thread, NULL);
	pthread_cond_destroy(&t->passed);
	pthread_mutex_destroy(&t->lock);
	heap_free(t);
}
