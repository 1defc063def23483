/*
 * Quartics on 5 Gauss-Lobatto-Legendre points, and what is linear in their values:
 * derivative, stiffness, interpolation to halves, and the way back.
 */
#ifndef UA_BASIS_H
#define UA_BASIS_H

enum { NODES = 5, INNER = 3, POINTS = NODES * NODES * NODES, INNER_POINTS = INNER * INNER * INNER };

/* Points along a line that is halved: two times 5, one shared. */
enum { HALVED = 2 * NODES - 1 };

struct basis {
	double node[NODES], weight[NODES];
	double derive[NODES][NODES];         /* u' at node i from u at node k */
	double stiff[NODES][NODES];          /* sum of w*l_i'*l_j' */
	double half[2][NODES][NODES];        /* u at node i of the lower and upper half */
	double coarsen[NODES];               /* u at node 1, from the lower half's values */
	double project[NODES][HALVED];       /* mortar projection of the halves' values */
};

extern struct basis basis;

/* Fill it. To be called first of all. */
void basis_fill(void);

#endif
