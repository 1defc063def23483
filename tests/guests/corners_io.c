/* The corners of the calls that move data, and of descriptors. */
#define _GNU_SOURCE
#include "corners.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef RWF_APPEND
#define RWF_APPEND 16
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

static int rd, wr, file;
static char mem[8192] __attribute__((aligned(4096)));

/* What the file begins with, dots for zeros. */
static void begins(int fd, int n)
{
	char text[65] = "";
	ssize_t got = pread(fd, text, n, 0);
	for (ssize_t i = 0; i < got; i++)
		if (!text[i])
			text[i] = '.';
	printf("  \"%.*s\"\n", (int)got, text);
}

static void pointers(void)
{
	char *edge = border();
	memset(edge - 4096, 'e', 4096);
	T(write, file, edge - 10, 20);
	T(write, file, edge, 1);
	T(pwrite64, file, edge - 4, 8, 0);
	T(write, wr, edge - 10, 20);
	T(write, wr, edge, 20);
	size_of(file, "after writes at a border");
	T(lseek, file, 0, SEEK_SET);
	T(read, file, edge - 4, 8);
	size_of(file, "after reading at a border");
	T(read, file, edge, 8);
	T(pread64, file, edge - 2, 8, 1);
	T(read, rd, edge - 3, 5);
	T(read, file, BAD, 0);
	T(read, file, mem, -1);
	T(write, file, mem, -1);
	T(pread64, file, mem, 4, -1);
	T(pwrite64, file, mem, 4, -1);
	T(pread64, rd, mem, 4, 0);
	T(pwrite64, wr, mem, 4, 0);
	T(pread64, file, mem, 4, 1L << 40);
	T(pread64, file, mem, 4, 0x7fffffffffffffffL);
	T(pwrite64, file, mem, 0, 0x7fffffffffffffffL);
	int only = open("io.file", O_WRONLY), readonly = open("io.file", O_RDONLY), dir = open(".", O_RDONLY | O_DIRECTORY);
	int path = open("io.file", O_PATH);
	T(read, only, mem, 1);
	T(read, only, mem, 0);
	T(write, readonly, mem, 1);
	T(write, readonly, mem, 0);
	T(read, dir, mem, 1);
	T(read, dir, mem, 0);
	T(pread64, dir, mem, 1, 0);
	T(write, dir, mem, 1);
	T(read, path, mem, 1);
	T(pread64, path, mem, 1, 0);
	T(lseek, path, 0, SEEK_SET);
	T(ftruncate, path, 0);
	T(fsync, path);
	T(fchmod, path, 0600);
	T(fallocate, path, 0, 0, 1);
	close(only), close(readonly), close(dir), close(path);
}

static void append(void)
{
	int fd = open("io.append", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	T(write, fd, "abcd", 4);
	T(pwrite64, fd, "XY", 2, 0);
	size_of(fd, "after pwrite with O_APPEND");
	begins(fd, 16);
	T(lseek, fd, 1, SEEK_SET);
	T(write, fd, "z", 1);
	size_of(fd, "after write with O_APPEND");
	struct iovec v = { (char[]){ "v" }, 1 };
	T(pwritev, fd, &v, 1, 0, 0);
	T(pwritev2, fd, &v, 1, 0, 0, RWF_APPEND);
	T(fcntl, fd, F_SETFL, 0);
	T(pwritev2, fd, &v, 1, 0, 0, RWF_APPEND);
	T(pwritev2, fd, &v, 1, -1, -1, 0);
	T(pwritev2, fd, &v, 1, -2, -1, 0);
	T(pwritev2, fd, &v, 1, 0, 0, 1 << 30);
	T(preadv2, fd, &v, 1, -2, -1, 0);
	T(preadv2, fd, &v, 1, 0, 0, 1 << 30);
	T(preadv2, CLOSED, &v, 1, 0, 0, 1 << 30);
	T(preadv2, rd, &v, 1, 0, 0, 0);
	T(pwritev2, wr, &v, 1, 0, 0, 0);
	T(pwritev2, wr, &v, 1, -1, -1, 0);
	T(preadv, fd, &v, 1, -1, -1);
	begins(fd, 16);
	size_of(fd, "after pwritev2");
	close(fd);
}

static void vectors(void)
{
	static struct iovec v[1025];
	static char bytes[1025];
	for (int i = 0; i < 1025; i++)
		v[i] = (struct iovec){ bytes + i, 1 };
	T(lseek, file, 0, SEEK_SET);
	T(readv, file, v, 0);
	T(writev, file, v, 0);
	T(writev, file, v, 1024);
	T(writev, file, v, 1025);
	T(readv, file, v, 1025);
	T(readv, file, v, -1);
	T(preadv, file, v, 1024, 0, 0);
	T(pwritev, file, v, 1025, 0, 0);
	T(readv, file, BAD, 0);
	T(readv, file, BAD, 1);
	T(readv, CLOSED, BAD, 1025);
	T(writev, rd, BAD, 1);
	v[0].iov_len = (size_t)-1;
	T(writev, file, v, 1);
	T(readv, file, v, 1);
	T(writev, file, v, 2);
	v[0] = (struct iovec){ bytes, 1 };
	v[1].iov_len = (size_t)1 << 63;
	T(writev, file, v, 2);
	T(preadv, file, v, 2, 0, 0);
	char *edge = border();
	memset(edge - 4096, 'f', 4096);
	T(lseek, file, 0, SEEK_SET);
	v[0] = (struct iovec){ edge - 4, 4 };
	v[1] = (struct iovec){ edge, 4 };
	v[2] = (struct iovec){ bytes, 4 };
	T(writev, file, v, 3);
	size_of(file, "after a writev at a border");
	T(lseek, file, 0, SEEK_SET);
	T(readv, file, v, 3);
	size_of(file, "after a readv at a border");
	v[0] = (struct iovec){ 0, 0 };
	v[1] = (struct iovec){ bytes, 4 };
	T(writev, file, v, 2);
	v[0] = (struct iovec){ edge, 1 };
	T(writev, file, v, 2);
	T(writev, wr, v, 2);
}

static void copies(void)
{
	int a = open("io.a", O_RDWR | O_CREAT | O_TRUNC, 0600), b = open("io.b", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int only = open("io.a", O_WRONLY), readonly = open("io.b", O_RDONLY), app = open("io.b", O_WRONLY | O_APPEND);
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	pwrite(a, "0123456789", 10, 0);
	loff_t from = 0, to = 5;
	T(copy_file_range, a, &from, a, &to, 6, 0);
	T(copy_file_range, a, &from, a, &to, 5, 0);
	printf("  from %lld to %lld\n", (long long)from, (long long)to);
	begins(a, 16);
	T(copy_file_range, a, 0, a, 0, 1, 0);
	from = 5, to = 0;
	T(copy_file_range, a, &from, b, &to, 100, 0);
	T(copy_file_range, a, &from, b, &to, 100, 0);
	T(copy_file_range, a, &from, b, &to, 0, 0);
	T(copy_file_range, a, &from, b, &to, 1, 1);
	T(copy_file_range, CLOSED, &from, b, &to, 1, 0);
	T(copy_file_range, only, 0, b, 0, 1, 0);
	T(copy_file_range, a, 0, readonly, 0, 1, 0);
	T(copy_file_range, a, 0, app, 0, 1, 0);
	T(copy_file_range, dir, 0, b, 0, 1, 0);
	T(copy_file_range, a, 0, wr, 0, 1, 0);
	T(copy_file_range, rd, 0, b, 0, 1, 0);
	T(copy_file_range, a, BAD, b, 0, 1, 0);
	T(copy_file_range, a, 0, b, BAD, 1, 0);
	from = -1;
	T(copy_file_range, a, &from, b, 0, 1, 0);
	from = 0;
	to = 0x7fffffffffffffffLL;
	T(copy_file_range, a, &from, b, &to, 10, 0);
	begins(b, 16);

	off_t at = 2;
	T(lseek, a, 0, SEEK_SET);
	T(lseek, b, 0, SEEK_SET);
	T(sendfile, b, a, &at, 4);
	printf("  at %lld\n", (long long)at);
	size_of(a, "the source has not moved");
	T(sendfile, b, a, 0, 4);
	size_of(a, "the source has moved");
	at = -1;
	T(sendfile, b, a, &at, 4);
	at = 1000;
	T(sendfile, b, a, &at, 4);
	T(sendfile, b, a, BAD, 4);
	T(sendfile, CLOSED, a, 0, 4);
	T(sendfile, b, CLOSED, 0, 4);
	T(sendfile, readonly, a, 0, 4);
	T(sendfile, b, only, 0, 4);
	T(sendfile, app, a, 0, 4);
	T(sendfile, b, dir, 0, 4);
	T(sendfile, b, a, 0, 0);
	at = 0;
	T(sendfile, b, rd, &at, 1);
	T(lseek, a, 0, SEEK_SET);
	T(sendfile, wr, a, 0, 4);
	T(read, rd, mem, 100);
	begins(b, 16);
	close(a), close(b), close(only), close(readonly), close(app), close(dir);
}

static void splices(void)
{
	int p[2], q[2], a = open("io.a", O_RDWR | O_CREAT | O_TRUNC, 0600), app = open("io.a", O_WRONLY | O_APPEND);
	(void)!pipe(p), (void)!pipe(q);
	pwrite(a, "0123456789", 10, 0);
	loff_t at = 2;
	T(splice, a, &at, p[1], 0, 4, 0);
	printf("  at %lld\n", (long long)at);
	T(splice, a, 0, p[1], &at, 4, 0);
	T(splice, p[0], &at, a, 0, 4, 0);
	T(splice, a, 0, a, 0, 4, 0);
	T(splice, p[0], 0, p[1], 0, 4, 0);
	T(splice, p[0], 0, app, 0, 4, 0);
	T(splice, p[1], 0, a, 0, 4, 0);
	T(splice, p[0], 0, q[0], 0, 4, 0);
	T(splice, CLOSED, 0, a, 0, 4, 0);
	T(splice, CLOSED, 0, a, 0, 0, 0);
	T(splice, p[0], 0, CLOSED, 0, 4, 0);
	T(splice, p[0], 0, a, 0, 4, 0x100);
	T(splice, q[0], 0, a, 0, 4, SPLICE_F_NONBLOCK);
	at = -1;
	T(splice, a, &at, p[1], 0, 4, 0);
	T(splice, a, BAD, p[1], 0, 4, 0);
	T(tee, p[0], q[1], 2, 0);
	T(tee, p[0], q[1], 0, 0);
	T(tee, p[0], p[1], 2, 0);
	T(tee, a, q[1], 2, 0);
	T(tee, p[0], a, 2, 0);
	T(tee, CLOSED, q[1], 2, 0);
	T(tee, p[0], q[1], 2, 0x100);
	T(read, q[0], mem, 100);
	T(tee, q[0], p[1], 2, SPLICE_F_NONBLOCK);
	T(read, p[0], mem, 100);
	struct iovec v = { "hello", 5 }, none = { BAD, 5 }, into = { mem, 3 };
	T(vmsplice, p[1], &v, 1, 0);
	T(vmsplice, p[1], &none, 1, 0);
	T(vmsplice, p[1], BAD, 1, 0);
	T(vmsplice, p[1], &v, 0, 0);
	T(vmsplice, p[1], &v, 1025, 0);
	T(vmsplice, p[1], &v, 1, 0x100);
	T(vmsplice, a, &v, 1, 0);
	T(vmsplice, CLOSED, &v, 1, 0);
	T(vmsplice, p[0], &into, 1, 0);
	T(read, p[0], mem, 100);
	T(vmsplice, p[0], &into, 1, SPLICE_F_NONBLOCK);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	T(splice, q[0], 0, p[1], 0, 4, SPLICE_F_NONBLOCK);
	T(splice, a, 0, p[1], 0, 4, 0);
	T(vmsplice, p[1], &v, 1, 0);
	T(write, p[1], mem, 0);
	T(write, p[1], mem, 1);
	signal(SIGPIPE, SIG_DFL);
	close(p[1]), close(q[0]), close(q[1]), close(a), close(app);
}

static void lengths(void)
{
	int fd = open("io.length", O_RDWR | O_CREAT | O_TRUNC, 0600), readonly = open("io.length", O_RDONLY);
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	T(ftruncate, fd, -1);
	T(ftruncate, readonly, 0);
	T(ftruncate, dir, 0);
	T(ftruncate, wr, 0);
	T(ftruncate, CLOSED, -1);
	T(truncate, "io.length", -1);
	T(truncate, ".", 0);
	T(truncate, "io.none", 0);
	T(truncate, "io.length/", 0);
	T(truncate, "", 0);
	T(fallocate, fd, 0, 0, 100);
	size_of(fd, "after fallocate");
	T(fallocate, fd, FALLOC_FL_KEEP_SIZE, 0, 200);
	size_of(fd, "after fallocate and no change of size");
	T(fallocate, fd, 0, -1, 10);
	T(fallocate, fd, 0, 0, 0);
	T(fallocate, fd, 0, 0, -1);
	T(fallocate, fd, 0, 0x7fffffffffffffffL, 10);
	T(fallocate, fd, 1 << 20, 0, 10);
	T(fallocate, fd, FALLOC_FL_PUNCH_HOLE, 0, 10);
	T(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, 0, 10);
	T(fallocate, readonly, 0, 0, 10);
	T(fallocate, dir, 0, 0, 10);
	T(fallocate, wr, 0, 0, 10);
	T(fallocate, CLOSED, 0, 0, -1);
	T(fsync, rd);
	T(fdatasync, rd);
	T(fsync, dir);
	T(fsync, CLOSED);
	T(sync_file_range, fd, -1, 0, 0);
	T(sync_file_range, fd, 0, -1, 0);
	T(sync_file_range, fd, 0, 0, 8);
	T(sync_file_range, rd, 0, 0, 0);
	T(fadvise64, fd, 0, 0, 6);
	T(fadvise64, fd, 0, -1, 0);
	T(fadvise64, rd, 0, 0, 0);
	T(fadvise64, rd, 0, 0, 6);
	T(readahead, fd, 0, 10);
	T(readahead, rd, 0, 10);
	T(readahead, CLOSED, 0, 10);
	close(fd), close(readonly), close(dir);
}

static void descriptors(void)
{
	struct rlimit before, lower = { 40, 0 };
	getrlimit(RLIMIT_NOFILE, &before);
	lower.rlim_max = before.rlim_max;
	T(dup3, file, file, 0);
	T(dup3, CLOSED, CLOSED, 0);
	T(dup3, file, 30, 1);
	T(dup3, CLOSED, 30, 0);
	T(dup2, CLOSED, CLOSED);
	T(dup2, file, -1);
	T(dup3, file, -1, 0);
	T(dup2, file, 1 << 30);
	T(dup2, -1, 5);
	T(dup, -1);
	T(dup3, file, 30, O_CLOEXEC);
	T(fcntl, 30, F_GETFD);
	T(setrlimit, RLIMIT_NOFILE, &lower);
	T(fcntl, file, F_DUPFD, 40);
	T(fcntl, file, F_DUPFD, -1);
	T(fcntl, file, F_DUPFD, 39);
	T(fcntl, file, F_DUPFD, 39);
	T(fcntl, file, F_DUPFD_CLOEXEC, 40);
	T(fcntl, CLOSED, F_DUPFD, -1);
	T(dup2, file, 40);
	T(dup3, file, 40, 0);
	for (int i = 3; i < 40; i++)
		if (fcntl(i, F_GETFD) < 0)
			dup2(file, i);
	T(dup, file);
	T(openat, AT_FDCWD, "io.file", O_RDONLY, 0);
	T(openat, AT_FDCWD, "io.full", O_CREAT | O_WRONLY, 0600);
	T(openat, AT_FDCWD, "io.none", O_RDONLY, 0);
	T(access, "io.full", F_OK);
	T(pipe2, mem, 0);
	T(eventfd2, 0, 0);
	T(epoll_create1, 0);
	T(socket, 1, 1, 0);
	T(memfd_create, "m", 0);
	T(close, 39);
	T(pipe2, mem, 0);
	T(dup, file);
	T(setrlimit, RLIMIT_NOFILE, &before);
	T(close_range, 10, 9, 0);
	T(close_range, 10, 20, 1);
	T(close_range, 30, 31, CLOSE_RANGE_CLOEXEC);
	T(fcntl, 31, F_GETFD);
	T(close_range, 20, -1, 0);
	T(fcntl, 31, F_GETFD);
	T(close_range, 1000, -1, 0);
	T(close, 31);
	T(fcntl, file, 9999, 0);
	T(fcntl, CLOSED, 9999, 0);
	T(fcntl, file, F_SETPIPE_SZ, 4096);
	T(fcntl, file, F_GETPIPE_SZ, 0);
	T(fcntl, wr, F_SETPIPE_SZ, 0);
	T(fcntl, wr, F_SETPIPE_SZ, 4097);
	T(fcntl, wr, F_SETPIPE_SZ, -1);
	T(fcntl, wr, F_ADD_SEALS, 1);
	T(fcntl, wr, F_GET_SEALS, 0);
	T(pipe2, mem, 1);
	T(pipe2, BAD, 0);
	T(memfd_create, BAD, 0);
	T(memfd_create, "m", 0x100);
	T(ioctl, file, 0x12345, 0);
	T(ioctl, CLOSED, 0x12345, 0);
	T(ioctl, file, 0x5421, BAD);
}

static volatile int too_large;

static void on_xfsz(int signo)
{
	(void)signo;
	too_large++;
}

static void file_limit(void)
{
	int fd = open("io.limit", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct rlimit before, lower;
	getrlimit(RLIMIT_FSIZE, &before);
	lower = before;
	lower.rlim_cur = 100;
	signal(SIGXFSZ, on_xfsz);
	fflush(stdout);
	int out = dup(1);
	setrlimit(RLIMIT_FSIZE, &lower);
	long got[8];
	got[0] = raw(SYS_write, fd, (long)mem, 60, 0, 0, 0);
	got[1] = raw(SYS_write, fd, (long)mem, 60, 0, 0, 0);
	int signals = too_large;
	got[2] = raw(SYS_write, fd, (long)mem, 60, 0, 0, 0);
	got[3] = raw(SYS_pwrite64, fd, (long)mem, 10, 100, 0, 0);
	got[4] = raw(SYS_ftruncate, fd, 101, 0, 0, 0, 0);
	got[5] = raw(SYS_ftruncate, fd, 100, 0, 0, 0, 0);
	got[6] = raw(SYS_fallocate, fd, 0, 0, 200, 0, 0);
	got[7] = raw(SYS_write, fd, (long)mem, 0, 0, 0, 0);
	setrlimit(RLIMIT_FSIZE, &before);
	for (int i = 0; i < 8; i++)
		printf("  RLIMIT_FSIZE %d: %ld\n", i, got[i]);
	printf("  SIGXFSZ: %d, then %d\n", signals, too_large);
	size_of(fd, "under a limit");
	signal(SIGXFSZ, SIG_DFL);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		setrlimit(RLIMIT_FSIZE, &lower);
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		(void)!pwrite(fd, mem, 1, 100);
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	printf("  died of SIGXFSZ: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
	close(out), close(fd);
}

int main(void)
{
	int ends[2];
	(void)!pipe2(ends, O_NONBLOCK);
	rd = ends[0], wr = ends[1];
	file = open("io.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pointers(), section("pointers");
	append(), section("append");
	vectors(), section("vectors");
	copies(), section("copies");
	splices(), section("splices");
	lengths(), section("lengths");
	file_limit(), section("file limit");
	descriptors(), section("descriptors");
	return verdict();
}
