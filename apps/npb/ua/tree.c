#include <string.h>
#include "heap.h"
#include "tree.h"

int tree_units(const struct tree *t)
{
	return 2 << t->levels;
}

/* Whether the source is closer to the closed cube than `reach`. */
static int touches(const struct tree *t, const struct cell *c, const double source[3], double reach)
{
	double unit = 1.0 / tree_units(t), sum = 0.0;

	for (int d = 0; d < 3; d++) {
		double low = c->low[d] * unit, high = (c->low[d] + c->size) * unit;
		double away = source[d] < low ? low - source[d] : source[d] > high ? source[d] - high : 0.0;
		sum += away * away;
	}
	return sum < reach * reach;
}

static void split(struct tree *t, int at);

/* Make sure that there is a cell of that level with that lower corner. */
static void ensure(struct tree *t, int level, const int low[3])
{
	int at = 0;

	while (t->cells[at].level < level) {
		int half = t->cells[at].size / 2, which = 0;
		if (t->cells[at].child == LEAF)
			split(t, at);
		for (int d = 0; d < 3; d++)
			which |= (low[d] >= t->cells[at].low[d] + half) << d;
		at = t->cells[at].child + which;
	}
}

/* All neighbours over faces and edges, of the cell's own size, that are in the cube. */
static void ensure_neighbours(struct tree *t, struct cell c)
{
	for (int step = 0; step < 27; step++) {
		int offset[3] = { step % 3 - 1, step / 3 % 3 - 1, step / 9 - 1 }, low[3], inside = 1, moved = 0;
		for (int d = 0; d < 3; d++) {
			low[d] = c.low[d] + offset[d] * c.size;
			inside &= low[d] >= 0 && low[d] < tree_units(t);
			moved += offset[d] != 0;
		}
		if (inside && (moved == 1 || moved == 2))
			ensure(t, c.level, low);
	}
}

static void make_room(struct tree *t)
{
	struct cell *more;

	if (t->count + 8 <= t->room)
		return;
	t->room = 2 * t->room + 1024;
	more = heap_take(t->room * sizeof *more);
	if (t->count)
		memcpy(more, t->cells, t->count * sizeof *more);
	heap_free(t->cells);
	t->cells = more;
}

static void split(struct tree *t, int at)
{
	struct cell *c;

	ensure_neighbours(t, t->cells[at]);
	make_room(t);
	c = t->cells + at;
	c->child = t->count;
	for (int which = 0; which < 8; which++) {
		struct cell *child = t->cells + t->count++;
		*child = (struct cell){ .size = c->size / 2, .level = c->level + 1, .child = LEAF };
		for (int d = 0; d < 3; d++)
			child->low[d] = c->low[d] + (which >> d & 1) * child->size;
	}
}

/* What is split later, for a neighbour's sake, does not touch and need not be seen. */
static void refine(struct tree *t, int at, const double source[3], double reach)
{
	if (t->cells[at].child == LEAF && t->cells[at].level < t->levels && touches(t, t->cells + at, source, reach))
		split(t, at);
	if (t->cells[at].child != LEAF)
		for (int which = 0; which < 8; which++)
			refine(t, t->cells[at].child + which, source, reach);
}

static void number_leaves(struct tree *t, int at)
{
	if (t->cells[at].child == LEAF) {
		t->cells[at].element = t->elements;
		t->leaves[t->elements++] = at;
		return;
	}
	for (int which = 0; which < 8; which++)
		number_leaves(t, t->cells[at].child + which);
}

void tree_build(struct tree *t, int levels, const double source[3], double reach)
{
	t->levels = levels;
	t->count = t->elements = 0;
	make_room(t);
	t->cells[t->count++] = (struct cell){ .size = tree_units(t), .child = LEAF };
	refine(t, 0, source, reach);
	if (t->count > t->leaf_room) {
		heap_free(t->leaves);
		t->leaf_room = t->room;
		t->leaves = heap_take(t->leaf_room * sizeof *t->leaves);
	}
	number_leaves(t, 0);
}

void tree_free(struct tree *t)
{
	heap_free(t->cells);
	heap_free(t->leaves);
	memset(t, 0, sizeof *t);
}

int tree_same(const struct tree *a, const struct tree *b)
{
	if (a->elements != b->elements)
		return 0;
	for (int e = 0; e < a->elements; e++) {
		const struct cell *one = a->cells + a->leaves[e], *two = b->cells + b->leaves[e];
		if (one->level != two->level || memcmp(one->low, two->low, sizeof one->low))
			return 0;
	}
	return 1;
}
