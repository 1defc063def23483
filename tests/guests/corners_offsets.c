/* The corners of a descriptor's offset: lseek(2) with its holes, and what getdents64(2) and getcwd(2) give. */
#define _GNU_SOURCE
#include "corners.h"

#include <fcntl.h>
#include <limits.h>

static int rd, file;
static char mem[8192], buffer[65536], path[5000];

static void ends_and_holes(void)
{
	int fd = open("io.seek", O_RDWR | O_CREAT | O_TRUNC, 0600), dir = open(".", O_RDONLY | O_DIRECTORY);
	pwrite(fd, "12345678", 8, 0);
	T(lseek, fd, 0, SEEK_DATA);
	T(lseek, fd, 3, SEEK_HOLE);
	T(lseek, fd, 8, SEEK_DATA);
	T(lseek, fd, 8, SEEK_HOLE);
	T(lseek, fd, 9, SEEK_HOLE);
	T(lseek, fd, -1, SEEK_DATA);
	T(lseek, fd, -1, SEEK_HOLE);
	T(lseek, fd, 0, 5);
	T(lseek, fd, 0, -1);
	T(lseek, fd, -1, SEEK_SET);
	T(lseek, fd, -9, SEEK_END);
	T(lseek, fd, 0x7fffffffffffffffL, SEEK_CUR);
	T(lseek, fd, 0x7fffffffffffffffL, SEEK_END);
	T(lseek, fd, 100, SEEK_END);
	T(lseek, fd, -200, SEEK_CUR);
	size_of(fd, "after seeking");
	T(lseek, rd, 0, SEEK_CUR);
	T(lseek, rd, 0, 9);
	T(lseek, CLOSED, 0, 9);
	T(lseek, dir, 0, SEEK_SET);
	T(lseek, dir, -1, SEEK_SET);
	T(lseek, dir, 0, 9);
	close(fd), close(dir);
}

static void entries(void)
{
	mkdir("io.dir", 0700);
	close(open("io.dir/a-name-of-some-length", O_CREAT | O_RDWR, 0600));
	int dir = open("io.dir", O_RDONLY | O_DIRECTORY);
	T(getdents64, dir, mem, 0);
	T(getdents64, dir, mem, 16);
	T(getdents64, dir, mem, 23);
	T(getdents64, file, mem, 4096);
	T(getdents64, rd, mem, 4096);
	T(getdents64, CLOSED, mem, 4096);
	T(getdents64, dir, BAD, 4096);
	int total = 0, calls = 0;
	for (long got; (got = raw(SYS_getdents64, dir, (long)mem, 48, 0, 0, 0)) > 0 && calls < 10; calls++)
		total += got;
	printf("  %d bytes in more than one call: %d\n", total, calls > 1);
	T(getdents64, dir, mem, 48);
	T(getdents64, dir, mem, 1);
	T(lseek, dir, 0, SEEK_SET);
	rmdir("io.dir/none");
	unlink("io.dir/a-name-of-some-length");
	rmdir("io.dir");
	T(getdents64, dir, mem, 4096);
	close(dir);
}

static void sizes(void)
{
	int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0644), pipes[2], dir = open(".", O_RDONLY);
	pipe(pipes);
	pwrite(fd, "x", 1, 0);
	ftruncate(fd, 10000);
	T(lseek, fd, -1, SEEK_SET);
	T(lseek, fd, -1, SEEK_CUR);
	T(lseek, fd, -10001, SEEK_END);
	T(lseek, fd, -10000, SEEK_END);
	T(lseek, fd, LONG_MAX, SEEK_SET);
	T(lseek, fd, LONG_MAX, SEEK_END);
	T(lseek, fd, 0, SEEK_SET);
	T(lseek, fd, 0, 5);
	T(lseek, fd, 0, -1);
	T(lseek, fd, 0, SEEK_DATA);
	T(lseek, fd, 9999, SEEK_HOLE);
	T(lseek, fd, 10000, SEEK_HOLE);
	T(lseek, fd, 10000, SEEK_DATA);
	T(lseek, fd, 10001, SEEK_DATA);
	T(lseek, fd, -1, SEEK_DATA);
	T(lseek, fd, -1, SEEK_HOLE);
	T(lseek, pipes[0], 0, SEEK_CUR);
	T(lseek, 999, 0, SEEK_CUR);
	T(lseek, 999, 0, 77);
	T(lseek, dir, 0, 77);
	T(ftruncate, fd, -1);
	T(ftruncate, pipes[1], 0);
	T(ftruncate, dir, 0);
	T(truncate, "nothing", 0);
	T(truncate, ".", 0);
	T(truncate, "holes", -1);
	T(truncate, BAD, 0);
	T(truncate, "holes", LONG_MAX);
	T(fallocate, fd, 0, 0, 0);
	T(fallocate, fd, 0, -1L, 1);
	T(fallocate, fd, 0, 0, -1L);
	T(fallocate, fd, 0, LONG_MAX, 1);
	T(fallocate, fd, 2, 0, 4096);
	T(fallocate, fd, 0x80, 0, 4096);
	T(fallocate, fd, 8, 0, 4096);
	T(fallocate, pipes[1], 0, 0, 1);
	T(fallocate, dir, 0, 0, 1);
	T(fallocate, 999, 0, 0, 1);
	T(fadvise64, fd, 0, 0, 0);
	T(fadvise64, fd, 0, 0, 9);
	T(fadvise64, pipes[0], 0, 0, 0);
	T(fadvise64, fd, 0, -1, 0);
	T(fadvise64, 999, 0, 0, 0);
	T(readahead, fd, 0, 100);
	T(readahead, pipes[0], 0, 100);
	T(readahead, 999, 0, 100);
	T(sync_file_range, fd, 0, 0, 0);
	T(sync_file_range, fd, -1, 0, 0);
	T(sync_file_range, fd, 0, 0, 8);
	T(sync_file_range, pipes[0], 0, 0, 0);
	T(fsync, pipes[0]);
	T(fdatasync, 999);
	T(fsync, dir);
	T(syncfs, 999);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void directories(void)
{
	struct { long ino, off; unsigned short len; char type, name[]; } *entry = (void *)buffer;
	mkdir("d", 0755);
	int dir = open("d", O_RDONLY | O_DIRECTORY), file = open("rw", O_RDONLY);
	T(getdents64, dir, buffer, 0);
	T(getdents64, dir, buffer, 23);
	T(getdents64, dir, buffer, 24);
	T(getdents64, dir, buffer, 24);
	T(getdents64, dir, buffer, 24);
	lseek(dir, 0, SEEK_SET);
	T(getdents64, dir, BAD, 100);
	T(getdents64, dir, buffer, 100);
	SAY(entry->len);
	T(getdents64, dir, buffer, 1);
	T(getdents64, file, buffer, 100);
	T(getdents64, 999, buffer, 100);
	T(getdents64, -1, buffer, 100);
	rmdir("d");
	lseek(dir, 0, SEEK_SET);
	T(getdents64, dir, buffer, 100);
	T(openat, dir, ".", O_RDONLY);
	T(openat, dir, "x", O_RDWR | O_CREAT, 0644);
	T(mkdirat, dir, "x", 0755);
	T(openat, dir, "..", O_RDONLY);
	T(fchdir, file);
	T(fchdir, 999);
	T(getcwd, buffer, 0);
	T(getcwd, buffer, 1);
	T(getcwd, BAD, 4096);
	T(chdir, BAD);
	T(chdir, "");
	memset(path, 'x', 256);
	T(chdir, path);
	memset(path, '/', 4096);
	T(chdir, path);
	path[4095] = 0;
	T0(stat, path, buffer);
	for (int i = 3; i < 20; i++)
		close(i);
}

int main(void)
{
	int ends[2];

	(void)!pipe2(ends, O_NONBLOCK);
	rd = ends[0];
	file = open("rw", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ends_and_holes();
	entries();
	/* These two close what is open. */
	sizes();
	directories();
	return 0;
}
