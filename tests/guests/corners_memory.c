/* Corners of the calls on memory. */
#include "corners.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE 4096
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char vec[64];

/* What mremap gives, without the address. */
#define M(...) printf("mremap(%s): %s\n", #__VA_ARGS__, \
	(errno = 0, (void *)syscall(SYS_mremap, __VA_ARGS__)) == MAP_FAILED ? strerror(errno) : "moved or grown")
#define MAP(...) printf("mmap(%s): %s\n", #__VA_ARGS__, \
	(errno = 0, (void *)syscall(SYS_mmap, __VA_ARGS__)) == MAP_FAILED ? strerror(errno) : "mapped")

static char *anonymous(int pages, int flags)
{
	return mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

/* What a child gets of memory, and holes in what a mapping stands on. */
static void forked(void)
{
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644), status;
	ftruncate(fd, 4 * PAGE);
	char *a = anonymous(8, MAP_PRIVATE), *shared = anonymous(4, MAP_SHARED), *read_only = anonymous(1, MAP_PRIVATE);
	char *f = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *copy = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	munmap(a + 4 * PAGE, PAGE);
	a[0] = 1, a[PAGE] = 2, a[2 * PAGE] = 3, shared[0] = 4, read_only[0] = 5;
	mprotect(read_only, PAGE, PROT_READ);
	T(madvise, f, PAGE, 18);			/* MADV_WIPEONFORK */
	T(madvise, copy, PAGE, 18);
	T(madvise, shared, PAGE, 18);
	T(madvise, f, PAGE, 19);			/* MADV_KEEPONFORK */
	T(madvise, a, 2 * PAGE, 18);
	T(madvise, a + PAGE, PAGE, 19);
	T(madvise, a + 3 * PAGE, 2 * PAGE, 18);
	T(madvise, read_only, PAGE, 18);
	T(madvise, a + 2 * PAGE, PAGE, MADV_DONTFORK);
	T(madvise, shared + PAGE, PAGE, MADV_DONTFORK);
	if (!fork()) {
		SAY(a[0]);
		SAY(a[PAGE]);
		SAY(read_only[0]);
		SAY(shared[0]);
		T(mprotect, a + 2 * PAGE, PAGE, PROT_READ);
		T(mprotect, shared + PAGE, PAGE, PROT_READ);
		T(write, 1, a + 2 * PAGE, 1);
		a[0] = 9;
		if (!fork()) {
			SAY(a[0]);
			_exit(0);
		}
		wait(0);
		return (void)*(volatile char *)(a + 2 * PAGE);
	}
	wait(&status);
	SAY(status & 0x7f);
	SAY(a[0]);
	SAY(a[2 * PAGE]);
	SAY(read_only[0]);
	T(madvise, a + 2 * PAGE, PAGE, MADV_DOFORK);
	if (!fork()) {
		SAY(a[2 * PAGE]);
		_exit(0);
	}
	wait(0);
}

static void holes(void)
{
	int fd = open("h", O_RDWR | O_CREAT | O_TRUNC, 0644), memfd = syscall(SYS_memfd_create, "x", 2);
	ftruncate(fd, 4 * PAGE);
	ftruncate(memfd, 4 * PAGE);
	char *a = anonymous(8, MAP_PRIVATE), *shared = anonymous(4, MAP_SHARED);
	char *f = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *copy = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *r = mmap(0, PAGE, PROT_READ, MAP_SHARED, open("h", O_RDONLY), 0);
	char *m = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0), c;
	munmap(a + 4 * PAGE, PAGE);
	shared[0] = 1, f[0] = 2, f[PAGE] = 3, m[0] = 4, m[PAGE] = 5, m[2 * PAGE] = 6;
	T(madvise, a, PAGE, MADV_REMOVE);
	T(madvise, copy, PAGE, MADV_REMOVE);
	T(madvise, r, PAGE, MADV_REMOVE);
	T(madvise, shared, PAGE, MADV_REMOVE);
	SAY(shared[0]);
	T(madvise, f, PAGE, MADV_REMOVE);
	SAY(f[0]);
	SAY(f[PAGE]);
	pread(fd, &c, 1, 0);
	SAY(c);
	T(madvise, m + PAGE, PAGE, MADV_REMOVE);
	SAY(m[0]);
	SAY(m[PAGE]);
	mprotect(m, PAGE, PROT_READ);
	T(madvise, m, PAGE, MADV_REMOVE);
	SAY(m[0]);
	T(fcntl, memfd, 1033, 16);			/* F_ADD_SEALS, F_SEAL_FUTURE_WRITE */
	T(madvise, m + 2 * PAGE, PAGE, MADV_REMOVE);
	SAY(m[2 * PAGE]);
	mprotect(a + 5 * PAGE, PAGE, PROT_READ);
	T(madvise, a + 3 * PAGE, 2 * PAGE, 22);		/* MADV_POPULATE_READ, and _WRITE */
	T(madvise, a + 3 * PAGE, 3 * PAGE, 23);
	T(madvise, a + 5 * PAGE, 3 * PAGE, 23);
	T(madvise, a + 5 * PAGE, 3 * PAGE, 22);
	T(madvise, r, PAGE, 23);
}

static void left_behind(void)
{
	char *a = anonymous(2, MAP_PRIVATE), *b = anonymous(3, MAP_PRIVATE), *shared = anonymous(1, MAP_SHARED), *moved;
	a[0] = 1, a[PAGE] = 2, shared[0] = 3;
	M(a, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP, 0);
	M(a, 2 * PAGE, 3 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0);
	M(a, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 1);
	moved = mremap(a + PAGE, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0);
	SAY(moved[0]);
	SAY(a[0]);
	SAY(a[PAGE]);
	M(a, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, b + PAGE);
	SAY(b[PAGE]);
	SAY(a[0]);
	M(a, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, a + PAGE);
	moved = mremap(shared, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0);
	shared[0] = 4;
	SAY(moved[0]);
	M(shared, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b);
	shared[0] = 5;
	SAY(b[0]);
	M(a, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b);
}

int main(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0644), ro = open("m", O_RDONLY), wo = open("m", O_WRONLY);
	int dir = open(".", O_RDONLY), pipes[2];
	pipe(pipes);
	ftruncate(fd, 3 * PAGE);
	char *a = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(a + 4 * PAGE, PAGE);			/* 4 pages, a hole, 11 pages */
	MAP(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MAP(0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_SHARED, fd, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, 999, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, wo, 0);
	MAP(0, PAGE, PROT_WRITE, MAP_SHARED, ro, 0);
	MAP(0, PAGE, PROT_WRITE, MAP_PRIVATE, ro, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, dir, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0);
	MAP(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x4000000, fd, 0);
	MAP(0, -1ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MAP(0, 1ul << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MAP(a + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	MAP(a, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	MAP(1ul << 47, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE);
	MAP(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1ul << 62);
	T(munmap, a + 1, PAGE);
	T(munmap, a, 0);
	T(munmap, 1ul << 47, PAGE);
	T(munmap, a + 4 * PAGE, PAGE);
	T(munmap, -PAGE, 2 * PAGE);
	T(mprotect, a + 1, PAGE, PROT_READ);
	T(mprotect, a, 0, PROT_READ);
	T(mprotect, a, 0, 0x40);
	T(mprotect, a, PAGE, 0x40);
	T(mprotect, a, PAGE, 0x3000000);
	T(mprotect, a + 4 * PAGE, PAGE, PROT_READ);
	T(mprotect, a + 2 * PAGE, 4 * PAGE, PROT_READ);
	T(mprotect, a + 3 * PAGE, -1ul, PROT_READ);
	T(mprotect, a, 4 * PAGE, PROT_READ | PROT_WRITE);
	char *s = mmap(0, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	T(mprotect, s, PAGE, PROT_READ | PROT_WRITE);
	T(mincore, a + 1, PAGE, vec);
	T(mincore, a, PAGE, BAD);
	T(mincore, a + 3 * PAGE, 2 * PAGE, vec);
	T(mincore, a, 0, vec);
	T(mincore, a, -1ul, vec);
	T(mincore, a, 1, vec);
	T(msync, a + 1, PAGE, MS_SYNC);
	T(msync, a, PAGE, MS_SYNC | MS_ASYNC);
	T(msync, a, PAGE, 8);
	T(msync, a, 0, MS_SYNC);
	T(msync, a, 6 * PAGE, MS_SYNC);
	T(msync, a, PAGE, 0);
	T(msync, a, -1ul, MS_SYNC);
	T(msync, s, PAGE, MS_INVALIDATE);
	T(madvise, a, PAGE, 9999);
	T(madvise, a, PAGE, -1);
	T(madvise, a + 1, PAGE, MADV_NORMAL);
	T(madvise, a, 0, MADV_DONTNEED);
	T(madvise, a, -1ul, MADV_DONTNEED);
	T(madvise, a, 6 * PAGE, MADV_DONTNEED);
	T(madvise, a + 4 * PAGE, PAGE, MADV_NORMAL);
	T(madvise, a, PAGE, MADV_FREE);
	T(madvise, s, PAGE, MADV_FREE);
	T(madvise, a, PAGE, MADV_WILLNEED);
	T(madvise, a, PAGE, MADV_DONTFORK);
	T(madvise, a, PAGE, MADV_DOFORK);
	T(madvise, a, PAGE, 22);			/* MADV_POPULATE_READ */
	T(madvise, s, PAGE, 23);
	M(a + 1, PAGE, PAGE, 0);
	M(a, PAGE, 0, 0);
	M(a, 0, PAGE, MREMAP_MAYMOVE);
	M(s, 0, PAGE, MREMAP_MAYMOVE);
	M(a, PAGE, PAGE, 8);
	M(a, PAGE, PAGE, MREMAP_FIXED);
	M(a, PAGE, 2 * PAGE, 0);
	M(a + 4 * PAGE, PAGE, PAGE, 0);
	M(a + 3 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	M(a, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + PAGE);
	M(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 1);
	M(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 1ul << 47);
	M(a, PAGE, -1ul, MREMAP_MAYMOVE);
	T(mlock, a, PAGE);
	T(mlock, a + 4 * PAGE, PAGE);
	T(munlock, a + 4 * PAGE, PAGE);
	T(munlock, a, PAGE);
	T(mlock, a, 0);
	T(mlock, -PAGE, 2 * PAGE);
	T(mlock2, a, PAGE, 2);
	T(mlock2, a, PAGE, 1);
	T(mlockall, 0);
	T(mlockall, 8);
	T(mlockall, 4);
	T(munlockall);
	T(memfd_create, BAD, 0);
	T(memfd_create, "x", 0x100);
	T0(memfd_create, "x", 3);
	static char name[300];
	memset(name, 'n', 250);
	T(memfd_create, name, 0);
	name[249] = 0;
	T0(memfd_create, name, 0);
	T(remap_file_pages, a, PAGE, 1, 0, 0);
	forked();
	holes();
	left_behind();
	return 0;
}
