/* What a page fault does beside SIGSEGV: mappings that grow down, and pages past the end of a file. The current folder
 * has to be writable. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAGE 4096L
#define GAP (256 * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define DOWN (MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Where the mapping that ends here begins; 0 where none does. */
static char *begins(const void *end)
{
	char line[512];
	unsigned long from, to, found = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to == (uintptr_t)end)
			found = from;
	fclose(maps);
	return (char *)found;
}

/* Two pages that grow down, with 6 MiB free below them. */
static char *stack(int prot)
{
	static char *next;
	if (!next) {
		next = mmap(0, 256 << 20, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
		munmap(next, 256 << 20);
	}
	next += 8 << 20;
	return mmap(next, 2 * PAGE, prot, DOWN | MAP_FIXED_NOREPLACE, -1, 0);
}

static void limit(long bytes)
{
	struct rlimit r;
	getrlimit(RLIMIT_STACK, &r);
	r.rlim_cur = bytes;
	EQ(setrlimit(RLIMIT_STACK, &r), 0);
}

static void growing(void)
{
	char *p = stack(RW), *end = p + 2 * PAGE;
	EQ((long)begins(end), (long)p);
	p[0] = 1;
	EQ(p[-1], 0);
	EQ((long)begins(end), (long)(p - PAGE));
	p[-10 * PAGE + 5] = 2;
	EQ((long)begins(end), (long)(p - 10 * PAGE));
	EQ(p[-9 * PAGE], 0);
	EQ(p[0], 1);
	p -= 10 * PAGE;
	FAULTS(LOADS(p - 7 * 1024 * PAGE), SIGSEGV, SEGV_MAPERR, p - 7 * 1024 * PAGE);	/* RLIMIT_STACK */
	EQ(munmap(p + PAGE, PAGE), 0);		/* what is above the hole grows into it */
	EQ(p[PAGE + 3], 0);
	EQ(munmap(p, end - p), 0);
	FAULTS(LOADS(p), SIGSEGV, SEGV_MAPERR, p);

	p = stack(RW);
	limit(100 * PAGE);
	FAULTS(LOADS(p - 98 * PAGE - 1), SIGSEGV, SEGV_MAPERR, p - 98 * PAGE - 1);
	LOADS(p - 98 * PAGE);
	limit(8 << 20);
	EQ((long)begins(p + 2 * PAGE), (long)(p - 98 * PAGE));

	p = stack(PROT_READ);
	FAULTS(STORES(p - 5 * PAGE), SIGSEGV, SEGV_ACCERR, p - 5 * PAGE);
	EQ((long)begins(p + 2 * PAGE), (long)(p - 5 * PAGE));
	p = stack(PROT_NONE);
	FAULTS(LOADS(p - PAGE), SIGSEGV, SEGV_ACCERR, p - PAGE);
	section("growing");
}

static void neighbours(void)
{
	char *p = stack(RW), *end = p + 2 * PAGE, *q = p - 300 * PAGE;
	EQ((long)mmap(q, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0), (long)q);
	FAULTS(LOADS(q + PAGE), SIGSEGV, SEGV_MAPERR, q + PAGE);
	FAULTS(LOADS(q + GAP + PAGE - 1), SIGSEGV, SEGV_MAPERR, q + GAP + PAGE - 1);
	LOADS(q + GAP + PAGE);
	EQ((long)begins(end), (long)(q + GAP + PAGE));
	EQ(mprotect(q, PAGE, PROT_NONE), 0);		/* no gap to what cannot be accessed */
	LOADS(q + PAGE);
	EQ((long)begins(end), (long)(q + PAGE));
	FAULTS(LOADS(q), SIGSEGV, SEGV_ACCERR, q);

	p = stack(RW);
	q = p - 20 * PAGE;
	EQ((long)mmap(q, PAGE, PROT_READ, DOWN | MAP_FIXED_NOREPLACE, -1, 0), (long)q);	/* nor to what grows down */
	LOADS(q + PAGE);
	LOADS(q - 1);
	EQ((long)begins(p + 2 * PAGE), (long)(q + PAGE));
	EQ((long)begins(q + PAGE), (long)(q - PAGE));

	/* Nothing is put into the gap that need not be there. */
	p = stack(RW);
	q = mmap(p - PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q + PAGE <= p - GAP || q > p);
	munmap(q, PAGE);
	q = mmap(p - GAP - PAGE, PAGE, RW, ANON, -1, 0);
	EQ((long)q, (long)(p - GAP - PAGE));
	q = mmap(p - PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	EQ((long)q, (long)(p - PAGE));
	q = mmap(0, PAGE, RW, DOWN, -1, 0);
	char *below = mmap(0, PAGE, RW, ANON, -1, 0);
	CHECK(below + PAGE <= q - GAP || below > q);
	section("neighbours");
}

static uintptr_t deep;

static void dig(int signo)
{
	volatile char room[100000];
	(void)signo;
	room[0] = 3;
	room[50000] = 4;
	deep = (uintptr_t)room;
}

static void by_the_kernel(void)
{
	int fds[2];
	char *p = stack(RW), path[] = "/proc/self/maps";
	EQ(pipe(fds), 0);
	EQ(write(fds[1], "0123456789", 10), 10);
	EQ(read(fds[0], p - 5 * PAGE, 4), 4);
	CHECK(!memcmp(p - 5 * PAGE, "0123", 4) && p[-PAGE] == 0);
	EQ((long)begins(p + 2 * PAGE), (long)(p - 5 * PAGE));
	EQ(read(fds[0], p - 5 * PAGE - 3, 6), 6);	/* across where it began */
	CHECK(!memcmp(p - 5 * PAGE - 3, "456789", 6));
	EQ(write(fds[1], p - 10 * PAGE, 3), 3);		/* zeros */
	EQ(read(fds[0], path, 3), 3);
	EQ(path[0] | path[2], 0);
	FAILS(open(p - 20 * PAGE, O_RDONLY), ENOENT);
	EQ(clock_gettime(CLOCK_REALTIME, (void *)(p - 30 * PAGE)), 0);
	CHECK(*(time_t *)(p - 30 * PAGE) > 0);
	EQ((long)begins(p + 2 * PAGE), (long)(p - 30 * PAGE));
	EQ(write(fds[1], "", 1), 1);
	FAILS(read(fds[0], p - 7 * 1024 * PAGE, 1), EFAULT);

	/* A handler on such a stack: its frame, and what it uses itself. */
	p = stack(RW);
	stack_t alternate = { .ss_sp = p - 60 * PAGE, .ss_size = 60 * PAGE }, none = { .ss_flags = SS_DISABLE };
	struct sigaction sa = { .sa_handler = dig, .sa_flags = SA_ONSTACK };
	EQ(sigaltstack(&alternate, 0), 0);
	EQ(sigaction(SIGUSR1, &sa, 0), 0);
	EQ(raise(SIGUSR1), 0);
	CHECK(deep < (uintptr_t)p - 20 * PAGE && deep > (uintptr_t)p - 60 * PAGE);
	CHECK(*(char *)deep == 3 && ((char *)deep)[50000] == 4);
	EQ(sigaltstack(&none, 0), 0);
	close(fds[0]);
	close(fds[1]);
	section("by the kernel");
}

static void refusals(void)
{
	char *p = stack(RW), *plain = mmap(0, 4 * PAGE, RW, ANON, -1, 0);
	int fd = open("g", O_RDWR | O_CREAT | O_TRUNC, 0644);
	FAILS((long)mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
	FAILS((long)mmap(0, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0), EINVAL);
	FAILS((long)mmap(0, PAGE, RW, MAP_SHARED | MAP_GROWSDOWN, fd, 0), EINVAL);
	LOADS(p - 9 * PAGE);
	/* Down to its start, wherever in it. */
	EQ(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN), 0);
	FAULTS(STORES(p - 9 * PAGE), SIGSEGV, SEGV_ACCERR, p - 9 * PAGE);
	FAULTS(STORES(p), SIGSEGV, SEGV_ACCERR, p);
	STORES(p + PAGE);
	EQ(mprotect(p - 20 * PAGE, 30 * PAGE, RW | PROT_GROWSDOWN), -1);
	EQ(errno, ENOMEM);				/* it went up to the hole */
	STORES(p - 9 * PAGE);
	STORES(p);
	FAILS(mprotect(p - 20 * PAGE, 10 * PAGE, RW | PROT_GROWSDOWN), ENOMEM);
	FAILS(mprotect(p - 20 * PAGE, 10 * PAGE, RW | PROT_GROWSUP), ENOMEM);
	FAILS(mprotect(p, PAGE, RW | PROT_GROWSUP), EINVAL);
	FAILS(mprotect(plain + PAGE, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
	FAILS(mprotect(plain + PAGE, PAGE, PROT_READ | PROT_GROWSUP), EINVAL);
	FAILS(mprotect(plain, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN), EINVAL);
	EQ(mprotect(plain, 0, PROT_READ | PROT_GROWSDOWN), 0);
	STORES(plain);
	close(fd);
	unlink("g");
	section("refusals");
}

static char *together;

static void *downwards(void *unused)
{
	for (long n = 1; n <= 200; n++)
		__atomic_fetch_add(together - n * PAGE, 1, __ATOMIC_RELAXED);
	return unused;
}

static void forked_and_together(void)
{
	char *p = stack(RW);
	int status;
	pid_t child = fork();
	if (!child) {
		p[-3 * PAGE] = 1;
		_exit(begins(p + 2 * PAGE) == p - 3 * PAGE);
	}
	EQ(waitpid(child, &status, 0), child);
	EQ(WEXITSTATUS(status), 1);
	EQ((long)begins(p + 2 * PAGE), (long)p);

	pthread_t threads[2];
	together = p;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, downwards, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	for (long n = 1; n <= 200; n++)
		EQ(p[-n * PAGE], 2);
	section("forked, and together");
}

/* Pages past the end of a file, in mappings of both kinds. */
static void past_the_end(int fd, const char *name)
{
	char text[3 * PAGE];
	int fds[2];
	EQ(pipe(fds), 0);
	memset(text, 'a', sizeof text);
	EQ(pwrite(fd, text, 5000, 0), 5000);
	char *s = mmap(0, 4 * PAGE, RW, MAP_SHARED, fd, 0), *p = mmap(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *r = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE), *n = mmap(0, 4 * PAGE, PROT_NONE, MAP_PRIVATE, fd, 0);
	EQ(s[4999], 'a');
	EQ(p[4999], 'a');
	EQ(r[4999 - PAGE], 'a');
	EQ(s[5000] | p[5000] | s[2 * PAGE - 1] | p[2 * PAGE - 1] | r[PAGE - 1], 0);
	FAULTS(LOADS(s + 2 * PAGE), SIGBUS, BUS_ADRERR, s + 2 * PAGE);
	FAULTS(STORES(s + 3 * PAGE + 77), SIGBUS, BUS_ADRERR, s + 3 * PAGE + 77);
	FAULTS(LOADS(p + 2 * PAGE + 5), SIGBUS, BUS_ADRERR, p + 2 * PAGE + 5);
	FAULTS(STORES(p + 4 * PAGE - 1), SIGBUS, BUS_ADRERR, p + 4 * PAGE - 1);
	FAULTS(LOADS(r + PAGE + 9), SIGBUS, BUS_ADRERR, r + PAGE + 9);
	FAULTS(STORES(r + PAGE), SIGSEGV, SEGV_ACCERR, r + PAGE);
	FAULTS(LOADS(n + 3 * PAGE), SIGSEGV, SEGV_ACCERR, n + 3 * PAGE);
	FAULTS(((void (*)(void))(s + 2 * PAGE))(), SIGBUS, BUS_ADRERR, s + 2 * PAGE);
	section(name);

	FAILS(write(fds[1], s + 2 * PAGE, 1), EFAULT);
	FAILS(write(fds[1], p + 2 * PAGE, 1), EFAULT);
	EQ(write(fds[1], s + PAGE, 2 * PAGE), PAGE);
	EQ(read(fds[0], text, 2 * PAGE), PAGE);
	EQ(write(fds[1], text, 10), 10);
	FAILS(read(fds[0], s + 2 * PAGE, 10), EFAULT);
	FAILS(read(fds[0], p + 2 * PAGE, 10), EFAULT);
	FAILS(madvise(s + PAGE, 2 * PAGE, 22), EFAULT);		/* MADV_POPULATE_READ */
	FAILS(madvise(p + PAGE, 2 * PAGE, 22), EFAULT);
	EQ(madvise(p, 2 * PAGE, 22), 0);
	FAILS(mlock(s, 3 * PAGE), ENOMEM);
	EQ(mlock(s, 2 * PAGE), 0);
	EQ(munlock(s, 3 * PAGE), 0);
	FAILS(mlock(p + PAGE, 2 * PAGE), ENOMEM);
	EQ(munlock(p + PAGE, 2 * PAGE), 0);
	FAULTS(LOADS(p + 2 * PAGE), SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	section("system calls");

	/* It grows: they are there. It shrinks: they are gone, even what was stored to them. */
	EQ(ftruncate(fd, 3 * PAGE), 0);
	EQ(s[2 * PAGE] | p[2 * PAGE] | r[PAGE], 0);
	FAULTS(LOADS(s + 3 * PAGE), SIGBUS, BUS_ADRERR, s + 3 * PAGE);
	EQ(pwrite(fd, "bcd", 3, 3 * PAGE), 3);
	CHECK(!memcmp(s + 3 * PAGE, "bcd", 4) && !memcmp(p + 3 * PAGE, "bcd", 4));
	s[2 * PAGE + 1] = 'e';
	EQ(pread(fd, text, 2, 2 * PAGE), 2);
	EQ(text[1], 'e');
	p[0] = 'f';
	p[PAGE] = 'g';
	p[2 * PAGE] = 'h';
	EQ(ftruncate(fd, PAGE + 10), 0);
	EQ(s[PAGE + 9], 'a');
	EQ(s[PAGE + 10], 0);
	EQ(p[PAGE], 'g');
	FAULTS(LOADS(s + 2 * PAGE + 1), SIGBUS, BUS_ADRERR, s + 2 * PAGE + 1);
	FAULTS(LOADS(p + 2 * PAGE), SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	FAULTS(STORES(r + 2 * PAGE), SIGSEGV, SEGV_ACCERR, r + 2 * PAGE);
	FAILS(write(fds[1], p + 2 * PAGE, 1), EFAULT);
	EQ(ftruncate(fd, 4 * PAGE), 0);
	EQ(s[2 * PAGE + 1] | p[2 * PAGE] | r[PAGE] | s[3 * PAGE], 0);
	EQ(p[0], 'f');
	EQ(mprotect(n, 4 * PAGE, PROT_READ), 0);
	EQ(n[0], 'a');
	EQ(n[3 * PAGE], 0);
	section("longer and shorter");

	/* What was stored is dropped: the file is seen again. What moves away leaves the file behind. */
	EQ(pwrite(fd, "xyz", 3, 0), 3);
	EQ(madvise(p, 2 * PAGE, MADV_DONTNEED), 0);
	EQ(p[0], 'x');
	EQ(p[PAGE], 'a');
	p[0] = 'i';
	p[PAGE] = 'j';
	char *moved = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	CHECK(moved != MAP_FAILED && moved != p);
	CHECK(moved[0] == 'i' && moved[PAGE] == 'j' && p[0] == 'x' && p[PAGE] == 'a');
	EQ(munmap(moved, 2 * PAGE), 0);
	/* Growing goes on in the file. */
	EQ(pwrite(fd, "klm", 3, 2 * PAGE), 3);
	p = mmap(0, PAGE, RW, MAP_PRIVATE, fd, PAGE);
	p[0] = 'o';
	p = mremap(p, PAGE, 5 * PAGE, MREMAP_MAYMOVE);
	EQ(p[0], 'o');
	EQ(p[PAGE + 2], 'm');
	FAULTS(LOADS(p + 3 * PAGE), SIGBUS, BUS_ADRERR, p + 3 * PAGE);
	s = mremap(s, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	EQ(s[2 * PAGE + 2], 'm');
	FAULTS(LOADS(s + 4 * PAGE), SIGBUS, BUS_ADRERR, s + 4 * PAGE);
	section("moved");

	/* Somebody else makes it shorter. */
	volatile char *page = mmap(0, PAGE, RW, MAP_SHARED, fd, PAGE), *copy = mmap(0, PAGE, RW, MAP_PRIVATE, fd, PAGE);
	int status;
	copy[0] = 'q';
	pid_t child = fork();
	if (!child) {
		EQ(ftruncate(fd, PAGE), 0);
		FAULTS((void)copy[0], SIGBUS, BUS_ADRERR, copy);
		_exit(failures_ != 0);
	}
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	FAULTS((void)page[1], SIGBUS, BUS_ADRERR, page + 1);
	FAULTS((void)copy[0], SIGBUS, BUS_ADRERR, copy);
	EQ(ftruncate(fd, 2 * PAGE), 0);
	EQ(page[1] | copy[0], 0);
	child = fork();
	if (!child) {
		signal(SIGBUS, SIG_DFL);
		write(fds[1], "", 1);
		for (;;)			/* makes no system call */
			(void)page[1];
	}
	while (read(fds[0], text, 1) == 1 && text[0])
		;
	EQ(ftruncate(fd, 0), 0);
	EQ(waitpid(child, &status, 0), child);
	EQ(WTERMSIG(status), SIGBUS);
	close(fds[0]);
	close(fds[1]);
	munmap(s, 6 * PAGE);
	munmap(p, 5 * PAGE);
	section("by another process");
}

static void by_name(void)
{
	int fd = open("f", O_RDWR);
	EQ(ftruncate(fd, 2 * PAGE), 0);
	char *s = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0), *p = mmap(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	s[PAGE] = p[PAGE] = s[0] = p[0] = 1;
	EQ(truncate("f", PAGE), 0);
	FAULTS(LOADS(s + PAGE), SIGBUS, BUS_ADRERR, s + PAGE);
	FAULTS(LOADS(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	EQ(s[0] + p[0], 2);
	close(open("f", O_WRONLY | O_TRUNC));
	FAULTS(LOADS(s), SIGBUS, BUS_ADRERR, s);
	FAULTS(LOADS(p), SIGBUS, BUS_ADRERR, p);
	EQ(pwrite(fd, "new", 3, 0), 3);
	CHECK(!memcmp(s, "new", 4) && !memcmp(p, "new", 4));
	/* The mapping needs neither descriptor nor name. */
	close(fd);
	unlink("f");
	EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK(!memcmp(p, "new", 4));
	FAULTS(LOADS(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	section("by name");
}

static void segment(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	char *p = shmat(id, 0, 0), *q = mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	shmctl(id, IPC_RMID, 0);
	q[PAGE - 1] = 1;
	FAULTS(LOADS(q + PAGE), SIGBUS, BUS_ADRERR, q + PAGE);
	FAILS(write(1, q + 2 * PAGE, 1), EFAULT);
	section("a segment");
}

/* Shared memory is as long as it was first. What is unmapped of it is still there. */
static void anonymous(void)
{
	char *p = mmap(0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *q;
	int status;
	p[0] = 1;
	p[PAGE] = 2;
	EQ((long)mremap(p, 2 * PAGE, PAGE, 0), (long)p);
	FAULTS(LOADS(p + PAGE), SIGSEGV, SEGV_MAPERR, p + PAGE);
	q = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	EQ(q[0], 1);
	EQ(q[PAGE], 2);
	FAULTS(LOADS(q + 2 * PAGE), SIGBUS, BUS_ADRERR, q + 2 * PAGE);
	FAULTS(STORES(q + 3 * PAGE), SIGBUS, BUS_ADRERR, q + 3 * PAGE);
	p = mremap(q, 0, 2 * PAGE, MREMAP_MAYMOVE);	/* once more */
	p[PAGE] = 3;
	EQ(q[PAGE], 3);
	pid_t child = fork();
	if (!child) {
		munmap(q, 4 * PAGE);
		p[PAGE] = 4;
		_exit(0);
	}
	waitpid(child, &status, 0);
	EQ(status, 0);
	EQ(q[PAGE], 4);
	EQ(madvise(p, PAGE, MADV_REMOVE), 0);
	EQ(q[0], 0);
	munmap(q, 4 * PAGE);
	EQ(p[PAGE], 4);
	section("shared memory");
}

/* More than is read at once. */
static void large(void)
{
	long size = (7 << 20) + 100;
	int fd = open("l", O_RDWR | O_CREAT | O_TRUNC, 0644), out = open("m", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *text = malloc(size), *p;
	for (long i = 0; i < size; i++)
		text[i] = i ^ i >> 12;
	EQ(write(fd, text, size), size);
	p = mmap(0, size, PROT_READ, MAP_PRIVATE, fd, 0);
	EQ(p[5 << 20], text[5 << 20]);
	EQ(write(out, p, size), size);
	CHECK(!memcmp(p, text, size));
	EQ((long)begins(p + size + PAGE - 100), (long)p);
	munmap(p, size);
	p = mmap(0, size, RW, MAP_PRIVATE, out, 0);
	p[3 << 20] ^= 1;
	text[3 << 20] ^= 1;
	pid_t child = fork();
	if (!child)
		_exit(memcmp(p, text, size) != 0);
	int status;
	waitpid(child, &status, 0);
	EQ(status, 0);
	CHECK(!memcmp(p, text, size));
	unlink("l");
	unlink("m");
	section("large");
}

int main(void)
{
	catch_faults();
	limit(8 << 20);
	growing();
	neighbours();
	by_the_kernel();
	refusals();
	forked_and_together();
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
	past_the_end(fd, "past the end");
	close(fd);
	past_the_end(syscall(SYS_memfd_create, "x", 0), "past the end of memory");
	by_name();
	segment();
	anonymous();
	large();
	return verdict();
}
