/* Corners of buffers and paths that cannot be read or written: what comes of them, and what is checked before. */
#include "corners.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static char b[70000];

static void reads(void)
{
	int p[2];
	pipe2(p, O_NONBLOCK);
	char *e = border();
	struct iovec v[2] = { { b, 2 }, { e - 2, 10 } };
	T(read, p[0], BAD, 4);
	T(read, p[0], e - 2, 4);
	T(write, p[1], BAD, 4);
	T(write, p[1], e - 2, 4);
	T(read, p[0], b, 9);
	write(p[1], "abcdef", 6);
	T(read, p[0], BAD, 4);
	T(read, p[0], e - 2, 4);
	T(read, p[0], b, 2);
	T(read, p[0], e - 2, 10);
	T(read, p[0], e - 4, 10);
	T(read, p[0], b, 10);
	write(p[1], "ab", 2);
	write(p[1], "cdef", 4);
	T(readv, p[0], v, 2);
	T(read, p[0], b, 10);
	T(writev, p[1], v, 2);
	T(read, p[0], b, 10);
	memset(e - 4096, 1, 4096);
	T(write, p[1], e - 4096, 8192);
	T(read, p[0], b, 10000);
	T(write, p[1], e - 4000, 9000);
	T(read, p[0], b, 10000);
	while (write(p[1], b, 4096) > 0)
		;
	T(write, p[1], BAD, 4);
	T(write, p[1], e - 2, 4);
	T(read, p[0], e - 4096, 9000);
	T(read, p[0], b, 70000);
	T(fcntl, p[1], F_SETPIPE_SZ, 0);
	T(fcntl, p[1], F_GETPIPE_SZ);
	write(p[1], b, 100);
	T(fcntl, p[1], F_SETPIPE_SZ, 0);
	T(fcntl, p[1], F_SETPIPE_SZ, 65536);
	T(write, p[1], b, 5000);
	T(fcntl, p[1], F_SETPIPE_SZ, 0);
	T(fcntl, p[1], F_SETPIPE_SZ, -1);
	T(fcntl, p[1], F_SETPIPE_SZ, 4097);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	T(write, p[1], BAD, 4);
	T(write, p[1], BAD, 0);
	int f = eventfd(0, EFD_NONBLOCK);
	T(read, f, BAD, 8);
	T(read, f, BAD, 4);
	T(write, f, BAD, 8);
	eventfd_write(f, 5);
	T(read, f, BAD, 8);
	T(read, f, b, 8);
	eventfd_write(f, 5);
	T(read, f, e - 4, 8);
	T(read, f, b, 8);
	f = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	T(read, f, BAD, 8);
	struct itimerspec it = { { 0, 0 }, { 0, 1 } };
	timerfd_settime(f, 0, &it, 0);
	usleep(1000);
	T(read, f, BAD, 8);
	T(read, f, b, 8);
	sigset_t n;
	sigemptyset(&n);
	sigaddset(&n, SIGUSR2);
	sigprocmask(SIG_BLOCK, &n, 0);
	f = signalfd(-1, &n, SFD_NONBLOCK);
	T(read, f, BAD, 128);
	raise(SIGUSR2);
	T(read, f, BAD, 128);
	T(read, f, b, 128);
	f = inotify_init1(IN_NONBLOCK);
	T(read, f, BAD, 100);
	inotify_add_watch(f, ".", IN_CREATE);
	close(open("i", O_CREAT | O_RDWR, 0600));
	T(read, f, BAD, 100);
	T(read, f, b, 100);
	f = open("/dev/zero", O_RDONLY);
	T(read, f, BAD, 4);
	T(read, f, e - 2, 4);
	f = open("i", O_RDWR);
	T(read, f, BAD, 4);
	T(write, f, BAD, 4);
	T(write, f, e - 2, 4);
	lseek(f, 0, 0);
	T(read, f, e - 1, 4);
	T(read, f, b, 4);
	T(read, f, BAD, 4);
	T(pread64, f, BAD, 4, 0);
}

static void paths(void)
{
	struct { unsigned long flags, mode, resolve; } how = { 0, 0, 0 }, bad = { 1ul << 40, 0, 0 };
	T(renameat2, AT_FDCWD, BAD, AT_FDCWD, BAD, 99);
	T(renameat2, AT_FDCWD, BAD, AT_FDCWD, "x", 0);
	T(renameat2, AT_FDCWD, "nothing/x", AT_FDCWD, BAD, 0);
	T(renameat2, AT_FDCWD, "nothing", AT_FDCWD, BAD, 0);
	T(renameat2, CLOSED, BAD, AT_FDCWD, "x", 0);
	T(renameat2, CLOSED, "x", AT_FDCWD, BAD, 0);
	T(openat2, AT_FDCWD, BAD, &how, 24);
	T(openat2, AT_FDCWD, BAD, &bad, 24);
	T(openat2, AT_FDCWD, BAD, &how, 8);
	T(openat2, AT_FDCWD, BAD, BAD, 24);
	T(openat2, CLOSED, BAD, &how, 24);
	T(openat, AT_FDCWD, BAD, O_TMPFILE & ~O_DIRECTORY);
	T(openat, CLOSED, BAD, 0);
	T(openat, AT_FDCWD, BAD, O_CREAT | O_DIRECTORY);
	T(unlinkat, AT_FDCWD, BAD, 99);
	T(unlinkat, CLOSED, BAD, 0);
	T(linkat, AT_FDCWD, BAD, AT_FDCWD, BAD, 99);
	T(linkat, AT_FDCWD, BAD, AT_FDCWD, "x", 0);
	T(linkat, AT_FDCWD, "i", AT_FDCWD, BAD, 0);
	T(symlinkat, BAD, CLOSED, "x");
	T(symlinkat, "x", AT_FDCWD, BAD);
	T(symlinkat, "", AT_FDCWD, BAD);
	T(symlinkat, BAD, AT_FDCWD, BAD);
	T(fchownat, AT_FDCWD, BAD, 0, 0, 99);
	T(faccessat2, AT_FDCWD, BAD, 99, 0);
	T(faccessat2, AT_FDCWD, BAD, 0, 99);
	T(faccessat2, CLOSED, BAD, 0, 0);
	T(statx, AT_FDCWD, BAD, 99, 0, b);
	T(statx, AT_FDCWD, BAD, 0, 1u << 31, b);
	T(statx, AT_FDCWD, BAD, AT_EMPTY_PATH, 0, b);
	T(newfstatat, AT_FDCWD, BAD, b, 99);
	T(newfstatat, AT_FDCWD, BAD, b, AT_EMPTY_PATH);
	T(utimensat, AT_FDCWD, BAD, 0, 99);
	T(utimensat, AT_FDCWD, BAD, BAD, 0);
	T(utimensat, CLOSED, BAD, 0, 0);
	T(execveat, AT_FDCWD, BAD, 0, 0, 99);
	T(execveat, AT_FDCWD, BAD, 0, 0, AT_EMPTY_PATH);
	T(mknodat, AT_FDCWD, BAD, 070000, 0);
	T(mknodat, CLOSED, BAD, 0, 0);
	T(mkdirat, CLOSED, BAD, 0);
	T(inotify_add_watch, 0, BAD, 0);
	T(inotify_add_watch, CLOSED, BAD, 1);
	T(truncate, BAD, -1);
	T(truncate, BAD, 0);
	T(chdir, BAD);
	T(readlinkat, CLOSED, BAD, b, 0);
	T(readlinkat, CLOSED, BAD, b, 9);
	T(statfs, BAD, b);
	T(setxattr, BAD, "user.x", b, 1, 99);
	T(setxattr, BAD, BAD, b, 1, 0);
	T(getxattr, BAD, BAD, b, 1);
	T(access, BAD, 99);
	T(rename, BAD, BAD);
	T(open, BAD, O_PATH | O_CREAT);
	memset(b, 'x', 5000);
	T(open, b, 0);
	T(unlinkat, AT_FDCWD, b, 99);
	T(unlinkat, CLOSED, b, 0);
	T(rename, b, BAD);
	T(rename, "i", b);
	T(chroot, BAD);
	T(utime, BAD, 0);
	T(utime, "i", BAD);
	T(mkdir, "", 0);
	T(mkdir, BAD, 0);
	memset(b, 0, 5000);
}

int main(void)
{
	reads();
	paths();
	return 0;
}
