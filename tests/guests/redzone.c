/* What a system call may touch: rax, rcx and r11. Not the red zone, no other register, no flag. */
#include "check.h"
#include <sys/auxv.h>

struct regs { uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags, next, rsp; };

/* Loads every register from `in`, makes the call, stores every register to `out`. The
 * address behind the syscall instruction goes to out->next. */
void around_syscall(const struct regs *in, struct regs *out);
__asm__(
"	.text\n"
"	.globl around_syscall\n"
"around_syscall:\n"
"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
"	push %rsi\n"
"	mov %rsp, saved_rsp(%rip)\n"
"	mov %rdi, %rax\n"
"	pushq 120(%rax); popfq\n"		/* flags first: the moves change none */
"	mov 8(%rax), %rbx;  mov 24(%rax), %rdx; mov 32(%rax), %rsi; mov 40(%rax), %rdi; mov 48(%rax), %rbp\n"
"	mov 56(%rax), %r8;  mov 64(%rax), %r9;  mov 72(%rax), %r10; mov 80(%rax), %r11\n"
"	mov 88(%rax), %r12; mov 96(%rax), %r13; mov 104(%rax), %r14; mov 112(%rax), %r15; mov 16(%rax), %rcx\n"
"	mov 0(%rax), %rax\n"
"	syscall\n"
"1:	mov %rax, scratch(%rip)\n"
"	mov saved_rsp(%rip), %rax\n"
"	mov (%rax), %rax\n"
"	mov %rsp, 136(%rax)\n"
"	mov %rbx, 8(%rax);  mov %rcx, 16(%rax); mov %rdx, 24(%rax); mov %rsi, 32(%rax); mov %rdi, 40(%rax)\n"
"	mov %rbp, 48(%rax); mov %r8, 56(%rax);  mov %r9, 64(%rax);  mov %r10, 72(%rax); mov %r11, 80(%rax)\n"
"	mov %r12, 88(%rax); mov %r13, 96(%rax); mov %r14, 104(%rax); mov %r15, 112(%rax)\n"
"	pushfq; popq 120(%rax)\n"
"	mov scratch(%rip), %rbx\n"
"	mov %rbx, 0(%rax)\n"
"	lea 1b(%rip), %rbx\n"
"	mov %rbx, 128(%rax)\n"
"	mov saved_rsp(%rip), %rsp\n"
"	pop %rsi\n"
"	cld\n"
"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
"	ret\n"
"	.local saved_rsp, scratch\n"
"	.comm saved_rsp,8,8\n"
"	.comm scratch,8,8\n");

enum { CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, DF = 1024, OF = 2048 };

static void call(long nr, long a, long b, long c, uint64_t flags, long wanted)
{
	struct regs in = { .rax = nr, .rdi = a, .rsi = b, .rdx = c, .r10 = 0x1010101010101010, .r8 = 0x8080808080808080,
		.r9 = 0x9090909090909090, .rbx = 0xb0b0b0b0b0b0b0b0, .rbp = 0xbebebebebebebebe, .rcx = 0xcccccccccccccccc,
		.r11 = 0x1111111111111111, .r12 = 0x1212121212121212, .r13 = 0x1313131313131313, .r14 = 0x1414141414141414,
		.r15 = 0x1515151515151515, .flags = flags | 0x202 }, out;
	around_syscall(&in, &out);
	if (wanted != -1)
		EQ(out.rax, wanted);
	EQ(out.rbx, in.rbx); EQ(out.rdx, in.rdx); EQ(out.rsi, in.rsi); EQ(out.rdi, in.rdi); EQ(out.rbp, in.rbp);
	EQ(out.r8, in.r8); EQ(out.r9, in.r9); EQ(out.r10, in.r10);
	EQ(out.r12, in.r12); EQ(out.r13, in.r13); EQ(out.r14, in.r14); EQ(out.r15, in.r15);
	EQ(out.rcx, out.next);			/* syscall leaves where it returns to there, */
	EQ(out.r11 & 0xcd5, flags);		/* and the flags here */
	EQ(out.flags & 0xcd5, flags);
}

/* 128 bytes below rsp belong to a leaf function, across a system call too. */
static long red_zone(long nr, long a)
{
	long broken = 0;
	__asm__ volatile (
	"	mov %%rsp, %%r12\n"
	"	and $-16, %%rsp\n"
	"	sub $4096, %%rsp\n"
	"	mov $-128, %%rbx\n"
	"1:	mov %%rbx, (%%rsp,%%rbx)\n"
	"	add $8, %%rbx\n"
	"	jnz 1b\n"
	"	mov %[nr], %%rax\n"
	"	mov %[a], %%rdi\n"
	"	syscall\n"
	"	mov $-128, %%rbx\n"
	"2:	cmp %%rbx, (%%rsp,%%rbx)\n"
	"	je 3f\n"
	"	inc %[broken]\n"
	"3:	add $8, %%rbx\n"
	"	jnz 2b\n"
	"	mov %%r12, %%rsp\n"
	: [broken] "+r"(broken) : [nr] "r"(nr), [a] "r"(a)
	: "rax", "rbx", "rcx", "rdi", "r11", "r12", "memory", "cc");
	return broken;
}

/* No stack at all: rsp points nowhere while the call is made. */
static long no_stack(long nr)
{
	long ret;
	__asm__ volatile ("mov %%rsp, %%r12; mov $0x1238, %%rsp; syscall; mov %%r12, %%rsp"
		: "=a"(ret) : "a"(nr) : "rcx", "r11", "r12", "memory");
	return ret;
}

int main(void)
{
	static char buffer[64];
	long pid = getpid();
	/* A call that is answered at once, one that fails, one that reaches memory, one that nobody knows. */
	for (int i = 0; i < 3; i++) {
		static const uint64_t flags[] = { 0, CF | PF | AF | ZF | SF | OF, DF | CF | OF };
		call(SYS_getpid, 1, 2, 3, flags[i], pid);
		call(SYS_close, -1, 0x123456789abcdef0, -2, flags[i], -EBADF);
		call(SYS_read, 0, (long)buffer, 0, flags[i], 0);
		call(SYS_sched_yield, -1, -1, -1, flags[i], 0);
		call(4000, 0xaaaaaaaaaaaaaaaa, 0x5555555555555555, 7, flags[i], -ENOSYS);
		call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)buffer, 9, flags[i], 0);
	}
	section("registers");
	for (int i = 0; i < 20; i++) {
		EQ(red_zone(SYS_getpid, 0), 0);
		EQ(red_zone(SYS_close, -1), 0);
		EQ(red_zone(SYS_sched_yield, 0), 0);
		EQ(red_zone(4000, 0), 0);
	}
	section("red zone");
	EQ(no_stack(SYS_getpid), pid);
	EQ(no_stack(SYS_sched_yield), 0);
	EQ(no_stack(4000), -ENOSYS);
	section("no stack");

	/* The upper half of an argument of 32 bits means nothing; that of the number neither, since Linux 5.16. */
	EQ(raw(SYS_close, 0x1ffffffffL, 0, 0, 0, 0, 0), -EBADF);
	EQ(raw(SYS_write, 0x700000001L, (long)"", 0, 0, 0, 0), 0);
	EQ(raw(-1, 0, 0, 0, 0, 0, 0), -ENOSYS);
	long high = raw(SYS_getpid | 1L << 33, 0, 0, 0, 0, 0, 0);
	CHECK(high == pid || high == -ENOSYS);
	section("words");

	/* SSE registers hold across a call; the callee's libc is not in between. */
	double x = 1.5, y;
	__asm__ volatile ("movsd %[x], %%xmm7; syscall; movsd %%xmm7, %[y]"
		: [y] "=m"(y) : [x] "m"(x), "a"(SYS_getpid) : "rcx", "r11", "xmm7", "memory");
	CHECK(y == 1.5);
	unsigned mxcsr = 0x7f80, after;		/* rounds towards zero */
	__asm__ volatile ("stmxcsr %[after]; ldmxcsr %[mxcsr]; syscall; xchg %%rax, %%rcx\n"
		"stmxcsr %[mxcsr]; ldmxcsr %[after]"
		: [mxcsr] "+m"(mxcsr), [after] "+m"(after) : "a"(SYS_getpid) : "rcx", "r11", "memory");
	EQ(mxcsr, 0x7f80);
	section("floating point");
	return verdict();
}
