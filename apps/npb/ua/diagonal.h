/* The diagonal of the system's matrix at mortar points. */
#ifndef UA_DIAGONAL_H
#define UA_DIAGONAL_H

#include <stdint.h>

/* What one element adds, as factors of nu*h/2 and (h/2)^3/dt. */
struct share {
	double diffusion, reaction;
};

/* Form the tables below. */
void diagonal_fill(void);

/* A vertex of the element; bit d of `edges`: the edge from it along axis d is
 * nonconforming; bit d of `faces`: the face at it normal to axis d is. */
struct share diagonal_vertex(int edges, int faces);

/* Interior point t = 1..3 of a conforming edge. */
struct share diagonal_edge(int t);

/* Mortar point t = 1..7 of a nonconforming edge that is part of so many nonconforming
 * faces of the element. */
struct share diagonal_halved_edge(int faces, int t);

/* Interior point (t1, t2) of a face: 1..3 if it is conforming, 1..7 of the mortar
 * points if not. */
struct share diagonal_face(int t1, int t2);
struct share diagonal_halved_face(int t1, int t2);

#endif
