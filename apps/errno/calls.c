/* Every class of failing call that a program can provoke with no more than
 * the root directory, a pipe and a signal: nothing needs to be granted. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "../check.h"
#include "parts.h"

#define ABSENT "/skete-has-no-such-file"
#define NO_SYSCALL 2000		/* Linux 6.1 ends at 450 */
#define PAGE 4096
#define HUGE (1UL << 47)	/* a page more than x86-64 gives a process */

static int pipefd[2], filled[2], widow[2];
static char longpath[2*PATH_MAX];
static void *volatile wild = (void *)16;	/* a compiler must not see that it is bad */

static void on_alarm(int signo)
{
	(void)signo;
}

/* A signal interrupts what comes next. It comes again and again, for the
 * first one may strike before the call has begun to wait. */
static void alarm_soon(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	setitimer(ITIMER_REAL, &it, 0);
}

static void alarm_off(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &it, 0);
}

static long interrupted_sleep(void)
{
	struct timespec ts = { 20, 0 };
	long r;
	alarm_soon();
	r = nanosleep(&ts, 0);
	alarm_off();
	return r;
}

static long interrupted_read(void)
{
	char c;
	long r;
	alarm_soon();
	r = read(pipefd[0], &c, 1);
	alarm_off();
	return r;
}

static long interrupted_wait(void)
{
	sem_t sem;
	long r;
	sem_init(&sem, 0, 0);
	alarm_soon();
	r = sem_wait(&sem);
	alarm_off();
	return r;
}

static long late_wait(void)
{
	struct timespec now;
	sem_t sem;
	sem_init(&sem, 0, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return sem_timedwait(&sem, &now);
}

static long busy_wait(void)
{
	sem_t sem;
	sem_init(&sem, 0, 0);
	return sem_trywait(&sem);
}

static long empty_read(void)
{
	char c;
	return read(filled[0], &c, 1);
}

static long full_write(void)
{
	static char block[PAGE];
	long r;
	while ((r = write(filled[1], block, sizeof block)) > 0);
	return r;
}

static long dir_read(void)
{
	char c;
	int err, fd = open("/", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
	long r = read(fd, &c, 1);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

static long mapped(size_t length, int flags)
{
	void *p = mmap(0, length, PROT_READ, flags, -1, 0);
	return p == MAP_FAILED ? -1 : 0;
}

static long moved(void *p, size_t length, int flags)
{
	return mremap(p, length, 2*length, flags) == MAP_FAILED ? -1 : 0;
}

static long sleeps(long sec, long nsec)
{
	struct timespec ts = { sec, nsec };
	return nanosleep(&ts, 0);
}

static long window(int fd)
{
	struct winsize ws;
	return ioctl(fd, TIOCGWINSZ, &ws);
}

static long futex(int op, int expected)
{
	static int word;
	return syscall(SYS_futex, &word, op, expected, 0, 0, 0);
}

static long handled(int signo)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = SIG_IGN;
	return sigaction(signo, &sa, 0);
}

/* X(name of the errno, call that must return -1 and set it) */
#define CALLS \
	X(EBADF, close(-1)) \
	X(EBADF, close(4000)) \
	X(EBADF, read(-1, longpath, 1)) \
	X(EBADF, write(4000, longpath, 1)) \
	X(EBADF, write(pipefd[0], longpath, 1)) \
	X(EBADF, read(pipefd[1], longpath, 1)) \
	X(EBADF, lseek(-1, 0, SEEK_SET)) \
	X(EBADF, dup(-1)) \
	X(EBADF, fcntl(-1, F_GETFL)) \
	X(EBADF, window(-1)) \
	X(EINVAL, sleeps(0, 1000000000)) \
	X(EINVAL, sleeps(0, -1)) \
	X(EINVAL, sleeps(-1, 0)) \
	X(EINVAL, clock_gettime(1000, &(struct timespec){ 0 })) \
	X(EINVAL, clock_getres(1000, 0)) \
	X(EINVAL, mapped(0, MAP_PRIVATE|MAP_ANONYMOUS)) \
	X(EINVAL, mapped(PAGE, MAP_ANONYMOUS)) \
	X(EINVAL, munmap((void *)1, PAGE)) \
	X(EINVAL, syscall(SYS_mprotect, 1L, PAGE, PROT_READ)) \
	X(EINVAL, madvise(longpath + 1, 1, MADV_DONTNEED)) \
	X(EINVAL, handled(SIGKILL)) \
	X(EINVAL, handled(1000)) \
	X(EINVAL, kill(getpid(), 1000)) \
	X(EINVAL, dup3(pipefd[0], pipefd[0], 0)) \
	X(EINVAL, setitimer(1000, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0)) \
	X(EFAULT, open(wild, O_RDONLY)) \
	X(EFAULT, write(pipefd[1], wild, 1)) \
	X(EFAULT, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, wild)) \
	X(EFAULT, nanosleep(wild, 0)) \
	X(EFAULT, moved(0, PAGE, MREMAP_MAYMOVE)) \
	X(ENOMEM, mapped(HUGE, MAP_PRIVATE|MAP_ANONYMOUS)) \
	X(ENOMEM, mprotect((void *)(4*PAGE), PAGE, PROT_READ)) \
	X(ENOENT, open(ABSENT, O_RDONLY)) \
	X(ENOENT, open("", O_RDONLY)) \
	X(ENOENT, stat(ABSENT, &(struct stat){ 0 })) \
	X(ENOENT, access(ABSENT, F_OK)) \
	X(EISDIR, open("/", O_WRONLY)) \
	X(EISDIR, dir_read()) \
	X(EEXIST, open("/", O_RDONLY|O_CREAT|O_EXCL, 0600)) \
	X(ENAMETOOLONG, open(longpath, O_RDONLY)) \
	X(ENOTTY, window(pipefd[0])) \
	X(ENOTTY, isatty(pipefd[1]) - 1) \
	X(ESPIPE, lseek(pipefd[0], 0, SEEK_CUR)) \
	X(ESPIPE, pread(pipefd[0], longpath, 1, 0)) \
	X(EAGAIN, empty_read()) \
	X(EAGAIN, full_write()) \
	X(EAGAIN, futex(0, 1)) \
	X(EAGAIN, busy_wait()) \
	X(EPIPE, write(widow[1], longpath, 1)) \
	X(ESRCH, kill(0x3fffffff, 0)) \
	X(ETIMEDOUT, late_wait()) \
	X(EINTR, interrupted_sleep()) \
	X(EINTR, interrupted_read()) \
	X(EINTR, interrupted_wait()) \
	X(ENOSYS, syscall(NO_SYSCALL))

static void prepare(void)
{
	struct sigaction sa;

	CHECK_IS(pipe2(pipefd, O_CLOEXEC), 0);
	CHECK_IS(pipe2(filled, O_CLOEXEC|O_NONBLOCK), 0);
	CHECK_IS(pipe2(widow, O_CLOEXEC), 0);
	close(widow[0]);
	memset(longpath, '/', sizeof longpath - 1);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_alarm;	/* no SA_RESTART */
	CHECK_IS(sigaction(SIGALRM, &sa, 0), 0);
	CHECK_IS(handled(SIGPIPE), 0);
}

int count_failing_calls(void)
{
	int n = 0;

	prepare();
#define X(name, call) \
	errno = EXDEV; \
	CHECK_IS(call, -1); \
	CHECK(errno == name, #call " set errno to \"%s\" instead of " #name, strerror(errno)); \
	printf("%-12s %s\n", #name, #call); \
	n++;
	CALLS
#undef X
	errno = EXDEV;
	CHECK_IS(clock_gettime(CLOCK_MONOTONIC, &(struct timespec){ 0 }), 0);
	CHECK(errno == EXDEV, "a call that succeeded set errno to \"%s\"", strerror(errno));
	return n;
}

int provoke(unsigned i)
{
	switch (i % 8) {
	case 0: CHECK_IS(close(-1), -1); return EBADF;
	case 1: CHECK_IS(sleeps(0, -1), -1); return EINVAL;
	case 2: CHECK_IS(open(wild, O_RDONLY), -1); return EFAULT;
	case 3: CHECK_IS(open(ABSENT, O_RDONLY), -1); return ENOENT;
	case 4: CHECK_IS(window(pipefd[0]), -1); return ENOTTY;
	case 5: CHECK_IS(lseek(pipefd[0], 0, SEEK_CUR), -1); return ESPIPE;
	case 6: CHECK_IS(futex(0, 1), -1); return EAGAIN;
	}
	CHECK_IS(mprotect((void *)(4*PAGE), PAGE, PROT_READ), -1);
	return ENOMEM;
}
