/* Random calls on mappings: what each answers, what an access of each page is, and what /proc/self/maps says of it, as on
 * the host. The current folder has to be writable.
 *
 * Left out is what Linux does not promise, or what depends on which neighbours it keeps as one: a private mapping's view of
 * later writes to its file, and mremap of more than a page. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PAGE 4096L
#define PAGES 48
#define ROOM 6			/* the longest range of pages */
#define BELOW 100		/* what grows down may come so far, in pages */
#define SEEDS 3
#define STEPS 40

static char *const region = (char *)0x10000000000;
static uint64_t state;
static int files[4], ends[2];	/* files that are mapped privately, and shared, in turn */

static unsigned dice(unsigned sides)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % sides;
}

static char *some_pages(void) { return region + dice(PAGES - ROOM) * PAGE; }

/* The byte, or which signal came instead. */
static int outcome(char *p, int value)
{
	fault_signo = 0;
	if (!sigsetjmp(fault_env_, 1)) {
		if (value >= 0)
			*(volatile char *)p = value;
		return *(volatile unsigned char *)p;
	}
	return 0x10000 | (fault_addr != p) << 20 | fault_signo << 8 | fault_code;
}

static long mapped(char *p, int n, int prot)
{
	static const int anonymous[] = { MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE | MAP_GROWSDOWN };
	int kind = dice(9), flags = MAP_FIXED;
	if (kind < 5)
		return (long)mmap(p, n * PAGE, prot, flags | MAP_ANONYMOUS | anonymous[kind % 3], -1, 0);
	kind &= 3;
	return (long)mmap(p, n * PAGE, prot, flags | (kind & 1 ? MAP_SHARED : MAP_PRIVATE), files[kind], dice(14) * PAGE);
}

static long moved(char *p)
{
	char *to = some_pages();
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED, more = dice(2);
	if (to >= p - 2 * PAGE && to <= p + 2 * PAGE)		/* which error comes first has changed */
		to = region + (p > region + 20 * PAGE ? 2 : 30) * PAGE;
	if (dice(3) == 0)
		return (long)mremap(p, PAGE, PAGE, flags | 4, to);	/* MREMAP_DONTUNMAP */
	return (long)mremap(p, PAGE, PAGE * (1 + more), flags, to);
}

/* As much as can be goes through a pipe; a mark of what came. */
static long copied(char *p, int n)
{
	char buffer[ROOM * PAGE];
	long written = write(ends[1], p + 100, n * PAGE), error = errno, got = read(ends[0], buffer, sizeof buffer);
	unsigned mark = 0;
	for (long k = 0; k < got; k += PAGE)
		mark = mark * 31 + (unsigned char)buffer[k];
	errno = error;
	return written < 0 ? written : written << 32 | mark;
}

static long filled(char *p)
{
	char rest[64];
	long error, got;
	if (write(ends[1], "nine bytes", 9) != 9)
		return -2;
	got = read(ends[0], p - 4, 9);
	error = errno;
	(void)!read(ends[0], rest, sizeof rest);
	errno = error;
	return got;
}

static long one_call(void)
{
	char *p = some_pages();
	int n = 1 + dice(ROOM - 1), prot = "\1\3\3\0\1\3\2"[dice(7)];
	switch (dice(18)) {
	case 0: return munmap(p, n * PAGE);
	case 1: case 2: return mprotect(p, n * PAGE, prot);
	case 3: return madvise(p, n * PAGE, MADV_DONTNEED);
	case 4: case 5: return ftruncate(files[dice(4)], dice(14) * PAGE + dice(2) * dice(PAGE));
	case 6: return (long)mremap(p, PAGE, PAGE * (1 + dice(3)), 0);
	case 7: case 8: return moved(p);
	case 9: return copied(p, n);
	case 10: return filled(p);
	default: return mapped(p, n, prot);
	}
}

static void forked(void)
{
	int status, to = dice(3) ? -1 : (int)dice(10);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		printf(" child %x", outcome(region + dice(PAGES) * PAGE, 77));
		if (to >= 0)
			printf(" %d", ftruncate(files[to & 3], to * PAGE));
		for (int k = 0; k < PAGES; k += 3)
			printf(" %x", outcome(region + k * PAGE, -1));
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	printf(" ended %x", status);
}

static void maps(void)
{
	char line[512], rights[8];
	unsigned long from, to, offset;
	FILE *file = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, rights, &offset) != 4)
			continue;
		for (char *p = (char *)from; p < (char *)to; p += PAGE)
			if (p >= region - BELOW * PAGE && p < region + (PAGES + ROOM) * PAGE)
				printf(" %ld:%s:%lx", (p - region) / PAGE, rights,
				       strchr(line, '/') ? offset + (p - (char *)from) : 0);
	}
	fclose(file);
	puts("");
}

static void begin(int seed)
{
	char page[PAGE];
	state = seed;
	munmap(region - 2000 * PAGE, 3000 * PAGE);
	for (int f = 0; f < 4; f++) {
		for (int k = 0; k < 12; k++) {
			memset(page, 'a' + k + f, PAGE);
			EQ(pwrite(files[f], page, PAGE, k * PAGE), PAGE);
		}
		EQ(ftruncate(files[f], 12 * PAGE), 0);
	}
}

int main(void)
{
	struct rlimit limit;
	catch_faults();
	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 8 << 20;
	EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	files[0] = open("p", O_RDWR | O_CREAT | O_TRUNC, 0600);
	files[1] = open("s", O_RDWR | O_CREAT | O_TRUNC, 0600);
	files[2] = syscall(SYS_memfd_create, "p", 0);
	files[3] = syscall(SYS_memfd_create, "s", 0);
	EQ(pipe2(ends, O_NONBLOCK), 0);
	for (int seed = 1; seed <= SEEDS; seed++) {
		begin(seed);
		for (int step = 0; step < STEPS; step++) {
			errno = 0;
			long result = one_call();
			printf("%d.%d: %lx %d;", seed, step, result, result == -1 ? errno : 0);
			printf(" %x", outcome(region + dice(PAGES) * PAGE, dice(128)));
			if (dice(10) == 0)
				forked();
			for (int k = 0; k < 6; k++)
				printf(" %x", outcome(region + dice(PAGES) * PAGE, -1));
			maps();
		}
	}
	unlink("p");
	unlink("s");
	return verdict();
}
