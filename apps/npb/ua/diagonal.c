/*
 * What an element adds to the diagonal at a mortar point is v'Lv, v being what Theta
 * makes of a unit value there. v depends on what around the point is nonconforming,
 * and on nothing else: turning or reflecting the element changes no v'Lv. So the cases
 * are tabulated, for a vertex at the lower corner, for the edge along x there, and for
 * the lower face normal to z.
 */
#include "basis.h"
#include "diagonal.h"

static struct share vertex[8][8], edge[NODES], halved_edge[3][HALVED];
static struct share face[NODES][NODES], halved_face[HALVED][HALVED];

typedef double block[NODES][NODES][NODES];    /* [k][j][i] */

/* v'Lv */
static struct share form(block v)
{
	const double *w = basis.weight;
	struct share sum = { 0.0, 0.0 };

	for (int k = 0; k < NODES; k++)
	for (int j = 0; j < NODES; j++)
	for (int i = 0; i < NODES; i++) {
		double here = v[k][j][i], x = 0.0, y = 0.0, z = 0.0;
		for (int q = 0; q < NODES; q++) {
			x += basis.stiff[i][q] * v[k][j][q];
			y += basis.stiff[j][q] * v[k][q][i];
			z += basis.stiff[k][q] * v[q][j][i];
		}
		sum.diffusion += here * (w[j] * w[k] * x + w[i] * w[k] * y + w[i] * w[j] * z);
		sum.reaction += here * here * w[i] * w[j] * w[k];
	}
	return sum;
}

static struct share vertex_case(int edges, int faces)
{
	double (*p)[HALVED] = basis.project;
	block v = { { { 0.0 } } };

	v[0][0][0] = 1.0;
	for (int i = 1; i <= INNER; i++) {
		v[0][0][i] = edges & 1 ? p[i][0] : 0.0;
		v[0][i][0] = edges & 2 ? p[i][0] : 0.0;
		v[i][0][0] = edges & 4 ? p[i][0] : 0.0;
		for (int j = 1; j <= INNER; j++) {
			v[j][i][0] = faces & 1 ? p[i][0] * p[j][0] : 0.0;
			v[j][0][i] = faces & 2 ? p[i][0] * p[j][0] : 0.0;
			v[0][j][i] = faces & 4 ? p[i][0] * p[j][0] : 0.0;
		}
	}
	return form(v);
}

static struct share edge_case(int faces, int t)
{
	double (*p)[HALVED] = basis.project;
	block v = { { { 0.0 } } };

	for (int i = 1; i <= INNER; i++) {
		v[0][0][i] = p[i][t];
		for (int j = 1; j <= INNER; j++) {
			v[0][j][i] = faces > 0 ? p[i][t] * p[j][0] : 0.0;
			v[j][0][i] = faces > 1 ? p[i][t] * p[j][0] : 0.0;
		}
	}
	return form(v);
}

static struct share face_case(int t1, int t2)
{
	double (*p)[HALVED] = basis.project;
	block v = { { { 0.0 } } };

	for (int i = 1; i <= INNER; i++)
		for (int j = 1; j <= INNER; j++)
			v[0][j][i] = p[i][t1] * p[j][t2];
	return form(v);
}

static struct share point_case(int i, int j)
{
	block v = { { { 0.0 } } };

	v[0][j][i] = 1.0;
	return form(v);
}

void diagonal_fill(void)
{
	for (int edges = 0; edges < 8; edges++)
		for (int faces = 0; faces < 8; faces++)
			vertex[edges][faces] = vertex_case(edges, faces);
	for (int t = 1; t < HALVED - 1; t++) {
		for (int faces = 0; faces < 3; faces++)
			halved_edge[faces][t] = edge_case(faces, t);
		for (int t2 = 1; t2 < HALVED - 1; t2++)
			halved_face[t][t2] = face_case(t, t2);
	}
	for (int t = 1; t <= INNER; t++) {
		edge[t] = point_case(t, 0);
		for (int t2 = 1; t2 <= INNER; t2++)
			face[t][t2] = point_case(t, t2);
	}
}

struct share diagonal_vertex(int edges, int faces)
{
	return vertex[edges][faces];
}

struct share diagonal_edge(int t)
{
	return edge[t];
}

struct share diagonal_halved_edge(int faces, int t)
{
	return halved_edge[faces][t];
}

struct share diagonal_face(int t1, int t2)
{
	return face[t1][t2];
}

struct share diagonal_halved_face(int t1, int t2)
{
	return halved_face[t1][t2];
}
