/* Threads that map, protect and unmap the same few pages, each without knowing what the others do: any answer is right
 * that some order of these calls gives, and the program lives. mmap(2), mprotect(2), munmap(2) */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

#define PAGES 8
#define THREADS 6
#define ROUNDS 300

static char *area;
static pthread_barrier_t start;

static void *worker(void *number)
{
	unsigned random = 12345 + 977 * (unsigned)(uintptr_t)number;

	pthread_barrier_wait(&start);
	for (int round = 0; round < ROUNDS; round++) {
		random = random * 1103515245 + 12345;
		char *at = area + 4096 * (random >> 8 & 3);
		size_t length = 4096 * (1 + (random >> 12 & 3));
		switch (random >> 16 & 3) {
		case 0:
			CHECK(mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
			break;
		case 1:
			EQ(munmap(at, length), 0);
			break;
		default:
			if (mprotect(at, length, random >> 20 & 1 ? PROT_READ : PROT_READ | PROT_WRITE))
				EQ(errno, ENOMEM);
		}
	}
	return 0;
}

int main(void)
{
	pthread_t threads[THREADS];

	area = mmap(0, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_barrier_init(&start, 0, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], 0, worker, (void *)(uintptr_t)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], 0);
	section("everybody changes the same pages");

	/* what is there now is what the last call says */
	CHECK(mmap(area, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
	for (int i = 0; i < PAGES; i++)
		EQ(area[i * 4096], 0);
	memset(area, 7, PAGES * 4096);
	EQ(mprotect(area, 4096, PROT_READ), 0);
	catch_faults();
	FAULTS(STORES(area), SIGSEGV, SEGV_ACCERR, area);
	EQ(munmap(area, 4096), 0);
	FAULTS(LOADS(area), SIGSEGV, SEGV_MAPERR, area);
	EQ(area[4096], 7);
	section("and then it is quiet");
	return verdict();
}
