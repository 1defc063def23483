/* Anonymous memory: where it goes, what it holds, and what a wrong access is. */
#include "check.h"
#include <sys/mman.h>
#include <sys/uio.h>
#include <fcntl.h>

#define PAGE 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static char *pages(long n) { return mmap(0, n * PAGE, RW, ANON, -1, 0); }

static int all(const char *p, long n, char value)
{
	for (long i = 0; i < n; i++)
		if (p[i] != value)
			return 0;
	return 1;
}

static void places(void)
{
	char *p = pages(16), *q = pages(1);
	CHECK(p != MAP_FAILED && q != MAP_FAILED && (uintptr_t)p % PAGE == 0);
	CHECK(q + PAGE <= p || q >= p + 16 * PAGE);
	CHECK(all(p, 16 * PAGE, 0));
	memset(p, 1, 16 * PAGE);

	/* Fixed replaces; not replacing refuses; a hint that is free is taken, one that is not is moved. */
	EQ((long)mmap(p + 4 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), (long)(p + 4 * PAGE));
	CHECK(all(p, 4 * PAGE, 1) && all(p + 4 * PAGE, 2 * PAGE, 0) && all(p + 6 * PAGE, 10 * PAGE, 1));
	FAILS((long)mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	EQ(munmap(p + 8 * PAGE, 2 * PAGE), 0);
	EQ((long)mmap(p + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), (long)(p + 8 * PAGE));
	EQ((long)mmap(p + 9 * PAGE, PAGE, RW, ANON, -1, 0), (long)(p + 9 * PAGE));
	char *moved = mmap(p, PAGE, RW, ANON, -1, 0);
	CHECK(moved != MAP_FAILED && (moved + PAGE <= p || moved >= p + 16 * PAGE));
	EQ(munmap(moved, PAGE), 0);
	EQ(munmap(p, 16 * PAGE), 0);
	EQ(munmap(q, PAGE), 0);

	/* A length that is no page is rounded up. */
	p = mmap(0, 100, RW, ANON, -1, 0);
	p[PAGE - 1] = 1;
	EQ(munmap(p, 1), 0);
	FAULTS(LOADS(p), SIGSEGV, SEGV_MAPERR, p);
	section("places");

	FAILS((long)mmap(0, 0, RW, ANON, -1, 0), EINVAL);
	FAILS((long)mmap((void *)1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	FAILS((long)mmap(0, -PAGE, RW, ANON, -1, 0), ENOMEM);
	FAILS((long)mmap((void *)(1L << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	FAILS((long)mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS((long)mmap(0, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	FAILS((long)mmap(0, PAGE, RW, MAP_PRIVATE, 0, 1), EINVAL);
	FAILS(munmap((void *)1, PAGE), EINVAL);
	FAILS(munmap(0, 0), EINVAL);
	EQ(munmap((void *)(1L << 30), PAGE), 0);	/* nothing is there: that is no error */
	section("refusals");
}

static void holes(void)
{
	char *p = pages(9);
	memset(p, 2, 9 * PAGE);
	EQ(munmap(p + 3 * PAGE, 3 * PAGE), 0);
	CHECK(all(p, 3 * PAGE, 2) && all(p + 6 * PAGE, 3 * PAGE, 2));
	FAULTS(LOADS(p + 3 * PAGE), SIGSEGV, SEGV_MAPERR, p + 3 * PAGE);
	FAULTS(STORES(p + 6 * PAGE - 1), SIGSEGV, SEGV_MAPERR, p + 6 * PAGE - 1);
	FAILS(mprotect(p, 9 * PAGE, PROT_READ), ENOMEM);
	EQ(munmap(p, 9 * PAGE), 0);
	FAULTS(LOADS(p), SIGSEGV, SEGV_MAPERR, p);
	FAULTS(LOADS(p + 9 * PAGE - 1), SIGSEGV, SEGV_MAPERR, p + 9 * PAGE - 1);
	section("holes");
}

static void protection(void)
{
	char *p = pages(4);
	memset(p, 3, 4 * PAGE);
	EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	EQ(mprotect(p + 2 * PAGE, PAGE, PROT_NONE), 0);
	EQ(p[PAGE + 5], 3);
	FAULTS(STORES(p + PAGE + 5), SIGSEGV, SEGV_ACCERR, p + PAGE + 5);
	FAULTS(LOADS(p + 2 * PAGE + 9), SIGSEGV, SEGV_ACCERR, p + 2 * PAGE + 9);
	FAULTS(STORES(p + 2 * PAGE), SIGSEGV, SEGV_ACCERR, p + 2 * PAGE);
	EQ(p[PAGE + 5], 3);
	EQ(mprotect(p, 4 * PAGE, RW), 0);
	CHECK(all(p, 4 * PAGE, 3));

	/* System calls see the same protection: EFAULT, or as much as there was. */
	int fds[2];
	EQ(pipe(fds), 0);
	EQ(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
	FAILS(write(fds[1], p + PAGE, 1), EFAULT);
	EQ(write(fds[1], p + 2 * PAGE, 10), 10);
	FAILS(read(fds[0], p + PAGE, 10), EFAULT);
	EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	EQ(write(fds[1], p + PAGE, 10), 10);
	FAILS(read(fds[0], p + PAGE, 10), EFAULT);
	FAILS(syscall(SYS_read, fds[0], 8, 10), EFAULT);
	close(fds[0]);
	close(fds[1]);

	/* mov $42, %eax; ret */
	memcpy(p, "\xb8\x2a\0\0\0\xc3", 6);
	FAULTS(((int (*)(void))p)(), SIGSEGV, SEGV_ACCERR, p);
	EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	EQ(((int (*)(void))p)(), 42);
	FAULTS(STORES(p), SIGSEGV, SEGV_ACCERR, p);
	EQ(mprotect(p, PAGE, RW | PROT_EXEC), 0);
	p[1] = 43;
	EQ(((int (*)(void))p)(), 43);

	FAILS(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);	/* musl's mprotect rounds down */
	EQ(mprotect(p, 0, PROT_READ), 0);
	FAILS(mprotect((void *)(1L << 30), PAGE, PROT_READ), ENOMEM);
	FAILS(mprotect(p, -PAGE, PROT_READ), ENOMEM);
	EQ(munmap(p, 4 * PAGE), 0);
	section("protection");
}

static void remapping(void)
{
	/* The contents come along whatever the direction. */
	char *p = pages(8), *q;
	for (int i = 0; i < 8; i++)
		memset(p + i * PAGE, 10 + i, PAGE);
	q = mremap(p, 8 * PAGE, 4 * PAGE, 0);
	EQ((long)q, (long)p);
	FAULTS(LOADS(p + 4 * PAGE), SIGSEGV, SEGV_MAPERR, p + 4 * PAGE);
	EQ((long)mremap(p, 4 * PAGE, 8 * PAGE, 0), (long)p);		/* its own hole has room */
	CHECK(all(p + 3 * PAGE, PAGE, 13) && all(p + 4 * PAGE, 4 * PAGE, 0));
	EQ((long)mmap(p + 4 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0), (long)(p + 4 * PAGE));
	FAILS((long)mremap(p, 4 * PAGE, 6 * PAGE, 0), ENOMEM);
	q = mremap(p, 4 * PAGE, 4000 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	for (int i = 0; i < 4; i++)
		CHECK(all(q + i * PAGE, PAGE, 10 + i));
	CHECK(all(q + 4 * PAGE, 3996 * PAGE, 0));
	FAULTS(LOADS(p), SIGSEGV, SEGV_MAPERR, p);
	EQ((long)mremap(q, 4000 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), (long)q);

	char *target = pages(4);
	memset(target, 1, 4 * PAGE);
	EQ((long)mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE), (long)(target + PAGE));
	CHECK(all(target, PAGE, 1) && all(target + PAGE, PAGE, 10) && all(target + 2 * PAGE, PAGE, 11));
	CHECK(all(target + 3 * PAGE, PAGE, 1) && all(q + 2 * PAGE, PAGE, 12));
	FAULTS(LOADS(q), SIGSEGV, SEGV_MAPERR, q);

	FAILS((long)mremap(target + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
	FAILS((long)mremap(target, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	FAILS((long)mremap(target, PAGE, PAGE, 0x80), EINVAL);
	FAILS((long)mremap(target, PAGE, PAGE, MREMAP_FIXED, target), EINVAL);
	FAILS((long)mremap(target, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE), EINVAL);
	FAILS((long)mremap((void *)(1L << 30), PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	EQ(munmap(target, 4 * PAGE), 0);
	EQ(munmap(q + 2 * PAGE, 2 * PAGE), 0);
	section("remapping");

	/* What realloc does with a large block. */
	char *block = malloc(1 << 20);
	for (size_t size = 1 << 20; size <= 64u << 20; size *= 2) {
		block[size - 1] = 7;
		block = realloc(block, size * 2);
		EQ(block[size - 1], 7);
	}
	free(block);
	section("realloc");
}

static void advice(void)
{
	char *p = pages(6);
	memset(p, 4, 6 * PAGE);
	EQ(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(all(p, PAGE, 4) && all(p + PAGE, 2 * PAGE, 0) && all(p + 3 * PAGE, 3 * PAGE, 4));
	memset(p + PAGE, 5, PAGE);
	CHECK(all(p + PAGE, PAGE, 5) && all(p + 2 * PAGE, PAGE, 0));
	EQ(madvise(p, 6 * PAGE, MADV_WILLNEED), 0);
	EQ(madvise(p, 6 * PAGE, MADV_NORMAL), 0);
	EQ(madvise(p + 3 * PAGE, PAGE, MADV_FREE), 0);
	CHECK(p[3 * PAGE] == 4 || p[3 * PAGE] == 0);
	EQ(madvise(p, 0, MADV_DONTNEED), 0);
	FAILS(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	FAILS(madvise(p, PAGE, 9999), EINVAL);
	EQ(munmap(p + 2 * PAGE, PAGE), 0);
	FAILS(madvise(p, 6 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK(all(p, 2 * PAGE, 0) && all(p + 3 * PAGE, 3 * PAGE, 0));	/* it did the rest all the same */
	EQ(munmap(p, 6 * PAGE), 0);
	section("advice");
}

static void sizes(void)
{
	/* Address space costs nothing until it is touched. */
	long size = 1L << 36;
	char *p = mmap(0, size, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	EQ(mprotect(p + size / 2, PAGE, RW), 0);
	p[size / 2] = 1;
	FAULTS(LOADS(p), SIGSEGV, SEGV_ACCERR, p);
	EQ(munmap(p, size), 0);

	/* Many mappings, taken away in another order. */
	char *many[500];
	for (int i = 0; i < 500; i++) {
		many[i] = mmap(0, PAGE * (1 + i % 3), i & 1 ? RW : RW | PROT_EXEC, ANON, -1, 0);
		CHECK(many[i] != MAP_FAILED && *many[i] == 0);
		*many[i] = i;
	}
	for (int i = 0; i < 500; i++) {
		int k = i * 7 % 500;
		EQ(*many[k], (char)k);
		EQ(munmap(many[k], PAGE * (1 + k % 3)), 0);
	}
	section("sizes");
}

static void faults(void)
{
	FAULTS(LOADS(0), SIGSEGV, SEGV_MAPERR, 0);
	FAULTS(STORES(0x123), SIGSEGV, SEGV_MAPERR, 0x123);
	/* A non-canonical address has no address to report: SI_KERNEL. */
	FAULTS(LOADS(1L << 63 | 5), SIGSEGV, SI_KERNEL, 0);
	FAULTS(LOADS(0xffffffff80000000), SIGSEGV, SEGV_MAPERR, 0xffffffff80000000);
	FAULTS(((void (*)(void))0x10)(), SIGSEGV, SEGV_MAPERR, 0x10);
	FAULTS(*(volatile char *)"text" = 1, SIGSEGV, SEGV_ACCERR, fault_addr);
	section("faults");
}

int main(void)
{
	catch_faults();
	places();
	holes();
	protection();
	remapping();
	advice();
	sizes();
	faults();
	return verdict();
}
