#include <string.h>
#include "theta.h"

/* The three inner points of an edge in a group's part of a field. */
static int edge_point(int edge, int i)
{
	return geometry.point[FIRST_EDGE + INNER * edge + i];
}

static int face_point(int face, int i, int j)
{
	return geometry.point[FIRST_FACE + INNER * INNER * face + INNER * j + i];
}

static void spread_edge(const struct edge_patch *p, const double *mortar, double *u)
{
	double v[HALVED];

	for (int t = 0; t < HALVED; t++)
		v[t] = mortar[p->mortar[t]];
	for (int i = 0; i < INNER; i++) {
		double sum = 0.0;
		for (int t = 0; t < HALVED; t++)
			sum += basis.project[i + 1][t] * v[t];
		u[edge_point(p->edge, i) * LANES] = sum;
	}
}

static void spread_face(const struct face_patch *p, const double *mortar, double *u)
{
	double half[INNER][HALVED];

	/* One axis after the other. */
	for (int i = 0; i < INNER; i++)
		for (int t = 0; t < HALVED; t++)
			half[i][t] = 0.0;
	for (int t2 = 0; t2 < HALVED; t2++)
		for (int t1 = 0; t1 < HALVED; t1++) {
			double v = mortar[p->mortar[t2 * HALVED + t1]];
			for (int i = 0; i < INNER; i++)
				half[i][t2] += basis.project[i + 1][t1] * v;
		}
	for (int j = 0; j < INNER; j++)
		for (int i = 0; i < INNER; i++) {
			double sum = 0.0;
			for (int t2 = 0; t2 < HALVED; t2++)
				sum += basis.project[j + 1][t2] * half[i][t2];
			u[face_point(p->face, i, j) * LANES] = sum;
		}
}

static void collect_edge(const struct edge_patch *p, const double *u, double *out)
{
	double v[INNER];

	for (int i = 0; i < INNER; i++)
		v[i] = u[edge_point(p->edge, i) * LANES];
	for (int t = 0; t < HALVED; t++)
		out[t] = basis.project[1][t] * v[0] + basis.project[2][t] * v[1] + basis.project[3][t] * v[2];
}

static void collect_face(const struct face_patch *p, const double *u, double *out)
{
	double half[INNER][HALVED];

	for (int i = 0; i < INNER; i++) {
		double v[INNER];
		for (int j = 0; j < INNER; j++)
			v[j] = u[face_point(p->face, i, j) * LANES];
		for (int t = 0; t < HALVED; t++)
			half[i][t] = basis.project[1][t] * v[0] + basis.project[2][t] * v[1] + basis.project[3][t] * v[2];
	}
	for (int t2 = 0; t2 < HALVED; t2++)
		for (int t1 = 0; t1 < HALVED; t1++)
			out[t2 * HALVED + t1] = basis.project[1][t1] * half[0][t2] + basis.project[2][t1] * half[1][t2]
				+ basis.project[3][t1] * half[2][t2];
}

void theta_spread(const struct mesh *m, int g, const double *mortar, double *u)
{
	const int32_t *from = m->mortar + (long)g * RIM * LANES;

	for (int r = 0; r < RIM; r++)
		for (int l = 0; l < LANES; l++)
			u[geometry.point[r] * LANES + l] = mortar[from[r * LANES + l]];
	for (int n = m->first_edge[g]; n < m->first_edge[g + 1]; n++)
		spread_edge(m->edge + n, mortar, u + m->edge[n].element % LANES);
	for (int n = m->first_face[g]; n < m->first_face[g + 1]; n++)
		spread_face(m->face + n, mortar, u + m->face[n].element % LANES);
}

void theta_collect(const struct mesh *m, int g, const double *u, double *slots)
{
	for (int n = m->first_edge[g]; n < m->first_edge[g + 1]; n++)
		collect_edge(m->edge + n, u + m->edge[n].element % LANES, slots + mesh_edge_slot(m, n));
	for (int n = m->first_face[g]; n < m->first_face[g + 1]; n++)
		collect_face(m->face + n, u + m->face[n].element % LANES, slots + mesh_face_slot(m, n));
}

void theta_skip(const struct mesh *m, int g, double *slots)
{
	size_t edges = m->first_edge[g + 1] - m->first_edge[g], faces = m->first_face[g + 1] - m->first_face[g];

	memset(slots + mesh_edge_slot(m, m->first_edge[g]), 0, edges * EDGE_MORTARS * sizeof *slots);
	memset(slots + mesh_face_slot(m, m->first_face[g]), 0, faces * FACE_MORTARS * sizeof *slots);
}
