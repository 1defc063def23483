/*
 * The arithmetic data set: in a file, and from there in columns.
 *
 * In the file a tuple is its measure (8 bytes) and its attributes (4 bytes each). In
 * memory each attribute is a column of ranks: the number of smaller values that the
 * attribute takes. Ranks are ordered as the values are, and need few bits.
 */
#ifndef DC_TUPLES_H
#define DC_TUPLES_H

#include <stdint.h>

#define ATTRIBUTES_MAX 20
#define MEASURE_MODULUS 31415    /* measures are below it: 15 bits */
#define MEASURE_BITS 15
#define COLUMNS_BEYOND 512       /* elements that may be read after a column */

/* One attribute of the data set: s := s * generator mod prime, from (prime + 1)/2. */
struct progression {
	uint64_t prime, generator;
};

struct columns {
	long count;
	int attributes;
	int bits[ATTRIBUTES_MAX];             /* that the ranks of an attribute take */
	uint16_t *rank[ATTRIBUTES_MAX];
	uint16_t *measure;
	uint16_t *memory;
};

/* Write COUNT tuples to a file; *sum is the sum of their measures. 0, or -1 and errno. */
int tuples_write(const char *path, const struct progression *of, int attributes, long count, uint64_t *sum);

/* Read them. 0; -1 and errno where the file cannot be read; -1 and errno 0 where it is
 * not what was written. */
int tuples_read(struct columns *c, const char *path, int attributes, long count);
void tuples_free(struct columns *c);

#endif
