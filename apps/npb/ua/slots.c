#include <string.h>
#include "slots.h"

/* Call visit(mesh, mortar point, slot, argument) for every slot. */
static void each_slot(struct mesh *m, void (*visit)(struct mesh *, int32_t *, long, int *), int *argument)
{
	for (int e = 0; e < m->groups * LANES; e++)
		for (int r = 0; r < RIM; r++)
			visit(m, m->mortar + ((long)(e / LANES) * RIM + r) * LANES + e % LANES,
				((long)(e / LANES) * POINTS + geometry.point[r]) * LANES + e % LANES, argument);
	for (int n = 0; n < m->first_edge[m->groups]; n++)
		for (int t = 0; t < EDGE_MORTARS; t++)
			visit(m, m->edge[n].mortar + t, mesh_edge_slot(m, n) + t, argument);
	for (int n = 0; n < m->first_face[m->groups]; n++)
		for (int t = 0; t < FACE_MORTARS; t++)
			visit(m, m->face[n].mortar + t, mesh_face_slot(m, n) + t, argument);
}

static void count_slot(struct mesh *m, int32_t *mortar, long slot, int *count)
{
	(void)slot;
	if (*mortar && !m->fixed[*mortar])
		count[*mortar]++;
}

static void rename_mortar(struct mesh *m, int32_t *mortar, long slot, int *number)
{
	(void)m, (void)slot;
	*mortar = number[*mortar];
}

static void list_slot(struct mesh *m, int32_t *mortar, long slot, int *place)
{
	if (*mortar && !m->fixed[*mortar])
		m->slot[place[*mortar]++] = (int32_t)slot;
}

/* number[i] := the new number of mortar point i: by count, equal ones in the order they
 * had. Point 0 has count 0 and keeps its number. The runs are made on the way. */
static void order_by_count(struct mesh *m, const int *count, int *number)
{
	int longest = 0, next = 0;
	int *first;
	long list = 0;

	for (int i = 0; i <= m->mortars; i++)
		longest = count[i] > longest ? count[i] : longest;
	first = arena_zeroed(m->arena, (longest + 2) * sizeof *first);
	for (int i = 0; i <= m->mortars; i++)
		first[count[i]]++;
	m->run = arena_take(m->arena, (longest + 1) * sizeof *m->run);
	m->runs = 0;
	for (int n = 0; n <= longest; n++) {
		int here = first[n];
		first[n] = next;
		if (here) {
			m->run[m->runs++] = (struct run){ n, next, next + here, list };
			list += (long)n * here;
			next += here;
		}
	}
	for (int i = 0; i <= m->mortars; i++)
		number[i] = first[count[i]]++;
	m->slot = arena_take(m->arena, (list + 1) * sizeof *m->slot);
}

static void reorder(struct mesh *m, const int *number)
{
	double *diagonal = arena_take(m->arena, (m->mortars + 1L) * sizeof *diagonal);
	uint8_t *fixed = arena_take(m->arena, m->mortars + 1L);

	for (int i = 0; i <= m->mortars; i++) {
		diagonal[number[i]] = m->diagonal[i];
		fixed[number[i]] = m->fixed[i];
	}
	memcpy(m->diagonal, diagonal, (m->mortars + 1L) * sizeof *diagonal);
	memcpy(m->fixed, fixed, m->mortars + 1L);
}

void mesh_list_slots(struct mesh *m)
{
	int *count = arena_zeroed(m->arena, (m->mortars + 1L) * sizeof *count);
	int *number = arena_take(m->arena, (m->mortars + 1L) * sizeof *number);

	each_slot(m, count_slot, count);
	order_by_count(m, count, number);
	each_slot(m, rename_mortar, number);
	reorder(m, number);
	for (int r = 0; r < m->runs; r++)
		for (int i = m->run[r].first; i < m->run[r].last; i++)
			number[i] = (int)(m->run[r].list + (long)(i - m->run[r].first) * m->run[r].count);
	each_slot(m, list_slot, number);
}

void mesh_sums(const struct mesh *m, long from, long to, const double *slots, double *out)
{
	for (int r = 0; r < m->runs; r++) {
		const struct run *run = m->run + r;
		long first = run->first > from ? run->first : from, last = run->last < to ? run->last : to;
		const int32_t *slot = m->slot + run->list + (first - run->first) * run->count;
		if (run->count == 2) {
			for (long i = first; i < last; i++, slot += 2)
				out[i] = slots[slot[0]] + slots[slot[1]];
		} else {
			for (long i = first; i < last; i++, slot += run->count) {
				double sum = 0.0;
				for (int s = 0; s < run->count; s++)
					sum += slots[slot[s]];
				out[i] = sum;
			}
		}
	}
}
