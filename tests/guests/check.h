/* What every guest here shares: it passes on plain Linux first, prints the
 * same lines on every run and every engine, and exits 0 when all is well.
 *
 * A check that fails prints one line to stdout, with what came and what was
 * expected, and the guest goes on: one run shows every difference. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int failures_;

static __attribute__((unused)) void failed_(const char *file, int line, const char *what,
	long long got, long long wanted)
{
	const char *base = strrchr(file, '/');
	__atomic_fetch_add(&failures_, 1, __ATOMIC_RELAXED);
	printf("%s:%d: %s: %lld (%#llx), not %lld (%#llx)\n", base ? base + 1 : file, line, what, got, got,
	       wanted, wanted);
}

#define EQ(got, wanted) do { \
	long long got_ = (long long)(got), wanted_ = (long long)(wanted); \
	if (got_ != wanted_) failed_(__FILE__, __LINE__, #got, got_, wanted_); } while (0)

#define CHECK(condition) do { \
	if (!(condition)) failed_(__FILE__, __LINE__, #condition, 0, 1); } while (0)

/* The call answers -1 and this errno. */
#define FAILS(call, error) do { \
	errno = 0; \
	long long got_ = (long long)(call); \
	int errno_ = errno; \
	if (got_ != -1) failed_(__FILE__, __LINE__, #call, got_, -1); \
	else if (errno_ != (error)) failed_(__FILE__, __LINE__, #call " errno", errno_, error); } while (0)

/* A section's name once it is through. */
static inline void section(const char *name)
{
	static int before;
	printf("%s: %s\n", name, failures_ > before ? "FAILED" : "ok");
	before = failures_;
	fflush(stdout);
}

/* This kernel has not been built with what the guest is about: tests/conftest.py, LACKING. */
static inline int lacking(const char *what)
{
	printf("%s\n", what);
	return 77;
}

static inline int verdict(void)
{
	printf(failures_ ? "%d failed\n" : "passed\n", failures_);
	fflush(stdout);
	return failures_ != 0;
}

/* The system call itself: no libc, no errno; rax as it comes back. */
static inline long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile ("syscall" : "=a"(ret)
		: "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
}

static inline int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The fault of one access: faulted() runs it and says which signal, code and address came. */
static sigjmp_buf fault_env_;
static volatile int fault_signo, fault_code;
static void *volatile fault_addr;

static inline void fault_handler_(int signo, siginfo_t *info, void *context)
{
	(void)context;
	fault_signo = signo;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(fault_env_, 1);
}

static inline void catch_faults(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = fault_handler_, .sa_flags = SA_SIGINFO };
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &sa, 0);
}

#define FAULTS(statement, signo, code, addr) do { \
	fault_signo = 0; \
	if (!sigsetjmp(fault_env_, 1)) { statement; } \
	EQ(fault_signo, signo); \
	if (fault_signo == (signo)) { EQ(fault_code, code); EQ((uintptr_t)fault_addr, (uintptr_t)(addr)); } } while (0)

#define LOADS(address) ((void)*(volatile char *)(address))
#define STORES(address) ((void)(*(volatile char *)(address) = 1))

#endif
