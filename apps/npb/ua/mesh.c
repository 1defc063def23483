/*
 * Numbering. A vertex is known by its coordinates, a conforming edge by its lower end
 * and direction, a conforming face by its lower corner and normal: no two of a kind
 * share these. All vertices come first; an edge or face is nonconforming if its middle
 * is one of them.
 */
#include <string.h>
#include "diagonal.h"
#include "mesh.h"
#include "registry.h"
#include "slots.h"

/* Kinds of places; edges and faces have three each. */
enum { VERTEX = 0, EDGE_ALONG = 1, FACE_NORMAL = 4 };

struct builder {
	struct mesh *mesh;
	const struct tree *tree;
	struct registry places;
	int *halved;         /* [element]: bit of each edge and face (as part - VERTICES) that is nonconforming */
	int edges, faces;    /* patches */
	double nu, dt;
};

static const struct cell *cell_of(const struct builder *b, int e)
{
	return b->tree->cells + b->tree->leaves[e];
}

/* The lower corner of a part of an element. */
static void part_low(const struct cell *c, int part, int low[3])
{
	for (int d = 0; d < 3; d++)
		low[d] = c->low[d] + part_side(part, d) * c->size;
}

static int is_halved(const struct builder *b, int e, int part)
{
	return b->halved[e] >> (part - VERTICES) & 1;
}

static void number_vertices(struct builder *b)
{
	struct mesh *m = b->mesh;

	for (int e = 0; e < m->elements; e++)
		for (int v = 0; v < VERTICES; v++) {
			int at[3];
			part_low(cell_of(b, e), v, at);
			if (registry_add(&b->places, VERTEX, at, m->mortars + 1) > m->mortars)
				m->mortars++;
		}
	m->vertices = m->mortars;
}

/* Which edges and faces of an element are nonconforming; the others get numbers. */
static void number_edges_and_faces(struct builder *b, int e)
{
	const struct cell *c = cell_of(b, e);
	struct mesh *m = b->mesh;

	for (int part = VERTICES; part < PARTS; part++) {
		int edge = part < VERTICES + EDGES, axis = edge ? (part - VERTICES) / 4 : (part - VERTICES - EDGES) / 2;
		int low[3], middle[3];
		part_low(c, part, low);
		for (int d = 0; d < 3; d++)
			middle[d] = low[d] + (edge == (d == axis) ? c->size / 2 : 0);
		if (registry_find(&b->places, VERTEX, middle) != NOWHERE) {
			b->halved[e] |= 1 << (part - VERTICES);
			b->edges += edge;
			b->faces += !edge;
		} else if (registry_add(&b->places, (edge ? EDGE_ALONG : FACE_NORMAL) + axis, low, m->mortars + 1) > m->mortars) {
			m->mortars += edge ? INNER : INNER * INNER;
		}
	}
}

/* The mortar points along an edge that is halved: 9 with the ends. */
static void along_edge(const struct builder *b, int axis, const int low[3], int size, int32_t out[HALVED])
{
	int at[3] = { low[0], low[1], low[2] };

	for (int half = 0; half < 3; half++) {
		out[4 * half] = registry_find(&b->places, VERTEX, at);
		if (half < 2) {
			int first = registry_find(&b->places, EDGE_ALONG + axis, at);
			for (int i = 0; i < INNER; i++)
				out[4 * half + 1 + i] = first + i;
		}
		at[axis] += size / 2;
	}
}

static void on_face(const struct builder *b, int axis, const int low[3], int size, int32_t out[FACE_MORTARS])
{
	int one = other_axis(axis, 0), two = other_axis(axis, 1);

	for (int half = 0; half < 3; half++) {
		int32_t line[HALVED];
		int at[3] = { low[0], low[1], low[2] };
		at[two] += half * (size / 2);
		along_edge(b, one, at, size, line);
		for (int t = 0; t < HALVED; t++)
			out[4 * half * HALVED + t] = line[t];
		at[two] = low[two];
		at[one] = low[one] + half * (size / 2);
		along_edge(b, two, at, size, line);
		for (int t = 0; t < HALVED; t++)
			out[t * HALVED + 4 * half] = line[t];
	}
	for (int quarter = 0; quarter < 4; quarter++) {
		int at[3] = { low[0], low[1], low[2] }, first;
		at[one] += quarter % 2 * (size / 2);
		at[two] += quarter / 2 * (size / 2);
		first = registry_find(&b->places, FACE_NORMAL + axis, at);
		for (int j = 0; j < INNER; j++)
			for (int i = 0; i < INNER; i++)
				out[(4 * (quarter / 2) + 1 + j) * HALVED + 4 * (quarter % 2) + 1 + i] = first + j * INNER + i;
	}
}

/* The first mortar point of a conforming part of an element. */
static int part_number(const struct builder *b, int e, int part)
{
	int low[3], edge = part - VERTICES, kind;

	part_low(cell_of(b, e), part, low);
	kind = edge < 0 ? VERTEX : edge < EDGES ? EDGE_ALONG + edge / 4 : FACE_NORMAL + (edge - EDGES) / 2;
	return registry_find(&b->places, kind, low);
}

static void add_patches(struct builder *b, int e)
{
	struct mesh *m = b->mesh;
	const struct cell *c = cell_of(b, e);

	for (int part = VERTICES; part < PARTS; part++) {
		int low[3], edge = part - VERTICES, face = edge - EDGES;
		if (!is_halved(b, e, part))
			continue;
		part_low(c, part, low);
		if (face < 0) {
			struct edge_patch *p = m->edge + b->edges++;
			p->element = e;
			p->edge = edge;
			along_edge(b, edge / 4, low, c->size, p->mortar);
		} else {
			struct face_patch *p = m->face + b->faces++;
			p->element = e;
			p->face = face;
			on_face(b, face / 2, low, c->size, p->mortar);
		}
	}
}

/* The mortar points of an element's conforming boundary points; what of it is on the
 * boundary of the cube, mortar points included. */
static void place_element(struct builder *b, int e)
{
	struct mesh *m = b->mesh;
	const struct cell *c = cell_of(b, e);
	double unit = 1.0 / tree_units(b->tree);
	int32_t *mortar = m->mortar + ((long)(e / LANES) * RIM) * LANES + e % LANES;
	int number[PARTS], outer[PARTS];

	m->half[e] = 0.5 * c->size * unit;
	for (int d = 0; d < 3; d++) {
		m->corner[e][d] = c->low[d] * unit;
		m->outer[e] |= (c->low[d] == 0) << (2 * d);
		m->outer[e] |= (c->low[d] + c->size == tree_units(b->tree)) << (2 * d + 1);
	}
	for (int part = 0; part < PARTS; part++) {
		int edge = part - VERTICES, face = edge - EDGES;
		number[part] = edge >= 0 && is_halved(b, e, part) ? NOWHERE : part_number(b, e, part);
		outer[part] = 0;
		for (int which = 0; which < (edge < 0 ? 3 : face < 0 ? 2 : 1); which++)
			outer[part] |= m->outer[e] >> (edge < 0 ? geometry.vertex_faces[part][which] :
				face < 0 ? geometry.edge_faces[edge][which] : face) & 1;
	}
	for (int r = 0, next = 0; r < RIM; r++) {
		int part = geometry.part[r];
		next = r && geometry.part[r - 1] == part ? next + 1 : number[part];
		if (number[part] == NOWHERE)
			continue;
		mortar[r * LANES] = next;
		m->fixed[next] |= outer[part];
	}
}

/* How much of an element's boundary values goes into the mean: over conforming faces,
 * 1/3 from each of a vertex' faces, 1/2 from each of an edge's. */
static void weigh_element(struct builder *b, int e)
{
	struct mesh *m = b->mesh;
	double *weight = m->weight + ((long)(e / LANES) * PARTS) * LANES + e % LANES;

	for (int part = 0; part < PARTS; part++) {
		int edge = part - VERTICES, face = edge - EDGES, faces = edge < 0 ? 3 : face < 0 ? 2 : 1, conforming = 0;
		for (int which = 0; which < faces; which++) {
			int f = edge < 0 ? geometry.vertex_faces[part][which] : face < 0 ? geometry.edge_faces[edge][which] : face;
			conforming += !is_halved(b, e, VERTICES + EDGES + f);
		}
		weight[part * LANES] = (double)conforming / faces;
	}
}

static void add_share(struct builder *b, int e, int mortar, struct share s)
{
	double half = b->mesh->half[e];

	b->mesh->diagonal[mortar] += b->nu * half * s.diffusion + half * half * half / b->dt * s.reaction;
}

/* What an element adds to the diagonal at its vertices and conforming parts. */
static void add_conforming(struct builder *b, int e)
{
	const int32_t *mortar = b->mesh->mortar + ((long)(e / LANES) * RIM) * LANES + e % LANES;

	for (int v = 0; v < VERTICES; v++) {
		int edges = 0, faces = 0;
		for (int d = 0; d < 3; d++) {
			edges |= is_halved(b, e, VERTICES + geometry.vertex_edges[v][d]) << d;
			faces |= is_halved(b, e, VERTICES + EDGES + geometry.vertex_faces[v][d]) << d;
		}
		add_share(b, e, mortar[v * LANES], diagonal_vertex(edges, faces));
	}
	for (int r = FIRST_EDGE; r < RIM; r++) {
		int within = r < FIRST_FACE ? (r - FIRST_EDGE) % INNER : (r - FIRST_FACE) % (INNER * INNER);
		if (is_halved(b, e, geometry.part[r]))
			continue;
		add_share(b, e, mortar[r * LANES], r < FIRST_FACE ? diagonal_edge(1 + within) :
			diagonal_face(1 + within % INNER, 1 + within / INNER));
	}
}

/* What patches add, but for their vertices at the ends. */
static void add_halved(struct builder *b)
{
	const struct mesh *m = b->mesh;

	for (int n = 0; n < b->edges; n++) {
		const struct edge_patch *p = m->edge + n;
		int faces = 0;
		for (int which = 0; which < 2; which++)
			faces += is_halved(b, p->element, VERTICES + EDGES + geometry.edge_faces[p->edge][which]);
		for (int t = 1; t < HALVED - 1; t++)
			add_share(b, p->element, p->mortar[t], diagonal_halved_edge(faces, t));
	}
	for (int n = 0; n < b->faces; n++) {
		const struct face_patch *p = m->face + n;
		for (int t2 = 1; t2 < HALVED - 1; t2++)
			for (int t1 = 1; t1 < HALVED - 1; t1++)
				add_share(b, p->element, p->mortar[t2 * HALVED + t1], diagonal_halved_face(t1, t2));
	}
}

static void sum_weights(struct mesh *m)
{
	for (int e = 0; e < m->elements; e++)
		for (int r = 0; r < RIM; r++) {
			long at = (long)(e / LANES) * RIM + r;
			double weight = m->weight[((long)(e / LANES) * PARTS + geometry.part[r]) * LANES + e % LANES];
			m->inverse_weight[m->mortar[at * LANES + e % LANES]] += weight;
		}
	m->inverse_weight[0] = 1.0;
	for (int i = 0; i <= m->mortars; i++)
		m->inverse_weight[i] = 1.0 / m->inverse_weight[i];
}

static void index_patches(struct mesh *m)
{
	int edge = 0, face = 0, edges = m->first_edge[m->groups], faces = m->first_face[m->groups];

	for (int g = 0; g < m->groups; g++) {
		m->first_edge[g] = edge;
		m->first_face[g] = face;
		while (edge < edges && m->edge[edge].element / LANES == g)
			edge++;
		while (face < faces && m->face[face].element / LANES == g)
			face++;
	}
}

static void allocate(struct mesh *m, int edges, int faces)
{
	long lanes = (long)m->groups * LANES, mortars = m->mortars + 1;

	m->half = arena_take(m->arena, lanes * sizeof *m->half);
	for (long e = 0; e < lanes; e++)
		m->half[e] = 0.5;
	m->corner = arena_zeroed(m->arena, lanes * sizeof *m->corner);
	m->outer = arena_zeroed(m->arena, lanes);
	m->mortar = arena_zeroed(m->arena, lanes * RIM * sizeof *m->mortar);
	m->weight = arena_zeroed(m->arena, lanes * PARTS * sizeof *m->weight);
	m->edge = arena_take(m->arena, (edges + 1) * sizeof *m->edge);
	m->face = arena_take(m->arena, (faces + 1) * sizeof *m->face);
	m->first_edge = arena_zeroed(m->arena, (m->groups + 1) * sizeof *m->first_edge);
	m->first_face = arena_zeroed(m->arena, (m->groups + 1) * sizeof *m->first_face);
	m->first_edge[m->groups] = edges;
	m->first_face[m->groups] = faces;
	m->inverse_weight = arena_zeroed(m->arena, mortars * sizeof *m->inverse_weight);
	m->diagonal = arena_zeroed(m->arena, mortars * sizeof *m->diagonal);
	m->inverse = arena_zeroed(m->arena, mortars * sizeof *m->inverse);
	m->fixed = arena_zeroed(m->arena, mortars);
}

void mesh_build(struct mesh *m, const struct tree *t, double nu, double dt, struct arena *a)
{
	struct builder b = { .mesh = m, .tree = t, .nu = nu, .dt = dt };

	memset(m, 0, sizeof *m);
	m->arena = a;
	m->elements = t->elements;
	m->groups = (m->elements + LANES - 1) / LANES;
	b.halved = arena_zeroed(a, m->elements * sizeof *b.halved);
	registry_open(&b.places, (long)PARTS * m->elements, a);
	number_vertices(&b);
	for (int e = 0; e < m->elements; e++)
		number_edges_and_faces(&b, e);
	allocate(m, b.edges, b.faces);
	b.edges = b.faces = 0;
	for (int e = 0; e < m->elements; e++) {
		add_patches(&b, e);
		place_element(&b, e);
		weigh_element(&b, e);
		add_conforming(&b, e);
	}
	add_halved(&b);
	index_patches(m);
	mesh_list_slots(m);
	for (int i = 1; i <= m->mortars; i++)
		m->inverse[i] = 1.0 / m->diagonal[i];
	sum_weights(m);
}
