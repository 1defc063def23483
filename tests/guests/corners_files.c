/* Corners of the calls on files. */
#include "corners.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>

static char buffer[65536], path[5000];
static const char *content(int fd)
{
	static char text[128];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	text[n < 0 ? 0 : n] = 0;
	for (int i = 0; i < n; i++)
		if (!text[i])
			text[i] = '.';
	return text;
}

static void reading_and_writing(void)
{
	struct iovec iov[1025] = { { buffer, 3 }, { buffer + 3, 3 } };
	int fd = open("rw", O_RDWR | O_CREAT | O_TRUNC, 0644), ro = open("rw", O_RDONLY), wo = open("rw", O_WRONLY);
	int ap = open("rw", O_RDWR | O_APPEND), dir = open(".", O_RDONLY | O_DIRECTORY), opath = open("rw", O_PATH);
	int pipes[2];
	pipe(pipes);
	T(write, fd, "0123456789", 10);
	T(read, -1, buffer, 1);
	T(read, 999, buffer, 1);
	T(read, wo, buffer, 1);
	T(read, dir, buffer, 1);
	T(read, opath, buffer, 1);
	T(write, ro, buffer, 1);
	T(write, opath, buffer, 1);
	T(write, dir, buffer, 1);
	T(write, ro, buffer, 0);
	T(read, wo, buffer, 0);
	T(read, ro, BAD, 1);
	T(read, ro, BAD, 0);
	T(write, fd, BAD, 1);
	T(write, fd, BAD, 0);
	T(read, ro, buffer, -1);
	T(read, ro, buffer, 1);
	T(pread64, ro, buffer, 4, 8);
	T(pread64, ro, buffer, 4, 10);
	T(pread64, ro, buffer, 4, 1000);
	T(pread64, ro, buffer, 4, -1);
	T(pread64, pipes[0], buffer, 4, 0);
	T(pread64, dir, buffer, 4, 0);
	T(pread64, wo, buffer, 4, 0);
	T(pwrite64, fd, "x", 1, -1);
	T(pwrite64, pipes[1], "x", 1, 0);
	T(pwrite64, ro, "x", 1, 0);
	T(pwrite64, ap, "A", 1, 0);
	printf("%s\n", content(fd));
	T(lseek, ap, 0, SEEK_CUR);
	T(write, ap, "B", 1);
	T(lseek, ap, 0, SEEK_CUR);
	T(readv, ro, iov, 0);
	T(readv, ro, iov, -1);
	T(readv, ro, iov, 2);
	for (int i = 0; i < 1025; i++)
		iov[i] = (struct iovec){ buffer + i, 1 };
	lseek(ro, 0, SEEK_SET);
	T(readv, ro, iov, 1024);
	T(readv, ro, iov, 1025);
	T(writev, fd, iov, 1025);
	T(readv, ro, BAD, 1);
	T(readv, ro, BAD, 0);
	iov[0].iov_len = -1;
	T(readv, ro, iov, 1);
	T(writev, fd, iov, 1);
	iov[0] = (struct iovec){ BAD, 3 };
	T(writev, fd, iov, 1);
	iov[0] = (struct iovec){ buffer, 2 };
	iov[1] = (struct iovec){ BAD, 2 };
	memcpy(buffer, "qr", 2);
	lseek(fd, 0, SEEK_SET);
	T(writev, fd, iov, 2);
	printf("%s\n", content(fd));
	lseek(ro, 0, SEEK_SET);
	T(readv, ro, iov, 2);
	T(lseek, ro, 0, SEEK_CUR);
	iov[0] = (struct iovec){ BAD, 0 };
	iov[1] = (struct iovec){ buffer, 2 };
	T(readv, ro, iov, 2);
	T(readv, dir, iov, 1);
	T(readv, wo, iov, 2);
	T(readv, wo, iov, 0);
	T(preadv, ro, iov, 2, 0, 0);
	T(preadv, ro, iov, 2, -1, -1);
	T(preadv, ro, iov, 2, LONG_MIN, 0);
	T(preadv, pipes[0], iov, 2, 0, 0);
	T(preadv2, ro, iov, 2, 0, 0, 0);
	T(preadv2, ro, iov, 2, -1, -1, 0);
	T(preadv2, ro, iov, 2, -2, -1, 0);
	T(preadv2, ro, iov, 2, 0, 0, 0x4000);
	T(preadv2, ro, iov, 2, 0, 0, 0x80000000);
	T(preadv2, ro, iov, 2, 0, 0, 0x10);
	T(pwritev2, fd, iov, 2, 0, 0, 0x10);
	printf("%s\n", content(fd));
	T(pwritev2, fd, iov, 2, 0, 0, 0x4000);
	T(pwritev2, fd, iov, 2, -1, -1, 2);
	T(pwritev2, ro, iov, 2, 0, 0, 0);
	T(close, 999);
	T(close, -1);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void opening(void)
{
	struct open_how how = { .flags = O_RDONLY };
	char large[200] = { 0 };
	symlink("rw", "link");
	symlink("loop", "loop");
	mkdir("o", 0755);
	T0(open, "rw", O_RDONLY | O_EXCL);
	T(open, "link", O_RDONLY | O_NOFOLLOW);
	T0(open, "link", O_PATH | O_NOFOLLOW);
	T(open, "loop", O_RDONLY);
	T(open, "rw", O_RDONLY | O_DIRECTORY);
	T(open, "rw/", O_RDONLY);
	T(open, "rw/x", O_RDONLY);
	T(open, "rw/x", O_RDWR | O_CREAT, 0644);
	T(open, "o", O_WRONLY);
	T(open, "o", O_RDWR | O_CREAT, 0644);
	T(open, "o/", O_RDWR | O_CREAT, 0644);
	T(open, "new/", O_RDWR | O_CREAT, 0644);
	T(open, "link", O_RDWR | O_CREAT | O_EXCL, 0644);
	T(open, "", O_RDONLY);
	T(open, BAD, O_RDONLY);
	T(open, "o", O_TMPFILE | O_RDONLY, 0644);
	T(open, "rw", O_TMPFILE | O_RDWR, 0644);
	T(open, "nothing", O_TMPFILE | O_RDWR, 0644);
	T0(open, "rw", O_RDONLY | 0x40000000);
	T(openat, 999, "rw", O_RDONLY);
	T(openat, open("rw", O_RDONLY), "x", O_RDONLY);
	T(openat, 999, "", O_RDONLY);
	T(openat2, AT_FDCWD, "rw", &how, 0);
	T(openat2, AT_FDCWD, "rw", &how, sizeof how - 1);
	T0(openat2, AT_FDCWD, "rw", &how, sizeof how);
	memcpy(large, &how, sizeof how);
	T0(openat2, AT_FDCWD, "rw", large, sizeof how + 8);
	T0(openat2, AT_FDCWD, "rw", large, sizeof large);
	large[100] = 1;
	T(openat2, AT_FDCWD, "rw", large, sizeof large);
	T(openat2, AT_FDCWD, "rw", large, 4097);
	T(openat2, AT_FDCWD, "rw", BAD, sizeof how);
	how.flags = 1ull << 40;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.flags = 0x40000000;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.flags = O_RDONLY;
	how.mode = 0644;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.flags = O_RDWR | O_CREAT;
	how.mode = 010644;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.flags = O_RDONLY;
	how.mode = 0;
	how.resolve = 64;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.resolve = RESOLVE_BENEATH;
	T(openat2, AT_FDCWD, "/rw", &how, sizeof how);
	T(openat2, AT_FDCWD, "../x", &how, sizeof how);
	T(openat2, AT_FDCWD, "o/../../x", &how, sizeof how);
	T0(openat2, AT_FDCWD, "o/../rw", &how, sizeof how);
	how.resolve = RESOLVE_NO_SYMLINKS;
	T(openat2, AT_FDCWD, "link", &how, sizeof how);
	how.flags = O_PATH | O_RDWR;
	how.resolve = 0;
	T(openat2, AT_FDCWD, "rw", &how, sizeof how);
	how.flags = O_TMPFILE | O_RDONLY;
	T(openat2, AT_FDCWD, "o", &how, sizeof how);
	for (int i = 3; i < 40; i++)
		close(i);
}

static void names(void)
{
	int fd = open("rw", O_RDONLY), opath = open("rw", O_PATH), dir = open("o", O_RDONLY);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "rw2", 8);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "rw2", 3);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "rw2", 6);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "nothing", 2);
	T(renameat2, AT_FDCWD, "nothing", AT_FDCWD, "rw", 1);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "o", 1);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "o", 2);
	T(renameat2, AT_FDCWD, "rw", AT_FDCWD, "o", 2);
	T(renameat2, 999, "rw", AT_FDCWD, "o", 0);
	T(renameat2, fd, "rw", AT_FDCWD, "o", 0);
	T(rename, "rw", BAD);
	T(rename, ".", "x");
	T(rename, "o/.", "x");
	T(rename, "o", "o/x");
	T(linkat, fd, "", AT_FDCWD, "l1", 0);
	T(linkat, AT_FDCWD, "rw", AT_FDCWD, "l1", 0x100);
	T(linkat, AT_FDCWD, "link", AT_FDCWD, "l2", AT_SYMLINK_FOLLOW);
	T(linkat, AT_FDCWD, "link", AT_FDCWD, "l3", 0);
	T(linkat, AT_FDCWD, "o", AT_FDCWD, "l4", 0);
	T(linkat, AT_FDCWD, "loop", AT_FDCWD, "l5", AT_SYMLINK_FOLLOW);
	T(link, "rw", "o");
	T(link, "rw", "rw");
	T(unlinkat, AT_FDCWD, "o", 0);
	T(unlinkat, AT_FDCWD, "rw", AT_REMOVEDIR);
	T(unlinkat, AT_FDCWD, "rw", 1);
	T(unlinkat, AT_FDCWD, "o/.", AT_REMOVEDIR);
	T(unlinkat, AT_FDCWD, "o/..", AT_REMOVEDIR);
	T(unlinkat, AT_FDCWD, "", 0);
	T(unlinkat, 999, "x", 0);
	T(mkdir, "rw/x", 0755);
	T(mkdir, "o", 0755);
	T(mkdir, "", 0755);
	T(mkdir, BAD, 0755);
	T(mkdirat, fd, "x", 0755);
	T(symlink, "", "s");
	T(symlink, BAD, "s");
	T(symlink, "x", "rw");
	memset(path, 'y', 4096);
	T(symlink, path, "s");
	path[4095] = 0;
	T(symlink, path, "s");
	T(readlink, "s", buffer, 10);
	T(readlink, "s", buffer, 0);
	T(readlink, "s", buffer, -1);
	T(readlink, "s", BAD, 10);
	T(readlink, "rw", buffer, 10);
	T(readlinkat, fd, "", buffer, 10);
	T(readlinkat, opath, "", buffer, 10);
	T(readlinkat, dir, "", buffer, 10);
	T(readlinkat, AT_FDCWD, "", buffer, 10);
	T(mknod, "p", S_IFIFO | 0644, 0);
	T(mknod, "p", S_IFIFO | 0644, 0);
	T(mknod, "q", 0070644, 0);
	T(mknod, "q", S_IFDIR | 0755, 0);
	T(mknod, "q", 0644, 0);
	T(access, "rw", 8);
	T(access, "rw", F_OK);
	T(access, "nothing", F_OK);
	T(access, BAD, F_OK);
	T(faccessat2, AT_FDCWD, "rw", F_OK, 0x4000);
	T(faccessat2, fd, "", F_OK, AT_EMPTY_PATH);
	T(faccessat2, fd, "", F_OK, 0);
	T(chmod, BAD, 0644);
	T(fchmod, opath, 0644);
	T(fchmod, 999, 0644);
	T(fchownat, AT_FDCWD, "rw", -1, -1, 0x4000);
	T(fchown, opath, -1, -1);
	T(umask, 07777);
	T(umask, 022);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void stats(void)
{
	struct timespec times[2] = { { 5, 6 }, { 7, 8 } };
	struct timeval tv[2] = { { 1, 2 }, { 3, 1000000 } };
	struct stat st;
	int fd = open("rw", O_RDONLY), opath = open("rw", O_PATH), pipes[2];
	pipe(pipes);
	T(stat, "rw", BAD);
	T(stat, "", buffer);
	T(stat, "rw/", buffer);
	T(fstat, 999, buffer);
	T(fstat, opath, buffer);
	T(newfstatat, fd, "", buffer, AT_EMPTY_PATH);
	T(newfstatat, fd, "", buffer, 0);
	T(newfstatat, fd, "rw", buffer, 0);
	T(newfstatat, AT_FDCWD, "rw", buffer, 1);
	T(newfstatat, AT_FDCWD, "", buffer, AT_EMPTY_PATH);
	T(statx, AT_FDCWD, "rw", 0, 0x80000000, buffer);
	T(statx, AT_FDCWD, "rw", 0x6000, 0x7ff, buffer);
	T(statx, AT_FDCWD, "rw", 0x2000, 0, buffer);
	T(statx, AT_FDCWD, "rw", 0, 0x7fffffff, buffer);
	T(statx, AT_FDCWD, "rw", 2, 0x7ff, buffer);
	T(statx, AT_FDCWD, "", 0, 0x7ff, buffer);
	T(statx, AT_FDCWD, "rw", 0, 0x7ff, BAD);
	T(statfs, "nothing", buffer);
	T(statfs, "rw", BAD);
	T(fstatfs, 999, buffer);
	T(fstatfs, pipes[0], buffer);
	T(utimensat, AT_FDCWD, "rw", times, 0);
	stat("rw", &st);
	SAY(st.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_OMIT;
	T(utimensat, AT_FDCWD, "nothing", times, 0);
	T(utimensat, 999, "nothing", times, 0);
	T(utimensat, AT_FDCWD, "nothing", times, 1);
	times[1].tv_nsec = UTIME_NOW;
	T(utimensat, AT_FDCWD, "rw", times, 0);
	stat("rw", &st);
	SAY(st.st_atim.tv_nsec);
	times[0].tv_nsec = 1000000000;
	T(utimensat, AT_FDCWD, "rw", times, 0);
	times[0].tv_nsec = -1;
	T(utimensat, AT_FDCWD, "rw", times, 0);
	times[0].tv_nsec = 0;
	T(utimensat, AT_FDCWD, "rw", times, 1);
	T(utimensat, AT_FDCWD, 0, times, 0);
	T(utimensat, fd, 0, times, 0);
	T(utimensat, opath, 0, times, 0);
	T(utimensat, fd, 0, times, AT_SYMLINK_NOFOLLOW);
	T(utimensat, AT_FDCWD, "rw", BAD, 0);
	T(utimensat, 999, 0, 0, 0);
	T(utimes, "rw", tv);
	tv[1].tv_usec = -1;
	T(utimes, "rw", tv);
	T(utime, "nothing", 0);
	T(utime, "rw", BAD);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void descriptors(void)
{
	int fd = open("rw", O_RDWR), opath = open("rw", O_PATH);
	T(fcntl, fd, 9999, 0);
	T(fcntl, opath, F_GETFL);
	T(fcntl, opath, F_SETFL, 0);
	T(fcntl, opath, F_GETFD);
	T(fcntl, fd, F_DUPFD, -1);
	T(fcntl, fd, F_DUPFD, 1 << 20);
	T(fcntl, fd, F_DUPFD_CLOEXEC, 1 << 20);
	T(fcntl, fd, F_GETPIPE_SZ);
	T(fcntl, fd, F_SETFD, 5);
	T(fcntl, fd, F_GETFD);
	T(fcntl, fd, F_GETOWN);
	T(fcntl, fd, F_SETSIG, 65);
	T(fcntl, fd, F_GETSIG);
	T(dup2, fd, -1);
	T(dup2, 999, fd);
	T(dup2, fd, 1 << 20);
	T(dup2, 999, 999);
	T(dup3, fd, fd, 0);
	T(dup3, fd, 20, 1);
	T(dup3, 999, 20, 0);
	T(dup, -1);
	T(close_range, 30, 20, 0);
	T(close_range, 20, 30, 8);
	T(close_range, 20, 30, 0);
	T(close_range, 20, -1, 4);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void moving(void)
{
	int a = open("a", O_RDWR | O_CREAT | O_TRUNC, 0644), b = open("b", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int ro = open("a", O_RDONLY), ap = open("b", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY), p[2], q[2];
	loff_t in = 2, out = 3, bad = -1;
	struct iovec iov = { "vm", 2 };
	pipe(p);
	pipe2(q, O_NONBLOCK);
	write(a, "0123456789", 10);
	T(copy_file_range, a, &in, b, &out, 4, 0);
	printf("%s %ld %ld\n", content(b), (long)in, (long)out);
	T(copy_file_range, a, &in, b, &out, 100, 0);
	T(copy_file_range, a, &in, b, &out, 100, 0);
	T(copy_file_range, a, &in, b, &out, 4, 1);
	in = 0, out = 2;
	T(copy_file_range, a, &in, a, &out, 4, 0);
	in = 0, out = 4;
	T(copy_file_range, a, &in, a, &out, 4, 0);
	T(copy_file_range, a, 0, ro, 0, 4, 0);
	T(copy_file_range, a, 0, ap, 0, 4, 0);
	T(copy_file_range, dir, 0, b, 0, 4, 0);
	T(copy_file_range, a, 0, dir, 0, 4, 0);
	T(copy_file_range, p[0], 0, b, 0, 4, 0);
	T(copy_file_range, 999, 0, b, 0, 4, 0);
	T(copy_file_range, a, BAD, b, 0, 4, 0);
	T(copy_file_range, a, &bad, b, 0, 4, 0);
	T(copy_file_range, a, 0, b, 0, 0, 0);
	in = 8;
	T(sendfile, b, a, &in, 100);
	SAY(in);
	T(sendfile, b, a, &bad, 1);
	T(sendfile, b, a, BAD, 1);
	T(sendfile, ro, a, 0, 1);
	T(sendfile, b, 999, 0, 1);
	T(sendfile, b, p[0], 0, 1);
	T(sendfile, b, dir, 0, 1);
	T(sendfile, ap, a, 0, 1);
	in = 0;
	T(sendfile, p[1], a, &in, 4);
	T(splice, p[0], 0, b, 0, 2, 0);
	T(splice, p[0], &in, b, 0, 2, 0);
	T(splice, a, 0, b, 0, 2, 0);
	T(splice, p[0], 0, b, 0, 2, 16);
	T(splice, p[0], 0, ap, 0, 2, 0);
	T(splice, p[0], 0, p[1], 0, 2, 0);
	T(splice, p[1], 0, b, 0, 2, 0);
	T(splice, 999, 0, b, 0, 2, 0);
	T(splice, p[0], 0, b, 0, 0, 0);
	T(splice, q[0], 0, b, 0, 2, 2);
	T(splice, a, BAD, q[1], 0, 2, 0);
	T(tee, p[0], q[1], 2, 0);
	T(tee, p[0], p[1], 2, 0);
	T(tee, a, p[1], 2, 0);
	T(tee, p[0], q[1], 0, 0);
	T(tee, p[0], q[1], 2, 32);
	T(vmsplice, p[1], &iov, 1, 0);
	T(vmsplice, a, &iov, 1, 0);
	T(vmsplice, p[1], &iov, 1025, 0);
	T(vmsplice, p[1], &iov, 0, 0);
	T(vmsplice, p[1], &iov, 1, 64);
	T(vmsplice, 999, &iov, 1, 0);
	T(pipe2, BAD, 0);
	T(pipe2, p, 1);
	T(ioctl, a, 0x5401, buffer);
	T(ioctl, 999, 0x5401, buffer);
	T(ioctl, p[0], FIONREAD, BAD);
	T(ioctl, a, FIONBIO, BAD);
	T(fcntl, p[0], F_SETPIPE_SZ, 5000);
	T(fcntl, p[0], F_SETPIPE_SZ, -1);
	T(fcntl, p[0], F_GETPIPE_SZ);
	for (int i = 3; i < 20; i++)
		close(i);
}

int main(void)
{
	reading_and_writing();
	opening();
	names();
	stats();
	descriptors();
	moving();
	return 0;
}
