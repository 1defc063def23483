/* The state: its memory, its mesh, its integral. */
#include <string.h>
#include "carry.h"
#include "diagonal.h"
#include "element.h"
#include "heap.h"
#include "heat.h"

void heat_source(double time, double at[3])
{
	at[0] = 3.0 / 7.0 + 3.0 * time;
	at[1] = at[2] = 2.0 / 7.0 + 3.0 * time;
}

/* The mesh of the tree, and everything that has its size but T. */
static void open_mesh(struct heat *h)
{
	struct mesh *m = &h->mesh;
	struct arena *a = &h->arena;
	size_t field, inner, mortars;

	arena_reset(a);
	mesh_build(m, &h->tree, h->problem.nu, h->problem.dt, a);
	field = mesh_field(m) * sizeof(double);
	inner = (size_t)m->groups * INNER_POINTS * LANES * sizeof(double);
	mortars = (m->mortars + 1L) * sizeof(double);
	h->load = arena_take(a, field);
	h->slots = arena_take(a, mesh_slots(m) * sizeof(double));
	h->p = arena_take(a, field);
	h->inner_x = arena_take(a, inner);
	h->inner_r = arena_take(a, inner);
	h->inner_inverse = arena_take(a, inner);
	h->mortar_x = arena_take(a, mortars);
	h->mortar_r = arena_take(a, mortars);
	h->mortar_p = arena_take(a, mortars);
	h->mortar_q = arena_take(a, mortars);
	for (int g = 0; g < m->groups; g++) {
		struct scale s = element_scale(m->half + g * LANES, h->problem.nu, h->problem.dt);
		double *out = h->inner_inverse + (long)g * INNER_POINTS * LANES;
		element_diagonal(&s, out);
		for (int n = 0; n < INNER_POINTS * LANES; n++)
			out[n] = 1.0 / out[n];
	}
}

/* The tree for the time it is; the one there was becomes the last one. */
static void next_tree(struct heat *h)
{
	struct tree last = h->tree;
	double source[3];

	heat_source(h->time, source);
	h->tree = h->last_tree;
	h->last_tree = last;
	tree_build(&h->tree, h->problem.levels, source, h->problem.alpha);
}

/* Memory for T on the tree; the field there was becomes the last one. Zero where there
 * is no element. */
static void next_field(struct heat *h)
{
	double *last = h->field;
	long last_room = h->field_room, need = (h->tree.elements + LANES - 1L) / LANES * LANES * POINTS;

	h->field = h->last_field;
	h->field_room = h->last_field_room;
	h->last_field = last;
	h->last_field_room = last_room;
	if (need > h->field_room) {
		heap_free(h->field);
		h->field_room = need + need / 4;
		h->field = heap_take(h->field_room * sizeof *h->field);
	}
	memset(h->field, 0, need * sizeof *h->field);
}

void heat_open(struct heat *h, const struct problem *p)
{
	memset(h, 0, sizeof *h);
	basis_fill();
	geometry_fill();
	element_fill();
	diagonal_fill();
	h->problem = *p;
	next_tree(h);
	next_field(h);
	open_mesh(h);
}

void heat_close(struct heat *h)
{
	arena_close(&h->arena);
	tree_free(&h->tree);
	tree_free(&h->last_tree);
	heap_free(h->field);
	heap_free(h->last_field);
}

void heat_reset(struct heat *h)
{
	h->time = 0.0;
	memset(h->field, 0, mesh_field(&h->mesh) * sizeof(double));
}

void heat_adapt(struct heat *h)
{
	next_tree(h);
	if (tree_same(&h->tree, &h->last_tree))
		return;
	next_field(h);
	carry(&h->last_tree, h->last_field, &h->tree, h->field);
	open_mesh(h);
}

double heat_integral(const struct heat *h)
{
	double total = 0.0;

	for (int e = 0; e < h->mesh.elements; e++) {
		double half = h->mesh.half[e], sum = 0.0;
		for (int q = 0; q < POINTS; q++)
			sum += element_weight(q) * h->field[field_place(e, q)];
		total += half * half * half * sum;
	}
	return total;
}
