/*
 * The flow solver that BT, SP and LU share: grid, exact solution, starting
 * field, spatial operator R and the two norms (SPEC: compressible Navier-Stokes
 * on a cube of n^3 points, driven to a known steady solution).
 *
 * Memory. A field has five components per point. It is stored as
 *     [k][j][component][i]
 * so that the lanes of a vector are neighbours in x, and a solver of lines in y
 * or z loads them without a shuffle. The last index is padded to whole cache
 * lines; the padding of `u` repeats the boundary state and that of residuals is
 * zero, so whole vectors can be computed and need no mask. The distance between
 * planes is kept off multiples of 4 KiB, which would put a line in z into one
 * set of the cache. All fields are one allocation from the heap; nothing is
 * static, so no class meets the 2 GiB limit of static data.
 *
 * Work is offered plane by plane, with scratch memory given by the caller: a
 * team of threads can share out the planes.
 */
#ifndef NPB_FLOW_H
#define NPB_FLOW_H

#include <stddef.h>

#define FLOW_C1 1.4
#define FLOW_C2 0.4
#define FLOW_MU 0.1
#define FLOW_KAPPA 1.96
#define FLOW_C1345 0.196
#define FLOW_SIGMA 0.25

struct flow {
	int n;              /* points per direction */
	size_t row;         /* doubles from component m to m+1 of a grid row: n, padded */
	size_t line;        /* doubles from row j to j+1: five rows */
	size_t plane;       /* doubles from plane k to k+1 */
	double h;           /* spacing of the grid */
	double t1, t2;      /* 1/h^2, 1/(2h) */
	double diffuse[3];  /* d_x, d_y, d_z: second-difference coefficients */
	double *u;          /* the state: rho, rho*u, rho*v, rho*w, E */
	double *forcing;    /* R of the exact solution */
	double *r;          /* residual or correction, used by the solver */
	double *across;     /* [2][n][5]: weights of U at p-2..p+2 for y and z at index p */
	double *along;      /* [5][row]: the same for x, one vector of lanes per weight */
	void *memory;
};

/* Allocate a grid of n points per direction. Returns 0, or -1 where there is not
 * enough memory; `bytes`, if given, receives the size that was asked for. */
int flow_open(struct flow *f, int n, size_t *bytes);
void flow_close(struct flow *f);

/* COUNT doubles, zero filled, aligned for lanes; NULL where memory ends.
 * Give MEMORY back to free(). */
double *flow_doubles(size_t count, void **memory);

/* The exact solution at (x, y, z). */
void flow_exact(double x, double y, double z, double u[5]);

void flow_set_exact(struct flow *f);
void flow_set_initial(struct flow *f);
/* Compute the forcing. Leaves the exact solution in u. */
void flow_set_forcing(struct flow *f, double *scratch);

/* Doubles of scratch memory that the functions below need, per thread. */
size_t flow_scratch(const struct flow *f);

/* r = R(u) - forcing on the interior plane k, 0 on that plane's boundary.
 * `r` points to the plane, `scratch` to flow_scratch() aligned doubles. */
void flow_residual_plane(const struct flow *f, int k, const double *forcing, double *r, double *scratch);
/* The same for its rows FROM to TO - 1; `forcing` and `r` point to the plane. */
void flow_residual_rows(const struct flow *f, int k, int from, int to, const double *forcing, double *r, double *scratch);

/* norm(R(u) - forcing); overwrites f->r. */
void flow_residual_norm(struct flow *f, double norm[5], double *scratch);
/* norm(u - exact). */
void flow_error_norm(const struct flow *f, double norm[5]);

#endif
