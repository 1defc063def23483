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
	long field, inner, mortars;

	mesh_build(m, &h->tree, h->problem.nu, h->problem.dt);
	field = mesh_field(m) * sizeof(double);
	inner = (long)m->groups * INNER_POINTS * LANES * sizeof(double);
	mortars = (m->mortars + 1L) * sizeof(double);
	h->load = heap_take(field);
	h->slots = heap_zeroed(mesh_slots(m) * sizeof(double));
	h->p = heap_take(field);
	h->inner_x = heap_take(inner);
	h->inner_r = heap_take(inner);
	h->inner_inverse = heap_take(inner);
	h->mortar_x = heap_zeroed(mortars);
	h->mortar_r = heap_zeroed(mortars);
	h->mortar_p = heap_zeroed(mortars);
	h->mortar_q = heap_zeroed(mortars);
	for (int g = 0; g < m->groups; g++) {
		struct scale s = element_scale(m->half + g * LANES, h->problem.nu, h->problem.dt);
		double *out = h->inner_inverse + (long)g * INNER_POINTS * LANES;
		element_diagonal(&s, out);
		for (int n = 0; n < INNER_POINTS * LANES; n++)
			out[n] = 1.0 / out[n];
	}
}

static void close_mesh(struct heat *h)
{
	double *blocks[] = {
		h->load, h->slots, h->p, h->inner_x, h->inner_r, h->inner_inverse, h->mortar_x, h->mortar_r, h->mortar_p,
		h->mortar_q,
	};

	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		heap_free(blocks[i]);
	mesh_free(&h->mesh);
}

static struct tree tree_now(const struct heat *h)
{
	struct tree t;
	double source[3];

	heat_source(h->time, source);
	tree_build(&t, h->problem.levels, source, h->problem.alpha);
	return t;
}

void heat_open(struct heat *h, const struct problem *p)
{
	memset(h, 0, sizeof *h);
	basis_fill();
	geometry_fill();
	element_fill();
	diagonal_fill();
	h->problem = *p;
	h->tree = tree_now(h);
	open_mesh(h);
	h->field = heap_zeroed(mesh_field(&h->mesh) * sizeof(double));
}

void heat_close(struct heat *h)
{
	close_mesh(h);
	tree_free(&h->tree);
	heap_free(h->field);
}

void heat_reset(struct heat *h)
{
	h->time = 0.0;
	memset(h->field, 0, mesh_field(&h->mesh) * sizeof(double));
}

void heat_adapt(struct heat *h)
{
	struct tree now = tree_now(h);
	double *field;

	if (tree_same(&now, &h->tree)) {
		tree_free(&now);
		return;
	}
	close_mesh(h);
	field = heap_zeroed((now.elements + LANES - 1L) / LANES * LANES * POINTS * sizeof *field);
	carry(&h->tree, h->field, &now, field);
	heap_free(h->field);
	tree_free(&h->tree);
	h->field = field;
	h->tree = now;
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
