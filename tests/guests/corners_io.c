/* The corners of the calls that move data, the offset, locks and descriptors. */
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

static void size_of(int fd, const char *when)
{
	struct stat st;
	fstat(fd, &st);
	printf("  size %lld, offset %lld: %s\n", (long long)st.st_size, (long long)lseek(fd, 0, SEEK_CUR), when);
}

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
	R(write, file, P(edge - 10), 20);
	R(write, file, P(edge), 1);
	R(pwrite64, file, P(edge - 4), 8, 0);
	R(write, wr, P(edge - 10), 20);
	R(write, wr, P(edge), 20);
	size_of(file, "after writes at a border");
	R(lseek, file, 0, SEEK_SET);
	R(read, file, P(edge - 4), 8);
	size_of(file, "after reading at a border");
	R(read, file, P(edge), 8);
	R(pread64, file, P(edge - 2), 8, 1);
	R(read, rd, P(edge - 3), 5);
	R(read, file, P(BAD), 0);
	R(read, file, P(mem), -1);
	R(write, file, P(mem), -1);
	R(pread64, file, P(mem), 4, -1);
	R(pwrite64, file, P(mem), 4, -1);
	R(pread64, rd, P(mem), 4, 0);
	R(pwrite64, wr, P(mem), 4, 0);
	R(pread64, file, P(mem), 4, 1L << 40);
	R(pread64, file, P(mem), 4, 0x7fffffffffffffffL);
	R(pwrite64, file, P(mem), 0, 0x7fffffffffffffffL);
	int only = open("io.file", O_WRONLY), readonly = open("io.file", O_RDONLY), dir = open(".", O_RDONLY | O_DIRECTORY);
	int path = open("io.file", O_PATH);
	R(read, only, P(mem), 1);
	R(read, only, P(mem), 0);
	R(write, readonly, P(mem), 1);
	R(write, readonly, P(mem), 0);
	R(read, dir, P(mem), 1);
	R(read, dir, P(mem), 0);
	R(pread64, dir, P(mem), 1, 0);
	R(write, dir, P(mem), 1);
	R(read, path, P(mem), 1);
	R(pread64, path, P(mem), 1, 0);
	R(lseek, path, 0, SEEK_SET);
	R(ftruncate, path, 0);
	R(fsync, path);
	R(fchmod, path, 0600);
	R(fallocate, path, 0, 0, 1);
	close(only), close(readonly), close(dir), close(path);
}

static void append(void)
{
	int fd = open("io.append", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	R(write, fd, P("abcd"), 4);
	R(pwrite64, fd, P("XY"), 2, 0);
	size_of(fd, "after pwrite with O_APPEND");
	begins(fd, 16);
	R(lseek, fd, 1, SEEK_SET);
	R(write, fd, P("z"), 1);
	size_of(fd, "after write with O_APPEND");
	struct iovec v = { (char[]){ "v" }, 1 };
	R(pwritev, fd, P(&v), 1, 0, 0);
	R(pwritev2, fd, P(&v), 1, 0, 0, RWF_APPEND);
	R(fcntl, fd, F_SETFL, 0);
	R(pwritev2, fd, P(&v), 1, 0, 0, RWF_APPEND);
	R(pwritev2, fd, P(&v), 1, -1, -1, 0);
	R(pwritev2, fd, P(&v), 1, -2, -1, 0);
	R(pwritev2, fd, P(&v), 1, 0, 0, 1 << 30);
	R(preadv2, fd, P(&v), 1, -2, -1, 0);
	R(preadv2, fd, P(&v), 1, 0, 0, 1 << 30);
	R(preadv2, CLOSED, P(&v), 1, 0, 0, 1 << 30);
	R(preadv2, rd, P(&v), 1, 0, 0, 0);
	R(pwritev2, wr, P(&v), 1, 0, 0, 0);
	R(pwritev2, wr, P(&v), 1, -1, -1, 0);
	R(preadv, fd, P(&v), 1, -1, -1);
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
	R(lseek, file, 0, SEEK_SET);
	R(readv, file, P(v), 0);
	R(writev, file, P(v), 0);
	R(writev, file, P(v), 1024);
	R(writev, file, P(v), 1025);
	R(readv, file, P(v), 1025);
	R(readv, file, P(v), -1);
	R(preadv, file, P(v), 1024, 0, 0);
	R(pwritev, file, P(v), 1025, 0, 0);
	R(readv, file, P(BAD), 0);
	R(readv, file, P(BAD), 1);
	R(readv, CLOSED, P(BAD), 1025);
	R(writev, rd, P(BAD), 1);
	v[0].iov_len = (size_t)-1;
	R(writev, file, P(v), 1);
	R(readv, file, P(v), 1);
	R(writev, file, P(v), 2);
	v[0] = (struct iovec){ bytes, 1 };
	v[1].iov_len = (size_t)1 << 63;
	R(writev, file, P(v), 2);
	R(preadv, file, P(v), 2, 0, 0);
	char *edge = border();
	memset(edge - 4096, 'f', 4096);
	R(lseek, file, 0, SEEK_SET);
	v[0] = (struct iovec){ edge - 4, 4 };
	v[1] = (struct iovec){ edge, 4 };
	v[2] = (struct iovec){ bytes, 4 };
	R(writev, file, P(v), 3);
	size_of(file, "after a writev at a border");
	R(lseek, file, 0, SEEK_SET);
	R(readv, file, P(v), 3);
	size_of(file, "after a readv at a border");
	v[0] = (struct iovec){ 0, 0 };
	v[1] = (struct iovec){ bytes, 4 };
	R(writev, file, P(v), 2);
	v[0] = (struct iovec){ edge, 1 };
	R(writev, file, P(v), 2);
	R(writev, wr, P(v), 2);
}

static void seeking(void)
{
	int fd = open("io.seek", O_RDWR | O_CREAT | O_TRUNC, 0600), dir = open(".", O_RDONLY | O_DIRECTORY);
	pwrite(fd, "12345678", 8, 0);
	R(lseek, fd, 0, SEEK_DATA);
	R(lseek, fd, 3, SEEK_HOLE);
	R(lseek, fd, 8, SEEK_DATA);
	R(lseek, fd, 8, SEEK_HOLE);
	R(lseek, fd, 9, SEEK_HOLE);
	R(lseek, fd, -1, SEEK_DATA);
	R(lseek, fd, -1, SEEK_HOLE);
	R(lseek, fd, 0, 5);
	R(lseek, fd, 0, -1);
	R(lseek, fd, -1, SEEK_SET);
	R(lseek, fd, -9, SEEK_END);
	R(lseek, fd, 0x7fffffffffffffffL, SEEK_CUR);
	R(lseek, fd, 0x7fffffffffffffffL, SEEK_END);
	R(lseek, fd, 100, SEEK_END);
	R(lseek, fd, -200, SEEK_CUR);
	size_of(fd, "after seeking");
	R(lseek, rd, 0, SEEK_CUR);
	R(lseek, rd, 0, 9);
	R(lseek, CLOSED, 0, 9);
	R(lseek, dir, 0, SEEK_SET);
	R(lseek, dir, -1, SEEK_SET);
	R(lseek, dir, 0, 9);
	close(fd), close(dir);
}

static void entries(void)
{
	mkdir("io.dir", 0700);
	close(open("io.dir/a-name-of-some-length", O_CREAT | O_RDWR, 0600));
	int dir = open("io.dir", O_RDONLY | O_DIRECTORY);
	R(getdents64, dir, P(mem), 0);
	R(getdents64, dir, P(mem), 16);
	R(getdents64, dir, P(mem), 23);
	R(getdents64, file, P(mem), 4096);
	R(getdents64, rd, P(mem), 4096);
	R(getdents64, CLOSED, P(mem), 4096);
	R(getdents64, dir, P(BAD), 4096);
	int total = 0, calls = 0;
	for (long got; (got = raw(SYS_getdents64, dir, P(mem), 48, 0, 0, 0)) > 0 && calls < 10; calls++)
		total += got;
	printf("  %d bytes in more than one call: %d\n", total, calls > 1);
	R(getdents64, dir, P(mem), 48);
	R(getdents64, dir, P(mem), 1);
	R(lseek, dir, 0, SEEK_SET);
	rmdir("io.dir/none");
	unlink("io.dir/a-name-of-some-length");
	rmdir("io.dir");
	R(getdents64, dir, P(mem), 4096);
	close(dir);
}

static void lock_says(const struct flock *l)
{
	printf("  type %d whence %d start %lld len %lld pid %d\n", l->l_type, l->l_whence, (long long)l->l_start,
	       (long long)l->l_len, l->l_pid);
}

static void locks(void)
{
	const long long most = 0x7fffffffffffffffLL;
	int fd = open("io.lock", O_RDWR | O_CREAT | O_TRUNC, 0600), reader = open("io.lock", O_RDONLY);
	int other = open("io.lock", O_RDWR);
	pwrite(fd, mem, 100, 0);
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1, .l_len = 1 };
	R(fcntl, fd, F_SETLK, P(&l));
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = -6 };
	R(fcntl, fd, F_SETLK, P(&l));
	l.l_len = -5;
	R(fcntl, fd, F_SETLK, P(&l));
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = most, .l_len = 1 };
	R(fcntl, fd, F_SETLK, P(&l));
	l.l_len = 2;
	R(fcntl, fd, F_SETLK, P(&l));
	l.l_len = 0;
	R(fcntl, fd, F_SETLK, P(&l));
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = most, .l_len = 1 };
	R(fcntl, fd, F_SETLK, P(&l));
	l.l_start = -101;
	R(fcntl, fd, F_SETLK, P(&l));
	l.l_whence = 3;
	R(fcntl, fd, F_SETLK, P(&l));
	l = (struct flock){ .l_type = 7, .l_whence = SEEK_SET, .l_len = 1 };
	R(fcntl, fd, F_SETLK, P(&l));
	R(fcntl, fd, F_GETLK, P(&l));
	l.l_type = F_UNLCK;
	R(fcntl, fd, F_GETLK, P(&l));
	l.l_type = F_WRLCK;
	R(fcntl, reader, F_SETLK, P(&l));
	R(fcntl, reader, F_GETLK, P(&l));
	lock_says(&l);
	R(fcntl, fd, F_SETLK, P(BAD));
	R(fcntl, fd, F_GETLK, P(BAD));
	R(fcntl, CLOSED, F_SETLK, P(BAD));
	R(fcntl, rd, F_SETLK, P(&l));
	l = (struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET };
	R(fcntl, fd, F_SETLK, P(&l));

	/* open file description locks */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10, .l_pid = 1 };
	R(fcntl, fd, F_OFD_SETLK, P(&l));
	R(fcntl, fd, F_OFD_GETLK, P(&l));
	l.l_pid = 0;
	R(fcntl, fd, F_OFD_SETLK, P(&l));
	R(fcntl, other, F_OFD_SETLK, P(&l));
	R(fcntl, other, F_SETLK, P(&l));
	R(fcntl, other, F_OFD_GETLK, P(&l));
	lock_says(&l);
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
	R(fcntl, fd, F_GETLK, P(&l));
	lock_says(&l);
	int again = dup(fd);
	close(again);
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
	R(fcntl, other, F_OFD_SETLK, P(&l));
	close(fd);
	R(fcntl, other, F_OFD_SETLK, P(&l));
	close(other);

	/* Two processes, each of which waits for what the other has. */
	fd = open("io.lock", O_RDWR);
	int here[2], there[2];
	char c;
	(void)!pipe(here), (void)!pipe(there);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	R(fcntl, fd, F_SETLK, P(&l));
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		l.l_start = 1;
		raw(SYS_fcntl, fd, F_SETLK, P(&l), 0, 0, 0);
		(void)!write(here[1], "x", 1);
		l.l_start = 0;
		long got = raw(SYS_fcntl, fd, F_SETLKW, P(&l), 0, 0, 0);
		_exit(got == 0 ? 0 : 1);
	}
	(void)!read(here[0], &c, 1);
	/* No sign says that the child waits. Either it sleeps and we are refused, or we were first and it is. */
	struct timespec moment = { 0, 200000000 };
	nanosleep(&moment, 0);
	l.l_start = 1;
	R(fcntl, fd, F_SETLKW, P(&l));
	l.l_start = 0;
	l.l_type = F_UNLCK;
	R(fcntl, fd, F_SETLK, P(&l));
	int status;
	waitpid(child, &status, 0);
	printf("  the child had its lock: %d\n", status == 0);
	R(flock, fd, 0);
	R(flock, fd, 16);
	R(flock, fd, 3);
	R(flock, CLOSED, LOCK_UN);
	close(fd), close(reader), close(here[0]), close(here[1]), close(there[0]), close(there[1]);
}

static void copies(void)
{
	int a = open("io.a", O_RDWR | O_CREAT | O_TRUNC, 0600), b = open("io.b", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int only = open("io.a", O_WRONLY), readonly = open("io.b", O_RDONLY), app = open("io.b", O_WRONLY | O_APPEND);
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	pwrite(a, "0123456789", 10, 0);
	loff_t from = 0, to = 5;
	R(copy_file_range, a, P(&from), a, P(&to), 6, 0);
	R(copy_file_range, a, P(&from), a, P(&to), 5, 0);
	printf("  from %lld to %lld\n", (long long)from, (long long)to);
	begins(a, 16);
	R(copy_file_range, a, 0, a, 0, 1, 0);
	from = 5, to = 0;
	R(copy_file_range, a, P(&from), b, P(&to), 100, 0);
	R(copy_file_range, a, P(&from), b, P(&to), 100, 0);
	R(copy_file_range, a, P(&from), b, P(&to), 0, 0);
	R(copy_file_range, a, P(&from), b, P(&to), 1, 1);
	R(copy_file_range, CLOSED, P(&from), b, P(&to), 1, 0);
	R(copy_file_range, only, 0, b, 0, 1, 0);
	R(copy_file_range, a, 0, readonly, 0, 1, 0);
	R(copy_file_range, a, 0, app, 0, 1, 0);
	R(copy_file_range, dir, 0, b, 0, 1, 0);
	R(copy_file_range, a, 0, wr, 0, 1, 0);
	R(copy_file_range, rd, 0, b, 0, 1, 0);
	R(copy_file_range, a, P(BAD), b, 0, 1, 0);
	R(copy_file_range, a, 0, b, P(BAD), 1, 0);
	from = -1;
	R(copy_file_range, a, P(&from), b, 0, 1, 0);
	from = 0;
	to = 0x7fffffffffffffffLL;
	R(copy_file_range, a, P(&from), b, P(&to), 10, 0);
	begins(b, 16);

	off_t at = 2;
	R(lseek, a, 0, SEEK_SET);
	R(lseek, b, 0, SEEK_SET);
	R(sendfile, b, a, P(&at), 4);
	printf("  at %lld\n", (long long)at);
	size_of(a, "the source has not moved");
	R(sendfile, b, a, 0, 4);
	size_of(a, "the source has moved");
	at = -1;
	R(sendfile, b, a, P(&at), 4);
	at = 1000;
	R(sendfile, b, a, P(&at), 4);
	R(sendfile, b, a, P(BAD), 4);
	R(sendfile, CLOSED, a, 0, 4);
	R(sendfile, b, CLOSED, 0, 4);
	R(sendfile, readonly, a, 0, 4);
	R(sendfile, b, only, 0, 4);
	R(sendfile, app, a, 0, 4);
	R(sendfile, b, dir, 0, 4);
	R(sendfile, b, a, 0, 0);
	at = 0;
	R(sendfile, b, rd, P(&at), 1);
	R(lseek, a, 0, SEEK_SET);
	R(sendfile, wr, a, 0, 4);
	R(read, rd, P(mem), 100);
	begins(b, 16);
	close(a), close(b), close(only), close(readonly), close(app), close(dir);
}

static void splices(void)
{
	int p[2], q[2], a = open("io.a", O_RDWR | O_CREAT | O_TRUNC, 0600), app = open("io.a", O_WRONLY | O_APPEND);
	(void)!pipe(p), (void)!pipe(q);
	pwrite(a, "0123456789", 10, 0);
	loff_t at = 2;
	R(splice, a, P(&at), p[1], 0, 4, 0);
	printf("  at %lld\n", (long long)at);
	R(splice, a, 0, p[1], P(&at), 4, 0);
	R(splice, p[0], P(&at), a, 0, 4, 0);
	R(splice, a, 0, a, 0, 4, 0);
	R(splice, p[0], 0, p[1], 0, 4, 0);
	R(splice, p[0], 0, app, 0, 4, 0);
	R(splice, p[1], 0, a, 0, 4, 0);
	R(splice, p[0], 0, q[0], 0, 4, 0);
	R(splice, CLOSED, 0, a, 0, 4, 0);
	R(splice, CLOSED, 0, a, 0, 0, 0);
	R(splice, p[0], 0, CLOSED, 0, 4, 0);
	R(splice, p[0], 0, a, 0, 4, 0x100);
	R(splice, q[0], 0, a, 0, 4, SPLICE_F_NONBLOCK);
	at = -1;
	R(splice, a, P(&at), p[1], 0, 4, 0);
	R(splice, a, P(BAD), p[1], 0, 4, 0);
	R(tee, p[0], q[1], 2, 0);
	R(tee, p[0], q[1], 0, 0);
	R(tee, p[0], p[1], 2, 0);
	R(tee, a, q[1], 2, 0);
	R(tee, p[0], a, 2, 0);
	R(tee, CLOSED, q[1], 2, 0);
	R(tee, p[0], q[1], 2, 0x100);
	R(read, q[0], P(mem), 100);
	R(tee, q[0], p[1], 2, SPLICE_F_NONBLOCK);
	R(read, p[0], P(mem), 100);
	struct iovec v = { "hello", 5 }, none = { BAD, 5 }, into = { mem, 3 };
	R(vmsplice, p[1], P(&v), 1, 0);
	R(vmsplice, p[1], P(&none), 1, 0);
	R(vmsplice, p[1], P(BAD), 1, 0);
	R(vmsplice, p[1], P(&v), 0, 0);
	R(vmsplice, p[1], P(&v), 1025, 0);
	R(vmsplice, p[1], P(&v), 1, 0x100);
	R(vmsplice, a, P(&v), 1, 0);
	R(vmsplice, CLOSED, P(&v), 1, 0);
	R(vmsplice, p[0], P(&into), 1, 0);
	R(read, p[0], P(mem), 100);
	R(vmsplice, p[0], P(&into), 1, SPLICE_F_NONBLOCK);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	R(splice, q[0], 0, p[1], 0, 4, SPLICE_F_NONBLOCK);
	R(splice, a, 0, p[1], 0, 4, 0);
	R(vmsplice, p[1], P(&v), 1, 0);
	R(write, p[1], P(mem), 0);
	R(write, p[1], P(mem), 1);
	signal(SIGPIPE, SIG_DFL);
	close(p[1]), close(q[0]), close(q[1]), close(a), close(app);
}

static void lengths(void)
{
	int fd = open("io.length", O_RDWR | O_CREAT | O_TRUNC, 0600), readonly = open("io.length", O_RDONLY);
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	R(ftruncate, fd, -1);
	R(ftruncate, readonly, 0);
	R(ftruncate, dir, 0);
	R(ftruncate, wr, 0);
	R(ftruncate, CLOSED, -1);
	R(truncate, P("io.length"), -1);
	R(truncate, P("."), 0);
	R(truncate, P("io.none"), 0);
	R(truncate, P("io.length/"), 0);
	R(truncate, P(""), 0);
	R(fallocate, fd, 0, 0, 100);
	size_of(fd, "after fallocate");
	R(fallocate, fd, FALLOC_FL_KEEP_SIZE, 0, 200);
	size_of(fd, "after fallocate and no change of size");
	R(fallocate, fd, 0, -1, 10);
	R(fallocate, fd, 0, 0, 0);
	R(fallocate, fd, 0, 0, -1);
	R(fallocate, fd, 0, 0x7fffffffffffffffL, 10);
	R(fallocate, fd, 1 << 20, 0, 10);
	R(fallocate, fd, FALLOC_FL_PUNCH_HOLE, 0, 10);
	R(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, 0, 10);
	R(fallocate, readonly, 0, 0, 10);
	R(fallocate, dir, 0, 0, 10);
	R(fallocate, wr, 0, 0, 10);
	R(fallocate, CLOSED, 0, 0, -1);
	R(fsync, rd);
	R(fdatasync, rd);
	R(fsync, dir);
	R(fsync, CLOSED);
	R(sync_file_range, fd, -1, 0, 0);
	R(sync_file_range, fd, 0, -1, 0);
	R(sync_file_range, fd, 0, 0, 8);
	R(sync_file_range, rd, 0, 0, 0);
	R(fadvise64, fd, 0, 0, 6);
	R(fadvise64, fd, 0, -1, 0);
	R(fadvise64, rd, 0, 0, 0);
	R(fadvise64, rd, 0, 0, 6);
	R(readahead, fd, 0, 10);
	R(readahead, rd, 0, 10);
	R(readahead, CLOSED, 0, 10);
	close(fd), close(readonly), close(dir);
}

static void descriptors(void)
{
	struct rlimit before, lower = { 40, 0 };
	getrlimit(RLIMIT_NOFILE, &before);
	lower.rlim_max = before.rlim_max;
	R(dup3, file, file, 0);
	R(dup3, CLOSED, CLOSED, 0);
	R(dup3, file, 30, 1);
	R(dup3, CLOSED, 30, 0);
	R(dup2, CLOSED, CLOSED);
	R(dup2, file, -1);
	R(dup3, file, -1, 0);
	R(dup2, file, 1 << 30);
	R(dup2, -1, 5);
	R(dup, -1);
	R(dup3, file, 30, O_CLOEXEC);
	R(fcntl, 30, F_GETFD);
	R(setrlimit, RLIMIT_NOFILE, P(&lower));
	R(fcntl, file, F_DUPFD, 40);
	R(fcntl, file, F_DUPFD, -1);
	R(fcntl, file, F_DUPFD, 39);
	R(fcntl, file, F_DUPFD, 39);
	R(fcntl, file, F_DUPFD_CLOEXEC, 40);
	R(fcntl, CLOSED, F_DUPFD, -1);
	R(dup2, file, 40);
	R(dup3, file, 40, 0);
	for (int i = 3; i < 40; i++)
		if (fcntl(i, F_GETFD) < 0)
			dup2(file, i);
	R(dup, file);
	R(openat, AT_FDCWD, P("io.file"), O_RDONLY, 0);
	R(openat, AT_FDCWD, P("io.full"), O_CREAT | O_WRONLY, 0600);
	R(openat, AT_FDCWD, P("io.none"), O_RDONLY, 0);
	R(access, P("io.full"), F_OK);
	R(pipe2, P(mem), 0);
	R(eventfd2, 0, 0);
	R(epoll_create1, 0);
	R(socket, 1, 1, 0);
	R(memfd_create, P("m"), 0);
	R(close, 39);
	R(pipe2, P(mem), 0);
	R(dup, file);
	R(setrlimit, RLIMIT_NOFILE, P(&before));
	R(close_range, 10, 9, 0);
	R(close_range, 10, 20, 1);
	R(close_range, 30, 31, CLOSE_RANGE_CLOEXEC);
	R(fcntl, 31, F_GETFD);
	R(close_range, 20, -1, 0);
	R(fcntl, 31, F_GETFD);
	R(close_range, 1000, -1, 0);
	R(close, 31);
	R(fcntl, file, 9999, 0);
	R(fcntl, CLOSED, 9999, 0);
	R(fcntl, file, F_SETPIPE_SZ, 4096);
	R(fcntl, file, F_GETPIPE_SZ, 0);
	R(fcntl, wr, F_SETPIPE_SZ, 0);
	R(fcntl, wr, F_SETPIPE_SZ, 4097);
	R(fcntl, wr, F_SETPIPE_SZ, -1);
	R(fcntl, wr, F_ADD_SEALS, 1);
	R(fcntl, wr, F_GET_SEALS, 0);
	R(pipe2, P(mem), 1);
	R(pipe2, P(BAD), 0);
	R(memfd_create, P(BAD), 0);
	R(memfd_create, P("m"), 0x100);
	R(ioctl, file, 0x12345, 0);
	R(ioctl, CLOSED, 0x12345, 0);
	R(ioctl, file, 0x5421, P(BAD));
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
	got[0] = raw(SYS_write, fd, P(mem), 60, 0, 0, 0);
	got[1] = raw(SYS_write, fd, P(mem), 60, 0, 0, 0);
	int signals = too_large;
	got[2] = raw(SYS_write, fd, P(mem), 60, 0, 0, 0);
	got[3] = raw(SYS_pwrite64, fd, P(mem), 10, 100, 0, 0);
	got[4] = raw(SYS_ftruncate, fd, 101, 0, 0, 0, 0);
	got[5] = raw(SYS_ftruncate, fd, 100, 0, 0, 0, 0);
	got[6] = raw(SYS_fallocate, fd, 0, 0, 200, 0, 0);
	got[7] = raw(SYS_write, fd, P(mem), 0, 0, 0, 0);
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
	seeking(), section("seeking");
	entries(), section("entries");
	locks(), section("locks");
	copies(), section("copies");
	splices(), section("splices");
	lengths(), section("lengths");
	file_limit(), section("file limit");
	descriptors(), section("descriptors");
	return verdict();
}
