/*
 * A = sum of s_i x_i x_i^T, plus a diagonal.
 *
 * The products are not collected: row r of A is the sum of x_i[r] s_i x_i over the
 * vectors i that have an element at r, so with the list of these vectors for every
 * position, the rows can be formed one by one and in parallel. A row is added up in
 * a dense array; a bit for every column says what is in it and yields the columns in
 * order. Each row is formed twice, the first time to count.
 */
#include <math.h>
#include <string.h>
#include "heap.h"
#include "matrix.h"
#include "random.h"

struct vectors {
	int n, width;            /* elements of a vector: at most width */
	int *length;             /* [n] */
	int32_t *position;       /* [n][width] */
	double *value;           /* [n][width] */
	double *scale;           /* [n]: s_i */
	/* By position: elements of the vectors, as indices of position[] and value[]. */
	int64_t *first;          /* [n + 1] */
	int64_t *element;
};

static int find(const int32_t *position, int length, int32_t wanted)
{
	for (int e = 0; e < length; e++)
		if (position[e] == wanted)
			return e;
	return -1;
}

/* Vector i, its positions from 0. Returns how many numbers were drawn. */
static int64_t draw(struct vectors *x, int i, int nonzer, int power_of_two, uint64_t *state)
{
	int32_t *position = x->position + (int64_t)i * x->width;
	double *value = x->value + (int64_t)i * x->width;
	int length = 0, own;
	int64_t drawn = 0;

	while (length < nonzer) {
		double number = random_draw(state, RANDOM_MULTIPLIER);
		int32_t where = (int32_t)(power_of_two * random_draw(state, RANDOM_MULTIPLIER));
		drawn += 2;
		if (where >= x->n || find(position, length, where) >= 0)
			continue;
		position[length] = where;
		value[length++] = number;
	}
	own = find(position, length, i);
	if (own < 0)
		own = length++;
	position[own] = i;
	value[own] = 0.5;
	x->length[i] = length;
	return drawn;
}

static void list_by_position(struct vectors *x)
{
	for (int i = 0; i < x->n; i++)
		for (int e = 0; e < x->length[i]; e++)
			x->first[x->position[(int64_t)i * x->width + e] + 1]++;
	for (int r = 0; r < x->n; r++)
		x->first[r + 1] += x->first[r];
	for (int i = x->n - 1; i >= 0; i--)
		for (int e = 0; e < x->length[i]; e++) {
			int64_t at = (int64_t)i * x->width + e;
			/* Fills the list from its end, which becomes its beginning. */
			x->element[--x->first[x->position[at] + 1]] = at;
		}
	/* first[r + 1] is now the beginning of r. */
	memmove(x->first, x->first + 1, sizeof *x->first * x->n);
	x->first[x->n] = 0;
	for (int i = 0; i < x->n; i++)
		x->first[x->n] += x->length[i];
}

static void vectors_open(struct vectors *x, const struct matrix_recipe *by, struct matrix *a)
{
	int power_of_two = 2;
	double ratio = pow(by->rcond, 1.0 / by->n), scale = 1;
	int64_t room;

	x->n = by->n;
	x->width = by->nonzer + 1;
	room = (int64_t)x->n * x->width;
	x->length = heap_take(sizeof *x->length * x->n);
	x->position = heap_take(sizeof *x->position * room);
	x->value = heap_take(sizeof *x->value * room);
	x->scale = heap_take(sizeof *x->scale * x->n);
	x->first = heap_zeroed(sizeof *x->first * (x->n + 1));
	x->element = heap_take(sizeof *x->element * room);

	while (power_of_two < x->n)
		power_of_two *= 2;
	a->state = by->seed;
	random_draw(&a->state, RANDOM_MULTIPLIER);
	for (int i = 0; i < x->n; i++, scale *= ratio) {
		a->drawn += draw(x, i, by->nonzer, power_of_two, &a->state);
		a->triples += (int64_t)x->length[i] * x->length[i];
		x->scale[i] = scale;
	}
	list_by_position(x);
}

static void vectors_close(struct vectors *x)
{
	heap_free(x->length);
	heap_free(x->position);
	heap_free(x->value);
	heap_free(x->scale);
	heap_free(x->first);
	heap_free(x->element);
}

/* One row on its way: sums by column, and the set of columns that have one. */
struct dense {
	double *sum;
	uint64_t *set;
	int words;
};

static void form_row(struct dense *d, const struct vectors *x, int r)
{
	for (int64_t e = x->first[r]; e < x->first[r + 1]; e++) {
		int64_t at = x->element[e], i = at / x->width, start = i * x->width;
		double factor = x->scale[i] * x->value[at];
		for (int64_t c = start; c < start + x->length[i]; c++) {
			int32_t column = x->position[c];
			d->sum[column] += factor * x->value[c];
			d->set[column / 64] |= UINT64_C(1) << column % 64;
		}
	}
}

/* Move the row out, if there is a place for it; the dense one is empty again. Returns its length. */
static int64_t take_row(struct dense *d, int32_t *column, double *value)
{
	int64_t length = 0;

	for (int w = 0; w < d->words; w++) {
		for (uint64_t set = d->set[w]; set; set &= set - 1) {
			int32_t c = 64 * w + __builtin_ctzll(set);
			if (value) {
				column[length] = c;
				value[length] = d->sum[c];
			}
			d->sum[c] = 0;
			length++;
		}
		d->set[w] = 0;
	}
	return length;
}

struct assembly {
	struct matrix *a;
	const struct vectors *x;
	double diagonal;
};

static void assemble(struct member *me, void *argument)
{
	struct assembly *job = argument;
	struct matrix *a = job->a;
	struct dense d = { .words = (a->n + 63) / 64 };
	long from, to;

	d.sum = heap_zeroed(sizeof *d.sum * a->n);
	d.set = heap_zeroed(sizeof *d.set * d.words);
	team_share(me, a->n, &from, &to);
	for (long r = from; r < to; r++) {
		form_row(&d, job->x, (int)r);
		a->row[r + 1] = take_row(&d, NULL, NULL);
	}
	team_barrier(me);
	if (me->rank == 0) {
		for (int r = 0; r < a->n; r++)
			a->row[r + 1] += a->row[r];
		a->column = heap_take(sizeof *a->column * a->row[a->n]);
		a->value = heap_take(sizeof *a->value * a->row[a->n]);
	}
	team_barrier(me);
	for (long r = from; r < to; r++) {
		form_row(&d, job->x, (int)r);
		d.sum[r] += job->diagonal;
		take_row(&d, a->column + a->row[r], a->value + a->row[r]);
	}
	heap_free(d.sum);
	heap_free(d.set);
}

void matrix_open(struct matrix *a, const struct matrix_recipe *by, struct team *team)
{
	struct vectors x;
	struct assembly job = { .a = a, .x = &x, .diagonal = by->rcond - by->shift };

	memset(a, 0, sizeof *a);
	a->n = by->n;
	a->row = heap_zeroed(sizeof *a->row * (a->n + 1));
	vectors_open(&x, by, a);
	team_run(team, assemble, &job);
	vectors_close(&x);
}

void matrix_close(struct matrix *a)
{
	heap_free(a->row);
	heap_free(a->column);
	heap_free(a->value);
}

/* The first row that begins at the given element or later. */
static int row_of(const struct matrix *a, int64_t element)
{
	int low = 0, high = a->n;

	while (low < high) {
		int middle = low + (high - low) / 2;
		if (a->row[middle] < element)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void matrix_share(const struct matrix *a, const struct member *me, int *from, int *to)
{
	long first, end;

	team_share(me, a->row[a->n], &first, &end);
	*from = row_of(a, first);
	*to = row_of(a, end);
}
