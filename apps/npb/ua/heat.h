/* The heat problem: the state, and one time step. */
#ifndef UA_HEAT_H
#define UA_HEAT_H

#include "mesh.h"
#include "team.h"
#include "tree.h"

struct problem {
	int levels;              /* R */
	double alpha, nu, dt;
	int iterations;          /* of conjugate gradients, per step */
};

/* Sums that tests compare with checkpoints. */
struct sums {
	double mean, mortar, inner;    /* of mbar; of r^2 before the iterations */
};

struct heat {
	struct problem problem;
	double time;
	struct tree tree, last_tree;
	struct mesh mesh;
	struct arena arena;      /* the mesh is in, and all below but T */
	double *field;           /* T: [group][point][lane], as all fields */
	double *last_field;      /* T on the last tree, or memory that was */
	long field_room, last_field_room;    /* doubles */
	double *load;            /* f */
	double *slots;           /* a field, and the patches' slots */
	double *p;               /* search direction, on whole elements */
	double *inner_x, *inner_r, *inner_inverse;    /* [group][inner point][lane] */
	double *mortar_x, *mortar_r, *mortar_p;       /* [mortar point] */
	double *mortar_q;        /* matrix * p */
	struct sums sums;
};

/* The source's place at a time. */
void heat_source(double time, double at[3]);

/* The mesh for time 0, T = 0. */
void heat_open(struct heat *h, const struct problem *p);
void heat_close(struct heat *h);

/* T = 0 at time 0, on the mesh there is. */
void heat_reset(struct heat *h);

/* One step. Called by every member of a team. */
void heat_step(struct heat *h, struct member *me);

/* The mesh for the time it is, and T on it. Called by one member, the others waiting. */
void heat_adapt(struct heat *h);

double heat_integral(const struct heat *h);

#endif
