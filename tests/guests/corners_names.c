/* The corners of the calls that take names: walks, flags, links, renames, modes, times. */
#define _GNU_SOURCE
#include "corners.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif
#define HERE AT_FDCWD

static char mem[8192] __attribute__((aligned(4096)));

static void mode_of(const char *path)
{
	struct stat st;
	if (lstat(path, &st))
		printf("  %s: %s\n", path, strerror(errno));
	else
		printf("  %s: mode %o, %ld links\n", path, st.st_mode, (long)(S_ISDIR(st.st_mode) ? 0 : st.st_nlink));
}

static void make(const char *path)
{
	close(open(path, O_CREAT | O_RDWR | O_TRUNC, 0644));
}

static void walks(void)
{
	static char name[256], name255[256], longest[4096], longer[4097];
	memset(name, 'n', 255);
	memcpy(name255, name, 256);
	static char name256[257];
	memset(name256, 'n', 256);
	memset(longest, '/', 4095);
	memset(longer, '/', 4096);
	longest[4094] = '.';
	make("file");
	mkdir("dir", 0755);
	symlink("loop2", "loop1"), symlink("loop1", "loop2"), symlink("self/x", "self");
	symlink("file", "to-file"), symlink("dir", "to-dir"), symlink("none", "to-none"), symlink("to-dir/", "to-dir2");
	R(openat, HERE, P("loop1"), O_RDONLY, 0);
	R(openat, HERE, P("loop1"), O_RDONLY | O_NOFOLLOW, 0);
	R(openat, HERE, P("loop1"), O_RDONLY | O_CREAT, 0600);
	R(openat, HERE, P("loop1"), O_RDONLY | O_CREAT | O_EXCL, 0600);
	R(openat, HERE, P("self"), O_RDONLY, 0);
	R(stat, P("loop1"), P(mem));
	R(lstat, P("loop1"), P(mem));
	R(lstat, P("loop1/"), P(mem));
	R(lstat, P("loop1/x"), P(mem));
	R(access, P("loop1"), F_OK);
	R(chdir, P("loop1"));
	R(mkdir, P("loop1/x"), 0700);
	R(mkdir, P("loop1"), 0700);
	R(unlink, P("loop1/x"));
	R(rename, P("loop1/x"), P("y"));
	R(stat, P(name255), P(mem));
	R(stat, P(name256), P(mem));
	R(mkdir, P(name256), 0700);
	R(unlink, P(name256));
	R(openat, HERE, P(name256), O_CREAT | O_RDWR, 0600);
	R(symlink, P("x"), P(name256));
	R(rename, P("file"), P(name256));
	R(link, P("file"), P(name256));
	R(stat, P(longest), P(mem));
	R(stat, P(longer), P(mem));
	R(symlink, P(longer), P("to-longer"));
	R(stat, P(border() - 4), P(mem));
	R(stat, P(BAD), P(mem));
	R(stat, P(""), P(mem));
	R(stat, P("file"), P(BAD));
	R(stat, P("file/"), P(mem));
	R(stat, P("file/."), P(mem));
	R(stat, P("file/x"), P(mem));
	R(stat, P("none/x"), P(mem));
	R(lstat, P("to-file/"), P(mem));
	R(lstat, P("to-none/"), P(mem));
	R(lstat, P("to-dir/"), P(mem));
	R(openat, HERE, P("file/"), O_RDONLY, 0);
	R(openat, HERE, P("new/"), O_CREAT | O_RDWR, 0600);
	R(openat, HERE, P("dir/"), O_CREAT | O_RDWR, 0600);
	R(openat, HERE, P("dir"), O_RDWR, 0);
	R(openat, HERE, P("dir"), O_RDONLY | O_TRUNC, 0);
	R(openat, HERE, P("dir"), O_RDONLY | O_CREAT, 0);
	R(openat, HERE, P("file"), O_RDONLY | O_DIRECTORY, 0);
	R(openat, HERE, P("to-file"), O_RDONLY | O_NOFOLLOW, 0);
	R(openat, HERE, P("to-dir"), O_RDONLY | O_NOFOLLOW | O_DIRECTORY, 0);
	R(openat, HERE, P("to-dir"), O_RDONLY | O_CREAT | O_EXCL, 0);
	R(openat, HERE, P("to-none"), O_RDWR | O_CREAT | O_EXCL, 0600);
	R(openat, HERE, P("file"), O_RDWR | O_TMPFILE, 0600);
	R(openat, HERE, P("dir"), O_RDONLY | O_TMPFILE, 0600);
	R(openat, HERE, P("none"), O_RDWR | O_TMPFILE, 0600);
	R(openat, CLOSED, P("file"), O_RDONLY, 0);
	R(openat, CLOSED, P("/none"), O_RDONLY, 0);
	R(openat, CLOSED, P(""), O_RDONLY, 0);
	R(mkdir, P("file"), 0700);
	R(mkdir, P("file/x"), 0700);
	R(mkdir, P("none/x"), 0700);
	R(mkdir, P("new/"), 0700);
	R(mkdir, P("new//"), 0700);
	R(mkdir, P("."), 0700);
	R(mkdir, P("/"), 0700);
	R(mkdir, P("dir/.."), 0700);
	R(mkdir, P("none2/."), 0700);
	R(mkdir, P("to-none"), 0700);
	R(mkdir, P("to-none/"), 0700);
	R(mkdir, P(""), 0700);
	R(rmdir, P("file"));
	R(rmdir, P("to-dir"));
	R(rmdir, P("to-dir/"));
	R(rmdir, P("new/."));
	R(rmdir, P("new/.."));
	R(rmdir, P("/"));
	R(rmdir, P("new/"));
	R(rmdir, P("new"));
	make("dir/inside");
	R(rmdir, P("dir"));
	R(unlink, P("dir"));
	R(unlink, P("dir/"));
	R(unlink, P("file/"));
	R(unlink, P("to-file/"));
	R(unlink, P("."));
	R(unlink, P(""));
	R(unlink, P("none"));
	R(unlinkat, HERE, P("dir"), 1);
	R(unlinkat, HERE, P("file"), AT_REMOVEDIR);
	R(unlinkat, CLOSED, P("file"), 0);
	R(chdir, P("file"));
	R(chdir, P("none"));
	R(chdir, P(""));
	R(chdir, P("to-dir2/.."));
	int fd = open("file", O_RDONLY);
	R(fchdir, fd);
	R(fchdir, CLOSED);
	R(openat, fd, P("x"), O_RDONLY, 0);
	R(openat, fd, P(""), O_RDONLY, 0);
	R(getcwd, P(mem), 1);
	R(getcwd, P(mem), 0);
	R(getcwd, P(BAD), 4096);
	close(fd);
}

static void links(void)
{
	int fd = open("file", O_RDWR), dir = open("dir", O_RDONLY | O_DIRECTORY), path = open("to-file", O_PATH | O_NOFOLLOW);
	R(link, P("file"), P("file"));
	R(link, P("none"), P("x"));
	R(link, P("dir"), P("x"));
	R(link, P("file/"), P("x"));
	R(link, P("file"), P("x/"));
	R(link, P("file"), P("none/x"));
	R(link, P("file"), P(""));
	R(link, P(""), P("x"));
	R(linkat, HERE, P("to-file"), HERE, P("hard-link"), 0);
	R(linkat, HERE, P("to-file"), HERE, P("hard-file"), AT_SYMLINK_FOLLOW);
	R(linkat, HERE, P("to-none"), HERE, P("hard-none"), AT_SYMLINK_FOLLOW);
	mode_of("hard-link");
	mode_of("hard-file");
	R(linkat, HERE, P("file"), HERE, P("x"), 1);
	R(linkat, fd, P(""), HERE, P("x"), 0);
	R(linkat, CLOSED, P("file"), HERE, P("x"), 0);
	R(linkat, HERE, P("file"), fd, P("x"), 0);
	R(linkat, HERE, P("loop1"), HERE, P("x"), AT_SYMLINK_FOLLOW);
	unlink("hard-link"), unlink("hard-file");
	R(symlink, P(""), P("x"));
	R(symlink, P("a"), P("file"));
	R(symlink, P("a"), P("x/"));
	R(symlink, P("a"), P(""));
	R(symlink, P("a"), P("none/x"));
	R(symlinkat, P("a"), CLOSED, P("x"));
	R(readlink, P("file"), P(mem), 100);
	R(readlink, P("to-file"), P(mem), 0);
	R(readlink, P("to-file"), P(mem), -1);
	R(readlink, P("to-file"), P(mem), 2);
	R(readlink, P("to-file/"), P(mem), 100);
	R(readlink, P("to-dir/"), P(mem), 100);
	R(readlink, P("to-file"), P(BAD), 100);
	R(readlink, P("none"), P(mem), 100);
	R(readlink, P(""), P(mem), 100);
	R(readlinkat, path, P(""), P(mem), 100);
	R(readlinkat, fd, P(""), P(mem), 100);
	R(readlinkat, dir, P(""), P(mem), 100);
	R(mknod, P("file"), S_IFIFO | 0600, 0);
	R(mknod, P("x/"), S_IFIFO | 0600, 0);
	R(mknod, P("x"), S_IFDIR | 0600, 0);
	R(mknod, P("x"), S_IFLNK | 0600, 0);
	R(mknod, P("x"), 0170000 | 0600, 0);
	R(mknod, P("none/x"), S_IFREG | 0600, 0);
	R(mknod, P("node"), 0640, 0);
	mode_of("node");
	unlink("node");
	close(fd), close(dir), close(path);
}

static void renames(void)
{
	make("a"), make("b");
	mkdir("d1", 0755), mkdir("d2", 0755), mkdir("d2/full", 0755);
	R(rename, P("a"), P("a"));
	R(rename, P("none"), P("a"));
	R(rename, P("a"), P("d1"));
	R(rename, P("d1"), P("a"));
	R(rename, P("d1"), P("d2"));
	R(rename, P("d2"), P("d2/full/x"));
	R(rename, P("d2/full"), P("d2"));
	R(rename, P("a/"), P("x"));
	R(rename, P("a"), P("x/"));
	R(rename, P("a"), P("none/x"));
	R(rename, P("a"), P("b/x"));
	R(rename, P("."), P("x"));
	R(rename, P("a"), P("."));
	R(rename, P("d1/.."), P("x"));
	R(rename, P(""), P("x"));
	R(rename, P("a"), P(""));
	R(rename, P("d1/"), P("d3/"));
	R(rename, P("d3"), P("d1"));
	R(rename, P("to-dir/"), P("x"));
	link("a", "a2");
	R(rename, P("a"), P("a2"));
	mode_of("a");
	unlink("a2");
	R(renameat2, HERE, P("a"), HERE, P("b"), RENAME_NOREPLACE);
	R(renameat2, HERE, P("a"), HERE, P("c"), RENAME_NOREPLACE);
	R(renameat2, HERE, P("c"), HERE, P("a"), RENAME_NOREPLACE | RENAME_EXCHANGE);
	R(renameat2, HERE, P("c"), HERE, P("a"), RENAME_WHITEOUT | RENAME_EXCHANGE);
	R(renameat2, HERE, P("c"), HERE, P("a"), 8);
	R(renameat2, HERE, P("c"), HERE, P("none"), RENAME_EXCHANGE);
	R(renameat2, HERE, P("none"), HERE, P("c"), RENAME_EXCHANGE);
	R(renameat2, HERE, P("c"), HERE, P("d1"), RENAME_EXCHANGE);
	mode_of("c");
	mode_of("d1");
	R(renameat2, HERE, P("c"), HERE, P("c/x"), RENAME_EXCHANGE);
	R(renameat2, HERE, P("d2/full"), HERE, P("d2"), RENAME_EXCHANGE);
	R(renameat2, HERE, P("d2"), HERE, P("d2/full"), RENAME_EXCHANGE);
	R(renameat2, HERE, P("d1"), HERE, P("d1"), RENAME_NOREPLACE);
	R(renameat2, HERE, P("d1"), HERE, P("d1"), RENAME_EXCHANGE);
	R(renameat2, CLOSED, P("d1"), HERE, P("x"), 0);
	R(renameat2, HERE, P("d1"), CLOSED, P("x"), 0);
	R(renameat2, HERE, P(BAD), HERE, P("x"), 0);
}

static long how(const char *what, int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve,
	size_t size)
{
	struct { struct open_how how; char more[8192]; } h = { .how = { flags, mode, resolve } };
	long fd = raw(SYS_openat2, dirfd, P(path), P(&h), size, 0, 0);
	printf("openat2 %-64s %s\n", what, fd < 0 ? strerror(-fd) : "ok");
	if (fd >= 0)
		close(fd);
	return fd;
}

#define HOW(...) how(#__VA_ARGS__, __VA_ARGS__)

static void opens(void)
{
	int dir = open("dir", O_RDONLY | O_DIRECTORY);
	HOW(HERE, "file", O_RDONLY, 0, 0, 24);
	HOW(HERE, "file", O_RDONLY, 0, 0, 0);
	HOW(HERE, "file", O_RDONLY, 0, 0, 23);
	HOW(HERE, "file", O_RDONLY, 0, 0, 32);
	HOW(HERE, "file", O_RDONLY, 0, 0, 4096);
	HOW(HERE, "file", O_RDONLY, 0, 0, 4097);
	HOW(HERE, "file", 1ULL << 40, 0, 0, 24);
	HOW(HERE, "file", O_RDONLY, 0600, 0, 24);
	HOW(HERE, "file", O_CREAT, 010000, 0, 24);
	HOW(HERE, "file", O_RDONLY, 0, 0x40, 24);
	HOW(HERE, "file", O_PATH | O_RDWR, 0, 0, 24);
	HOW(HERE, "file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, 24);
	HOW(dir, "../file", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "../dir/inside", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "./inside", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "/inside", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "/inside", O_RDONLY, 0, RESOLVE_IN_ROOT, 24);
	HOW(dir, "/../../inside", O_RDONLY, 0, RESOLVE_IN_ROOT, 24);
	HOW(dir, "..", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, ".", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "..", O_RDONLY, 0, RESOLVE_IN_ROOT, 24);
	HOW(HERE, "to-file", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, 24);
	HOW(HERE, "to-dir/inside", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, 24);
	HOW(HERE, "to-file", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS, 24);
	HOW(HERE, "dir/inside", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, 24);
	HOW(HERE, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, 24);
	HOW(HERE, "/proc/self/fd/0", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, 24);
	HOW(HERE, "/proc/self/stat", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, 24);
	HOW(HERE, "to-file", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, 24);
	HOW(HERE, "/proc/self/stat", O_RDONLY, 0, RESOLVE_NO_XDEV, 24);
	HOW(HERE, "dir/inside", O_RDONLY, 0, RESOLVE_NO_XDEV, 24);
	HOW(dir, "none", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(dir, "made", O_CREAT | O_RDWR, 0640, RESOLVE_BENEATH, 24);
	HOW(dir, "made", O_CREAT | O_EXCL | O_RDWR, 0640, RESOLVE_BENEATH, 24);
	HOW(dir, "made", O_CREAT | O_DIRECTORY, 0640, 0, 24);
	HOW(CLOSED, "x", O_RDONLY, 0, RESOLVE_BENEATH, 24);
	HOW(HERE, "", O_RDONLY, 0, 0, 24);
	R(openat2, HERE, P("file"), P(BAD), 24);
	mode_of("dir/made");
	close(dir);
}

static void attributes(void)
{
	struct statx x;
	int fd = open("file", O_RDWR), path = open("file", O_PATH), ends[2];
	(void)!pipe(ends);
	R(statx, HERE, P("file"), 0, STATX_BASIC_STATS, P(&x));
	printf("  basic: %d\n", (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	R(statx, HERE, P("file"), 0, 0, P(&x));
	R(statx, HERE, P("file"), 0, 0x80000000L, P(&x));
	R(statx, HERE, P("file"), 0x6000, 0, P(&x));
	R(statx, HERE, P("file"), 1, 0, P(&x));
	R(statx, HERE, P("to-none"), AT_SYMLINK_NOFOLLOW, 0, P(&x));
	R(statx, fd, P(""), AT_EMPTY_PATH, 0, P(&x));
	R(statx, fd, P(""), 0, 0, P(&x));
	R(statx, path, P(""), AT_EMPTY_PATH, 0, P(&x));
	R(statx, CLOSED, P(""), AT_EMPTY_PATH, 0, P(&x));
	R(statx, HERE, P("file"), 0, 0, P(BAD));
	R(statx, HERE, P(BAD), 0, 0, P(&x));
	R(newfstatat, HERE, P("file"), P(mem), 1);
	R(newfstatat, fd, P("x"), P(mem), 0);
	R(newfstatat, fd, P(""), P(mem), AT_EMPTY_PATH);
	R(newfstatat, HERE, P(""), P(mem), AT_EMPTY_PATH);
	R(fstat, fd, P(BAD));
	R(statfs, P("none"), P(mem));
	R(statfs, P("file"), P(BAD));
	R(fstatfs, CLOSED, P(mem));

	R(access, P("file"), 8);
	R(access, P("file"), -1);
	R(access, P("file"), F_OK);
	R(access, P("file/"), F_OK);
	R(access, P(""), F_OK);
	R(access, P("file"), R_OK | W_OK);
	R(faccessat2, HERE, P("file"), F_OK, 1);
	R(faccessat2, HERE, P("to-none"), F_OK, AT_SYMLINK_NOFOLLOW);
	R(faccessat2, HERE, P("to-none"), F_OK, 0);
	R(faccessat2, fd, P(""), R_OK, AT_EMPTY_PATH);
	R(faccessat2, fd, P(""), R_OK, 0);
	R(faccessat2, CLOSED, P(""), R_OK, AT_EMPTY_PATH);
	R(faccessat2, HERE, P("file"), R_OK, AT_EACCESS);

	R(chmod, P("file"), 07777);
	mode_of("file");
	R(chmod, P("file"), 0177600);
	mode_of("file");
	R(chmod, P("none"), 0600);
	R(chmod, P("to-none"), 0600);
	R(chmod, P("file/"), 0600);
	R(fchmod, CLOSED, 0600);
	R(fchmod, path, 0600);
	R(fchmodat, fd, P("x"), 0600);
	R(fchmodat, CLOSED, P("x"), 0600);
	R(fchown, path, -1, -1);
	R(fchown, fd, -1, -1);
	R(fchownat, path, P(""), -1, -1, AT_EMPTY_PATH);
	R(fchownat, HERE, P("to-none"), -1, -1, 0);
	R(fchownat, HERE, P("to-none"), -1, -1, AT_SYMLINK_NOFOLLOW);
	R(fchownat, HERE, P("file"), -1, -1, 1);
	R(chown, P("none"), -1, -1);

	struct timespec t[2] = { { 100, 5 }, { 200, 6 } };
	struct stat st;
	R(utimensat, HERE, P("file"), P(t), 0);
	t[0] = (struct timespec){ 300, UTIME_OMIT };
	t[1] = (struct timespec){ 400, 7 };
	R(utimensat, HERE, P("file"), P(t), 0);
	stat("file", &st);
	printf("  atime %ld.%ld mtime %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	t[0].tv_nsec = UTIME_NOW;
	t[1].tv_nsec = UTIME_OMIT;
	R(utimensat, fd, 0, P(t), 0);
	stat("file", &st);
	printf("  atime is new %d mtime %ld.%ld\n", st.st_atim.tv_sec > 1000, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	t[0].tv_nsec = 1000000000;
	R(utimensat, HERE, P("file"), P(t), 0);
	t[0].tv_nsec = -1;
	R(utimensat, HERE, P("file"), P(t), 0);
	t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
	R(utimensat, HERE, P("none"), P(t), 0);
	R(utimensat, CLOSED, 0, P(t), 0);
	R(utimensat, HERE, P("file"), P(t), 1);
	t[0].tv_nsec = t[1].tv_nsec = 0;
	R(utimensat, HERE, P("none"), P(t), 0);
	R(utimensat, HERE, P("file"), P(t), 1);
	R(utimensat, CLOSED, 0, P(t), 0);
	R(utimensat, path, 0, P(t), 0);
	R(utimensat, fd, 0, P(t), AT_SYMLINK_NOFOLLOW);
	R(utimensat, HERE, 0, P(t), 0);
	R(utimensat, HERE, P("file"), P(BAD), 0);
	R(utimensat, HERE, P(""), 0, 0);
	R(utimensat, HERE, P("to-none"), P(t), AT_SYMLINK_NOFOLLOW);
	struct timeval v[2] = { { 1, 1000000 }, { 2, 2 } };
	R(utimes, P("file"), P(v));
	v[0].tv_usec = -1;
	R(utimes, P("file"), P(v));
	R(utimes, P("file"), 0);
	R(utime, P("file"), P(BAD));
	close(fd), close(path), close(ends[0]), close(ends[1]);
}

static void masks(void)
{
	R(umask, 0177777);
	R(umask, 027);
	make("masked");
	mkdir("masked.dir", 07777);
	mknod("masked.fifo", S_IFIFO | 0666, 0);
	mode_of("masked");
	mode_of("masked.dir");
	mode_of("masked.fifo");
	close(open("masked2", O_CREAT | O_RDONLY, 06777));
	mode_of("masked2");
	R(openat, HERE, P("masked.fifo"), O_WRONLY | O_NONBLOCK, 0);
	R(umask, 022);
}

/* A running program's file cannot be written, and a file that is open for writing cannot run. */
static void busy(void)
{
	char *argv[] = { "busy", 0 }, *envp[] = { 0 };
	int in = open("/proc/self/exe", O_RDONLY), fd = open("busy", O_CREAT | O_RDWR, 0755);
	for (ssize_t got; (got = read(in, mem, sizeof mem)) > 0;)
		(void)!write(fd, mem, got);
	R(execve, P("busy"), P(argv), P(envp));
	close(in), close(fd);
	int ends[2];
	(void)!pipe(ends);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		dup2(ends[0], 0);
		close(ends[1]);
		argv[0] = "wait";
		execve("busy", argv, envp);
		_exit(1);
	}
	close(ends[0]);
	/* It has the descriptors of this process until it executes; a byte says that it did. */
	for (int i = 0; i < 500; i++) {
		char link[64], to[256] = "";
		snprintf(link, sizeof link, "/proc/%d/exe", child);
		(void)!readlink(link, to, sizeof to - 1);
		if (strlen(to) > 5 && !strcmp(to + strlen(to) - 5, "/busy"))
			break;
		struct timespec moment = { 0, 10000000 };
		nanosleep(&moment, 0);
	}
	R(openat, HERE, P("busy"), O_WRONLY, 0);
	R(openat, HERE, P("busy"), O_RDWR | O_TRUNC, 0);
	R(truncate, P("busy"), 0);
	R(openat, HERE, P("busy"), O_PATH, 0);
	R(rename, P("busy"), P("busy2"));
	close(ends[1]);
	int status;
	waitpid(child, &status, 0);
	printf("  the child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	fd = open("busy2", O_WRONLY);
	printf("  afterwards it can be written: %d\n", fd >= 0);
	close(fd);
}

int main(int argc, char **argv)
{
	char c;
	if (argc == 1 && !strcmp(argv[0], "busy"))
		return 0;
	if (argc == 1 && !strcmp(argv[0], "wait"))
		return read(0, &c, 1) != 0;
	umask(022);
	walks(), section("walks");
	links(), section("links");
	renames(), section("renames");
	opens(), section("openat2");
	attributes(), section("attributes");
	masks(), section("masks");
	busy(), section("busy");
	return verdict();
}
