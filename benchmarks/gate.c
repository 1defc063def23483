/* What a system call costs: for each of four, its name, ns and cycles. argv[1]: how many of those that a monitor may
 * answer in the guest, argv[2]: of the one that it has to serve. Used by gate.py. With a third argument they jump to the
 * gate that the monitor offers. The first calls are not measured: a monitor may have to see some before it does better. */
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

enum call { PPID, WINDOW, CLOCK, GROUP };

static void report(const char *name, long count, enum call call)
{
	static const long numbers[] = { SYS_getppid, SYS_ioctl, SYS_clock_gettime, SYS_getpgid };
	struct timespec from, to, now;
	unsigned long long start = 0, end;
	struct winsize size;
	long i;

	for (i = -UNMEASURED; i < count; i++) {
		if (i == 0) {
			clock_gettime(CLOCK_MONOTONIC, &from);
			start = __rdtsc();
		}
		if (gate)
			direct(numbers[call], call == CLOCK ? CLOCK_MONOTONIC : 0, call == CLOCK ? (long)&now : TIOCGWINSZ,
				(long)&size);
		else if (call == WINDOW)
			ioctl(0, TIOCGWINSZ, &size);
		else if (call == PPID)
			getppid();
		else if (call == CLOCK)			/* not the vDSO's */
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
		else
			syscall(SYS_getpgid, 0);
	}
	end = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s %.2f %.1f\n", name, ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / (double)count,
		(double)(end - start) / (double)count);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100000, served = argc > 2 ? atol(argv[2]) : count;

	if (argc > 3) {
		gate = (const void *)getauxval(AT_SKETE_GATE);
		if (!gate) {
			fputs("there is no gate\n", stderr);
			return 1;
		}
	}
	report("getppid", count, PPID);
	report("ioctl", count, WINDOW);
	report("clock", count, CLOCK);
	report("getpgid", served, GROUP);
	return 0;
}
