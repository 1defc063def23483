/* Makes many system calls, each with all its memory in one small arena, and
 * keeps a record of every one: number, words, result, the arena before and
 * after. strace's line for the same call is then the oracle for a formatter
 * that is fed the record.
 *
 * usage: calls LOG TTY_FD    runs under strace; everything between the two
 * calls getpriority(99, ...) is recorded, in order */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ARENA = 4096, RECORDS = 1024 };

struct record {
	unsigned long nr, words[6];
	long result;
	char before[ARENA], after[ARENA];
};

static char arena[ARENA] __attribute__((aligned(4096)));
static size_t used;
static struct record *log_at;

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile ("syscall" : "=a"(ret)
		: "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return ret;
}

static long record(long nr, long a, long b, long c, long d, long e, long f)
{
	struct record *r = log_at++;
	long words[6] = { a, b, c, d, e, f };

	r->nr = nr;
	memcpy(r->words, words, sizeof words);
	memcpy(r->before, arena, ARENA);
	r->result = raw(nr, a, b, c, d, e, f);
	memcpy(r->after, arena, ARENA);
	memset(arena, 0, ARENA);
	used = 0;
	return r->result;
}

#define L(x) ((long)(x))
#define C6(nr, a, b, c, d, e, f, ...) record(SYS_##nr, L(a), L(b), L(c), L(d), L(e), L(f))
#define CALL(nr, ...) C6(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static void *room(size_t size)
{
	void *p = arena + used;
	used += (size + 15) & ~15UL;
	return p;
}

static void *copy(const void *from, size_t size)
{
	return memcpy(room(size), from, size);
}

static char *S(const char *text)
{
	return copy(text, strlen(text) + 1);
}

#define V(type, ...) copy(&(type)__VA_ARGS__, sizeof(type))
#define OUT(type) room(sizeof(type))

static sigset_t *set(unsigned long mask)
{
	return copy(&mask, 8);
}

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static void text(void)
{
	static const char every[] = "a\0b\0001\0009\33[1m\x7f\xff\"\\\t\v\f\r\n";
	char many[256];

	CALL(write, -1, copy(every, sizeof every), sizeof every);
	for (int i = 0; i < 256; i += 16) {
		for (int j = 0; j < 16; j++)
			many[j] = i + j;
		CALL(write, -1, copy(many, 16), 16);
	}
	memset(many, 'x', 256);
	CALL(write, -1, copy(many, 200), 200);
	CALL(write, -1, copy(many, 32), 32);
	CALL(write, -1, copy(many, 33), 33);
	many[31] = 1;
	many[32] = '1';
	CALL(write, -1, copy(many, 40), 40);
	CALL(write, -1, 0, 0);
	CALL(write, -1, 0, 5);
	CALL(write, -1, S("x"), 0);
	CALL(write, -1, 0x1000, 3);
	CALL(write, 0x1ffffffffL, S("x"), 1);
	CALL(pwrite64, -1, S("abc"), 3, 7);
	CALL(writev, -1, V(struct iovec, { S("abc"), 3 }), 1);
	struct iovec three[3] = { { S("abc"), 3 }, { S("defg\n"), 5 }, { 0, 0 } };
	CALL(writev, -1, copy(three, sizeof three), 3);
	CALL(writev, -1, S(""), 0);
	CALL(writev, -1, 0, 3);
	CALL(writev, -1, 8, 1);
	CALL(memfd_create, S("name"), MFD_CLOEXEC);
	char *argv[] = { S("prog"), S("a b"), 0 }, *envp[] = { S("A=1"), 0 };
	CALL(execve, S("/nonexistent"), copy(argv, sizeof argv), copy(envp, sizeof envp));
	CALL(execve, S("/nonexistent"), 0, 0);
	CALL(execve, 0, 8, 8);
}

static void files(void)
{
	long fd = CALL(openat, AT_FDCWD, S("/etc/passwd"), O_RDONLY | O_CLOEXEC), dir;
	struct iovec two[2];

	CALL(read, fd, room(10), 10);
	CALL(read, fd, room(200), 200);
	CALL(read, -1, room(10), 10);
	CALL(read, fd, room(10), 0);
	CALL(pread64, fd, room(5), 5, 2);
	two[0] = (struct iovec){ room(5), 5 };
	two[1] = (struct iovec){ room(50), 50 };
	CALL(readv, fd, copy(two, sizeof two), 2);
	two[0] = (struct iovec){ room(5), 5 };
	two[1] = (struct iovec){ room(5), 5 };
	CALL(preadv, fd, copy(two, sizeof two), 2, 1);
	CALL(readv, -1, copy(two, sizeof two), 2);
	CALL(lseek, fd, 3, SEEK_SET);
	CALL(lseek, fd, -3, SEEK_CUR);
	CALL(lseek, fd, 0, 99);
	CALL(fstat, fd, OUT(struct stat));
	CALL(stat, S("/dev/null"), OUT(struct stat));
	CALL(stat, S("/nonexistent"), OUT(struct stat));
	CALL(lstat, S("/proc/self/exe"), OUT(struct stat));
	CALL(newfstatat, AT_FDCWD, S("/tmp"), OUT(struct stat), 0);
	CALL(newfstatat, fd, S(""), OUT(struct stat), AT_EMPTY_PATH);
	CALL(newfstatat, AT_FDCWD, S("x"), OUT(struct stat), AT_SYMLINK_NOFOLLOW | 1);
	CALL(statx, AT_FDCWD, S("/etc/passwd"), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, OUT(struct statx));
	CALL(statx, AT_FDCWD, S("/x"), AT_STATX_DONT_SYNC, STATX_SIZE, OUT(struct statx));
	CALL(open, S("/x"), O_ACCMODE);
	CALL(open, S("/nonexistent/x"), O_CREAT | O_EXCL, 07777);
	CALL(open, S("/nonexistent/x"), 0x12345678);
	CALL(open, S("/nonexistent/x"), O_DSYNC | O_NOFOLLOW | O_NOCTTY | O_DIRECT | O_NOATIME | O_ASYNC | 0x8000);
	CALL(openat, -1, S("x"), O_PATH);
	CALL(openat, -1, S("x"), O_RDWR | O_SYNC | O_TMPFILE, 0777);
	CALL(openat, -1, S("x"), O_RDWR | 0x40000000);
	CALL(openat, AT_FDCWD, 0, O_RDONLY);
	CALL(openat, AT_FDCWD, 1, O_WRONLY | O_APPEND | O_NONBLOCK | O_TRUNC);
	CALL(creat, S("/nonexistent/y"), 0644);
	CALL(close, -1);
	CALL(access, S("/x"), R_OK | W_OK);
	CALL(access, S("/"), F_OK);
	CALL(faccessat, AT_FDCWD, S("/etc"), X_OK);
	CALL(faccessat2, AT_FDCWD, S("/etc"), X_OK, AT_EACCESS);
	dir = CALL(openat, AT_FDCWD, S("/proc/self/fdinfo"), O_RDONLY | O_DIRECTORY);
	CALL(getdents64, dir, room(2048), 2048);
	CALL(getdents64, dir, room(2048), 2048);
	CALL(getdents64, -1, room(2048), 2048);
	CALL(getcwd, room(1024), 1024);
	CALL(getcwd, room(1), 1);
	CALL(readlink, S("/proc/self/exe"), room(1024), 1024);
	CALL(readlinkat, AT_FDCWD, S("/nonexistent"), room(100), 100);
	CALL(mkdir, S("/nonexistent/d"), 0755);
	CALL(mkdir, S("/nonexistent/d"), 0);
	CALL(mkdirat, AT_FDCWD, S("/nonexistent/d"), 01777);
	CALL(unlinkat, AT_FDCWD, S("/nonexistent"), AT_REMOVEDIR);
	CALL(rename, S("/nonexistent/a"), S("/b"));
	CALL(renameat2, AT_FDCWD, S("/nonexistent/a"), AT_FDCWD, S("/b"), 1);
	CALL(link, S("/nonexistent/a"), S("/b"));
	CALL(symlink, S("/a"), S("/nonexistent/b"));
	CALL(chmod, S("/nonexistent"), 0100644);
	CALL(chown, S("/nonexistent"), 5, -1);
	CALL(mknod, S("/nonexistent/a"), S_IFCHR | 0644, 0x103);
	CALL(mknod, S("/nonexistent/a"), 0644, 0);
	CALL(truncate, S("/nonexistent"), 5);
	CALL(ftruncate, -1, -1);
	CALL(umask, 022);
	CALL(utimensat, AT_FDCWD, S("/nonexistent"), 0, 0);
	struct timespec times[2] = { { 5, 6 }, { 0, UTIME_NOW } };
	CALL(utimensat, AT_FDCWD, S("/nonexistent"), copy(times, sizeof times), AT_SYMLINK_NOFOLLOW);
	struct timespec whole[2] = { { 7, 0 }, { 0, UTIME_OMIT } };
	CALL(utimensat, AT_FDCWD, S("/nonexistent"), copy(whole, sizeof whole), 0);
	CALL(statfs, S("/"), room(120));
	CALL(flock, -1, 2 | 4);
	CALL(fallocate, -1, 1, 0, 10);
	CALL(fadvise64, -1, 0, 0, POSIX_FADV_SEQUENTIAL);
	CALL(sendfile, -1, fd, 0, 5);
	CALL(copy_file_range, -1, 0, -1, 0, 5, 0);
	CALL(close_range, 900, 901, 0);
	CALL(preadv2, -1, S(""), 0, 0, 0, 1);
	CALL(pwritev2, -1, S(""), 0, 7, 0, 16);
	CALL(sync_file_range, -1, 0, 1, 7);
	CALL(splice, -1, 0, -1, 0, 5, 1);
}

static void descriptors(int tty)
{
	long fd = CALL(openat, AT_FDCWD, S("/etc/passwd"), O_RDONLY), set_fds;
	struct pollfd polled[2] = { { tty, POLLIN | POLLOUT, 0 }, { fd, POLLIN | POLLPRI, 0 } };

	CALL(fcntl, fd, F_GETFL);
	CALL(fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK);
	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, FD_CLOEXEC);
	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, 0);
	CALL(fcntl, fd, F_DUPFD, 10);
	CALL(fcntl, fd, F_DUPFD_CLOEXEC, 10);
	CALL(fcntl, fd, F_SETLK, V(struct flock, { F_RDLCK, SEEK_SET, 0, 10, 0 }));
	CALL(fcntl, fd, F_GETLK, V(struct flock, { F_RDLCK, SEEK_SET, 0, 10, 0 }));
	CALL(fcntl, fd, 999, 5);
	CALL(fcntl, -1, F_GETFL);
	CALL(pipe, room(8));
	CALL(pipe2, room(8), O_CLOEXEC | O_NONBLOCK);
	CALL(pipe2, room(8), 1);
	CALL(dup2, fd, 50);
	CALL(dup3, fd, 51, O_CLOEXEC);
	CALL(ioctl, tty, TIOCGWINSZ, OUT(struct winsize));
	CALL(ioctl, -1, TIOCGWINSZ, OUT(struct winsize));
	CALL(ioctl, tty, TCGETS, OUT(struct termios));
	CALL(ioctl, fd, TCGETS, OUT(struct termios));
	CALL(ioctl, fd, TCSETS, OUT(struct termios));
	CALL(ioctl, fd, TCSETSW, 3);
	CALL(ioctl, tty, FIONREAD, OUT(int));
	CALL(ioctl, tty, TIOCSWINSZ, V(struct winsize, { 24, 80, 0, 0 }));
	CALL(ioctl, fd, FIONBIO, V(int, { 1 }));
	CALL(ioctl, fd, FIOCLEX);
	CALL(ioctl, fd, FIONCLEX);
	CALL(ioctl, fd, TCFLSH, TCIOFLUSH);
	CALL(ioctl, -1, 0x12345678, 5);
	CALL(ioctl, -1, 0xd2345678, 5);
	CALL(ioctl, tty, TIOCGPGRP, OUT(int));
	CALL(poll, copy(polled, sizeof polled), 2, 0);
	CALL(poll, V(struct pollfd, { tty, POLLIN, 0 }), 1, 0);
	CALL(poll, V(struct pollfd, { -1, 0, 0 }), 1, 0);
	CALL(poll, V(struct pollfd, { 99, POLLIN, 0 }), 1, 0);
	CALL(poll, 0, 0, 0);
	CALL(poll, 8, 1, -1);
	CALL(ppoll, copy(polled, sizeof polled), 2, V(struct timespec, { 0, 5 }), set(1UL << 1), 8);
	set_fds = 1L << fd | 1;
	CALL(select, 64, copy(&set_fds, 8), 0, 0, V(struct timeval, { 0, 5 }));
	CALL(select, 2, 0, 0, 0, V(struct timeval, { 0, 5 }));
	CALL(select, -1, 0, 0, 0, 0);
	CALL(pselect6, 64, copy(&set_fds, 8), 0, 0, V(struct timespec, { 0, 5 }), 0);
	unsigned long mask_at[2] = { L(set(2)), 8 };
	CALL(pselect6, 64, copy(&set_fds, 8), 0, 0, V(struct timespec, { 0, 5 }), copy(mask_at, 16));
	long ep = CALL(epoll_create1, EPOLL_CLOEXEC), ev = CALL(eventfd2, 0, EFD_NONBLOCK);
	CALL(epoll_ctl, ep, EPOLL_CTL_ADD, ev, V(struct epoll_event, { EPOLLIN | EPOLLET, { .u64 = 0x123456789 } }));
	CALL(epoll_wait, ep, room(24), 2, 0);
	CALL(epoll_ctl, ep, EPOLL_CTL_MOD, ev, V(struct epoll_event, { EPOLLOUT, { .u64 = 4 } }));
	CALL(epoll_wait, ep, room(24), 2, 0);
	CALL(epoll_pwait, ep, room(24), 2, 0, 0, 8);
	CALL(epoll_ctl, ep, EPOLL_CTL_DEL, ev, 0);
	CALL(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static void memory(void)
{
	long m = CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CALL(mprotect, m, 4096, PROT_READ);
	CALL(madvise, m, 4096, MADV_DONTNEED);
	CALL(madvise, m, 4096, 77);
	m = CALL(mremap, m, 4096, 8192, MREMAP_MAYMOVE);
	CALL(mremap, m, 8192, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, 0x20000000);
	CALL(mremap, 1, 2, 3, 8);
	CALL(msync, 0x20000000, 4096, MS_SYNC);
	CALL(mincore, 0x20000000, 4096, room(4));
	CALL(munmap, 0x20000000, 4096);
	CALL(mmap, 0x10000000, 4096, PROT_NONE, MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CALL(mmap, 0, 4096, 7, MAP_PRIVATE | MAP_NORESERVE | MAP_STACK | MAP_ANONYMOUS, -1, 0);
	CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, -1, 0x1000);
	CALL(mmap, 0, 0, 0, 0, 0, 0);
	CALL(mmap, 0, 4096, 0, MAP_ANONYMOUS, -1, 0);
	CALL(mmap, 0, 4096, 0, 3, -1, 0);
	CALL(mmap, 0, 4096, 0, 5, -1, 0);
	CALL(mmap, 0, 4096, 0x1000000, 0x40122, -1, -4096);
	CALL(mmap, 0, 4096, PROT_READ | 0x100, MAP_PRIVATE | MAP_ANONYMOUS | 0x4000000, -1, 0);
	CALL(mprotect, 0x1000, 4096, 0x01000004);
	CALL(mlock, 0, 1);
	CALL(brk, 0);
	CALL(brk, 1);
}

static void clocks(void)
{
	CALL(clock_gettime, CLOCK_MONOTONIC, OUT(struct timespec));
	CALL(clock_gettime, 77, OUT(struct timespec));
	CALL(clock_gettime, CLOCK_MONOTONIC, 0x10);
	CALL(clock_getres, CLOCK_REALTIME_COARSE, OUT(struct timespec));
	CALL(nanosleep, V(struct timespec, { 0, 1000 }), OUT(struct timespec));
	CALL(nanosleep, V(struct timespec, { 0, -1 }), 0);
	CALL(nanosleep, 1, 2);
	CALL(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, V(struct timespec, { 0, 1 }), 0);
	CALL(gettimeofday, OUT(struct timeval), 0);
	CALL(gettimeofday, OUT(struct timeval), OUT(struct timezone));
	CALL(time, OUT(long));
	CALL(time, 0);
	CALL(setitimer, ITIMER_REAL, V(struct itimerval, { { 0, 0 }, { 500, 0 } }), OUT(struct itimerval));
	CALL(getitimer, ITIMER_REAL, OUT(struct itimerval));
	CALL(alarm, 0);
	CALL(times, room(32));
	CALL(getrusage, RUSAGE_SELF, OUT(struct rusage));
	CALL(getrusage, RUSAGE_CHILDREN, OUT(struct rusage));
}

static void signals(void)
{
	struct kernel_sigaction act = { (void *)0x401000, SA_RESTART | 0x4000000, (void *)0x402000, 0x202 };

	CALL(rt_sigaction, SIGUSR1, copy(&act, sizeof act), 0, 8);
	CALL(rt_sigaction, SIGUSR1, 0, OUT(act), 8);
	act = (struct kernel_sigaction){ SIG_IGN, 0, 0, 0 };
	CALL(rt_sigaction, SIGPIPE, copy(&act, sizeof act), OUT(act), 8);
	act = (struct kernel_sigaction){ SIG_DFL, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESETHAND, 0, ~0UL };
	CALL(rt_sigaction, SIGRTMIN + 1, copy(&act, sizeof act), 0, 8);
	CALL(rt_sigaction, 77, copy(&act, sizeof act), 0, 8);
	CALL(rt_sigaction, SIGUSR1, copy(&act, sizeof act), 0, 9);
	for (int n = 39; n < 46; n++)
		CALL(rt_sigprocmask, SIG_BLOCK, set((1UL << n) - 1), OUT(long), 8);
	CALL(rt_sigprocmask, SIG_UNBLOCK, set(0x8000000080000000), OUT(long), 8);
	CALL(rt_sigprocmask, SIG_SETMASK, set(0), 0, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, 0, OUT(long), 8);
	CALL(rt_sigprocmask, 9, set(5), 0, 8);
	CALL(rt_sigprocmask, SIG_BLOCK, set(5), 0, 4);
	CALL(rt_sigpending, OUT(long), 8);
	CALL(rt_sigtimedwait, set(1), 0, V(struct timespec, { 0, 0 }), 8);
	CALL(sigaltstack, 0, OUT(stack_t));
	CALL(sigaltstack, V(stack_t, { (void *)0x10000, 0, 4096 }), OUT(stack_t));
	CALL(kill, 1234567, 0);
	CALL(kill, 1234567, SIGRTMIN);
	CALL(kill, 1234567, 64);
	CALL(kill, 1234567, 65);
	CALL(kill, 1234567, -1);
	CALL(tgkill, 1234567, 1234567, SIGTERM);
}

static void threads(void)
{
	struct timespec soon = { 0, 10 };
	int *w = room(8);
#define F(...) (w = room(8), CALL(futex, w, __VA_ARGS__))
	F(FUTEX_WAKE_PRIVATE, 1);
	F(FUTEX_WAKE, 0x7fffffff);
	F(FUTEX_WAIT_PRIVATE, 1, 0);
	F(FUTEX_WAIT_PRIVATE, 0, copy(&soon, sizeof soon));
	F(FUTEX_WAIT, -1, 0);
	F(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, copy(&soon, sizeof soon), 0, -1);
	F(FUTEX_WAIT_BITSET, 5, 0, 0, 0xff);
	F(FUTEX_REQUEUE_PRIVATE, 0, 1, room(4));
	F(FUTEX_CMP_REQUEUE, 1, 0x7fffffff, room(4), 5);
	F(FUTEX_LOCK_PI_PRIVATE, 0, 0);
	F(FUTEX_UNLOCK_PI, 0);
	F(FUTEX_TRYLOCK_PI, 0, 0);
	F(FUTEX_WAKE_OP_PRIVATE, 1, 1, room(4), 0x4000001);
	F(FUTEX_WAKE_OP, 5, 6, 0x7, 0xffffffff);
	F(FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 5);
	F(99, 1, 2, 3, 4);
	CALL(clone, CLONE_VM | SIGCHLD | CLONE_THREAD, 1, 2, 3, 4);
	CALL(clone, CLONE_THREAD | CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_CHILD_CLEARTID, 1, 2, 3, 4);
	unsigned long args[8] = { CLONE_THREAD | CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_CHILD_CLEARTID,
		0, 0x1234, 0x5678, 0, 0x10000, 0x2000, 0x9999 };
	CALL(clone3, copy(args, sizeof args), 64);
	unsigned long child[8] = { CLONE_THREAD, 0, 0, 0, SIGCHLD };
	CALL(clone3, copy(child, sizeof child), 64);
	CALL(set_tid_address, OUT(int));
	CALL(set_robust_list, room(24), 24);
	CALL(get_robust_list, 0, OUT(long), OUT(long));
	CALL(rseq, OUT(long), 32, 0, 0x53053053);
	CALL(arch_prctl, 0x1003, OUT(long));
	CALL(arch_prctl, 0x3001, 5);
	CALL(arch_prctl, 0x1001, 0x1000);
	CALL(sched_yield);
	CALL(sched_getaffinity, 0, 128, room(128));
	CALL(sched_setaffinity, 0, 8, set(3));
	CALL(getcpu, OUT(int), OUT(int), 0);
	CALL(sched_getscheduler, 0);
	CALL(sched_get_priority_max, SCHED_FIFO);
	CALL(sched_getparam, 0, OUT(int));
	CALL(membarrier, 0, 0);
	CALL(wait4, -1, OUT(int), WNOHANG, 0);
	CALL(wait4, 5, 0, 0x20000000 | 3, 0);
	CALL(waitid, P_ALL, 0, room(128), WEXITED | WNOHANG, 0);
}

static void process(void)
{
	struct rlimit limits[] = { { 1, 1023 }, { 1024, 1025 }, { 3072, 1 << 20 }, { RLIM_INFINITY, 4096 } };

	CALL(getpid);
	CALL(gettid);
	CALL(getpgid, 0);
	CALL(setpgid, 1234567, 0);
	CALL(getgroups, 0, 0);
	CALL(getgroups, 64, room(256));
	CALL(getresuid, OUT(int), OUT(int), OUT(int));
	CALL(uname, room(390));
	CALL(getrandom, room(8), 8, GRND_NONBLOCK);
	CALL(getrandom, room(64), 64, 0);
	CALL(sysinfo, room(112));
	for (int i = 0; i < 4; i++)
		CALL(setrlimit, 55, copy(&limits[i], sizeof limits[i]));
	CALL(getrlimit, RLIMIT_AS, OUT(struct rlimit));
	CALL(prlimit64, 0, RLIMIT_NOFILE, 0, OUT(struct rlimit));
	CALL(prctl, PR_SET_NAME, S("name"));
	CALL(prctl, PR_GET_NAME, room(16));
	CALL(prctl, PR_SET_NAME, 0x1000);
	CALL(prctl, PR_GET_DUMPABLE);
	CALL(prctl, PR_SET_DUMPABLE, 1);
	CALL(prctl, PR_SET_PDEATHSIG, 0);
	CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CALL(prctl, PR_SET_VMA, 0, 0x10000000, 4096, S("x"));
	CALL(prctl, 9999, 1, 2, 3, 4);
	CALL(personality, 0xffffffff);
	record(400, 1, 2, 3, 4, 5, 6);
	record(999, 1, 2, 3, 4, 5, 6);
}

static void sockets(void)
{
	struct sockaddr_in in = { AF_INET, htons(80), { htonl(0x7f000001) }, { 0 } };
	struct sockaddr_un un = { AF_UNIX, "/nonexistent" };
	long fd = CALL(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	CALL(connect, -1, copy(&in, sizeof in), sizeof in);
	CALL(connect, -1, copy(&un, sizeof un), sizeof un);
	CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, V(int, { 1 }), 4);
	CALL(getsockname, fd, OUT(struct sockaddr_in), V(int, { 16 }));
	CALL(shutdown, -1, SHUT_RDWR);
	CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, room(8));
	CALL(sendto, -1, S("abc"), 3, MSG_NOSIGNAL, 0, 0);
	CALL(recvfrom, -1, room(10), 10, 0, 0, 0);
	CALL(listen, -1, 5);
	CALL(accept, -1, 0, 0);
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t size = RECORDS * sizeof(struct record);
	unsigned long where[2] = { (unsigned long)arena, 0 };
	struct record *start;

	if (argc != 3 || fd < 0 || ftruncate(fd, size))
		return 2;
	start = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED)
		return 2;
	/* record 0 tells where the arena is and how many records follow */
	log_at = start + 1;
	/* some ticks, for times() to tell */
	while (clock() < CLOCKS_PER_SEC / 50)
		;
	raw(SYS_getpriority, 99, 0, 0, 0, 0, 0);
	text();
	files();
	descriptors(atoi(argv[2]));
	memory();
	clocks();
	signals();
	threads();
	process();
	sockets();
	raw(SYS_getpriority, 99, 0, 0, 0, 0, 0);
	where[1] = log_at - start - 1;
	memcpy(start, where, sizeof where);
	return 0;
}
