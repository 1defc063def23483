/*
 * What processes cost: us for each of fork+exit+wait (with 0 and 10 MiB of
 * touched private memory), vfork+exec+wait and fork+exec+wait of this very
 * program.
 *
 *   cc -O2 -static benchmarks/fork.c -o /tmp/fork
 *   /tmp/fork; bin/skete run /tmp/fork
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

enum kind { FORK, VFORK_EXEC, FORK_EXEC };

static double cost_us(enum kind kind, int times)
{
	char *const argv[] = { "fork", "end", NULL };
	double start = now_us();

	for (int i = 0; i < times; i++) {
		pid_t pid = kind == VFORK_EXEC ? vfork() : fork();
		if (pid == 0) {
			if (kind != FORK)
				execv("/proc/self/exe", argv);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			abort();
	}
	return (now_us() - start) / times;
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 200;

	if (argc > 1 && !strcmp(argv[1], "end"))
		return 0;
	printf("fork+exit+wait %.0f us\n", cost_us(FORK, times));
	printf("vfork+exec+wait %.0f us\n", cost_us(VFORK_EXEC, times));
	printf("fork+exec+wait %.0f us\n", cost_us(FORK_EXEC, times));
	char *memory = mmap(NULL, 10 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, 10 << 20);
	printf("fork+exit+wait of 10 MiB more %.0f us\n", cost_us(FORK, times / 4 + 1));
	return 0;
}
