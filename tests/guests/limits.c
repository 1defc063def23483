/* Resource limits that act: getrlimit(2). */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>

#define KB 1024L
#define MB (1024 * KB)
#define RW (PROT_READ | PROT_WRITE)

/* The call itself: musl's mmap makes another errno of EPERM. */
static long map(long length, int prot, int flags)
{
	return syscall(SYS_mmap, 0, length, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static int limit(int resource, rlim_t soft, rlim_t hard)
{
	return setrlimit(resource, &(struct rlimit){ soft, hard });
}

static char *text_of(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	long n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	return text;
}

/* A line of /proc/self/status, in KiB. */
static long status_of(const char *name)
{
	char *at = strstr(text_of("/proc/self/status"), name);
	return at ? atol(at + strlen(name) + 1) : -1;
}

static void address_space(void)
{
	struct rlimit before;
	long size = status_of("VmSize") * KB;
	EQ(getrlimit(RLIMIT_AS, &before), 0);
	EQ(atol(text_of("/proc/self/statm")) * 4, size / KB);
	int shm = shmget(IPC_PRIVATE, 16 * MB, 0600);
	EQ(limit(RLIMIT_AS, size + 8 * MB, before.rlim_max), 0);
	FAILS(map(16 * MB, RW, MAP_PRIVATE), ENOMEM);
	FAILS(map(16 * MB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
	FAILS(map(16 * MB, RW, MAP_SHARED), ENOMEM);
	FAILS(shmat(shm, 0, 0), ENOMEM);
	FAILS(sbrk(16 * MB), ENOMEM);
	long at = map(7 * MB, RW, MAP_PRIVATE);
	CHECK(at != -1);
	EQ(status_of("VmSize") * KB, size + 7 * MB);
	/* What stood there before makes room. */
	CHECK(mmap((void *)at, 7 * MB, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)at);
	FAILS(mremap((void *)at, 7 * MB, 9 * MB, MREMAP_MAYMOVE), ENOMEM);
	EQ(munmap((void *)at, 4 * MB), 0);
	CHECK((long)mremap((void *)(at + 4 * MB), 3 * MB, 6 * MB, MREMAP_MAYMOVE) != -1);
	int pieces = 0;
	while (pieces < 1000 && map(256 * KB, RW, MAP_PRIVATE) != -1)
		pieces++;
	EQ(errno, ENOMEM);
	EQ(pieces, 8);
	pid_t child = fork();
	if (!child)
		_exit(map(MB, RW, MAP_PRIVATE) != -1 || errno != ENOMEM);
	int status = -1;
	waitpid(child, &status, 0);
	EQ(status, 0);
	EQ(setrlimit(RLIMIT_AS, &before), 0);
	CHECK(map(16 * MB, RW, MAP_PRIVATE) != -1);
	shmctl(shm, IPC_RMID, 0);
	section("address space");
}

static void data(void)
{
	struct rlimit before;
	long size = status_of("VmData") * KB;
	EQ(getrlimit(RLIMIT_DATA, &before), 0);
	EQ(limit(RLIMIT_DATA, size + 2 * MB, before.rlim_max), 0);
	FAILS(map(4 * MB, RW, MAP_PRIVATE), ENOMEM);
	CHECK(map(4 * MB, RW, MAP_SHARED) != -1);
	long at = map(4 * MB, PROT_READ, MAP_PRIVATE);
	CHECK(at != -1);
	FAILS(mprotect((void *)at, 4 * MB, RW), ENOMEM);
	EQ(mprotect((void *)at, MB, RW), 0);
	EQ(status_of("VmData") * KB, size + MB);
	FAILS(map(2 * MB, RW, MAP_PRIVATE), ENOMEM);
	FAILS(sbrk(2 * MB), ENOMEM);
	EQ(mprotect((void *)at, MB, PROT_READ), 0);
	CHECK(map(2 * MB, RW, MAP_PRIVATE) != -1);
	EQ(setrlimit(RLIMIT_DATA, &before), 0);
	EQ(mprotect((void *)at, 4 * MB, RW), 0);
	section("data");
}

static void locked(void)
{
	char *at = (char *)map(256 * KB, RW, MAP_PRIVATE), *file;
	int status = -1;
	EQ(limit(RLIMIT_MEMLOCK, 64 * KB + 100, 8 * MB), 0);
	EQ(mlock(at, 60 * KB + 1), 0);
	EQ(status_of("VmLck"), 64);
	FAILS(mlock(at + 64 * KB, 1), ENOMEM);
	EQ(mlock(at + 4 * KB, 8 * KB), 0);
	FAILS(mlock(at + 60 * KB, 8 * KB), ENOMEM);
	EQ(munlock(at + 4 * KB, 4 * KB), 0);
	EQ(status_of("VmLck"), 60);
	EQ(mlock(at + 128 * KB, 100), 0);
	FAILS(madvise(at, 8 * KB, MADV_DONTNEED), EINVAL);
	EQ(madvise(at + 4 * KB, 4 * KB, MADV_DONTNEED), 0);
	FAILS(msync(at, 4 * KB, MS_SYNC | MS_INVALIDATE), EBUSY);
	FAILS(mlockall(MCL_CURRENT), ENOMEM);
	FAILS(map(4 * KB, RW, MAP_PRIVATE | MAP_LOCKED), EAGAIN);
	pid_t child = fork();
	if (!child)
		_exit(status_of("VmLck") != 0);
	waitpid(child, &status, 0);
	EQ(status, 0);
	EQ(munlock(at, 256 * KB), 0);
	EQ(status_of("VmLck"), 0);
	file = (char *)map(64 * KB, RW, MAP_PRIVATE | MAP_LOCKED);
	CHECK(file != MAP_FAILED);
	EQ(status_of("VmLck"), 64);
	FAILS(mremap(file, 64 * KB, 68 * KB, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0, EAGAIN);
	EQ(munmap(file, 32 * KB), 0);
	EQ(status_of("VmLck"), 32);
	EQ(mlockall(MCL_FUTURE), 0);
	FAILS(map(36 * KB, RW, MAP_PRIVATE), EAGAIN);
	char *top = sbrk(0);
	EQ(brk(top + 100 * KB), -1);
	CHECK(map(32 * KB, RW, MAP_PRIVATE) != -1);
	EQ(munlockall(), 0);
	EQ(status_of("VmLck"), 0);
	CHECK(map(128 * KB, RW, MAP_PRIVATE) != -1);
	EQ(status_of("VmLck"), 0);
	EQ(limit(RLIMIT_MEMLOCK, 0, 8 * MB), 0);
	FAILS(mlock(at, 1), EPERM);
	FAILS(mlockall(MCL_FUTURE), EPERM);
	FAILS(map(4 * KB, RW, MAP_PRIVATE | MAP_LOCKED), EPERM);
	EQ(munlock(at, 1), 0);
	EQ(limit(RLIMIT_MEMLOCK, 8 * MB, 8 * MB), 0);
	EQ(mlockall(MCL_CURRENT), 0);
	CHECK(status_of("VmLck") >= 256 + 64 && status_of("VmLck") <= status_of("VmSize"));
	munlockall();
	FAILS(mlock(at + 252 * KB, 1L << 40), ENOMEM);
	section("locked");
}

static void pending(void)
{
	sigset_t set;
	timer_t timer;
	struct rlimit before;
	int sent = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	getrlimit(RLIMIT_SIGPENDING, &before);
	EQ(limit(RLIMIT_SIGPENDING, 8, before.rlim_max), 0);
	while (sent < 1000 && !sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }))
		sent++;
	EQ(errno, EAGAIN);
	EQ(sent, 8);
	FAILS(timer_create(CLOCK_MONOTONIC, 0, &timer), EAGAIN);
	EQ(kill(getpid(), SIGUSR1), 0);
	CHECK(strstr(text_of("/proc/self/status"), "/8\n"));
	siginfo_t info;
	struct timespec none = { 0, 0 };
	EQ(sigtimedwait(&set, &info, &none), SIGUSR1);
	EQ(sigtimedwait(&set, &info, &none), SIGRTMIN);
	EQ(timer_create(CLOCK_MONOTONIC, 0, &timer), 0);
	FAILS(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }), EAGAIN);
	EQ(timer_delete(timer), 0);
	while (sigtimedwait(&set, &info, &none) > 0)
		sent--;
	EQ(sent, 1);
	setrlimit(RLIMIT_SIGPENDING, &before);
	section("pending signals");
}

static void *nothing(void *unused)
{
	return unused;
}

/* Threads count as processes do, and the dead that nobody has waited for. */
static void processes(void)
{
	struct rlimit before;
	pthread_t thread;
	int children = 0, p[2];
	char c;
	pipe(p);
	getrlimit(RLIMIT_NPROC, &before);
	EQ(limit(RLIMIT_NPROC, 4, before.rlim_max), 0);
	for (pid_t child; children < 100 && (child = fork()) != -1; children++)
		if (!child) {
			close(p[1]);
			_exit(read(p[0], &c, 1));
		}
	EQ(errno, EAGAIN);
	EQ(children, 3);
	EQ(pthread_create(&thread, 0, nothing, 0), EAGAIN);
	close(p[1]);
	close(p[0]);
	siginfo_t info;
	for (int i = 0; i < 3; i++)
		waitid(P_ALL, 0, &info, WEXITED | (i < 2 ? 0 : WNOWAIT));
	EQ(limit(RLIMIT_NPROC, 2, before.rlim_max), 0);
	EQ(fork(), -1);
	EQ(waitpid(-1, 0, 0) > 0, 1);
	EQ(pthread_create(&thread, 0, nothing, 0), 0);
	pthread_join(thread, 0);
	setrlimit(RLIMIT_NPROC, &before);
	section("processes");
}

static volatile int overdue;

static void on_overdue(int signo)
{
	(void)signo;
	overdue++;
}

static int burn(int handled)
{
	int status = -1, pipes[2];
	pipe(pipes);
	pid_t child = fork();
	if (!child) {
		if (handled)
			signal(SIGXCPU, on_overdue);
		limit(RLIMIT_CPU, 0, handled ? 1 : RLIM_INFINITY);
		limit(RLIMIT_CORE, 0, 0);
		while (!overdue)
			;
		struct rlimit now;
		getrlimit(RLIMIT_CPU, &now);
		write(pipes[1], &(char){ now.rlim_cur }, 1);
		for (;;)
			;
	}
	close(pipes[1]);
	char soft = 0;
	EQ(read(pipes[0], &soft, 1), handled);
	EQ(soft, handled);
	close(pipes[0]);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void cpu(void)
{
	EQ(burn(0), SIGXCPU);
	EQ(burn(1), SIGKILL);
	section("processor time");
}

/* What the program does that was executed under a limit: use so much of its stack. */
static __attribute__((noinline)) int use(long bytes)
{
	volatile char *room = __builtin_alloca(bytes);
	for (long i = bytes - 1; i >= 0; i -= 4096)
		room[i] = 1;
	room[0] = 1;
	return room[bytes / 2] & 2;
}

/* How a program ends that is executed under a limit of so much, and uses so much. */
static int with_stack(rlim_t soft, const char *uses, long arguments)
{
	int status = -1;
	char *filler = malloc(arguments + 1);
	pid_t child = fork();
	if (!child) {
		limit(RLIMIT_CORE, 0, 0);
		limit(RLIMIT_STACK, soft, RLIM_INFINITY);
		memset(filler, 'x', arguments);
		filler[arguments] = 0;
		char *argv[] = { "limits", "stack", (char *)uses, filler, filler, filler, filler, 0 };
		execv("/proc/self/exe", argv);
		_exit(errno);
	}
	free(filler);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void stack(void)
{
	EQ(with_stack(512 * KB, "400000", 1), 0);
	EQ(with_stack(512 * KB, "600000", 1), -SIGSEGV);
	EQ(with_stack(32 * MB, "20000000", 1), 0);
	/* Arguments may have a quarter of it, 128 KiB at least. */
	EQ(with_stack(512 * KB, "1", 30 * KB), 0);
	EQ(with_stack(512 * KB, "1", 33 * KB), E2BIG);
	EQ(with_stack(MB, "1", 33 * KB), 0);
	EQ(with_stack(MB, "1", 66 * KB), E2BIG);
	section("stack");
}

static void told(void)
{
	char line[128];
	EQ(limit(RLIMIT_CORE, 12345, 23456), 0);
	snprintf(line, sizeof line, "%-26s%-21s%-21s%-10s\n", "Max core file size", "12345", "23456", "bytes");
	CHECK(strstr(text_of("/proc/self/limits"), line));
	EQ(limit(RLIMIT_LOCKS, 5, 5), 0);
	snprintf(line, sizeof line, "%-26s%-21s%-21s%-10s\n", "Max file locks", "5", "5", "locks");
	CHECK(strstr(text_of("/proc/self/limits"), line));
	FAILS(limit(RLIMIT_LOCKS, 5, 6), EPERM);
	section("told");
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return use(atol(argv[2]));
	stack();
	cpu();
	/* Root has no limit of locked memory, and nobody else's signals and processes are to count. */
	int user = 100000 + getpid();
	if (!geteuid() && (setresgid(user, user, user) || setresuid(user, user, user)))
		return 2;
	locked();
	address_space();
	data();
	pending();
	processes();
	told();
	return verdict();
}
