#include "geometry.h"

struct geometry geometry;

int part_side(int part, int axis)
{
	int e = part - VERTICES, f = e - EDGES;

	if (e < 0)
		return part >> axis & 1;
	if (f < 0)
		return e / 4 == axis ? 0 : e % 4 >> (other_axis(e / 4, 1) == axis) & 1;
	return f / 2 == axis ? f % 2 : 0;
}

/* The axes along which a part extends. */
static int part_axes(int part, int axes[2])
{
	int e = part - VERTICES, f = e - EDGES;

	if (e < 0)
		return 0;
	axes[0] = f < 0 ? e / 4 : other_axis(f / 2, 0);
	axes[1] = f < 0 ? 0 : other_axis(f / 2, 1);
	return f < 0 ? 1 : 2;
}

static void fill_points(void)
{
	static const int stride[3] = { 1, NODES, NODES * NODES };
	int rim = 0, inner = 0;

	for (int part = 0; part < PARTS; part++) {
		int axes[2] = { 0, 0 }, along = part_axes(part, axes), corner = 0;
		for (int d = 0; d < 3; d++)
			corner += part_side(part, d) * (NODES - 1) * stride[d];
		for (int second = 1; second <= (along > 1 ? INNER : 1); second++)
			for (int first = 1; first <= (along > 0 ? INNER : 1); first++) {
				geometry.part[rim] = part;
				geometry.point[rim++] = corner + (along > 0 ? first * stride[axes[0]] : 0)
					+ (along > 1 ? second * stride[axes[1]] : 0);
			}
	}
	for (int q = 0; q < POINTS; q++) {
		int i = q % NODES, j = q / NODES % NODES, k = q / (NODES * NODES);
		if (i % (NODES - 1) && j % (NODES - 1) && k % (NODES - 1))
			geometry.inner[inner++] = q;
	}
}

void geometry_fill(void)
{
	fill_points();
	for (int e = 0; e < EDGES; e++)
		for (int which = 0; which < 2; which++) {
			int axis = other_axis(e / 4, which);
			geometry.edge_faces[e][which] = 2 * axis + part_side(VERTICES + e, axis);
		}
	for (int v = 0; v < VERTICES; v++)
		for (int d = 0; d < 3; d++) {
			geometry.vertex_faces[v][d] = 2 * d + (v >> d & 1);
			geometry.vertex_edges[v][d] = 4 * d + (v >> other_axis(d, 0) & 1) + 2 * (v >> other_axis(d, 1) & 1);
		}
}
