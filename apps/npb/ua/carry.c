#include <string.h>
#include "basis.h"
#include "carry.h"
#include "lanes.h"

struct transfer {
	const struct tree *old, *new;
	const double *from;
	double *to;
};

long field_place(int e, int q)
{
	return ((long)(e / LANES) * POINTS + q) * LANES + e % LANES;
}

static void load(double v[POINTS], const double *field, int element)
{
	for (int q = 0; q < POINTS; q++)
		v[q] = field[field_place(element, q)];
}

static void store(double *field, int element, const double v[POINTS])
{
	for (int q = 0; q < POINTS; q++)
		field[field_place(element, q)] = v[q];
}

static const int stride[3] = { 1, NODES, NODES * NODES };

/* The first point of line number LINE in direction d. */
static int line_start(int d, int line)
{
	int a = d == 0 ? 1 : 0, b = d == 2 ? 1 : 2;

	return line % NODES * stride[a] + line / NODES * stride[b];
}

/* out := a linear map of the values along all lines in direction d. */
static void map_lines(int d, double matrix[NODES][NODES], const double in[POINTS], double out[POINTS])
{
	for (int line = 0; line < NODES * NODES; line++)
		for (int i = 0; i < NODES; i++) {
			double sum = 0.0;
			for (int k = 0; k < NODES; k++)
				sum += matrix[i][k] * in[line_start(d, line) + k * stride[d]];
			out[line_start(d, line) + i * stride[d]] = sum;
		}
}

/* Values on one of the eight children, from those on the parent. */
static void to_child(int which, const double parent[POINTS], double child[POINTS])
{
	double one[POINTS], two[POINTS];

	map_lines(0, basis.half[which & 1], parent, one);
	map_lines(1, basis.half[which >> 1 & 1], one, two);
	map_lines(2, basis.half[which >> 2 & 1], two, child);
}

/* Two neighbours in direction d to the one that both are halves of. */
static void join(int d, const double low[POINTS], const double high[POINTS], double out[POINTS])
{
	for (int line = 0; line < NODES * NODES; line++) {
		const double *a = low + line_start(d, line), *b = high + line_start(d, line);
		double *u = out + line_start(d, line), first = 0.0, last = 0.0;
		for (int k = 0; k < NODES; k++) {
			first += basis.coarsen[k] * a[k * stride[d]];
			last += basis.coarsen[NODES - 1 - k] * b[k * stride[d]];
		}
		u[0] = a[0];
		u[stride[d]] = first;
		u[2 * stride[d]] = a[4 * stride[d]];
		u[3 * stride[d]] = last;
		u[4 * stride[d]] = b[4 * stride[d]];
	}
}

/* Values on a cell of the old tree, leaf or not. */
static void gather(const struct transfer *t, int at, double out[POINTS])
{
	double child[8][POINTS];

	if (t->old->cells[at].child == LEAF) {
		load(out, t->from, t->old->cells[at].element);
		return;
	}
	for (int which = 0; which < 8; which++)
		gather(t, t->old->cells[at].child + which, child[which]);
	for (int pair = 0; pair < 4; pair++)
		join(0, child[2 * pair], child[2 * pair + 1], child[2 * pair]);
	join(1, child[0], child[2], child[0]);
	join(1, child[4], child[6], child[4]);
	join(2, child[0], child[4], out);
}

/* Values on a cell of the new tree to its leaves. */
static void spread(const struct transfer *t, int at, const double in[POINTS])
{
	if (t->new->cells[at].child == LEAF) {
		store(t->to, t->new->cells[at].element, in);
		return;
	}
	for (int which = 0; which < 8; which++) {
		double child[POINTS];
		to_child(which, in, child);
		spread(t, t->new->cells[at].child + which, child);
	}
}

static void walk(const struct transfer *t, int old, int new)
{
	int old_child = t->old->cells[old].child, new_child = t->new->cells[new].child;
	double values[POINTS];

	if (old_child != LEAF && new_child != LEAF) {
		for (int which = 0; which < 8; which++)
			walk(t, old_child + which, new_child + which);
		return;
	}
	gather(t, old, values);
	spread(t, new, values);
}

void carry(const struct tree *old, const double *from, const struct tree *new, double *to)
{
	struct transfer t = { old, new, from, to };

	walk(&t, 0, 0);
}
