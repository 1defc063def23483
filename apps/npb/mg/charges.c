#include <string.h>
#include "charges.h"
#include "heap.h"
#include "random.h"

/* Insert into a list with the extreme value first; SIGN is -1 where that is the smallest. */
static void insert(struct charge list[CHARGES], const struct charge *one, int sign)
{
	int at = CHARGES - 1;

	if (sign * one->value <= sign * list[at].value)
		return;
	for (; at > 0 && sign * one->value > sign * list[at - 1].value; at--)
		list[at] = list[at - 1];
	list[at] = *one;
}

static void consider(struct charges *c, const struct charge *one)
{
	insert(c->largest, one, 1);
	insert(c->smallest, one, -1);
}

static void consider_row(struct charges *c, const double *row, int n, int j, int k)
{
	for (int i = 0; i < n; i++)
		if (row[i] > c->largest[CHARGES - 1].value || row[i] < c->smallest[CHARGES - 1].value)
			consider(c, &(struct charge){ row[i], i, j, k });
}

static void merge(struct charges *all, int members)
{
	for (int m = 1; m < members; m++)
		for (int at = 0; at < CHARGES; at++) {
			insert(all->largest, &all[m].largest[at], 1);
			insert(all->smallest, &all[m].smallest[at], -1);
		}
}

void charges_find(struct charges *all, struct member *me, int n, uint64_t seed)
{
	struct charges *own = &all[me->rank];
	double *row = heap_take(sizeof *row * n);
	uint64_t state;
	long from, to;

	for (int at = 0; at < CHARGES; at++) {
		own->largest[at].value = -1;
		own->smallest[at].value = 2;
	}
	team_share(me, n, &from, &to);
	state = random_product(seed, random_power(RANDOM_MULTIPLIER, (uint64_t)from * n * n));
	for (long k = from; k < to; k++)
		for (int j = 0; j < n; j++) {
			random_fill(&state, RANDOM_MULTIPLIER, row, n);
			consider_row(own, row, n, j, (int)k);
		}
	heap_free(row);
	team_barrier(me);
	if (me->rank == 0)
		merge(all, me->threads);
	team_barrier(me);
}

void charges_place(const struct charges *c, struct grid *v)
{
	memset(v->data, 0, sizeof *v->data * v->n * v->plane);
	for (int at = 0; at < CHARGES; at++) {
		const struct charge *more = &c->largest[at], *less = &c->smallest[at];
		grid_row(v, more->k, more->j)[more->i] = 1;
		grid_row(v, less->k, less->j)[less->i] = -1;
	}
}
