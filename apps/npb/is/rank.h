/* The ranking of the keys: how many keys are at most v, for every v. */
#ifndef IS_RANK_H
#define IS_RANK_H

#include <stdint.h>
#include "team.h"

struct ranking {
	uint32_t *keys;
	uint32_t *count;      /* of value v: the keys <= v; made by ranking_count */
	uint8_t *narrow;      /* per member: a counter of one byte for every value */
	uint32_t *totals;     /* per member: keys in its share of the values */
};

void ranking_open(struct ranking *r, int threads);
void ranking_close(struct ranking *r);

/* The keys as the specification generates them: this member's share. */
void ranking_generate(struct ranking *r, const struct member *me);

/* Make count[] from keys[]; every member calls it. What the first member has done to
 * the keys before is seen by all, and it finds count[] complete afterwards. */
void ranking_count(struct ranking *r, struct member *me);

#endif
