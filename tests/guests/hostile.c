/* A program that means ill. What it tries has to end in a signal of its own or an errno, as on plain Linux,
 * and the rest of the program has to go on.
 *
 * Addresses that are not the program's are arguments, in hex (an engine's own read-only ranges, say): each is
 * read, written, unmapped, mapped over, protected and given to system calls. On plain Linux nothing is there.
 * The output names no result of that, only that the program is alive and its memory is whole. */
#include "check.h"
#include <sys/mman.h>
#include <ucontext.h>

static unsigned long state = 88172645463325252;
static unsigned long next(void) { return state ^= state << 13, state ^= state >> 7, state ^= state << 17; }

static char canary[1 << 16];

static void whole(void)
{
	for (unsigned i = 0; i < sizeof canary; i++)
		if (canary[i] != (char)(i * 7)) {
			EQ(canary[i], (char)(i * 7));
			return;
		}
}

/* Something has to stop it: a jump there cannot come back. */
#define STOPS(statement) do { \
	fault_signo = 0; \
	if (!sigsetjmp(fault_env_, 1)) { statement; } \
	CHECK(fault_signo); } while (0)

#define TRIES(statement) do { if (!sigsetjmp(fault_env_, 1)) { statement; } } while (0)

static void attack(uintptr_t at)
{
	STOPS(LOADS(at));
	STOPS(STORES(at));
	STOPS(((void (*)(void))at)());
	EQ(raw(SYS_read, 0, at, 64, 0, 0, 0) <= 0, 1);
	EQ(raw(SYS_clock_gettime, 0, at, 0, 0, 0, 0), -EFAULT);
	EQ(raw(SYS_open, at, 0, 0, 0, 0, 0), -EFAULT);
	EQ(raw(SYS_rt_sigaction, SIGUSR1, at, 0, 8, 0, 0), -EFAULT);
	EQ(raw(SYS_futex, at & -4, 0, 1, 0, 0, 0), -EFAULT);
}

/* Somebody else's, perhaps readable: it cannot be written, and no call takes it for the program's memory. */
static void forbidden(uintptr_t at)
{
	TRIES(LOADS(at));
	STOPS(STORES(at));
	EQ(raw(SYS_clock_gettime, 0, at, 0, 0, 0, 0), -EFAULT);
	EQ(raw(SYS_open, at, 0, 0, 0, 0, 0), -EFAULT);
	EQ(raw(SYS_futex, at & -4, 0, 1, 0, 0, 0), -EFAULT);
}

/* What may work on plain Linux, where nothing is there, and must do no harm where something is. */
static void meddle(uintptr_t at)
{
	at &= -4096;
	raw(SYS_mprotect, at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0);
	raw(SYS_madvise, at, 4096, MADV_DONTNEED, 0, 0, 0);
	raw(SYS_mremap, at, 4096, 8192, MREMAP_MAYMOVE, 0, 0);
	raw(SYS_munmap, at, 4096, 0, 0, 0, 0);
	long p = raw(SYS_mmap, at, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (p > 0)
		raw(SYS_munmap, p, 4096, 0, 0, 0, 0);
	p = raw(SYS_mmap, 0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	raw(SYS_mremap, p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, at, 0);
	raw(SYS_munmap, at, 4096, 0, 0, 0, 0);
	EQ(raw(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
}

static void wrong_addresses(void)
{
	static const uintptr_t known[] = { 8, 0xfff, 0x1000, 0xffff, 0x7000000000, 0x100000000000, 0x7000deadb000,
		0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000,
		0xffffffff80000000, 0xfffffffffffff000, 0xffffffffffffffff };
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		attack(known[i]);
	section("known addresses");
	for (int i = 0; i < 200; i++) {
		uintptr_t at = next() >> (next() % 40);
		/* Its own memory it may harm; that is between 4 MiB and 4 GiB for a fixed program, or high up. */
		TRIES(LOADS(at));
		if (at > 1UL << 47)
			STOPS(((void (*)(void))at)());
	}
	whole();
	section("random addresses");
}

static void wrong_instructions(void)
{
	STOPS(__asm__ volatile ("hlt"));
	STOPS(__asm__ volatile ("cli"));
	STOPS(__asm__ volatile ("mov %%cr3, %%rax" : : : "rax"));
	STOPS(__asm__ volatile ("mov %%rax, %%cr0" : : "a"(0L)));
	STOPS(__asm__ volatile ("rdmsr" : : "c"(0xc0000082) : "rax", "rdx"));
	STOPS(__asm__ volatile ("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0)));
	STOPS(__asm__ volatile ("inb $0x60, %%al" : : : "rax"));
	STOPS(__asm__ volatile ("outb %%al, $0x80" : : "a"(0)));
	STOPS(__asm__ volatile ("lgdt (%%rsp)" : : : "memory"));
	STOPS(__asm__ volatile ("ud2"));
	STOPS(__asm__ volatile ("mov %%ax, %%ss" : : "a"(0x1234)));
	STOPS(__asm__ volatile ("int $0x79"));
	STOPS(__asm__ volatile ("int $3"));
	section("privileged instructions");
}

/* Random bytes as code: mostly a fault; what does no harm returns. No 0f 05 and no cd 80 in them. */
static void noise(void)
{
	unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(code, 0xcc, 4096);
	for (volatile int i = 0; i < 300; i++) {
		/* Only instructions that end at once: an illegal one behind a few prefixes. */
		int n = next() % 8;
		static const unsigned char prefixes[] = { 0x66, 0xf2, 0xf3, 0x2e, 0x3e, 0x64, 0x65, 0x48 };
		for (int k = 0; k < n; k++)
			code[k] = prefixes[next() % 8];
		code[n] = 0x0f;
		code[n + 1] = 0x0b;
		STOPS(((void (*)(void))code)());
	}
	EQ(munmap(code, 4096), 0);
	section("noise");
}

/* A signal frame made up by the program: sigreturn takes it, and what follows is the program's own trouble. */
static void forged_frames(void)
{
	static char area[65536] __attribute__((aligned(64)));
	for (volatile int i = 0; i < 50; i++) {
		for (unsigned k = 0; k < 1024; k += 8)
			*(unsigned long *)(area + 32768 + k) = next();
		/* A mask, a stack and flags that let the fault be caught; the rest is noise. */
		ucontext_t *frame = (void *)(area + 32768);
		memset(&frame->uc_sigmask, 0, 8);
		sigaltstack(0, &frame->uc_stack);
		frame->uc_mcontext.gregs[REG_EFL] &= 0xcd5;
		if (i & 1)		/* half of them are good up to the registers */
			frame->uc_mcontext.fpregs = 0;
		STOPS(__asm__ volatile ("mov %0, %%rsp; mov $15, %%eax; syscall" : : "r"(area + 32768)
			: "rax", "rcx", "r11", "memory"));
	}
	STOPS(__asm__ volatile ("mov $8, %%rsp; mov $15, %%eax; syscall" : : : "rax", "rcx", "r11", "memory"));
	section("forged frames");
}

/* Calls with random words, of those that can only fail or do nothing to us. */
static void wild_calls(void)
{
	static const short calls[] = { SYS_readv, SYS_writev, SYS_poll, SYS_lseek, SYS_getdents64, SYS_ioctl, SYS_fcntl,
		SYS_pread64, SYS_pwrite64, SYS_clock_gettime, SYS_stat, SYS_fstat, SYS_readlink, SYS_getcwd, SYS_uname,
		SYS_set_robust_list, SYS_getrandom, SYS_sched_getaffinity, SYS_sysinfo, SYS_getrusage, SYS_times };
	for (int i = 0; i < 2000; i++) {
		long a[6];
		for (int k = 0; k < 6; k++)
			a[k] = next() | 1UL << 63;	/* descriptors negative or absurd, addresses non-canonical or the kernel's */
		a[0] |= 1UL << 31;
		raw(calls[next() % (sizeof calls / sizeof *calls)], a[0], a[1], a[2], a[3], a[4], a[5]);
		EQ(raw(400000 + next() % 7, a[0], a[1], a[2], a[3], a[4], a[5]), -ENOSYS);
	}
	whole();
	section("wild calls");
}

int main(int argc, char **argv)
{
	stack_t stack = { .ss_sp = malloc(1 << 18), .ss_size = 1 << 18 };
	for (unsigned i = 0; i < sizeof canary; i++)
		canary[i] = i * 7;
	sigaltstack(&stack, 0);
	catch_faults();
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction sa = { .sa_sigaction = fault_handler_, .sa_flags = SA_SIGINFO | SA_ONSTACK };
		sigaction(signals[i], &sa, 0);
	}
	wrong_addresses();
	wrong_instructions();
	noise();
	forged_frames();
	wild_calls();
	for (int i = 1; i < argc; i++) {
		uintptr_t at = strtoul(argv[i], 0, 16);
		forbidden(at);
		meddle(at);
		forbidden(at);
	}
	whole();
	section("addresses given");
	return verdict();
}
