/* Requests that are cheap for a program and dear for a kernel that takes them at their word: numbers beyond all
 * measure, and signals and timers for whom nobody is there any more. Each ends as it does on plain Linux. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>

static void holes(void)
{
	int fd = memfd_create("hole", 0);
	EQ(ftruncate(fd, 1UL << 62), 0);
	FAILS(lseek(fd, 0, SEEK_DATA), ENXIO);
	EQ(pwrite(fd, "x", 1, 1 << 30), 1);
	EQ(lseek(fd, 0, SEEK_DATA), 1 << 30);
	EQ(lseek(fd, 0, SEEK_HOLE), 0);
	EQ(lseek(fd, 1 << 30, SEEK_HOLE), (1 << 30) + 4096);
	EQ(fchmod(fd, 0755), 0);
	char *argv[] = { "hole", 0 };
	EQ(syscall(SYS_execveat, fd, "", argv, argv, AT_EMPTY_PATH), -1);	/* ENOEXEC, or too large even to look at */
	close(fd);

	size_t length = 1UL << 45;
	char *nowhere = mmap(0, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *vec = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(vec + 4096, 4096);
	FAILS(syscall(SYS_mincore, nowhere, length, vec), EFAULT);
	munmap(nowhere, length);
	munmap(vec, 4096);

	fd = open("short", O_RDWR | O_CREAT | O_TRUNC, 0644);
	EQ(write(fd, "abc", 3), 3);
	char *p = mmap(0, 1UL << 36, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[0] == 'a');
	EQ(ftruncate(fd, 8192), 0);
	EQ(p[4096], 0);
	EQ(pwrite(fd, "Z", 1, 8192), 1);
	EQ(p[8192], 'Z');
	p[8193] = 'Y';
	char got[2] = "";
	EQ(pread(fd, got, 2, 8192), 1);
	EQ(got[0], 'Z');
	EQ(ftruncate(fd, 3 * 4096), 0);
	p[8194] = 'X';
	EQ(munmap(p, 1UL << 36), 0);
	EQ(pread(fd, got, 1, 8194), 1);
	EQ(got[0], 'X');
	close(fd);
	section("holes");
}

/* What a child does that is to be killed by SIGSEGV: no core of it. */
static void dies(void (*act)(void), int signo)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		act();
		_exit(1);
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	EQ(WTERMSIG(status), signo);
}

static void ignore(int signo) { (void)signo; }

static void no_stack(void)
{
	signal(SIGILL, ignore);
	__asm__ volatile ("xor %%esp, %%esp; ud2" : : : "memory");
}

static void absurd_stack(void)
{
	stack_t stack = { .ss_sp = (void *)0xffffffffffff0000, .ss_size = 0x10000000 };
	struct sigaction sa = { .sa_handler = ignore, .sa_flags = SA_ONSTACK };
	EQ(sigaltstack(&stack, 0), 0);
	sigaction(SIGILL, &sa, 0);
	__asm__ volatile ("ud2");
}

static unsigned char state[65536] __attribute__((aligned(64)));

static void swap_state(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)info;
	ucontext_t *frame = context;
	memcpy(state, frame->uc_mcontext.fpregs, 512);
	((unsigned *)state)[464 / 4] = 0x46505853;	/* FP_XSTATE_MAGIC1, and a size that no processor has */
	((unsigned *)state)[468 / 4] = 32768;
	frame->uc_mcontext.fpregs = (void *)state;
}

static void frames(void)
{
	dies(no_stack, SIGSEGV);
	dies(absurd_stack, SIGSEGV);
	struct sigaction sa = { .sa_sigaction = swap_state, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &sa, 0);
	raise(SIGUSR1);
	section("frames");
}

static void *burn(void *end)
{
	struct timespec now;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_nsec + now.tv_sec * 1000000000L < *(long *)end);
	return 0;
}

/* A timer that counts the time of somebody who ends meanwhile: it never expires. */
static void timers(void)
{
	long end = 20000000;
	struct itimerspec soon = { .it_value = { 0, 60000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	int id;
	pid_t pid = fork();
	if (pid == 0) {
		burn(&end);
		_exit(0);
	}
	EQ(syscall(SYS_timer_create, ~(unsigned)pid << 3 | 2, &event, &id), 0);
	EQ(syscall(SYS_timer_settime, id, 0, &soon, 0), 0);
	EQ(waitpid(pid, 0, 0), pid);

	pthread_t thread;
	clockid_t clock;
	EQ(pthread_create(&thread, 0, burn, &end), 0);
	pthread_getcpuclockid(thread, &clock);
	EQ(syscall(SYS_timer_create, clock, &event, &id), 0);
	EQ(syscall(SYS_timer_settime, id, 0, &soon, 0), 0);
	pthread_join(thread, 0);
	struct timespec while_they_look = { 0, 150000000 };
	EQ(nanosleep(&while_they_look, 0), 0);
	section("timers");
}

/* A child whose end is told by a real-time signal, of which no more can be queued. */
static void queue(void)
{
	sigset_t set;
	struct rlimit limit = { 100, 100 };
	setrlimit(RLIMIT_SIGPENDING, &limit);
	sigemptyset(&set);
	sigaddset(&set, 40);
	sigprocmask(SIG_BLOCK, &set, 0);
	for (int i = 0; i < 100000 && !sigqueue(getpid(), 40, (union sigval){ 0 }); i++)
		;
	pid_t pid = syscall(SYS_clone, 40, 0, 0, 0, 0);
	if (pid == 0)
		for (;;)
			pause();
	EQ(kill(pid, SIGKILL), 0);
	int status = 0;
	EQ(waitpid(pid, &status, __WALL), pid);
	CHECK(WIFSIGNALED(status));
	section("queue");
}

/* Descriptors that are passed to somebody who cannot be told from whom. */
static void passing(void)
{
	int ends[2];
	EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	for (int i = 0; i < 600; i++) {
		char control[CMSG_SPACE(sizeof (int))] = "", byte = 'x';
		struct iovec piece = { &byte, 1 };
		struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof control };
		struct cmsghdr *first = CMSG_FIRSTHDR(&message);
		first->cmsg_level = SOL_SOCKET, first->cmsg_type = SCM_RIGHTS, first->cmsg_len = CMSG_LEN(sizeof (int));
		memcpy(CMSG_DATA(first), ends, sizeof (int));
		EQ(sendmsg(ends[1], &message, 0), 1);
		EQ(raw(SYS_recvfrom, ends[0], (long)&byte, 1, 0, 8, 8), -EFAULT);
	}
	close(ends[0]), close(ends[1]);
	section("passing");
}

/* Names of bytes that are no text. */
static void names(void)
{
	static const char name[] = "\xff\xfe\n x", shown[] = "\xff\xfe\\012 x";
	static char maps[1 << 16];
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	EQ(ftruncate(fd, 4096), 0);
	char *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), *q = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	EQ(prctl(PR_SET_NAME, name), 0);
	for (const char **file = (const char *[]){ "/proc/self/stat", "/proc/self/status", "/proc/self/maps", 0 }; *file; file++) {
		size_t n = 0;
		ssize_t more;
		fd = open(*file, O_RDONLY);
		while ((more = read(fd, maps + n, sizeof maps - n)) > 0)
			n += more;
		EQ(more, 0);
		CHECK(n > 0);
		close(fd);
	}
	CHECK(memmem(maps, sizeof maps, shown, sizeof shown - 1));
	munmap(p, 4096), munmap(q, 4096);
	unlink(name);
	section("names");
}

static void *nothing(void *argument) { return argument; }

/* Processes and threads that begin when the numbers up to 1023 are taken, as those of select(2) are. */
static void descriptors(void)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		for (int i = 0; i < 1010; i++)
			if (eventfd(0, 0) < 0)
				_exit(1);
		pid = fork();
		if (pid == 0) {
			pid = fork();
			if (pid == 0)
				_exit(3);
			EQ(waitpid(pid, &status, 0), pid);
			EQ(WEXITSTATUS(status), 3);
			EQ(pthread_create(&thread, 0, nothing, 0), 0);
			pthread_join(thread, 0);
			exit(failures_ ? 2 : 4);
		}
		EQ(waitpid(pid, &status, 0), pid);
		EQ(WEXITSTATUS(status), 4);
		exit(failures_ ? 2 : 5);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WEXITSTATUS(status), 5);
	section("descriptors");
}

int main(void)
{
	names();
	descriptors();
	passing();
	holes();
	frames();
	timers();
	EQ(prctl(PR_SET_TIMERSLACK, -1UL, 0, 0, 0), 0);
	EQ(syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0), -1);
	EQ(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0), 0);
	queue();
	return verdict();
}
