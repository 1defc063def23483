/* What leaving a KVM guest and going back to it costs a C program: the floor below skete's KVM engine.
 *
 *     cc -O2 -o kvm_exit benchmarks/kvm_exit.c && ./kvm_exit [CALLS]
 *
 * A guest in ring 3 of long mode executes `syscall` in a loop. The entry point leaves by a port; this program reads
 * the registers from the page shared with KVM, puts a result into rax, and goes back to ring 3 in each of the ways
 * there are: the guest's own sysret or iret, or by setting the segments from outside. There is a software-backed KVM
 * (kvm_pvm) whose `syscall` stays in ring 3: there the entry point is for ring 3 and so is the port, and the way back
 * is to set rip. One line for each, in ns; the last line is the fastest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Guest memory, mapped 1:1. The lower 2 MiB are for ring 0, the upper ones for everybody. */
enum { TABLES = 0x1000, DESCRIPTORS = 0x4000, TASK = 0x4100, STUB = 0x5000, FRAME = 0x6000, USER = 0x200000,
	SIZE = 0x400000 };
enum { PORT = 0x80, IRET = 0x10 };
enum way { SYSRET, IRETQ, SEGMENTS, REGISTERS, WAYS };

static const char *const names[] = {
	"sysret in the guest", "iret in the guest", "segments set from outside", "registers set from outside"
};
/* out %eax, $PORT; rex.w sysret; then at IRET: iretq */
static const unsigned char stub[] = { 0xe7, PORT, 0x48, 0x0f, 0x07 };
static const unsigned char iret[] = { 0x48, 0xcf };
/* mov $110, %eax; syscall; jmp back */
static const unsigned char user[] = { 0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7 };

static struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 entry[256]; } cpuid;

static void die(const char *what)
{
	fprintf(stderr, "kvm_exit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int call(int fd, const char *name, unsigned long nr, void *argument)
{
	int result = ioctl(fd, nr, argument);

	if (result < 0)
		die(name);
	return result;
}
#define CALL(fd, nr, argument) call(fd, #nr, nr, (void *)(argument))

/* everybody: ring 3 may execute the stub, and write to every port. */
static void fill(unsigned char *ram, int everybody)
{
	unsigned long long *table = (void *)(ram + TABLES);

	/* present, writable, user; the two entries at the bottom are pages of 2 MiB */
	table[0] = TABLES + 0x1000 + 7;
	table[512] = TABLES + 0x2000 + 7;
	table[1024] = everybody ? 0xe7 : 0xe3;
	table[1025] = USER | 0xe7;
	table = (void *)(ram + DESCRIPTORS);
	table[2] = 0xaf9b000000ffffULL;		/* 0x10: code of ring 0, 64 bits */
	table[3] = 0xcf93000000ffffULL;		/* 0x18: data of ring 0 */
	table[5] = 0xcff3000000ffffULL;		/* 0x28: data of ring 3 */
	table[6] = 0xaffb000000ffffULL;		/* 0x30: code of ring 3, 64 bits */
	ram[TASK + 102] = 104;			/* where the I/O bitmap begins */
	memset(ram + TASK + 104, everybody ? 0 : 0xff, PORT / 8 + 2);
	memcpy(ram + STUB, stub, sizeof stub);
	memcpy(ram + STUB + IRET, iret, sizeof iret);
	memcpy(ram + USER, user, sizeof user);
}

static struct kvm_segment segment(unsigned selector, unsigned type, unsigned dpl, int code)
{
	struct kvm_segment s = {
		.selector = selector, .type = type, .dpl = dpl, .limit = 0xffffffff,
		.present = 1, .s = 1, .g = 1, .l = code, .db = !code
	};
	return s;
}

static void ring3(struct kvm_sregs *sregs)
{
	sregs->cs = segment(0x33, 11, 3, 1);
	sregs->ss = segment(0x2b, 3, 3, 0);
}

static int machine(unsigned char *ram, struct kvm_run **run)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, vcpu;
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = USER, .rsp = USER + 0x10000, .rflags = 2 };
	struct kvm_userspace_memory_region region = { .memory_size = SIZE, .userspace_addr = (unsigned long)ram };
	struct { struct kvm_msrs head; struct kvm_msr_entry entry[3]; } msrs = {
		{ .nmsrs = 3 }, { { .index = 0xc0000081, .data = 0x0023001000000000ULL },	/* STAR */
		{ .index = 0xc0000082, .data = STUB }, { .index = 0xc0000084, .data = 0x700 } }	/* LSTAR, SFMASK */
	};

	if (kvm < 0)
		die("/dev/kvm");
	vm = CALL(kvm, KVM_CREATE_VM, 0);
	CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
	vcpu = CALL(vm, KVM_CREATE_VCPU, 0);
	cpuid.head.nent = 256;
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	CALL(vcpu, KVM_SET_CPUID2, &cpuid);
	CALL(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 = 0x80050033;		/* PG AM WP NE ET MP PE */
	sregs.cr3 = TABLES;
	sregs.cr4 = 0x620;		/* OSXMMEXCPT OSFXSR PAE */
	sregs.efer = 0xd01;		/* NXE LMA LME SCE */
	sregs.gdt.base = DESCRIPTORS;
	sregs.gdt.limit = 0x37;
	sregs.idt.limit = 0;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = segment(0x2b, 3, 3, 0);
	sregs.tr = segment(0x40, 11, 0, 0);
	sregs.tr.base = TASK;
	sregs.tr.limit = 104 + PORT / 8 + 1;
	sregs.tr.s = sregs.tr.g = sregs.tr.db = 0;
	ring3(&sregs);
	CALL(vcpu, KVM_SET_SREGS, &sregs);
	CALL(vcpu, KVM_SET_REGS, &regs);
	CALL(vcpu, KVM_SET_MSRS, &msrs);
	*run = mmap(NULL, CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (*run == MAP_FAILED)
		die("mmap of the vcpu");
	(*run)->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return vcpu;
}

static void back(struct kvm_run *run, unsigned char *ram, enum way way)
{
	struct kvm_regs *regs = &run->s.regs.regs;
	unsigned long long frame[5] = { regs->rcx, 0x33, regs->r11, regs->rsp, 0x2b };

	regs->rax = (unsigned long long)-38;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if (way == IRETQ) {
		memcpy(ram + FRAME, frame, sizeof frame);
		regs->rip = STUB + IRET;
		regs->rsp = FRAME;
	} else if (way >= SEGMENTS) {
		regs->rip = regs->rcx;
		regs->rflags = regs->r11;
		if (way == SEGMENTS) {
			ring3(&run->s.regs.sregs);
			run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
		}
	}
}

/* ns for one exit and resume; -1 where this does not work. */
static double measure(enum way way, long count)
{
	unsigned char *ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_run *run;
	struct timespec from = { 0 }, to;
	int vcpu;
	long i;

	if (ram == MAP_FAILED)
		die("mmap");
	fill(ram, way == REGISTERS);
	vcpu = machine(ram, &run);
	for (i = -count / 10; i < count; i++) {
		if (i == 0)
			clock_gettime(CLOCK_MONOTONIC, &from);
		if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)
			return -1;
		if ((run->s.regs.sregs.cs.selector & 3) != (way == REGISTERS ? 3 : 0))
			return -1;
		back(run, ram, way);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	return ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / count;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 20000;
	double best = -1;
	int way;

	if (count < 10)
		count = 10;
	for (way = SYSRET; way < WAYS; way++) {
		double ns = measure(way, count);

		if (ns < 0)
			printf("%-26s does not work here\n", names[way]);
		else
			printf("%-26s %8.0f ns\n", names[way], ns);
		if (ns >= 0 && (best < 0 || ns < best))
			best = ns;
	}
	if (best < 0)
		return 1;
	printf("%-26s %8.0f ns\n", "exit and resume", best);
	return 0;
}
