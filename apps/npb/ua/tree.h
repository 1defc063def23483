/*
 * The octree of a source position: its leaves are the elements.
 *
 * Coordinates are integers in units of 2^-(R+1), R being the number of refinement
 * levels, so that the middle of the smallest element is one too.
 */
#ifndef UA_TREE_H
#define UA_TREE_H

enum { LEAF = -1 };

struct cell {
	int low[3];      /* lower corner */
	int size;        /* edge */
	int level;
	int child;       /* the first of eight, which stand in a row; or LEAF */
	int element;     /* number of the leaf in depth-first order */
};

struct tree {
	struct cell *cells;    /* the first is the unit cube */
	int count, room;
	int levels;            /* R */
	int *leaves;           /* cells, depth first */
	int elements;
	int leaf_room;
};

/* The smallest octree in which every leaf closer than `reach` to the source has the
 * smallest size and leaves that share a face or an edge differ by at most one level. What
 * was there, a tree or all zero, is replaced, in the same memory if it has the room. */
void tree_build(struct tree *t, int levels, const double source[3], double reach);
void tree_free(struct tree *t);

/* Whether both have the same leaves. */
int tree_same(const struct tree *a, const struct tree *b);

/* Length 1 in units of coordinates. */
int tree_units(const struct tree *t);

#endif
