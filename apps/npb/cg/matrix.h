/* The random sparse matrix, in compressed rows with sorted, unique columns. */
#ifndef CG_MATRIX_H
#define CG_MATRIX_H

#include <stdint.h>
#include "team.h"

struct matrix {
	int n;
	int64_t *row;        /* [n + 1]: where row r begins in column[] and value[] */
	int32_t *column;
	double *value;
	int64_t drawn;       /* random numbers that the vectors took */
	int64_t triples;     /* products that were added up */
	uint64_t state;      /* of the generator, at the end */
};

struct matrix_recipe {
	int n, nonzer;
	double shift, rcond;
	uint64_t seed;
};

/* Draw the vectors and add up their outer products, the rows shared by the team. */
void matrix_open(struct matrix *a, const struct matrix_recipe *by, struct team *team);
void matrix_close(struct matrix *a);

/* The rows of this member: pieces with equally many elements. */
void matrix_share(const struct matrix *a, const struct member *me, int *from, int *to);

#endif
