/* What a signal handler sees of the interrupted code and can change in it; the faults of the processor. */
#include "check.h"
#include <ucontext.h>

static volatile sig_atomic_t count;
static char memory[64] __attribute__((aligned(16)));

static void handle(int signo, void *function, int flags)
{
	struct sigaction sa = { .sa_flags = flags };
	sa.sa_sigaction = function;
	EQ(sigaction(signo, &sa, 0), 0);
}

static void edits(int signo, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	(void)info;
	count++;
	if (signo == SIGILL) {
		r[REG_RIP] += 2;			/* over the ud2 */
		r[REG_RAX] = 0x1234567890;
		r[REG_RBX] ^= -1;
		r[REG_R15] = 15;
		r[REG_EFL] |= 1;
	} else if (signo == SIGTRAP)
		r[REG_RAX] = r[REG_RIP];
	else if (signo == SIGSEGV)
		r[REG_RDI] = (greg_t)memory;	/* and try again */
}

static void contexts(void)
{
	uint64_t rax = 1, rbx = 0xff, r15, flags, rip;
	count = 0;
	handle(SIGILL, edits, SA_SIGINFO);
	handle(SIGTRAP, edits, SA_SIGINFO);
	handle(SIGSEGV, edits, SA_SIGINFO);
	__asm__ volatile ("clc; ud2; pushfq; pop %[flags]; mov %%r15, %[r15]"
		: "+a"(rax), "+b"(rbx), [flags] "=&r"(flags), [r15] "=&r"(r15) : : "r15", "cc", "memory");
	EQ(count, 1);
	EQ(rax, 0x1234567890);
	EQ(rbx, ~0xffULL);
	EQ(r15, 15);
	EQ(flags & 1, 1);
	__asm__ volatile ("int3; 1: lea 1b(%%rip), %[rip]" : "=a"(rax), [rip] "=r"(rip));
	EQ(rax, rip);					/* int3 has been executed when it traps */
	*(volatile long *)memory = 77;
	__asm__ volatile ("mov $16, %%edi; mov (%%rdi), %%rax" : "=a"(rax) : : "rdi", "memory");
	EQ(rax, 77);
	EQ(count, 3);
	catch_faults();
	section("contexts");
}

static void spoils(int signo)
{
	(void)signo;
	count++;
	unsigned mxcsr = 0x1f80;
	__asm__ volatile ("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; ldmxcsr %0; fninit"
		: : "m"(mxcsr) : "xmm0", "xmm7", "xmm15");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile ("vzeroall" : : : "memory");
}

static void floating_point(void)
{
	uint64_t before[12], after[12];
	unsigned mxcsr = 0x7f80, mxcsr_after;
	unsigned short control = 0x0f7f, control_after;
	double pi = 0;
	for (int i = 0; i < 12; i++)
		before[i] = 0x0102030405060708 * (i + 1);
	count = 0;
	handle(SIGUSR1, spoils, 0);
	long tid = syscall(SYS_gettid), pid = getpid(), ret;
	int avx = __builtin_cpu_supports("avx");
	if (avx)
		__asm__ volatile ("vmovdqu (%0), %%ymm0; vmovdqu 32(%0), %%ymm7; vmovdqu 64(%0), %%ymm15"
			: : "r"(before) : "xmm0", "xmm7", "xmm15");
	else
		__asm__ volatile ("movdqu (%0), %%xmm0; movdqu 32(%0), %%xmm7; movdqu 64(%0), %%xmm15"
			: : "r"(before) : "xmm0", "xmm7", "xmm15");
	/* tgkill to itself: the handler runs before the next instruction. */
	__asm__ volatile ("fldcw %[control]; ldmxcsr %[mxcsr]; fldpi\n"
		"syscall\n"
		"fstpl %[pi]; stmxcsr %[mxcsr_after]; fnstcw %[control_after]; fninit"
		: "=a"(ret), [pi] "=m"(pi), [mxcsr_after] "=m"(mxcsr_after), [control_after] "=m"(control_after)
		: "a"(SYS_tgkill), "D"(pid), "S"(tid), "d"(SIGUSR1), [control] "m"(control), [mxcsr] "m"(mxcsr)
		: "rcx", "r11", "memory");
	if (avx)
		__asm__ volatile ("vmovdqu %%ymm0, (%0); vmovdqu %%ymm7, 32(%0); vmovdqu %%ymm15, 64(%0); vzeroupper"
			: : "r"(after) : "memory");
	else {
		memcpy(after, before, sizeof after);
		__asm__ volatile ("movdqu %%xmm0, (%0); movdqu %%xmm7, 32(%0); movdqu %%xmm15, 64(%0)"
			: : "r"(after) : "memory");
	}
	unsigned standard = 0x1f80;
	__asm__ volatile ("ldmxcsr %0" : : "m"(standard));
	EQ(ret, 0);
	EQ(count, 1);
	EQ(memcmp(before, after, sizeof before), 0);
	EQ(mxcsr_after, mxcsr);
	EQ(control_after, control);
	CHECK(pi > 3.14159 && pi < 3.1416);
	section("floating point");
}

static void faulting(void)
{
	catch_faults();
	volatile int zero = 0;
	FAULTS(count = 77 / zero, SIGFPE, FPE_INTDIV, fault_addr);
	FAULTS(__asm__ volatile ("ud2"), SIGILL, ILL_ILLOPN, fault_addr);
	FAULTS(__asm__ volatile ("hlt"), SIGSEGV, SI_KERNEL, 0);
	FAULTS(__asm__ volatile ("int3"), SIGTRAP, SI_KERNEL, 0);
	/* An unmasked division by zero of the SSE unit. */
	unsigned mxcsr = 0x1f80 & ~0x200, standard = 0x1f80;
	volatile double none = 0, quotient = 1;
	FAULTS((__extension__ ({ __asm__ volatile ("ldmxcsr %0" : : "m"(mxcsr)); quotient = quotient / none; })),
		SIGFPE, FPE_FLTDIV, fault_addr);
	__asm__ volatile ("ldmxcsr %0" : : "m"(standard));
	/* One step with the trap flag. */
	FAULTS(__asm__ volatile ("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc"),
		SIGTRAP, TRAP_TRACE, fault_addr);
	section("faults");
}

int main(void)
{
	contexts();
	floating_point();
	faulting();
	return verdict();
}
