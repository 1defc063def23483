/* What a system call costs: for each of two, its name, ns and cycles. argv[1]: how many. Used by gate.py.
 * With a second argument they jump to the gate that the monitor offers. The first calls are not measured: a monitor may have to see some of them before it does better. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define UNMEASURED 1500
#define AT_SKETE_GATE 0x736b6574

static const void *gate;

static long direct(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile ("lea 1f(%%rip), %%rcx\n\tjmp *%[gate]\n\tsyscall\n1:"
		: "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), [gate] "m"(gate) : "rcx", "r11", "memory", "cc");
	return result;
}

static void report(const char *name, long count, int is_ioctl)
{
	struct timespec from, to;
	unsigned long long start = 0, end;
	struct winsize size;
	long i;

	for (i = -UNMEASURED; i < count; i++) {
		if (i == 0) {
			clock_gettime(CLOCK_MONOTONIC, &from);
			start = __rdtsc();
		}
		if (gate)
			direct(is_ioctl ? SYS_ioctl : SYS_getppid, 0, TIOCGWINSZ, (long)&size);
		else if (is_ioctl)
			ioctl(0, TIOCGWINSZ, &size);
		else
			getppid();
	}
	end = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s %.2f %.1f\n", name, ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / (double)count,
		(double)(end - start) / (double)count);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100000;

	if (argc > 2) {
		gate = (const void *)getauxval(AT_SKETE_GATE);
		if (!gate) {
			fputs("there is no gate\n", stderr);
			return 1;
		}
	}
	report("getppid", count, 0);
	report("ioctl", count, 1);
	return 0;
}
