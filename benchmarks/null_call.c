/* A loop of getppid(2): what one system call costs that has nothing to do. Prints ns and cycles per call. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100000, i;
	struct timespec from, to;
	unsigned long long start, end;

	clock_gettime(CLOCK_MONOTONIC, &from);
	start = __rdtsc();
	for (i = 0; i < count; i++)
		syscall(SYS_getppid);
	end = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%ld calls: %.1f ns, %.0f cycles each\n", count,
		((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / (double)count,
		(double)(end - start) / (double)count);
	return 0;
}
