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
	T(openat, HERE, "loop1", O_RDONLY, 0);
	T(openat, HERE, "loop1", O_RDONLY | O_NOFOLLOW, 0);
	T(openat, HERE, "loop1", O_RDONLY | O_CREAT, 0600);
	T(openat, HERE, "loop1", O_RDONLY | O_CREAT | O_EXCL, 0600);
	T(openat, HERE, "self", O_RDONLY, 0);
	T(stat, "loop1", mem);
	T(lstat, "loop1", mem);
	T(lstat, "loop1/", mem);
	T(lstat, "loop1/x", mem);
	T(access, "loop1", F_OK);
	T(chdir, "loop1");
	T(mkdir, "loop1/x", 0700);
	T(mkdir, "loop1", 0700);
	T(unlink, "loop1/x");
	T(rename, "loop1/x", "y");
	T(stat, name255, mem);
	T(stat, name256, mem);
	T(mkdir, name256, 0700);
	T(unlink, name256);
	T(openat, HERE, name256, O_CREAT | O_RDWR, 0600);
	T(symlink, "x", name256);
	T(rename, "file", name256);
	T(link, "file", name256);
	T(stat, longest, mem);
	T(stat, longer, mem);
	T(symlink, longer, "to-longer");
	T(stat, border() - 4, mem);
	T(stat, BAD, mem);
	T(stat, "", mem);
	T(stat, "file", BAD);
	T(stat, "file/", mem);
	T(stat, "file/.", mem);
	T(stat, "file/x", mem);
	T(stat, "none/x", mem);
	T(lstat, "to-file/", mem);
	T(lstat, "to-none/", mem);
	T(lstat, "to-dir/", mem);
	T(openat, HERE, "file/", O_RDONLY, 0);
	T(openat, HERE, "new/", O_CREAT | O_RDWR, 0600);
	T(openat, HERE, "dir/", O_CREAT | O_RDWR, 0600);
	T(openat, HERE, "dir", O_RDWR, 0);
	T(openat, HERE, "dir", O_RDONLY | O_TRUNC, 0);
	T(openat, HERE, "dir", O_RDONLY | O_CREAT, 0);
	T(openat, HERE, "file", O_RDONLY | O_DIRECTORY, 0);
	T(openat, HERE, "to-file", O_RDONLY | O_NOFOLLOW, 0);
	T(openat, HERE, "to-dir", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, 0);
	T(openat, HERE, "to-dir", O_RDONLY | O_CREAT | O_EXCL, 0);
	T(openat, HERE, "to-none", O_RDWR | O_CREAT | O_EXCL, 0600);
	T(openat, HERE, "file", O_RDWR | O_TMPFILE, 0600);
	T(openat, HERE, "dir", O_RDONLY | O_TMPFILE, 0600);
	T(openat, HERE, "none", O_RDWR | O_TMPFILE, 0600);
	T(openat, CLOSED, "file", O_RDONLY, 0);
	T(openat, CLOSED, "/none", O_RDONLY, 0);
	T(openat, CLOSED, "", O_RDONLY, 0);
	T(mkdir, "file", 0700);
	T(mkdir, "file/x", 0700);
	T(mkdir, "none/x", 0700);
	T(mkdir, "new/", 0700);
	T(mkdir, "new//", 0700);
	T(mkdir, ".", 0700);
	T(mkdir, "/", 0700);
	T(mkdir, "dir/..", 0700);
	T(mkdir, "none2/.", 0700);
	T(mkdir, "to-none", 0700);
	T(mkdir, "to-none/", 0700);
	T(mkdir, "", 0700);
	T(rmdir, "file");
	T(rmdir, "to-dir");
	T(rmdir, "to-dir/");
	T(rmdir, "new/.");
	T(rmdir, "new/..");
	T(rmdir, "/");
	T(rmdir, "new/");
	T(rmdir, "new");
	make("dir/inside");
	T(rmdir, "dir");
	T(unlink, "dir");
	T(unlink, "dir/");
	T(unlink, "file/");
	T(unlink, "to-file/");
	T(unlink, ".");
	T(unlink, "");
	T(unlink, "none");
	T(unlinkat, HERE, "dir", 1);
	T(unlinkat, HERE, "file", AT_REMOVEDIR);
	T(unlinkat, CLOSED, "file", 0);
	T(chdir, "file");
	T(chdir, "none");
	T(chdir, "");
	T(chdir, "to-dir2/..");
	int fd = open("file", O_RDONLY);
	T(fchdir, fd);
	T(fchdir, CLOSED);
	T(openat, fd, "x", O_RDONLY, 0);
	T(openat, fd, "", O_RDONLY, 0);
	T(getcwd, mem, 1);
	T(getcwd, mem, 0);
	T(getcwd, BAD, 4096);
	close(fd);
}

static void links(void)
{
	int fd = open("file", O_RDWR), dir = open("dir", O_RDONLY | O_DIRECTORY), path = open("to-file", O_PATH | O_NOFOLLOW);
	T(link, "file", "file");
	T(link, "none", "x");
	T(link, "dir", "x");
	T(link, "file/", "x");
	T(link, "file", "x/");
	T(link, "file", "none/x");
	T(link, "file", "");
	T(link, "", "x");
	T(linkat, HERE, "to-file", HERE, "hard-link", 0);
	T(linkat, HERE, "to-file", HERE, "hard-file", AT_SYMLINK_FOLLOW);
	T(linkat, HERE, "to-none", HERE, "hard-none", AT_SYMLINK_FOLLOW);
	mode_of("hard-link");
	mode_of("hard-file");
	T(linkat, HERE, "file", HERE, "x", 1);
	T(linkat, fd, "", HERE, "x", 0);
	T(linkat, CLOSED, "file", HERE, "x", 0);
	T(linkat, HERE, "file", fd, "x", 0);
	T(linkat, HERE, "loop1", HERE, "x", AT_SYMLINK_FOLLOW);
	unlink("hard-link"), unlink("hard-file");
	T(symlink, "", "x");
	T(symlink, "a", "file");
	T(symlink, "a", "x/");
	T(symlink, "a", "");
	T(symlink, "a", "none/x");
	T(symlinkat, "a", CLOSED, "x");
	T(readlink, "file", mem, 100);
	T(readlink, "to-file", mem, 0);
	T(readlink, "to-file", mem, -1);
	T(readlink, "to-file", mem, 2);
	T(readlink, "to-file/", mem, 100);
	T(readlink, "to-dir/", mem, 100);
	T(readlink, "to-file", BAD, 100);
	T(readlink, "none", mem, 100);
	T(readlink, "", mem, 100);
	T(readlinkat, path, "", mem, 100);
	T(readlinkat, fd, "", mem, 100);
	T(readlinkat, dir, "", mem, 100);
	T(mknod, "file", S_IFIFO | 0600, 0);
	T(mknod, "x/", S_IFIFO | 0600, 0);
	T(mknod, "x", S_IFDIR | 0600, 0);
	T(mknod, "x", S_IFLNK | 0600, 0);
	T(mknod, "x", 0170000 | 0600, 0);
	T(mknod, "none/x", S_IFREG | 0600, 0);
	T(mknod, "node", 0640, 0);
	mode_of("node");
	unlink("node");
	close(fd), close(dir), close(path);
}

static void renames(void)
{
	make("a"), make("b");
	mkdir("d1", 0755), mkdir("d2", 0755), mkdir("d2/full", 0755);
	T(rename, "a", "a");
	T(rename, "none", "a");
	T(rename, "a", "d1");
	T(rename, "d1", "a");
	T(rename, "d1", "d2");
	T(rename, "d2", "d2/full/x");
	T(rename, "d2/full", "d2");
	T(rename, "a/", "x");
	T(rename, "a", "x/");
	T(rename, "a", "none/x");
	T(rename, "a", "b/x");
	T(rename, ".", "x");
	T(rename, "a", ".");
	T(rename, "d1/..", "x");
	T(rename, "", "x");
	T(rename, "a", "");
	T(rename, "d1/", "d3/");
	T(rename, "d3", "d1");
	T(rename, "to-dir/", "x");
	link("a", "a2");
	T(rename, "a", "a2");
	mode_of("a");
	unlink("a2");
	T(renameat2, HERE, "a", HERE, "b", RENAME_NOREPLACE);
	T(renameat2, HERE, "a", HERE, "c", RENAME_NOREPLACE);
	T(renameat2, HERE, "c", HERE, "a", RENAME_NOREPLACE | RENAME_EXCHANGE);
	T(renameat2, HERE, "c", HERE, "a", RENAME_WHITEOUT | RENAME_EXCHANGE);
	T(renameat2, HERE, "c", HERE, "a", 8);
	T(renameat2, HERE, "c", HERE, "none", RENAME_EXCHANGE);
	T(renameat2, HERE, "none", HERE, "c", RENAME_EXCHANGE);
	T(renameat2, HERE, "c", HERE, "d1", RENAME_EXCHANGE);
	mode_of("c");
	mode_of("d1");
	T(renameat2, HERE, "c", HERE, "c/x", RENAME_EXCHANGE);
	T(renameat2, HERE, "d2/full", HERE, "d2", RENAME_EXCHANGE);
	T(renameat2, HERE, "d2", HERE, "d2/full", RENAME_EXCHANGE);
	T(renameat2, HERE, "d1", HERE, "d1", RENAME_NOREPLACE);
	T(renameat2, HERE, "d1", HERE, "d1", RENAME_EXCHANGE);
	T(renameat2, CLOSED, "d1", HERE, "x", 0);
	T(renameat2, HERE, "d1", CLOSED, "x", 0);
	T(renameat2, HERE, BAD, HERE, "x", 0);
}

static long how(const char *what, int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve,
	size_t size)
{
	struct { struct open_how how; char more[8192]; } h = { .how = { flags, mode, resolve } };
	long fd = raw(SYS_openat2, dirfd, (long)path, (long)&h, size, 0, 0);
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
	T(openat2, HERE, "file", BAD, 24);
	mode_of("dir/made");
	close(dir);
}

static void attributes(void)
{
	struct timespec old[2] = { { 5, 6 }, { 0, UTIME_OMIT } };
	struct stat touched;
	struct statx x;
	int fd = open("file", O_RDWR), path = open("file", O_PATH), ends[2];
	(void)!pipe(ends);
	T(statx, HERE, "file", 0, STATX_BASIC_STATS, &x);
	printf("  basic: %d\n", (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	T(statx, HERE, "file", 0, 0, &x);
	T(statx, HERE, "file", 0, 0x80000000L, &x);
	T(statx, HERE, "file", 0x6000, 0, &x);
	T(statx, HERE, "file", 1, 0, &x);
	T(statx, HERE, "to-none", AT_SYMLINK_NOFOLLOW, 0, &x);
	T(statx, fd, "", AT_EMPTY_PATH, 0, &x);
	T(statx, fd, "", 0, 0, &x);
	T(statx, path, "", AT_EMPTY_PATH, 0, &x);
	T(statx, CLOSED, "", AT_EMPTY_PATH, 0, &x);
	T(statx, HERE, "file", 0, 0, BAD);
	T(statx, HERE, BAD, 0, 0, &x);
	T(newfstatat, HERE, "file", mem, 1);
	T(newfstatat, fd, "x", mem, 0);
	T(newfstatat, fd, "", mem, AT_EMPTY_PATH);
	T(newfstatat, HERE, "", mem, AT_EMPTY_PATH);
	T(fstat, fd, BAD);
	T(statfs, "none", mem);
	T(statfs, "file", BAD);
	T(fstatfs, CLOSED, mem);

	T(access, "file", 8);
	T(access, "file", -1);
	T(access, "file", F_OK);
	T(access, "file/", F_OK);
	T(access, "", F_OK);
	T(access, "file", R_OK | W_OK);
	T(faccessat2, HERE, "file", F_OK, 1);
	T(faccessat2, HERE, "to-none", F_OK, AT_SYMLINK_NOFOLLOW);
	T(faccessat2, HERE, "to-none", F_OK, 0);
	T(faccessat2, fd, "", R_OK, AT_EMPTY_PATH);
	T(faccessat2, fd, "", R_OK, 0);
	T(faccessat2, CLOSED, "", R_OK, AT_EMPTY_PATH);
	T(faccessat2, HERE, "file", R_OK, AT_EACCESS);

	T(chmod, "file", 07777);
	mode_of("file");
	T(chmod, "file", 0177600);
	mode_of("file");
	T(chmod, "none", 0600);
	T(chmod, "to-none", 0600);
	T(chmod, "file/", 0600);
	T(fchmod, CLOSED, 0600);
	T(fchmod, path, 0600);
	T(fchmodat, fd, "x", 0600);
	T(fchmodat, CLOSED, "x", 0600);
	T(fchown, path, -1, -1);
	T(fchown, fd, -1, -1);
	T(fchownat, path, "", -1, -1, AT_EMPTY_PATH);
	T(utimensat, path, "", 0, AT_EMPTY_PATH);
	T(utimensat, path, "", old, AT_EMPTY_PATH);
	fstat(path, &touched);
	SAY(touched.st_atim.tv_sec);
	T(futimesat, fd, 0, 0);
	T(futimesat, path, 0, 0);
	T(fchownat, HERE, "to-none", -1, -1, 0);
	T(fchownat, HERE, "to-none", -1, -1, AT_SYMLINK_NOFOLLOW);
	T(fchownat, HERE, "file", -1, -1, 1);
	T(chown, "none", -1, -1);

	struct timespec t[2] = { { 100, 5 }, { 200, 6 } };
	struct stat st;
	T(utimensat, HERE, "file", t, 0);
	t[0] = (struct timespec){ 300, UTIME_OMIT };
	t[1] = (struct timespec){ 400, 7 };
	T(utimensat, HERE, "file", t, 0);
	stat("file", &st);
	printf("  atime %ld.%ld mtime %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	t[0].tv_nsec = UTIME_NOW;
	t[1].tv_nsec = UTIME_OMIT;
	T(utimensat, fd, 0, t, 0);
	stat("file", &st);
	printf("  atime is new %d mtime %ld.%ld\n", st.st_atim.tv_sec > 1000, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	t[0].tv_nsec = 1000000000;
	T(utimensat, HERE, "file", t, 0);
	t[0].tv_nsec = -1;
	T(utimensat, HERE, "file", t, 0);
	t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
	T(utimensat, HERE, "none", t, 0);
	T(utimensat, CLOSED, 0, t, 0);
	T(utimensat, HERE, "file", t, 1);
	t[0].tv_nsec = t[1].tv_nsec = 0;
	T(utimensat, HERE, "none", t, 0);
	T(utimensat, HERE, "file", t, 1);
	T(utimensat, CLOSED, 0, t, 0);
	T(utimensat, path, 0, t, 0);
	T(utimensat, fd, 0, t, AT_SYMLINK_NOFOLLOW);
	T(utimensat, HERE, 0, t, 0);
	T(utimensat, HERE, "file", BAD, 0);
	T(utimensat, HERE, "", 0, 0);
	T(utimensat, HERE, "to-none", t, AT_SYMLINK_NOFOLLOW);
	struct timeval v[2] = { { 1, 1000000 }, { 2, 2 } };
	T(utimes, "file", v);
	v[0].tv_usec = -1;
	T(utimes, "file", v);
	T(utimes, "file", 0);
	T(utime, "file", BAD);
	close(fd), close(path), close(ends[0]), close(ends[1]);
}

static void masks(void)
{
	T(umask, 0177777);
	T(umask, 027);
	make("masked");
	mkdir("masked.dir", 07777);
	mknod("masked.fifo", S_IFIFO | 0666, 0);
	mode_of("masked");
	mode_of("masked.dir");
	mode_of("masked.fifo");
	close(open("masked2", O_CREAT | O_RDONLY, 06777));
	mode_of("masked2");
	T(openat, HERE, "masked.fifo", O_WRONLY | O_NONBLOCK, 0);
	T(umask, 022);
}

/* A running program's file cannot be written, and a file that is open for writing cannot run. */
static void busy(void)
{
	char *argv[] = { "busy", 0 }, *envp[] = { 0 };
	int in = open("/proc/self/exe", O_RDONLY), fd = open("busy", O_CREAT | O_RDWR, 0755);
	for (ssize_t got; (got = read(in, mem, sizeof mem)) > 0;)
		(void)!write(fd, mem, got);
	T(execve, "busy", argv, envp);
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
	T(openat, HERE, "busy", O_WRONLY, 0);
	T(openat, HERE, "busy", O_RDWR | O_TRUNC, 0);
	T(truncate, "busy", 0);
	T(openat, HERE, "busy", O_PATH, 0);
	T(chmod, "busy", 0600);
	T(openat, HERE, "busy", O_WRONLY, 0);
	T(truncate, "busy", 0);
	T(chmod, "busy", 0755);
	T(rename, "busy", "busy2");
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
