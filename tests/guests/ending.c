/* The ways a program ends, one a run: `ending HOW` prints HOW first; the status is the caller's to compare.
 * Without an argument it names the ways, one a line. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>

static void *exits_group(void *status)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, 0);
	syscall(SYS_exit_group, (long)status);
	return 0;
}

static void *exits_last(void *status)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, 0);
	syscall(SYS_exit, (long)status);
	return 0;
}

static void *outlives_main(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, 0);
	printf("after main\n");
	fflush(stdout);
	return 0;
}

static void *spins(void *unused)
{
	volatile unsigned n = 0;
	(void)unused;
	for (;;)
		n++;
	return 0;
}

static void *waits(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

static void *faults(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, 0);
	*(volatile char *)16 = 1;
	return 0;
}

static void at_exit(void) { printf("atexit\n"); }
static int speaks;
static __attribute__((destructor)) void destructor(void) { if (speaks) printf("destructor\n"); }

static void company(void)
{
	pthread_t thread;
	for (int i = 0; i < 3; i++) {
		EQ(pthread_create(&thread, 0, spins, 0), 0);
		EQ(pthread_create(&thread, 0, waits, 0), 0);
	}
}

int main(int argc, char **argv)
{
	struct rlimit no_core = { 0, 0 };
	const char *how = argc > 1 ? argv[1] : 0;
	pthread_t thread;
	setrlimit(RLIMIT_CORE, &no_core);
	if (how) {
		printf("%s\n", how);
		fflush(stdout);
		speaks = 1;
	}
#define WAY(name) if (!how) printf("%s\n", name); else if (!strcmp(how, name))
	WAY("return") { atexit(at_exit); return 7; }
	WAY("exit") { atexit(at_exit); company(); exit(300); }		/* 300 & 255 is 44 */
	WAY("_exit") { atexit(at_exit); company(); _exit(9); }
	WAY("exit-group-from-thread") {
		company();
		pthread_create(&thread, 0, exits_group, (void *)23);
		pthread_join(thread, 0);
	}
	WAY("main-leaves-first") {
		pthread_create(&thread, 0, outlives_main, 0);
		pthread_exit((void *)5);		/* the last thread's end is exit(0) */
	}
	WAY("last-thread-has-the-status") {	/* so since Linux 6.0; before, it was the first thread's */
		pthread_create(&thread, 0, exits_last, (void *)31);
		syscall(SYS_exit, 4);			/* not what the process ends with */
	}
	WAY("abort") { abort(); }
	WAY("segv") { *(volatile char *)16 = 1; }
	WAY("segv-in-thread") {
		company();
		pthread_create(&thread, 0, faults, 0);
		pthread_join(thread, 0);
	}
	WAY("fpe") { volatile int zero = 0; return 77 / zero; }
	WAY("ill") { __asm__ volatile ("ud2"); }
	WAY("trap") { __asm__ volatile ("int3"); }
	WAY("bus") {	/* an unaligned access with alignment checks on */
		__asm__ volatile ("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%%rsp), %%rax" : : : "rax", "memory", "cc");
	}
	WAY("term") { company(); kill(getpid(), SIGTERM); pause(); }
	WAY("kill") { company(); kill(getpid(), SIGKILL); pause(); }
	WAY("alarm") { alarm(1); pause(); }
	WAY("pipe") {
		int ends[2];
		if (pipe(ends) == 0 && close(ends[0]) == 0)
			return write(ends[1], "x", 1) == 1;
	}
	WAY("rtmin") { raise(SIGRTMIN); }
	WAY("blocked-fault-kills") {		/* a fault whose signal is blocked cannot wait */
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, 0);
		*(volatile char *)16 = 1;
	}
	WAY("ignored-fault-kills") { signal(SIGSEGV, SIG_IGN); *(volatile char *)16 = 1; }
	WAY("no-stack-for-the-handler") {
		signal(SIGUSR1, SIG_DFL);
		struct sigaction sa = { .sa_handler = (void (*)(int))at_exit };
		sigaction(SIGSEGV, &sa, 0);
		__asm__ volatile ("mov $0x1000, %%rsp; push %%rax" : : : "memory");
	}
	if (!how)
		return 0;
	printf("did not end\n");
	return 99;
}
