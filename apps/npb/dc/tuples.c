#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "heap.h"
#include "tuples.h"

/* Values of an attribute are below this; all primes are. */
enum { VALUES = 1 << 17 };

static size_t tuple_bytes(int attributes)
{
	return 8 + 4 * (size_t)attributes;
}

/* The next tuple, into its place in the file's format; return the measure. */
static uint64_t next_tuple(uint64_t state[], const struct progression *of, int attributes, char *out)
{
	uint64_t largest = 0, measure;

	for (int i = 0; i < attributes; i++) {
		uint32_t value;
		state[i] = state[i] * of[i].generator % of[i].prime;
		largest = state[i] > largest ? state[i] : largest;
		value = (uint32_t)state[i];
		memcpy(out + 8 + 4 * i, &value, 4);
	}
	measure = state[0] * largest % MEASURE_MODULUS;
	memcpy(out, &measure, 8);
	return measure;
}

int tuples_write(const char *path, const struct progression *of, int attributes, long count, uint64_t *sum)
{
	enum { BLOCK = 8192 };
	size_t size = tuple_bytes(attributes);
	uint64_t state[ATTRIBUTES_MAX];
	FILE *file = fopen(path, "wb");
	char *block;
	int ok = 1;

	if (!file)
		return -1;
	setvbuf(file, NULL, _IONBF, 0);    /* blocks are large */
	block = heap_take(BLOCK * size);
	for (int i = 0; i < attributes; i++)
		state[i] = (of[i].prime + 1) / 2;
	*sum = 0;
	for (long done = 0; done < count && ok; done += BLOCK) {
		long here = count - done < BLOCK ? count - done : BLOCK;
		for (long t = 0; t < here; t++)
			*sum += next_tuple(state, of, attributes, block + t * size);
		ok = fwrite(block, size, here, file) == (size_t)here;
	}
	heap_free(block);
	if (fclose(file))
		ok = 0;
	return ok ? 0 : -1;
}

/* A column of the file: values to ranks. What occurs is marked, then numbered. */
static int rank_column(const char *file, size_t size, long count, uint16_t *rank, int *bits)
{
	uint16_t *number = heap_zeroed(VALUES * sizeof *number);
	long distinct = 0;
	int ok = 1;

	for (long t = 0; t < count; t++) {
		uint32_t value;
		memcpy(&value, file + t * size, 4);
		ok &= value < VALUES;
		number[value % VALUES] = 1;
	}
	for (long v = 0; v < VALUES; v++)
		if (number[v])
			number[v] = (uint16_t)distinct++;
	for (long t = 0; t < count; t++) {
		uint32_t value;
		memcpy(&value, file + t * size, 4);
		rank[t] = number[value % VALUES];
	}
	for (*bits = 0; (1L << *bits) < distinct; )
		++*bits;
	heap_free(number);
	return ok && distinct <= UINT16_MAX + 1L;
}

static int measure_column(const char *file, size_t size, long count, uint16_t *measure)
{
	int ok = 1;

	for (long t = 0; t < count; t++) {
		uint64_t value;
		memcpy(&value, file + t * size, 8);
		ok &= value < MEASURE_MODULUS;
		measure[t] = (uint16_t)value;
	}
	return ok;
}

int tuples_read(struct columns *c, const char *path, int attributes, long count)
{
	size_t size = tuple_bytes(attributes);
	int fd = open(path, O_RDONLY), ok;
	struct stat about;
	char *file;

	memset(c, 0, sizeof *c);
	if (fd < 0)
		return -1;
	if (fstat(fd, &about) || (uint64_t)about.st_size != size * (uint64_t)count) {
		close(fd);
		errno = 0;
		return -1;
	}
	file = mmap(NULL, size * count, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return -1;
	c->count = count;
	c->attributes = attributes;
	c->memory = heap_zeroed(((attributes + 1) * count + COLUMNS_BEYOND) * sizeof *c->memory);
	c->measure = c->memory + attributes * count;
	ok = measure_column(file, size, count, c->measure);
	for (int i = 0; i < attributes; i++) {
		c->rank[i] = c->memory + i * count;
		ok &= rank_column(file + 8 + 4 * i, size, count, c->rank[i], c->bits + i);
	}
	munmap(file, size * count);
	errno = 0;
	return ok ? 0 : -1;
}

void tuples_free(struct columns *c)
{
	heap_free(c->memory);
}
