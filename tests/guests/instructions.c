/* Instructions that a program may not execute, or not so: the signal, its code, its address, the trap's number and its
 * error code are Linux's own. No `in` and `ins`: there is a software-backed KVM that gets them wrong by itself. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct snippet { const char *name, *code; int length; };
#define CODE(name, bytes) { name, bytes, sizeof(bytes) - 1 }

static const struct snippet snippets[] = {
	CODE("hlt", "\xf4"),
	CODE("cli", "\xfa"),
	CODE("sti", "\xfb"),
	CODE("out 0x21", "\xe6\x21"),
	CODE("out 0x0e", "\xe6\x0e"),
	CODE("out dx", "\xba\x80\0\0\0\xee"),
	CODE("outsb", "\xba\x21\0\0\0\x6e"),
	CODE("ud2", "\x0f\x0b"),
	CODE("ud1", "\x0f\xb9\xc0"),
	CODE("ud0", "\x0f\xff\xc0"),
	CODE("push %es", "\x06"),
	CODE("int3", "\xcc"),
	CODE("icebp", "\xf1"),
	CODE("int 0", "\xcd\x00"),
	CODE("int 1", "\xcd\x01"),
	CODE("int 3", "\xcd\x03"),
	CODE("int 4", "\xcd\x04"),
	CODE("int 8", "\xcd\x08"),
	CODE("int 14", "\xcd\x0e"),
	CODE("int 0x20", "\xcd\x20"),
	CODE("int 0x21", "\xcd\x21"),
	CODE("int 0x81", "\xcd\x81"),
	CODE("int 0xff", "\xcd\xff"),
	CODE("rdmsr", "\xb9\x80\0\0\xc0\x0f\x32"),
	CODE("wrmsr", "\xb9\x82\0\0\xc0\x0f\x30"),
	CODE("rdpmc", "\xb9\xff\xff\0\0\x0f\x33"),
	CODE("mov %cr0", "\x0f\x20\xc0"),
	CODE("mov to %cr3", "\x0f\x22\xd8"),
	CODE("mov to %cr8", "\x44\x0f\x22\xc0"),
	CODE("mov %dr7", "\x0f\x21\xf8"),
	CODE("clts", "\x0f\x06"),
	CODE("wbinvd", "\x0f\x09"),
	CODE("invd", "\x0f\x08"),
	CODE("invlpg", "\x0f\x01\x38"),
	CODE("lgdt", "\x48\x8d\x05\0\0\0\0\x0f\x01\x10"),
	CODE("lidt", "\x48\x8d\x05\0\0\0\0\x0f\x01\x18"),
	CODE("lldt", "\x31\xc0\x0f\x00\xd0"),
	CODE("ltr", "\x31\xc0\x0f\x00\xd8"),
	CODE("lmsw", "\x0f\x01\xf0"),
	CODE("swapgs", "\x0f\x01\xf8"),
	CODE("sysret", "\x48\x0f\x07"),
	CODE("sysexit", "\x0f\x35"),
	CODE("xsetbv", "\x31\xc9\x0f\x01\xd1"),
	CODE("mov $8 to %ds", "\xb8\x10\0\0\0\x8e\xd8"),
	CODE("mov $0xfff8 to %es", "\xb8\xf8\xff\0\0\x8e\xc0"),
	CODE("mov $0 to %ss", "\x31\xc0\x8e\xd0"),
	CODE("divide by zero", "\x31\xc9\xf7\xf1"),
	CODE("quotient too large", "\xba\xff\xff\0\0\xb9\1\0\0\0\xf7\xf1"),
	CODE("unaligned movaps", "\x0f\x28\x44\x24\x01"),
	CODE("lock on a register", "\xf0\x90"),
	CODE("too long", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
	CODE("jump to no address", "\x48\xb8\0\0\0\0\0\0\0\x80\xff\xe0"),
	CODE("jump to the kernel's half", "\x48\xb8\0\0\0\0\0\x80\xff\xff\xff\xe0"),
	CODE("jump to the last page", "\x48\xb8\0\xf0\xff\xff\xff\x7f\0\0\xff\xe0"),
	CODE("jump to 0", "\x31\xc0\xff\xe0"),
	CODE("return to no address", "\x48\xb8\0\0\0\0\0\0\0\x80\x50\xc3"),
	CODE("read no address", "\x48\xb8\0\0\0\0\0\0\0\x80\x8a\0"),
	CODE("read the kernel's half", "\x48\xb8\0\0\0\0\0\x80\xff\xff\x8a\0"),
	CODE("write the kernel's half", "\x48\xb8\0\0\0\0\0\x80\xff\xff\x88\0"),
	CODE("write to the code", "\x48\x8d\x05\0\0\0\0\x88\0"),
	CODE("push at 0", "\x31\xe4\x50"),
	CODE("push at no address", "\x48\xbc\0\0\0\0\0\0\0\x80\x50"),
	CODE("push below 0x1000", "\xbc\x10\0\0\0\x50"),
	CODE("trap flag", "\x9c\x81\x0c\x24\0\1\0\0\x9d\x90\x90"),
	CODE("alignment check", "\x9c\x81\x0c\x24\0\0\4\0\x9d\x8b\x44\x24\x01"),
	CODE("iret with NT", "\x9c\x81\x0c\x24\0\x40\0\0\x9d\x48\xcf"),
	CODE("iret to ring 0", "\x6a\0\x54\x9c\x6a\x10\x50\x48\xcf"),
	CODE("popf with IOPL", "\x9c\x81\x0c\x24\0\x30\0\0\x9d\xfa"),
	CODE("popf without IF", "\x9c\x81\x24\x24\xff\xfd\xff\xff\x9d\x9c\x58\xf6\xc4\x02\x74\x02\x0f\x0b\xf4"),
	CODE("far jump to a bad segment", "\x68\xf8\xff\0\0\x6a\0\xff\x2c\x24"),
	CODE("far return to ring 0", "\x6a\x10\x6a\0\x48\xcb"),
	CODE("x87: divide by zero", "\x6a\0\xc7\x04\x24\x7b\x03\0\0\xd9\x2c\x24\xd9\xe8\xd9\xee\xde\xf9\x9b"),
	CODE("x87: invalid", "\x6a\0\xc7\x04\x24\x7e\x03\0\0\xd9\x2c\x24\xd9\xee\xd9\xee\xde\xf9\x9b"),
	CODE("x87: stack", "\x6a\0\xc7\x04\x24\x7e\x03\0\0\xdb\xe3\xd9\x2c\x24\xdd\xd8\x9b"),
	CODE("sse: divide by zero", "\x6a\0\xc7\x04\x24\x80\x1d\0\0\x0f\xae\x14\x24\x0f\x57\xc0\xb8\1\0\0\0\xf3\x0f\x2a\xc8\xf3\x0f\x5e\xc8"),
	CODE("sse: reserved bits", "\x6a\0\xc7\x04\x24\xff\xff\xff\xff\x0f\xae\x14\x24"),
};

static sigjmp_buf back;
static unsigned char *page;

static void caught(int signo, siginfo_t *info, void *context)
{
	__asm__ volatile ("pushq $0x202\n\tpopfq" : : : "memory", "cc");	/* AC is not cleared for us */
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	unsigned char *where = info->si_addr, *rip = (unsigned char *)regs[REG_RIP];
	printf("signal %d code %d address ", signo, info->si_code);
	if (where >= page && where < page + 4096) printf("code+%d", (int)(where - page));
	else printf("%p", (void *)where);
	if (rip >= page && rip < page + 4096) printf(" rip code+%d", (int)(rip - page));
	else printf(" rip %p", (void *)rip);
	printf(" trap %d error %d flags %x\n", (int)regs[REG_TRAPNO], (int)regs[REG_ERR],
	       (int)regs[REG_EFL] & 0x247300);
	siglongjmp(back, 1);
}

static void calm(void)
{
	unsigned mxcsr = 0x1f80;
	__asm__ volatile ("fninit\n\tldmxcsr %0\n\tpushq $0x202\n\tpopfq" : : "m"(mxcsr) : "memory", "cc");
}

int main(void)
{
	static char stack[65536];
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	size_t i;

	setvbuf(stdout, 0, _IOFBF, 1 << 16);
	sigaltstack(&alternate, 0);
	for (i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
	for (i = 0; i < sizeof snippets / sizeof *snippets; i++) {
		page = mmap(0, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED) return 1;
		memset(page, 0xf4, 4096);
		memcpy(page, snippets[i].code, snippets[i].length);
		mprotect(page, 4096, PROT_READ|PROT_EXEC);
		printf("%s: ", snippets[i].name);
		fflush(stdout);
		if (!sigsetjmp(back, 1))
			__asm__ volatile ("xor %%eax,%%eax\n\tand $-64,%%rsp\n\tjmp *%0" : : "c"(page)
				: "rax", "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
		calm();
		munmap(page, 4096);
	}
	return 0;
}
