/* A range that one thread gives back is another thread's at once. Where the two changes of the address space are carried
 * out in the wrong order, the second thread loses its fresh memory. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 16
#define ROUNDS 150
#define LENGTH 65536

static void *come_and_go(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char *p = mmap(0, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		CHECK(p[0] == 0 && p[LENGTH - 1] == 0);
		p[0] = p[LENGTH - 1] = 1;
		if (i % 3 == 0) {
			EQ(munmap(p, LENGTH / 2), 0);
			EQ(munmap(p + LENGTH / 2, LENGTH / 2), 0);
		} else {
			EQ(munmap(p, LENGTH), 0);
		}
	}
	return arg;
}

int main(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++) EQ(pthread_create(thread + i, 0, come_and_go, 0), 0);
	for (int i = 0; i < THREADS; i++) EQ(pthread_join(thread[i], 0), 0);
	section("ranges that change hands");
	return verdict();
}
