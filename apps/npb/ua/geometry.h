/*
 * The parts of an element's boundary, in one order everywhere.
 *
 * 26 parts: 8 vertices, 12 edges, 6 faces. 98 boundary points: one for each vertex,
 * then 3 for each edge, then 9 for each face.
 *     vertex v:  on the upper side of axis d if bit d of v is set
 *     edge e:    along axis e/4; bits 0 and 1 of e%4 are its sides of the other two axes
 *     face f:    normal to axis f/2, on the lower or upper side (f%2); its points go
 *                along the other two axes, the first of them fastest
 * "The other two axes" are in increasing order.
 */
#ifndef UA_GEOMETRY_H
#define UA_GEOMETRY_H

#include "basis.h"

enum {
	VERTICES = 8, EDGES = 12, FACES = 6, PARTS = VERTICES + EDGES + FACES,
	FIRST_EDGE = VERTICES, FIRST_FACE = VERTICES + INNER * EDGES, RIM = FIRST_FACE + INNER * INNER * FACES,
};

struct geometry {
	int point[RIM];                 /* boundary point -> point of the element */
	int part[RIM];                  /* -> part of the boundary: vertices, edges, faces */
	int inner[INNER_POINTS];        /* the points that are not on the boundary */
	int edge_faces[EDGES][2];       /* the faces that an edge is part of */
	int vertex_faces[VERTICES][3];  /* [d]: normal to axis d */
	int vertex_edges[VERTICES][3];  /* [d]: along axis d */
};

extern struct geometry geometry;

void geometry_fill(void);

/* The two axes that are not D, in increasing order. */
static inline int other_axis(int d, int which)
{
	return which == 0 ? d == 0 : d == 2 ? 1 : 2;
}

/* The lower corner of part P (of the 26) of a cube, in units of its edge: 0 or 1. */
int part_side(int part, int axis);

#endif
