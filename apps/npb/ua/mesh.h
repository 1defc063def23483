/*
 * Elements and mortar points.
 *
 * LANES elements make a group; a field holds [group][point][lane]. Lanes without an
 * element have an edge of 1 and meet mortar point 0, which is none: it is always 0.
 *
 * Boundary values go to mortar points through slots: all values of a field, then what
 * the patches (nonconforming edges and faces) make of theirs. Each mortar point has a
 * list of the slots that add up to it. Points on the boundary of the unit cube have an
 * empty list, which keeps them at 0. Mortar points are numbered by the length of their
 * lists, so that summing them up does not end loops where no processor expects it: two
 * slots for most, then a few runs of longer ones.
 */
#ifndef UA_MESH_H
#define UA_MESH_H

#include <stdint.h>
#include "arena.h"
#include "geometry.h"
#include "lanes.h"
#include "tree.h"

enum { EDGE_MORTARS = HALVED, FACE_MORTARS = HALVED * HALVED };

/* A nonconforming edge or face of an element, and its mortar points. */
struct edge_patch {
	int element, edge;
	int32_t mortar[EDGE_MORTARS];
};

struct face_patch {
	int element, face;
	int32_t mortar[FACE_MORTARS];    /* the first axis of the face fastest */
};

/* Mortar points FIRST to LAST - 1, which have COUNT slots each, listed from LIST on. */
struct run {
	int count, first, last;
	long list;
};

struct mesh {
	struct arena *arena;             /* that the arrays are in */
	int elements, groups;
	int vertices, mortars;           /* mortar points 1 to mortars */
	double *half;                    /* [group][lane]: half the edge */
	double (*corner)[3];             /* [element]: lower corner, length 1 being the cube's */
	uint8_t *outer;                  /* [element]: bit f if face f is on the boundary of the cube */
	int32_t *mortar;                 /* [group][RIM][lane]: of conforming boundary points, else 0 */
	double *weight;                  /* [group][PARTS][lane]: in the mean over conforming faces */
	struct edge_patch *edge;
	struct face_patch *face;
	int *first_edge, *first_face;    /* [groups + 1]: patches of a group */
	struct run *run;
	int runs;
	int32_t *slot;                   /* the lists */
	double *inverse_weight;          /* [mortars + 1], as all that follow */
	double *diagonal;                /* of the system */
	double *inverse;                 /* of that */
	uint8_t *fixed;                  /* on the boundary of the cube */
};

/* The mesh of a tree. nu and dt are those of the system whose diagonal is formed. */
void mesh_build(struct mesh *m, const struct tree *t, double nu, double dt, struct arena *a);

/* Doubles of a field; slots behind it that patches take. */
static inline long mesh_field(const struct mesh *m)
{
	return (long)m->groups * POINTS * LANES;
}

static inline long mesh_slots(const struct mesh *m)
{
	return mesh_field(m) + (long)m->first_edge[m->groups] * EDGE_MORTARS + (long)m->first_face[m->groups] * FACE_MORTARS;
}

/* The slots of one patch. */
static inline long mesh_edge_slot(const struct mesh *m, int patch)
{
	return mesh_field(m) + (long)patch * EDGE_MORTARS;
}

static inline long mesh_face_slot(const struct mesh *m, int patch)
{
	return mesh_edge_slot(m, m->first_edge[m->groups]) + (long)patch * FACE_MORTARS;
}

/* Theta transposed, after the patches: out[i] := the sum over the slots of mortar point
 * i, for those FROM to TO - 1. */
void mesh_sums(const struct mesh *m, long from, long to, const double *slots, double *out);

#endif
