/* The time, asked for so often that a monitor tells it without a trap: it never goes back, whoever asks and in whatever
 * way, and agrees with itself; bad addresses are EFAULT; no register is lost. Prints the same everywhere. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SEC INT64_C(1000000000)
#define MS 1000000

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI };

/* A system call that always traps: in memory that can be written. */
static long (*trapping)(long nr, long a, long b);

static void make_trapping(void)
{
	static const unsigned char code[] = {
		0x48, 0x89, 0xf8,	/* mov %rdi, %rax */
		0x48, 0x89, 0xf7,	/* mov %rsi, %rdi */
		0x48, 0x89, 0xd6,	/* mov %rdx, %rsi */
		0x0f, 0x05, 0xc3,	/* syscall; ret */
	};
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, code, sizeof code);
	trapping = (long (*)(long, long, long))page;
}

static int64_t told(clockid_t clock)
{
	struct timespec t = { -1, -1 };

	EQ(syscall(SYS_clock_gettime, clock, &t), 0);
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < SEC);
	return t.tv_sec * SEC + t.tv_nsec;
}

static int64_t trapped(clockid_t clock)
{
	struct timespec t = { -1, -1 };

	EQ(trapping(SYS_clock_gettime, clock, (long)&t), 0);
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < SEC);
	return t.tv_sec * SEC + t.tv_nsec;
}

/* No earlier than the latest that anybody has seen, which it may be itself. */
static void later(int64_t *latest, int64_t before, int64_t now)
{
	CHECK(now >= before);
	while (before < now && !__atomic_compare_exchange_n(latest, &before, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

static void watch(clockid_t clock, int64_t *latest, int ms)
{
	int64_t end = told(CLOCK_MONOTONIC) + ms * (int64_t)MS;

	do {
		for (int i = 0; i < 300; i++) {
			int64_t before = __atomic_load_n(latest, __ATOMIC_SEQ_CST);
			later(latest, before, i % 100 ? told(clock) : trapped(clock));
		}
	} while (told(CLOCK_MONOTONIC) < end);
}

static void never_back(void)
{
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t latest = 0;
		watch(clocks[i], &latest, 25);
	}
	section("it never goes back");
}

static void agreement(void)
{
	for (int i = 0; i < 1000; i++) {
		struct timeval tv = { -1, -1 };
		int64_t before = told(CLOCK_REALTIME);
		EQ(syscall(SYS_gettimeofday, &tv, 0), 0);
		long seconds = syscall(SYS_time, 0);
		int64_t after = told(CLOCK_REALTIME), us = tv.tv_sec * INT64_C(1000000) + tv.tv_usec;
		CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
		CHECK(us >= before / 1000 && us <= after / 1000);
		/* On Linux it is that of the last tick. */
		CHECK(seconds >= before / SEC - 1 && seconds <= after / SEC);
	}
	struct timezone zone = { 7, 7 };
	struct timeval tv = { 0, 0 };
	time_t stored = 0;
	EQ(syscall(SYS_gettimeofday, &tv, &zone), 0);
	CHECK(tv.tv_sec > 1700000000 && zone.tz_minuteswest != 7);
	EQ(syscall(SYS_gettimeofday, 0, 0), 0);
	CHECK(syscall(SYS_time, &stored) == stored && stored > 1700000000);
	EQ(trapping(SYS_clock_gettime, 77, 0), -EINVAL);
	FAILS(syscall(SYS_clock_gettime, 77, &tv), EINVAL);
	FAILS(syscall(SYS_clock_gettime, (1L << 31) + 1, &tv), EINVAL);
	/* A clock's number has 32 bits. */
	EQ(syscall(SYS_clock_gettime, (1L << 32) + CLOCK_MONOTONIC, &tv), 0);
	section("clocks agree");
}

static void bad_addresses(void)
{
	char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pages[4096] = 1;
	mprotect(pages + 4096, 4096, PROT_READ);
	mprotect(pages + 8192, 4096, PROT_NONE);
	uintptr_t bad[] = { 8, (uintptr_t)pages + 4096, (uintptr_t)pages + 8192, (uintptr_t)pages + 4096 - 8,
		UINTPTR_MAX - 15, UINTPTR_MAX - 3, UINT64_C(1) << 63, UINT64_C(0x7ffffffff000), 0 };
	for (int round = 0; round < 3; round++)
		for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
			told(CLOCK_MONOTONIC);
			FAILS(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad[i]), EFAULT);
			told(CLOCK_REALTIME);
			FAILS(syscall(SYS_clock_gettime, CLOCK_REALTIME, bad[i]), EFAULT);
			if (bad[i])
				FAILS(syscall(SYS_gettimeofday, bad[i], 0), EFAULT);
		}
	CHECK(pages[4096] == 1);
	/* A page that nobody has touched, and an odd address across two. */
	EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, pages), 0);
	mprotect(pages, 3 * 4096, PROT_READ | PROT_WRITE);
	EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, pages + 8192 - 9), 0);
	munmap(pages, 3 * 4096);
	section("bad addresses");
}

/* Everything but rax, rcx and r11 is as before, the stack is not touched, whether it is told or fails. */
static long with_registers(long nr, long a, void *b)
{
	register long r8 __asm__("r8") = 8, r9 __asm__("r9") = 9, r10 __asm__("r10") = 10, r12 __asm__("r12") = 12;
	register long r13 __asm__("r13") = 13, r14 __asm__("r14") = 14, r15 __asm__("r15") = 15;
	long result = nr, first = a, second = (long)b, third = 0x3333333333333333;

	__asm__ volatile (
		"mov %%rsp, %%rbx\n\t"
		"xor %%esp, %%esp\n\t"
		"nopw 0x100(%%rax,%%rax,1)\n\t"
		"syscall\n\t"
		"mov %%rbx, %%rsp"
		: "+a"(result), "+D"(first), "+S"(second), "+d"(third), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12),
		  "+r"(r13), "+r"(r14), "+r"(r15)
		: : "rbx", "rcx", "r11", "memory", "cc");
	CHECK(first == a && second == (long)b && third == 0x3333333333333333);
	CHECK(r8 == 8 && r9 == 9 && r10 == 10 && r12 == 12 && r13 == 13 && r14 == 14 && r15 == 15);
	return result;
}

static volatile sig_atomic_t alarms;
static int64_t in_handler;

static void on_alarm(int signo)
{
	int before = errno;
	int64_t now = told(CLOCK_MONOTONIC);

	(void)signo;
	alarms++;
	CHECK(now >= in_handler);
	in_handler = now;
	errno = before;
}

static void registers(void)
{
	static struct timespec t;
	static struct timeval tv;

	for (int i = 0; i < 2000; i++) {
		EQ(with_registers(SYS_clock_gettime, clocks[i % 4], &t), 0);
		EQ(with_registers(SYS_gettimeofday, (long)&tv, 0), 0);
		CHECK(with_registers(SYS_time, 0, 0) > 1700000000);
		if (i % 100 == 0)
			EQ(with_registers(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)8), -EFAULT);
	}
	section("registers are kept");
}

static void interrupted(void)
{
	struct itimerval timer = { { 0, 4000 }, { 0, 4000 } };	/* or a slow machine would do nothing else */
	int64_t end = told(CLOCK_MONOTONIC) + 40 * MS, latest = 0;

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &timer, 0);
	while (told(CLOCK_MONOTONIC) < end || alarms < 3)
		for (int i = 0; i < 4; i++) {
			/* What a handler saw before the call began was before. */
			int64_t before = __atomic_load_n(&in_handler, __ATOMIC_SEQ_CST);
			latest = told(CLOCK_MONOTONIC);
			CHECK(latest >= before);
			told(clocks[i]);
		}
	timer = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &timer, 0);
	section("signals");
}

static int64_t *shared;

static void *of_a_thread(void *unused)
{
	watch(CLOCK_MONOTONIC, shared, 30);
	return unused;
}

static void processes(void)
{
	*shared = 0;
	watch(CLOCK_MONOTONIC, shared, 5);
	pid_t child = fork();
	if (child == 0) {
		watch(CLOCK_MONOTONIC, shared, 30);
		_exit(failures_ != 0);
	}
	watch(CLOCK_MONOTONIC, shared, 30);
	int status = -1;
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	section("processes see one time");
}

static void threads(void)
{
	pthread_t thread[2];

	*shared = 0;
	for (int i = 0; i < 2; i++)
		EQ(pthread_create(&thread[i], 0, of_a_thread, 0), 0);
	of_a_thread(0);
	for (int i = 0; i < 2; i++)
		EQ(pthread_join(thread[i], 0), 0);
	section("threads see one time");
}

int main(void)
{
	make_trapping();
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	never_back();
	agreement();
	bad_addresses();
	registers();
	interrupted();
	processes();
	threads();
	return verdict();
}
