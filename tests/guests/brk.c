/* The break, by the raw call: it answers with the break in force, never with an errno. */
#include "check.h"
#include <sys/mman.h>

#define MIB (1L << 20)
#define PAGE 4096L

static long brk_(long address) { return raw(SYS_brk, address, 0, 0, 0, 0, 0); }

static int zero(const char *p, long n)
{
	for (long i = 0; i < n; i++)
		if (p[i])
			return 0;
	return 1;
}

int main(void)
{
	catch_faults();
	long start = brk_(0);
	EQ(brk_(0), start);
	EQ(brk_(1), start);
	EQ(brk_(start), start);
	section("query");

	/* Far past the first 128 KiB, in steps that are no pages. */
	for (long size = 1; size < 96 * MIB; size = size * 3 + 7) {
		EQ(brk_(start + size), start + size);
		*(char *)(start + size - 1) = 1;
		EQ(*(char *)(start + size - 1), 1);
	}
	EQ(brk_(start + 96 * MIB), start + 96 * MIB);
	memset((char *)start, 0x5a, 4 * MIB);
	EQ(((char *)start)[4 * MIB - 1], 0x5a);
	section("grow");

	/* What was given back is gone, and comes back as zeros. */
	EQ(brk_(start + MIB), start + MIB);
	char *end = (char *)((start + MIB + PAGE - 1) & -PAGE);
	EQ(end[-1], 0x5a);
	FAULTS(LOADS(end), SIGSEGV, SEGV_MAPERR, end);
	FAULTS(STORES(end + MIB), SIGSEGV, SEGV_MAPERR, end + MIB);
	EQ(brk_(start + 4 * MIB), start + 4 * MIB);
	EQ(((char *)start)[MIB - 1], 0x5a);
	CHECK(zero(end, 3 * MIB - PAGE));
	section("shrink");

	EQ(brk_(start + (1L << 46)), start + 4 * MIB);
	EQ(brk_(-4096), start + 4 * MIB);
	EQ(brk_(PAGE), start + 4 * MIB);
	section("refuse");

	/* It does not grow into another mapping. */
	char *wall = (char *)(((start + 8 * MIB) + PAGE - 1) & -PAGE);
	EQ((long)mmap(wall, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), (long)wall);
	*wall = 9;
	EQ(brk_((long)wall + 2 * PAGE), start + 4 * MIB);
	EQ(*wall, 9);
	EQ(brk_(start + 6 * MIB), start + 6 * MIB);
	EQ(munmap(wall, PAGE), 0);
	EQ(brk_((long)wall + 2 * PAGE), (long)wall + 2 * PAGE);
	section("walls");

	/* A hole that the program itself has made in the heap. */
	char *hole = (char *)((start + 2 * MIB) & -PAGE);
	EQ(munmap(hole, PAGE), 0);
	FAULTS(LOADS(hole), SIGSEGV, SEGV_MAPERR, hole);
	hole[PAGE] = hole[-1] = 3;
	EQ(brk_(start), start);
	EQ(brk_(start + 4 * MIB), start + 4 * MIB);
	EQ(*hole, 0);
	section("holes");
	EQ(brk_(start), start);

	/* And as a libc uses it. */
	char *blocks[2000];
	for (int i = 0; i < 2000; i++)
		memset(blocks[i] = malloc(100 + i * 7), i, 100 + i * 7);
	for (int i = 0; i < 2000; i++) {
		EQ((unsigned char)blocks[i][99 + i * 7], i & 0xff);
		free(blocks[i]);
	}
	section("malloc");
	return verdict();
}
