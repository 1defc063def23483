/*
 * Tuples are grouped by sorting. A tuple's key is the ranks of the view's attributes
 * in a row, and its lowest bits are the measure, which thus moves along for nothing:
 * one word of 64 bits for most views, two for those with many attributes, of which one
 * may be split between them. The sort
 * is a radix sort from the lowest digit of the key up: stable, and its time does not
 * depend on the data.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "group.h"
#include "heap.h"

enum { DIGIT_BITS = 11, DIGIT_VALUES = 1 << DIGIT_BITS, DIGITS_MAX = 16, BLOCK = COLUMNS_BEYOND };

/* A digit of a key: which word it is in, and where. */
struct digit {
	int word, shift, bits;
};

/* Bits of an attribute's rank: so many, above the lowest `shift`. */
struct piece {
	int attribute, shift, bits;
};

/* What a key looks like. */
struct key {
	int words;                                /* 1 or 2; of two, the first is the more significant */
	struct piece piece[2][ATTRIBUTES_MAX];    /* of [0] that word, [1] the one with the measure; the lowest first */
	int count[2];
	int digits;                        /* the lowest first */
	struct digit digit[DIGITS_MAX];
};

void group_open(struct grouper *g, const struct columns *c, const char *path)
{
	g->columns = c;
	g->fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	g->from = heap_take(2 * c->count * sizeof *g->from);
	g->to = heap_take(2 * c->count * sizeof *g->to);
	g->counts = heap_take(DIGITS_MAX * DIGIT_VALUES * sizeof *g->counts);
	g->rows = heap_take(3 * c->count * sizeof *g->rows);
	/* The system gives memory when it is touched first: now, not in some view. */
	memset(g->from, 0, 2 * c->count * sizeof *g->from);
	memset(g->to, 0, 2 * c->count * sizeof *g->to);
	memset(g->rows, 0, 3 * c->count * sizeof *g->rows);
}

void group_close(struct grouper *g)
{
	if (g->fd >= 0)
		close(g->fd);
	heap_free(g->from);
	heap_free(g->to);
	heap_free(g->rows);
	heap_free(g->counts);
}

/* Cut `bits` bits of a word, above the lowest `shift`, into digits of about equal
 * size. */
static void add_digits(struct key *k, int word, int shift, int bits)
{
	int digits = (bits + DIGIT_BITS - 1) / DIGIT_BITS;

	for (; digits > 0; digits--) {
		int size = (bits + digits - 1) / digits;
		k->digit[k->digits++] = (struct digit){ word, shift, size };
		shift += size;
		bits -= size;
	}
}

static void add_piece(struct key *k, int word, int attribute, int shift, int bits)
{
	if (bits)
		k->piece[word][k->count[word]++] = (struct piece){ attribute, shift, bits };
}

/* The last attributes go into the last word, above the measure, as long as there is
 * room. 0, or -1 where two words do not do. */
static int plan(struct key *k, const struct columns *c, uint32_t mask)
{
	int room = 64 - MEASURE_BITS, rest = 0, low, whole;

	memset(k, 0, sizeof *k);
	for (int i = c->attributes - 1; i >= 0; i--) {
		if (!(mask >> i & 1))
			continue;
		whole = c->bits[i];
		low = whole < room ? whole : room;
		add_piece(k, 1, i, 0, low);
		add_piece(k, 0, i, low, whole - low);
		room -= low;
		rest += whole - low;
	}
	if (rest > 64)
		return -1;
	k->words = rest ? 2 : 1;
	add_digits(k, k->words - 1, MEASURE_BITS, 64 - MEASURE_BITS - room);
	if (rest)
		add_digits(k, 0, 0, rest);
	return 0;
}

/* The part of the keys of BLOCK tuples that is one word. */
static void form_words(const struct columns *c, const struct key *k, int word, long start, uint64_t *out)
{
	for (int t = 0; t < BLOCK; t++)
		out[t] = 0;
	for (int n = k->count[word] - 1; n >= 0; n--) {
		const struct piece *p = &k->piece[word][n];
		const uint16_t *rank = c->rank[p->attribute] + start;
		uint64_t mask = (UINT64_C(1) << p->bits) - 1;
		for (int t = 0; t < BLOCK; t++)
			out[t] = out[t] << p->bits | ((uint64_t)rank[t] >> p->shift & mask);
	}
}

static void count_digits(const struct key *k, const uint64_t *keys, long n, uint32_t (*counts)[DIGIT_VALUES])
{
	for (int d = 0; d < k->digits; d++) {
		struct digit digit = k->digit[d];
		uint32_t *count = counts[d];
		uint64_t mask = (UINT64_C(1) << digit.bits) - 1;
		for (long t = 0; t < n; t++)
			count[keys[t * k->words + digit.word] >> digit.shift & mask]++;
	}
}

/* All keys, and how often each digit has each value. */
static void form_keys(struct grouper *g, const struct key *k, uint32_t (*counts)[DIGIT_VALUES])
{
	const struct columns *c = g->columns;

	memset(counts, 0, k->digits * sizeof *counts);
	for (long start = 0; start < c->count; start += BLOCK) {
		long left = c->count - start, here = left < BLOCK ? left : BLOCK;
		uint64_t high[BLOCK], low[BLOCK], *out = g->from + start * k->words;

		form_words(c, k, 1, start, low);
		for (int t = 0; t < BLOCK; t++)
			low[t] = low[t] << MEASURE_BITS | c->measure[start + t];
		if (k->words == 1) {
			memcpy(out, low, here * sizeof *out);
		} else {
			form_words(c, k, 0, start, high);
			for (long t = 0; t < here; t++) {
				out[2 * t] = high[t];
				out[2 * t + 1] = low[t];
			}
		}
		count_digits(k, out, here, counts);
	}
}

/* Where the tuples with each value of a digit begin. Returns 0 if all have the same. */
static int starts(uint32_t *count, uint32_t total)
{
	uint32_t sum = 0;
	int several = 1;

	for (int v = 0; v < DIGIT_VALUES; v++) {
		uint32_t here = count[v];
		several &= here != total;
		count[v] = sum;
		sum += here;
	}
	return several;
}

static void sort(struct grouper *g, const struct key *k, uint32_t (*counts)[DIGIT_VALUES])
{
	long n = g->columns->count;

	for (int d = 0; d < k->digits; d++) {
		struct digit digit = k->digit[d];
		uint64_t mask = (UINT64_C(1) << digit.bits) - 1;
		uint64_t *restrict from = g->from, *restrict to = g->to;
		uint32_t *restrict place = counts[d];

		if (!starts(place, n))
			continue;
		if (k->words == 1) {
			for (long t = 0; t < n; t++)
				to[place[from[t] >> digit.shift & mask]++] = from[t];
		} else {
			for (long t = 0; t < n; t++) {
				uint32_t at = place[from[2 * t + digit.word] >> digit.shift & mask]++;
				to[2 * at] = from[2 * t];
				to[2 * at + 1] = from[2 * t + 1];
			}
		}
		g->from = to;
		g->to = from;
	}
}

/* The sorted tuples to rows; returns how many. */
static long merge(struct grouper *g, const struct key *k)
{
	const uint64_t measure = (UINT64_C(1) << MEASURE_BITS) - 1;
	long n = g->columns->count, rows = 0;
	const uint64_t *from = g->from;
	uint64_t *out = g->rows;

	if (k->words == 1) {
		uint64_t last = ~from[0] >> MEASURE_BITS;
		for (long t = 0; t < n; t++) {
			uint64_t key = from[t] >> MEASURE_BITS;
			rows += key != last;
			out[2 * rows - 1] = (from[t] & measure) + (key != last ? 0 : out[2 * rows - 1]);
			out[2 * rows - 2] = last = key;
		}
	} else {
		uint64_t high = ~from[0], low = 0;
		for (long t = 0; t < n; t++) {
			uint64_t key = from[2 * t + 1] >> MEASURE_BITS;
			int fresh = from[2 * t] != high || key != low;
			rows += fresh;
			out[3 * rows - 1] = (from[2 * t + 1] & measure) + (fresh ? 0 : out[3 * rows - 1]);
			out[3 * rows - 2] = low = key;
			out[3 * rows - 3] = high = from[2 * t];
		}
	}
	return rows;
}

/* All of it to or from the start of the file. */
static int transfer(int fd, int out, char *data, size_t bytes)
{
	for (size_t done = 0; done < bytes; ) {
		ssize_t now = out ? pwrite(fd, data + done, bytes - done, done) : pread(fd, data + done, bytes - done, done);
		if (now < 0 && errno == EINTR)
			continue;
		if (now <= 0) {
			if (now == 0)
				errno = EIO;
			return -1;
		}
		done += now;
	}
	return 0;
}

int group_view(struct grouper *g, uint32_t mask, struct group_result *result)
{
	uint32_t (*counts)[DIGIT_VALUES] = (uint32_t (*)[DIGIT_VALUES])g->counts;
	struct key key;
	size_t width, bytes;

	if (plan(&key, g->columns, mask)) {
		errno = EOVERFLOW;
		return -1;
	}
	form_keys(g, &key, counts);
	sort(g, &key, counts);
	result->rows = merge(g, &key);
	width = key.words + 1;
	bytes = result->rows * width * sizeof *g->rows;
	if (transfer(g->fd, 1, (char *)g->rows, bytes) || transfer(g->fd, 0, (char *)g->rows, bytes))
		return -1;
	result->checksum = 0;
	for (uint64_t row = 1; row <= result->rows; row++)
		result->checksum += row * g->rows[row * width - 1] % MEASURE_MODULUS;
	return 0;
}
