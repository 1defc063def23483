#include "grid.h"
#include "heap.h"

enum { LINE = 8 };    /* doubles */

void grid_open(struct grid *g, int n)
{
	g->n = n;
	g->row = (size_t)(n + LINE - 1) / LINE * LINE + LINE;
	g->plane = n * g->row + 3 * LINE;
	g->data = heap_zeroed(sizeof(double) * n * g->plane);
}

void grid_close(struct grid *g)
{
	heap_free(g->data);
}
