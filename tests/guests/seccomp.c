/* seccomp(2): what is refused, what each action does, arithmetic, order of filters, threads, children, programs. */
#include "check.h"
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof (array) / sizeof *(array))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RET(value) BPF_STMT(BPF_RET | BPF_K, value)
#define ALLOW RET(SECCOMP_RET_ALLOW)
/* This call: what follows, of one instruction; another: go on. */
#define FOR(number, what) IS(number, 0, 1), what
/* A call that Linux has not. */
#define NONE 500

static int install(unsigned flags, const struct sock_filter *code, unsigned short length)
{
	struct sock_fprog program = { length, (void *)code };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

#define INSTALL(...) install(0, (struct sock_filter[]){ __VA_ARGS__ }, COUNT(((struct sock_filter[]){ __VA_ARGS__ })))
#define TAKEN(...) EQ(INSTALL(__VA_ARGS__), 0)
#define REFUSED(...) FAILS(INSTALL(__VA_ARGS__), EINVAL)

static int status_of(const char *key)
{
	char line[200];
	int value = -1;
	FILE *file = fopen("/proc/thread-self/status", "r");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			value = atoi(line + strlen(key) + 1);
	if (file)
		fclose(file);
	return value;
}

static void arguments(void);

/* Runs it in a process of its own, where new privileges are given up: what wait(2) says. */
static int alone(void (*what)(void))
{
	int status = -1;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		failures_ = 0;
		if (what != arguments)
			EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		what();
		fflush(stdout);
		_exit(failures_ != 0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void arguments(void)
{
	static const unsigned actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
		SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW };
	unsigned action = 0x12340000;
	struct sock_filter allow[] = { ALLOW };
	EQ(prctl(PR_GET_SECCOMP), 0);
	EQ(status_of("Seccomp"), 0);
	FAILS(syscall(SYS_seccomp, 99, 0, 0), EINVAL);
	FAILS(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, 0), EINVAL);
	FAILS(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, allow), EINVAL);
	FAILS(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &action), EINVAL);
	FAILS(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 16), EFAULT);
	FAILS(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	for (unsigned i = 0; i < COUNT(actions); i++)
		EQ(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]), 0);
	unsigned short sizes[3] = { 0 };
	EQ(syscall(SYS_seccomp, 3, 0, sizes), 0);
	EQ(sizes[0] == 80 && sizes[1] == 24 && sizes[2] == 64, 1);
	FAILS(prctl(PR_SET_SECCOMP, 7, 0), EINVAL);
	FAILS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 16), EFAULT);
	FAILS(install(0x8000, allow, 1), EINVAL);
	FAILS(install(0, allow, 0), EINVAL);
	FAILS(install(0, allow, 4097), EINVAL);
	FAILS(install(0, allow, 1), EACCES);
	FAILS(install(0, (void *)16, 1), EACCES);
	EQ(status_of("NoNewPrivs"), 0);
	EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	EQ(status_of("NoNewPrivs"), 1);
	FAILS(install(0, (void *)16, 1), EFAULT);
	FAILS(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 16), EFAULT);
	section("arguments");
}

static void programs(void)
{
	REFUSED(LOAD(0));
	REFUSED(LOAD(2), ALLOW);
	REFUSED(LOAD(64), ALLOW);
	REFUSED(LOAD(-4), ALLOW);
	REFUSED(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), ALLOW);
	REFUSED(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), ALLOW);
	REFUSED(BPF_STMT(BPF_RET | BPF_X, 0));
	REFUSED(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW);
	REFUSED(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ALLOW);
	REFUSED(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ALLOW);
	REFUSED(BPF_STMT(BPF_LD | BPF_MEM, 16), ALLOW);
	REFUSED(BPF_STMT(BPF_ST, 16), ALLOW);
	REFUSED(BPF_STMT(BPF_LD | BPF_MEM, 3), ALLOW);
	REFUSED(IS(0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), ALLOW);
	REFUSED(IS(0, 0, 1), ALLOW);
	REFUSED(BPF_STMT(BPF_JMP | BPF_JA, 1), ALLOW);
	REFUSED(BPF_STMT(BPF_JMP | BPF_JA, -1), ALLOW);
	REFUSED(BPF_STMT(0xffff, 0), ALLOW);
	EQ(prctl(PR_GET_SECCOMP), 0);
	TAKEN(IS(0, 0, 2), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_STX, 3),
	      BPF_STMT(BPF_LD | BPF_MEM, 3), ALLOW);
	EQ(prctl(PR_GET_SECCOMP), 2);
	EQ(status_of("Seccomp"), 2);
	EQ(status_of("Seccomp_filters"), 1);
	FAILS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0), EINVAL);
	struct sock_filter allow[] = { ALLOW };
	struct sock_fprog program = { 1, allow };
	EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	EQ(status_of("Seccomp_filters"), 2);
	static struct sock_filter many[4096];
	int taken = 0;
	for (int i = 0; i < 4096; i++)
		many[i] = (struct sock_filter)ALLOW;
	while (taken < 20 && !install(0, many, 4096))
		taken++;
	EQ(errno, ENOMEM);
	CHECK(taken > 2 && taken < 9);
}

static void errnos(void)
{
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_ERRNO | 77)), FOR(NONE + 1, RET(SECCOMP_RET_ERRNO)),
	      FOR(NONE + 2, RET(SECCOMP_RET_ERRNO | 0xffff)), FOR(NONE + 3, RET(SECCOMP_RET_TRACE | 5)),
	      FOR(SYS_getpgid, RET(SECCOMP_RET_LOG)), FOR(SYS_getsid, RET(SECCOMP_RET_USER_NOTIF)), ALLOW);
	EQ(raw(NONE, 1, 2, 3, 4, 5, 6), -77);
	EQ(raw(NONE + 1, 0, 0, 0, 0, 0, 0), 0);
	EQ(raw(NONE + 2, 0, 0, 0, 0, 0, 0), -4095);
	EQ(raw(NONE + 3, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EQ(raw(NONE + 4, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EQ(raw(SYS_getsid, 0, 0, 0, 0, 0, 0), -ENOSYS);
	CHECK(raw(SYS_getpgid, 0, 0, 0, 0, 0, 0) > 0);
	/* eax is the number, whatever is above it */
	EQ(raw((1L << 32) + NONE, 0, 0, 0, 0, 0, 0), -77);
	/* by arguments, which differ from call to call */
	TAKEN(LOAD(NR), IS(SYS_dup, 0, 5), LOAD(ARG(0) + 4), IS(1, 0, 3), LOAD(ARG(0)), IS(2, 0, 1),
	      RET(SECCOMP_RET_ERRNO | 12), ALLOW);
	EQ(raw(SYS_dup, 99, 0, 0, 0, 0, 0), -EBADF);
	EQ(raw(SYS_dup, 0x100000002, 0, 0, 0, 0, 0), -12);
	EQ(raw(SYS_dup, 0x100000063, 0, 0, 0, 0, 0), -EBADF);
	/* the newer of two that are as strict, and the stricter of two */
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_ERRNO | 78)), FOR(NONE + 3, RET(SECCOMP_RET_ERRNO | 79)), ALLOW);
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -78);
	EQ(raw(NONE + 3, 0, 0, 0, 0, 0, 0), -79);
	EQ(raw(NONE + 2, 0, 0, 0, 0, 0, 0), -4095);
}

/* A program that answers with an errno that it has computed. */
#define COMPUTES(...) TAKEN(LOAD(NR), IS(NONE, 1, 0), ALLOW, __VA_ARGS__, \
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), \
	BPF_STMT(BPF_RET | BPF_A, 0))
#define ALU(op, k) BPF_STMT(BPF_ALU | BPF_##op | BPF_K, k)
#define ALUX(op) BPF_STMT(BPF_ALU | BPF_##op | BPF_X, 0)
#define IMM(k) BPF_STMT(BPF_LD | BPF_IMM, k)
#define IMMX(k) BPF_STMT(BPF_LDX | BPF_IMM, k)

static void computing(void)
{
	/* The newest of filters that are alike in strictness wins, so they can be stacked. */
	COMPUTES(LOAD(offsetof(struct seccomp_data, arch)), ALUX(XOR));
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -(AUDIT_ARCH_X86_64 & 0xfff));
	COMPUTES(IMM(5), ALU(ADD, 3), ALU(SUB, 10), BPF_STMT(BPF_ALU | BPF_NEG, 0), ALU(MUL, 7));
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -14);
	COMPUTES(IMM(-1), ALU(RSH, 4), ALU(DIV, 0x1000000), ALU(LSH, 2), ALU(XOR, 1));
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -61);
	COMPUTES(LOAD(ARG(5)), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(ARG(1)), ALUX(SUB), BPF_STMT(BPF_ST, 15),
		 IMMX(3), BPF_STMT(BPF_STX, 0), BPF_STMT(BPF_LD | BPF_MEM, 15), BPF_STMT(BPF_LDX | BPF_MEM, 0), ALUX(MUL));
	EQ(raw(NONE, 0, 1000, 0, 0, 0, 977), -69);
	EQ(raw(NONE, 0, 1000, 0, 0, 0, 990), -30);
	COMPUTES(IMM(100), IMMX(7), ALUX(DIV), ALUX(LSH), ALUX(OR), ALUX(ADD), ALUX(AND), BPF_STMT(BPF_MISC | BPF_TXA, 0));
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -7);
	COMPUTES(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), ALUX(ADD));
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -128);
	COMPUTES(LOAD(ARG(2)), IMMX(10), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 3, 0),
		 BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 3, 0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 3, 0),
		 BPF_STMT(BPF_JMP | BPF_JA, 5), IMM(1), BPF_STMT(BPF_JMP | BPF_JA, 4), IMM(2), BPF_STMT(BPF_JMP | BPF_JA, 1),
		 IMM(3), BPF_STMT(BPF_JMP | BPF_JA, 0));
	EQ(raw(NONE, 0, 0, 11, 0, 0, 0), -1);
	EQ(raw(NONE, 0, 0, 10, 0, 0, 0), -1);
	EQ(raw(NONE, 0, 0, 5, 0, 0, 0), -2);
	EQ(raw(NONE, 0, 0, 3, 0, 0, 0), -3);
	/* where the call was made */
	extern const char computed_here[];
	COMPUTES(LOAD(offsetof(struct seccomp_data, instruction_pointer)));
	long result = NONE;
	__asm__ volatile ("syscall\n.globl computed_here\ncomputed_here:" : "+a"(result) : : "rcx", "r11", "memory");
	EQ(result, -((long)computed_here & 0xfff));
	/* a division by 0 is the end */
	COMPUTES(IMMX(0), IMM(1), ALUX(DIV));
	raw(NONE, 0, 0, 0, 0, 0, 0);
	EQ(0, 1);
}

static volatile int trapped, trap_nr, trap_code, trap_errno;
static volatile unsigned trap_arch;
static void *volatile trap_addr;
static volatile long trap_rax, trap_rip;

static void on_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	trapped += signo == SIGSYS;
	trap_nr = info->si_syscall;
	trap_code = info->si_code;
	trap_errno = info->si_errno;
	trap_arch = info->si_arch;
	trap_addr = info->si_call_addr;
	trap_rax = uc->uc_mcontext.gregs[REG_RAX];
	trap_rip = uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void traps(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	sigaction(SIGSYS, &sa, 0);
	TAKEN(LOAD(NR), FOR(SYS_getpgid, RET(SECCOMP_RET_TRAP | 321)), FOR(NONE, RET(SECCOMP_RET_TRAP)), ALLOW);
	extern const char trapped_here[];
	long result = SYS_getpgid;
	__asm__ volatile ("syscall\n.globl trapped_here\ntrapped_here:" : "+a"(result) : "D"(0) : "rcx", "r11", "memory");
	EQ(result, 4242);
	EQ(trapped, 1);
	EQ(trap_nr, SYS_getpgid);
	EQ(trap_code, 1);
	EQ(trap_errno, 321);
	EQ(trap_arch, AUDIT_ARCH_X86_64);
	EQ((const char *)trap_addr == trapped_here && trap_rip == (long)trapped_here, 1);
	EQ(trap_rax, SYS_getpgid);
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), 4242);
	EQ(trap_rax, NONE);
	EQ(raw((1L << 32) + NONE, 0, 0, 0, 0, 0, 0), 4242);
	/* blocked, it kills */
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGSYS);
	sigprocmask(SIG_BLOCK, &blocked, 0);
	getpgid(0);
}

static void killed_thread(void)
{
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_KILL_THREAD)), ALLOW);
	raw(NONE, 0, 0, 0, 0, 0, 0);
}

static volatile int calling;

static void *makes_it(void *unused)
{
	(void)unused;
	calling = syscall(SYS_gettid);
	raw(NONE, 0, 0, 0, 0, 0, 0);
	failures_++;
	return 0;
}

static void killed_thread_alone(void)
{
	pthread_t thread;
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_KILL_THREAD)), ALLOW);
	EQ(pthread_create(&thread, 0, makes_it, 0), 0);
	/* nobody tells the C library */
	char path[40] = "";
	for (int i = 0; i < 10000 && (!calling || !access(path, F_OK)); i++) {
		snprintf(path, sizeof path, "/proc/self/task/%d", calling);
		usleep(1000);
	}
	FAILS(access(path, F_OK), ENOENT);
}

static void killed_process(void)
{
	pthread_t thread;
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_KILL_PROCESS)), ALLOW);
	signal(SIGSYS, SIG_IGN);
	EQ(pthread_create(&thread, 0, makes_it, 0), 0);
	pthread_join(thread, 0);
}

static void unknown_action(void)
{
	TAKEN(LOAD(NR), FOR(NONE, RET(0x00010000)), ALLOW);
	raw(NONE, 0, 0, 0, 0, 0, 0);
}

static int ends[2];

static void strict(void)
{
	char c = 0;
	EQ(pipe(ends), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		raw(SYS_exit, 3, 0, 0, 0, 0, 0);
	raw(SYS_write, ends[1], (long)"x", 1, 0, 0, 0);
	raw(SYS_read, ends[0], (long)&c, 1, 0, 0, 0);
	raw(SYS_exit, c == 'x' ? 44 : 4, 0, 0, 0, 0, 0);
}

static void strictly_killed(void)
{
	EQ(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0), 0);
	raw(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static void *waits_and_calls(void *gate)
{
	pthread_barrier_wait(gate);
	pthread_barrier_wait(gate);
	return (void *)raw(NONE, 0, 0, 0, 0, 0, 0);
}

static void *has_its_own(void *gate)
{
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_ERRNO | 9)), ALLOW);
	return waits_and_calls(gate);
}

static void threads(void)
{
	pthread_t thread;
	pthread_barrier_t gate;
	void *result = 0;
	struct sock_filter code[] = { LOAD(NR), FOR(NONE, RET(SECCOMP_RET_ERRNO | 8)), ALLOW };
	pthread_barrier_init(&gate, 0, 2);
	/* for the caller alone, and for all */
	EQ(pthread_create(&thread, 0, waits_and_calls, &gate), 0);
	pthread_barrier_wait(&gate);
	EQ(install(0, code, COUNT(code)), 0);
	pthread_barrier_wait(&gate);
	pthread_join(thread, &result);
	EQ((long)result, -ENOSYS);
	EQ(raw(NONE, 0, 0, 0, 0, 0, 0), -8);
	EQ(pthread_create(&thread, 0, waits_and_calls, &gate), 0);
	pthread_barrier_wait(&gate);
	code[2] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 7);
	EQ(install(SECCOMP_FILTER_FLAG_TSYNC, code, COUNT(code)), 0);
	pthread_barrier_wait(&gate);
	pthread_join(thread, &result);
	EQ((long)result, -7);
	EQ(pthread_create(&thread, 0, has_its_own, &gate), 0);
	pthread_barrier_wait(&gate);
	CHECK(install(SECCOMP_FILTER_FLAG_TSYNC, code, COUNT(code)) > 0);
	FAILS(install(SECCOMP_FILTER_FLAG_TSYNC | 16, code, COUNT(code)), ESRCH);
	pthread_barrier_wait(&gate);
	pthread_join(thread, &result);
	EQ((long)result, -9);
	EQ(install(SECCOMP_FILTER_FLAG_TSYNC, code, COUNT(code)), 0);
}

static void other_program(void)
{
	TAKEN(LOAD(NR), FOR(NONE, RET(SECCOMP_RET_ERRNO | 33)), ALLOW);
	int status = -1;
	pid_t pid = fork();
	if (!pid)
		_exit(raw(NONE, 0, 0, 0, 0, 0, 0) != -33 || status_of("Seccomp_filters") != 1);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	execl("/proc/self/exe", "again", "again", (char *)0);
	EQ(errno, 0);
}

/* Calls that the monitor may know the answer of, before and after. */
static long asks(long nr)
{
	struct timespec t;
	return nr == SYS_clock_gettime ? raw(nr, CLOCK_REALTIME, (long)&t, 0, 0, 0, 0)
		: nr == SYS_ioctl ? raw(nr, 0, 0x5413, (long)&t, 0, 0, 0) : raw(nr, 0, 0, 0, 0, 0, 0);
}

static void known_answers(void)
{
	static const long calls[] = { SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_getegid, SYS_time, SYS_ioctl,
		SYS_clock_gettime, SYS_gettimeofday, SYS_sched_yield };
	for (int i = 0; i < 1200; i++)
		for (unsigned n = 0; n < COUNT(calls); n++)
			asks(calls[n]);
	for (unsigned n = 0; n < COUNT(calls); n++) {
		TAKEN(LOAD(NR), FOR(calls[n], RET(SECCOMP_RET_ERRNO | (200 + n))), ALLOW);
		EQ(asks(calls[n]), -200 - (long)n);
	}
	/* what a process does to its memory may be known beforehand as well */
	long last = 0;
	for (int i = 0; i < 1200; i++) {
		last = raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		raw(SYS_munmap, last, 4096, 0, 0, 0, 0);
	}
	last = raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TAKEN(LOAD(NR), FOR(SYS_munmap, RET(SECCOMP_RET_ERRNO | 70)), FOR(SYS_mmap, RET(SECCOMP_RET_ERRNO | 71)), ALLOW);
	*(volatile char *)last = 5;
	EQ(raw(SYS_munmap, last, 4096, 0, 0, 0, 0), -70);
	EQ(*(volatile char *)last, 5);
	for (int i = 0; i < 10; i++)
		EQ(raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -71);
	int status = -1;
	pid_t pid = raw(SYS_fork, 0, 0, 0, 0, 0, 0);
	if (!pid) {
		for (unsigned n = 0; n < COUNT(calls); n++)
			EQ(asks(calls[n]), -200 - (long)n);
		_exit(failures_ != 0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
}

int main(int argc, char **unused)
{
	(void)unused;
	if (argc > 1)
		return raw(NONE, 0, 0, 0, 0, 0, 0) == -33 && status_of("NoNewPrivs") == 1 ? 55 : 56;
	unsigned allow = SECCOMP_RET_ALLOW;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &allow) && errno == ENOSYS)
		return lacking("seccomp");
	/* Who may do everything need not give up new privileges. */
	if (!geteuid() && (setgroups(0, 0) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)))
		return 2;
	/* a core file is nobody's wish */
	prctl(PR_SET_DUMPABLE, 0);
	EQ(alone(arguments), 0);
	section("refusals");
	EQ(alone(programs), 0);
	section("programs");
	EQ(alone(errnos), 0);
	section("errnos");
	EQ(alone(computing) & 0x7f, SIGSYS);
	section("computing");
	EQ(alone(traps) & 0x7f, SIGSYS);
	section("traps");
	EQ(alone(killed_thread) & 0x7f, SIGSYS);
	EQ(alone(killed_thread_alone), 0);
	EQ(alone(killed_process) & 0x7f, SIGSYS);
	EQ(alone(unknown_action) & 0x7f, SIGSYS);
	section("killing");
	EQ(alone(strict), 44 << 8);
	EQ(alone(strictly_killed), SIGKILL);
	section("strict");
	EQ(alone(threads), 0);
	section("threads");
	EQ(alone(other_program), 55 << 8);
	section("other programs");
	EQ(alone(known_answers), 0);
	section("known answers");
	return verdict();
}
