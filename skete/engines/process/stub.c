/*
 * The stub: what executes guest code on the process engine.
 *
 * The monitor spawns it as a process of its own. It maps the slots, empties
 * the rest of its address space, installs the seccomp filter and hands the
 * listener over; from then on it is the gate, a signal handler:
 *
 *   - any system call instruction of the guest is SECCOMP_RET_TRAP, that is
 *     SIGSYS, whose handler writes the call into the thread's slot and rings;
 *   - ringing is a system call at a known instruction, the doorbell, which
 *     the filter turns into a notification. The thread sleeps until answered;
 *   - the answer may contain orders: system calls that this thread is to make
 *     (mmap, clone, ...). They go through the doorbell too, and the monitor
 *     lets one pass only if it is the very call it ordered, its arguments
 *     being in registers that nobody can change meanwhile. Some pass at an
 *     instruction of their own without asking, since a guest that makes them
 *     there takes something from itself and nothing from anybody else: munmap,
 *     arch_prctl that sets FS or GS, dying with the monitor, and sched_yield.
 *
 * While the monitor looks at the thread's slot (../gate/post.py), what would
 * be a ring is a count in the slot, and the answer comes there.
 *
 * Where the same call has had the same order twice, as a mmap between munmaps,
 * the monitor notes both in the slot. The gate then makes that order, and lets
 * the monitor find the call in the slot as ever: where the guess is right, the
 * order passes and is the answer, and one of two rings is saved. Where it is
 * not, the answer is asked for. Nothing is guessed while the monitor looks.
 *
 * All signals are blocked while the gate runs, so a ring is never interrupted
 * and faults in here end the process, which the monitor sees.
 *
 * Two more calls pass as they are, each at one instruction: rt_sigreturn, and
 * sched_yield of the fast gate, which nobody can do any harm with.
 *
 * Nothing here trusts the guest, because nothing here can do anything: a
 * guest that jumps into the gate or overwrites its slot can at most ask the
 * monitor for something, as its own system calls do.
 *
 * A forked process begins at newborn, where its first act is to replace the
 * parent's slots by its own, and rings from there (born).
 *
 * A program that knows of it (AT_SKETE_GATE), and a system call site that the
 * monitor has rewritten, come to the fast gate instead (../gate/fast.S), which
 * answers what it has been told the answer of, posts the call in the slot
 * without a trap where that will do, and else leads to the system call.
 *
 * Freestanding, needs no header. Constants come from layout.py here and in ../gate through -D.
 */

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

#define HIDDEN __attribute__((visibility("hidden")))

enum {
	NR_close = 3, NR_mmap = 9, NR_munmap = 11, NR_rt_sigaction = 13, NR_rt_sigprocmask = 14,
	NR_rt_sigreturn = 15, NR_sched_yield = 24, NR_sendmsg = 46, NR_getppid = 110, NR_sigaltstack = 131,
	NR_prctl = 157, NR_arch_prctl = 158, NR_setrlimit = 160, NR_exit_group = 231, NR_seccomp = 317,
	NR_close_range = 436,
};

enum { PR_SET_PDEATHSIG = 1, SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGSEGV = 11, SIGSYS = 31 };

struct ucontext {			/* arch/x86 asm/ucontext.h, asm/sigcontext.h */
	u64 flags, link, stack[3];
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
};

#define FIELD(slot, offset) (*(volatile u64 *)((slot) + (offset)))

/* The doorbell and the way back, in assembly because their addresses are part
 * of the filter. ring(nr, words) keeps nothing on the stack: where the order
 * is clone, the child comes out of it on a stack of its own, at whose top lies
 * a signal frame; its first word is the address of restore, so the child's
 * "ret" takes it to its registers.
 *
 * The child of a fork has the address of newborn there. It still sees its
 * parent's slots, and nothing else that it could read is its own, so the one
 * thing it has to be told, where its slots are in the memory file, is in r9,
 * which clone ignores. Behind the mapping its stack is another one, on which
 * the monitor has put the address of born.
 */
#define TEXT_OF(macro) #macro
#define TEXT(macro) TEXT_OF(macro)
__asm__(
	".text\n"
	".hidden ring, ring_end, own, own_end, restore, restore_end, newborn, _start\n"
	".globl ring, ring_end, own, own_end, restore, restore_end, newborn, _start\n"
	"own:\n"
	"	mov %rdi, %rax\n"
	"	mov (%rsi), %rdi\n"
	"	mov 8(%rsi), %rsi\n"
	"	syscall\n"
	"own_end:\n"
	"	ret\n"
	"ring:\n"
	"	mov %rdi, %rax\n"
	"	mov (%rsi), %rdi\n"
	"	mov 16(%rsi), %rdx\n"
	"	mov 24(%rsi), %r10\n"
	"	mov 32(%rsi), %r8\n"
	"	mov 40(%rsi), %r9\n"
	"	mov 8(%rsi), %rsi\n"
	"bell:\n"
	"	syscall\n"
	"ring_end:\n"
	"	ret\n"
	"newborn:\n"
	"	mov $9, %eax\n"		/* mmap */
	"	movabs $" TEXT(SLOTS_BASE) ", %rdi\n"
	"	mov $" TEXT(SLOTS_SIZE) ", %esi\n"
	"	mov $3, %edx\n"		/* PROT_READ | PROT_WRITE */
	"	mov $0x11, %r10d\n"	/* MAP_SHARED | MAP_FIXED */
	"	mov $" TEXT(FD_RAM) ", %r8d\n"
	"	jmp bell\n"
	"restore:\n"
	"	mov $15, %eax\n"	/* rt_sigreturn */
	"	syscall\n"
	"restore_end:\n"
	"	ud2\n"
	".text\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n"
	"	ud2\n"
);

extern long ring(u64 nr, const u64 *words) HIDDEN;
extern long own(u64 nr, const u64 *words) HIDDEN;	/* of two words */
extern const u8 ring_end[] HIDDEN, own_end[] HIDDEN, restore[] HIDDEN, restore_end[] HIDDEN, newborn[] HIDDEN;
extern const u8 fast_rung[] HIDDEN, fast_yielded[] HIDDEN, fast_waited[] HIDDEN;	/* ../gate/fast.S */

static u8 *my_slot(void)
{
	return (u8 *)((u64)__builtin_frame_address(0) & ~((u64)SLOT_SIZE - 1));
}

/* While the monitor looks at our slot: say that there is something in it, and look for the answer, as the fast gate does.
 * Whether it came. If not, whoever rings says so, for the monitor may have seen it by then. */
static int answered(u8 *slot)
{
	u64 spins = GATE_SPINS, polled, none[2] = { 0, 0 };

	FIELD(slot, SLOT_CALL_NR) = RING_NR;
	FIELD(slot, SLOT_CALL_REPLY) = (u64)CALL_PENDING;
	__atomic_fetch_add((u64 *)(slot + SLOT_CALL), 1, __ATOMIC_SEQ_CST);
	while (FIELD(slot, SLOT_CALL_REPLY) == (u64)CALL_PENDING) {
		polled = FIELD(slot, SLOT_CALL_POLLED);
		if (!polled || !spins--)
			return 0;
		if (polled == POLLED_WAITS) {		/* for somebody who may want this processor */
			if (spins > GATE_YIELDS)
				spins = GATE_YIELDS;
			own(NR_sched_yield, none);
		} else {
			__builtin_ia32_pause();
		}
	}
	return 1;
}

/* Tell the monitor, and carry out what it answers, until there is nothing more to do. calls: it is about a system call,
 * so nothing is posted in the slot. */
static void report(u8 *slot, int calls)
{
	u64 words[6] = { (u64)slot };
	for (;;) {
		words[1] = calls && FIELD(slot, SLOT_CALL_POLLED);
		if (!(words[1] && answered(slot)) && ring(RING_NR, words) != 0)
			__builtin_trap();	/* no monitor any more; SIGILL is blocked, so this ends us */
		u64 count = FIELD(slot, SLOT_ORDERS), i;
		FIELD(slot, SLOT_FAILED) = 0;
		for (i = 0; i < count && i < MAX_ORDERS; i++) {
			volatile u64 *order = (void *)(slot + SLOT_ORDER_LIST + i * ORDER_SIZE);
			u64 given[6] = { order[1], order[2], order[3], order[4], order[5], order[6] };
			long result = order[0] == NR_munmap || order[0] == NR_arch_prctl
				? own(order[0], given) : ring(order[0], given);
			order[7] = (u64)result;
			if (result < 0 && result >= -4095) {
				FIELD(slot, SLOT_FAILED) = i + 1;
				break;
			}
		}
		if (!FIELD(slot, SLOT_FAILED) && FIELD(slot, SLOT_ACTION) != ACTION_MORE)
			return;
		FIELD(slot, SLOT_KIND) = KIND_DONE;
	}
}

/* Whether the call in the slot is the one that is guessed, and was answered by its order alone. */
static int guessed(u8 *slot, long *result)
{
	volatile u64 *guess = (void *)(slot + SLOT_GUESS), *order = guess + 7;
	volatile u64 *made = (void *)(slot + SLOT_ORDER_LIST);
	u64 nr = order[0], given[6], i;

	if (!nr)
		return 0;
	for (i = 0; i < 7; i++)
		if (guess[i] != FIELD(slot, SLOT_NR + 8 * i))
			return 0;
	for (i = 0; i < 6; i++)
		given[i] = order[i + 1];
	*result = ring(nr, given);
	if (*result != GUESSED_WRONG && !(*result < 0 && *result >= -4095))
		return 1;
	FIELD(slot, SLOT_FAILED) = *result != GUESSED_WRONG;
	if (*result != GUESSED_WRONG) {		/* the host's refusal, which the monitor takes from the list */
		made[0] = nr;
		for (i = 0; i < 6; i++)
			made[i + 1] = given[i];
		made[7] = (u64)*result;
	}
	FIELD(slot, SLOT_KIND) = KIND_DONE;
	return 0;
}

static __attribute__((noreturn)) void leave_through(u64 frame)
{
	__asm__ volatile ("mov %0, %%rsp\n\tret" : : "r"(frame) : "memory");
	__builtin_unreachable();
}

static void gate(int signo, u8 *info, struct ucontext *context)
{
	u8 *slot = my_slot();
	long result;

	FIELD(slot, SLOT_SIGNO) = (u64)signo;
	FIELD(slot, SLOT_CONTEXT) = (u64)context;
	FIELD(slot, SLOT_INFO) = (u64)info;
	if (signo == SIGSYS) {
		FIELD(slot, SLOT_KIND) = KIND_SYSCALL;
		FIELD(slot, SLOT_NR) = context->rax;
		FIELD(slot, SLOT_NR + 8) = context->rdi;
		FIELD(slot, SLOT_NR + 16) = context->rsi;
		FIELD(slot, SLOT_NR + 24) = context->rdx;
		FIELD(slot, SLOT_NR + 32) = context->r10;
		FIELD(slot, SLOT_NR + 40) = context->r8;
		FIELD(slot, SLOT_NR + 48) = context->r9;
		if (!FIELD(slot, SLOT_CALL_POLLED) && guessed(slot, &result)) {
			context->rax = (u64)result;
			return;
		}
	} else {
		FIELD(slot, SLOT_KIND) = KIND_SIGNAL;
	}
	report(slot, signo == SIGSYS);
	switch (FIELD(slot, SLOT_ACTION)) {
	case ACTION_RESULT:
		context->rax = FIELD(slot, SLOT_RESULT);
		break;
	case ACTION_FRAME:
		leave_through(FIELD(slot, SLOT_FRAME));
	}
}

static __attribute__((noreturn)) void born(void)
{
	u8 *slot = my_slot();
	u64 words[2] = { PR_SET_PDEATHSIG /* which fork has cleared */, SIGKILL };

	/* Before the first ring: if the monitor has died meanwhile, that fails and ends us. */
	if (own(NR_prctl, words) != 0)
		__builtin_trap();
	FIELD(slot, SLOT_KIND) = KIND_BORN;
	report(slot, 0);
	leave_through(FIELD(slot, SLOT_FRAME));
}

/* ---- start-up: from here on, code that has run before the filter is in force ---- */

static long syscall6(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;
	__asm__ volatile ("syscall" : "=a"(result)
		: "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return result;
}

/* The exit status tells the monitor which step failed: spawn.py has the names. */
static void must(long result, int step)
{
	if (result < 0 && result >= -4095)
		syscall6(NR_exit_group, (u64)step, 0, 0, 0, 0, 0);
}

static void catch(int signo)
{
	struct { u64 handler, flags, restorer, mask; } action = {
		(u64)gate,
		0x4 | 0x08000000 | 0x04000000,	/* SA_SIGINFO | SA_ONSTACK | SA_RESTORER */
		(u64)restore,
		~0ul,				/* everything is blocked in the gate */
	};
	must(syscall6(NR_rt_sigaction, (u64)signo, (u64)&action, 0, 8, 0, 0), 6);
}

struct insn { u16 code; u8 yes, no; u32 k; };	/* struct sock_filter */

enum {
	LOAD = 0x20, EQUAL = 0x15, RETURN = 0x06,		/* BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K */
	DATA_NR = 0, DATA_ARCH = 4, DATA_IP = 8, DATA_ARG0 = 16, DATA_ARG1 = 24,	/* struct seccomp_data */
	RET_KILL = 0x80000000, RET_TRAP = 0x00030000, RET_NOTIFY = 0x7fc00000, RET_ALLOW = 0x7fff0000,
	ARCH_X86_64 = 0xc000003e,
	ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002,	/* asm/prctl.h */
};

/* The upper half of the descriptor argument when the channel is used: the host
 * ignores it, and no program's own sendmsg(3, ...) looks like that. */
#define CHANNEL_MARK 0x736b6574

/* The one rule that looks at no instruction: sendmsg on FD_CHANNEL may pass,
 * because the listener's own descriptor must get out and only exists when the
 * filter does. The monitor orders that descriptor closed before guest code
 * runs (and ours of the listener), and never lets a descriptor be opened under that number again. */
static long install(void)
{
	u32 high = (u32)((u64)ring_end >> 32);
	struct insn filter[] = {
		{ LOAD, 0, 0, DATA_ARCH },
		{ EQUAL, 1, 0, ARCH_X86_64 },
		{ RETURN, 0, 0, RET_KILL },
		{ LOAD, 0, 0, DATA_IP + 4 },
		{ EQUAL, 0, 27, high },
		{ LOAD, 0, 0, DATA_IP },
		{ EQUAL, 1, 0, (u32)(u64)fast_rung },
		{ EQUAL, 0, 1, (u32)(u64)ring_end },
		{ RETURN, 0, 0, RET_NOTIFY },
		{ EQUAL, 1, 0, (u32)(u64)fast_waited },
		{ EQUAL, 0, 3, (u32)(u64)fast_yielded },
		{ LOAD, 0, 0, DATA_NR },
		{ EQUAL, 0, 19, NR_sched_yield },
		{ RETURN, 0, 0, RET_ALLOW },
		{ EQUAL, 0, 3, (u32)(u64)restore_end },
		{ LOAD, 0, 0, DATA_NR },
		{ EQUAL, 0, 15, NR_rt_sigreturn },
		{ RETURN, 0, 0, RET_ALLOW },
		{ EQUAL, 0, 13, (u32)(u64)own_end },
		{ LOAD, 0, 0, DATA_NR },
		{ EQUAL, 10, 0, NR_munmap },
		{ EQUAL, 9, 0, NR_sched_yield },
		{ EQUAL, 0, 3, NR_arch_prctl },
		{ LOAD, 0, 0, DATA_ARG0 },
		{ EQUAL, 6, 0, ARCH_SET_FS },
		{ EQUAL, 5, 6, ARCH_SET_GS },
		{ EQUAL, 0, 5, NR_prctl },
		{ LOAD, 0, 0, DATA_ARG0 },
		{ EQUAL, 0, 3, PR_SET_PDEATHSIG },
		{ LOAD, 0, 0, DATA_ARG1 },
		{ EQUAL, 0, 1, SIGKILL },
		{ RETURN, 0, 0, RET_ALLOW },
		{ LOAD, 0, 0, DATA_NR },
		{ EQUAL, 0, 5, NR_sendmsg },
		{ LOAD, 0, 0, DATA_ARG0 },
		{ EQUAL, 0, 3, FD_CHANNEL },
		{ LOAD, 0, 0, DATA_ARG0 + 4 },
		{ EQUAL, 0, 1, CHANNEL_MARK },
		{ RETURN, 0, 0, RET_ALLOW },
		{ RETURN, 0, 0, RET_TRAP },
	};
	struct { u16 length; struct insn *first; } program = { sizeof filter / sizeof *filter, filter };
	/* SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER */
	return syscall6(NR_seccomp, 1, 8, (u64)&program, 0, 0, 0);
}

static void hand_over(int listener)
{
	struct { u64 length; u32 level, type; int fd, pad; } control = { 20, 1, 1, listener, 0 };
	u8 byte = 0;
	struct { u8 *base; u64 length; } iov = { &byte, 1 };
	struct { void *name; u64 namelen; void *iov; u64 iovlen; void *control; u64 controllen; u64 flags; }
		message = { 0, 0, &iov, 1, &control, sizeof control, 0 };
	if (syscall6(NR_sendmsg, (u64)CHANNEL_MARK << 32 | FD_CHANNEL, (u64)&message, 0, 0, 0, 0) != 1)
		__builtin_trap();
}

/* On the first slot's stack: the one we were started on is about to go. */
static __attribute__((noreturn, used)) void settle(void)
{
	u8 *slot = my_slot();
	u64 stack[3] = { (u64)slot + SLOT_STACK, 0, SLOT_SIZE - SLOT_STACK };
	static const u8 caught[] = { SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, KICK_SIGNAL };
	u64 all = ~0ul, i;
	long listener;

	must(syscall6(NR_munmap, 0, STUB_BASE, 0, 0, 0, 0), 4);
	must(syscall6(NR_munmap, RESERVED_END, TASK_SIZE - RESERVED_END, 0, 0, 0, 0), 4);
	must(syscall6(NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&all, 0, 8, 0, 0), 5);
	must(syscall6(NR_sigaltstack, (u64)stack, 0, 0, 0, 0, 0), 5);
	for (i = 0; i < sizeof caught; i++)
		catch(caught[i]);
	listener = install();
	must(listener, 7);
	hand_over((int)listener);

	FIELD(slot, SLOT_KIND) = KIND_HELLO;
	FIELD(slot, SLOT_NR) = (u64)restore;
	FIELD(slot, SLOT_NR + 8) = (u64)listener;
	FIELD(slot, SLOT_NR + 16) = (u64)newborn;
	FIELD(slot, SLOT_NR + 24) = (u64)born;
	report(slot, 0);
	leave_through(FIELD(slot, SLOT_FRAME));
}

static u64 number(const char *digit)
{
	u64 value = 0;

	while (*digit)
		value = value * 10 + (u64)(*digit++ - '0');
	return value;
}

__attribute__((noreturn, used)) HIDDEN void start(const u64 *stack)
{
	u64 none[2] = { 0, 0 };
	u64 parent, slots;

	if (stack[0] != 3)
		syscall6(NR_exit_group, 1, 0, 0, 0, 0, 0);
	parent = number((const char *)stack[2]);	/* the monitor's pid */
	slots = number((const char *)stack[3]);		/* offset of our slots in the memory file */
	must(syscall6(NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0), 2);
	if ((u64)syscall6(NR_getppid, 0, 0, 0, 0, 0, 0) != parent)
		syscall6(NR_exit_group, 1, 0, 0, 0, 0, 0);
	must(syscall6(NR_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0, 0), 2);
	must(syscall6(NR_setrlimit, 4 /* RLIMIT_CORE */, (u64)none, 0, 0, 0, 0), 2);
	for (u64 fd = 0; fd < 3; fd++)
		syscall6(NR_close, fd, 0, 0, 0, 0, 0);
	syscall6(NR_close_range, FD_RAM + 1, ~0u, 0, 0, 0, 0);
	/* MAP_SHARED | MAP_FIXED_NOREPLACE */
	must(syscall6(NR_mmap, SLOTS_BASE, SLOTS_SIZE, 3, 0x100001, FD_RAM, slots), 3);
	__asm__ volatile ("mov %0, %%rsp\n\tcall *%1\n\tud2"
		: : "r"((u64)SLOTS_BASE + SLOT_SIZE), "r"(settle) : "memory");
	__builtin_unreachable();
}
