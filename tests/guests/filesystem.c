/* The newer and rarer calls on files, in the current folder, which has to be writable and is left as it was. */
#include "check.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char buffer[(1 << 16) + 1];

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	EQ(write(fd, text, strlen(text)), strlen(text));
	EQ(close(fd), 0);
}

static long openat2_(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { flags, mode, resolve };
	return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

#define OPENS(call) do { long fd_ = (call); CHECK(fd_ >= 0); if (fd_ >= 0) close(fd_); } while (0)

static void openat2s(void)
{
	EQ(mkdir("d", 0755), 0);
	EQ(mkdir("d/e", 0755), 0);
	put("d/f", "inside");
	put("g", "outside");
	EQ(symlink("../g", "d/out"), 0);
	EQ(symlink("f", "d/in"), 0);
	EQ(symlink("/f", "d/abs"), 0);
	EQ(symlink("e/../../g", "d/deep"), 0);
	int d = open("d", O_PATH | O_DIRECTORY);
	OPENS(openat2_(d, "f", O_RDONLY, 0, 0));
	OPENS(openat2_(d, "out", O_RDONLY, 0, 0));
	OPENS(openat2_(d, "f", O_RDONLY, 0, RESOLVE_BENEATH));
	OPENS(openat2_(d, "in", O_RDONLY, 0, RESOLVE_BENEATH));
	OPENS(openat2_(d, "e/../f", O_RDONLY, 0, RESOLVE_BENEATH));
	FAILS(openat2_(d, "../g", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	FAILS(openat2_(d, "out", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	FAILS(openat2_(d, "deep", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	FAILS(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	FAILS(openat2_(d, "/f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	OPENS(openat2_(d, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	OPENS(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT));
	OPENS(openat2_(d, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	OPENS(openat2_(d, "/", O_RDONLY, 0, RESOLVE_IN_ROOT));
	FAILS(openat2_(d, "out", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOENT);
	FAILS(openat2_(d, "in", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	OPENS(openat2_(d, "in", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
	OPENS(openat2_(d, "in", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
	OPENS(openat2_(d, "../g", O_RDONLY, 0, RESOLVE_NO_XDEV));
	FAILS(openat2_(d, "f", 1u << 30, 0, 0), EINVAL);
	FAILS(openat2_(d, "f", O_RDONLY, 0600, 0), EINVAL);
	FAILS(openat2_(d, "new", O_CREAT, 0200000, 0), EINVAL);
	FAILS(openat2_(d, "f", O_RDONLY, 0, 64), EINVAL);
	FAILS(openat2_(d, "f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	FAILS(openat2_(d, "f", O_PATH | O_RDWR, 0, 0), EINVAL);
	struct { struct open_how how; uint64_t more; } larger = { { O_RDONLY, 0, 0 }, 0 };
	OPENS(syscall(SYS_openat2, d, "f", &larger, sizeof larger));
	larger.more = 1;
	FAILS(syscall(SYS_openat2, d, "f", &larger, sizeof larger), E2BIG);
	FAILS(syscall(SYS_openat2, d, "f", &larger, 23), EINVAL);
	close(d);
	unlink("d/out"); unlink("d/in"); unlink("d/abs"); unlink("d/deep"); unlink("d/f"); unlink("g");
	rmdir("d/e"); rmdir("d");
	section("openat2");
}

static void nameless(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);
	struct stat st;
	CHECK(fd >= 0);
	EQ(write(fd, "ghost", 5), 5);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_nlink, 0);
	EQ(st.st_mode, S_IFREG | 0640);
	sprintf(buffer, "/proc/self/fd/%d", fd);
	EQ(linkat(AT_FDCWD, buffer, AT_FDCWD, "t", AT_SYMLINK_FOLLOW), 0);
	EQ(stat("t", &st), 0);
	EQ(st.st_size, 5);
	close(fd);
	FAILS(open(".", O_TMPFILE | O_RDONLY, 0640), EINVAL);
	FAILS(open("t", O_TMPFILE | O_RDWR, 0640), ENOTDIR);
	unlink("t");
	section("O_TMPFILE");
}

/* The pipe is empty, and the only writer is who opens its other end. */
static void pipe_opened_again(void)
{
	int ends[2], reader;

	EQ(pipe(ends), 0);
	sprintf(buffer, "/proc/self/fd/%d", ends[0]);
	reader = open(buffer, O_RDONLY);
	CHECK(reader >= 0);
	EQ(write(ends[1], "after", 5), 5);
	EQ(read(reader, buffer, 6), 5);
	close(reader);
	close(ends[0]);
	close(ends[1]);
	section("a pipe opened again");
}

static void attributes(void)
{
	put("x", "");
	EQ(symlink("x", "y"), 0);
	EQ(setxattr("x", "user.one", "first", 5, XATTR_CREATE), 0);
	FAILS(setxattr("x", "user.one", "again", 5, XATTR_CREATE), EEXIST);
	FAILS(setxattr("x", "user.two", "again", 5, XATTR_REPLACE), ENODATA);
	EQ(setxattr("y", "user.two", "", 0, 0), 0);
	EQ(getxattr("x", "user.one", 0, 0), 5);
	FAILS(getxattr("x", "user.one", buffer, 4), ERANGE);
	EQ(getxattr("y", "user.one", buffer, 100), 5);
	CHECK(!memcmp(buffer, "first", 5));
	EQ(getxattr("x", "user.two", buffer, 100), 0);
	FAILS(getxattr("x", "user.none", buffer, 100), ENODATA);
	FAILS(getxattr("x", "", buffer, 100), ERANGE);
	FAILS(getxattr("none", "user.one", buffer, 100), ENOENT);
	FAILS(setxattr("x", "user.", "v", 1, 0), EINVAL);
	FAILS(setxattr("x", "noprefix", "v", 1, 0), EOPNOTSUPP);
	FAILS(setxattr("x", "user.one", "v", 1, 8), EINVAL);
	FAILS(setxattr("x", "user.one", buffer, 65537, 0), E2BIG);
	FAILS(lsetxattr("y", "user.one", "v", 1, 0), EPERM);
	memset(buffer, 'n', 300);
	memcpy(buffer, "user.", 5);
	buffer[300] = 0;
	FAILS(setxattr("x", buffer, "v", 1, 0), ERANGE);
	int fd = open("x", O_RDONLY), path = open("x", O_PATH);
	EQ(fgetxattr(fd, "user.one", buffer, 100), 5);
	EQ(fsetxattr(fd, "user.three", "3", 1, 0), 0);
	FAILS(fgetxattr(path, "user.one", buffer, 100), EBADF);
	FAILS(fgetxattr(-1, "user.one", buffer, 100), EBADF);
	EQ(listxattr("x", 0, 0), 9 + 9 + 11);
	EQ(flistxattr(fd, buffer, 1000), 9 + 9 + 11);
	FAILS(listxattr("x", buffer, 5), ERANGE);
	EQ(llistxattr("y", buffer, 1000), 0);
	EQ(removexattr("x", "user.one"), 0);
	EQ(fremovexattr(fd, "user.three"), 0);
	FAILS(removexattr("x", "user.one"), ENODATA);
	EQ(listxattr("x", buffer, 1000), 9);
	close(fd); close(path);
	unlink("x"); unlink("y");
	section("xattr");
}

static void allocation(void)
{
	struct stat st;
	int fd = open("h", O_RDWR | O_CREAT, 0644);
	memset(buffer, 'a', 65536);
	EQ(write(fd, buffer, 65536), 65536);
	EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192), 0);
	EQ(pread(fd, buffer, 8192, 4096), 8192);
	EQ(buffer[0] | buffer[8191], 0);
	EQ(lseek(fd, 0, SEEK_HOLE), 4096);
	EQ(lseek(fd, 4096, SEEK_DATA), 12288);
	EQ(fallocate(fd, FALLOC_FL_ZERO_RANGE, 65530, 10), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 65540);
	EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 65540);
	EQ(fallocate(fd, 0, 0, 70000), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 70000);
	EQ(ftruncate(fd, 65536), 0);
	EQ(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), 0);
	EQ(lseek(fd, 0, SEEK_END), 61440);
	FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
	FAILS(fallocate(fd, 1024, 0, 10), EOPNOTSUPP);
	FAILS(fallocate(fd, 0, 0, 0), EINVAL);
	FAILS(fallocate(fd, 0, -1, 10), EINVAL);
	int read_only = open("h", O_RDONLY);
	FAILS(fallocate(read_only, 0, 0, 10), EBADF);
	EQ(sync_file_range(fd, 0, 0, 7), 0);
	FAILS(sync_file_range(fd, 0, 0, 8), EINVAL);
	EQ(syncfs(fd), 0);
	FAILS(syncfs(-1), EBADF);
	EQ(readahead(fd, 0, 4096), 0);
	FAILS(ioctl(fd, 0x40049409 /* FICLONE */, read_only), EOPNOTSUPP);
	close(read_only); close(fd);
	unlink("h");
	section("fallocate");
}

static void exchange(void)
{
	put("one", "1");
	EQ(mkdir("two", 0755), 0);
	EQ(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE), 0);
	struct stat st;
	EQ(stat("one", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	FAILS(renameat2(AT_FDCWD, "one", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	FAILS(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE), EEXIST);
	FAILS(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	EQ(renameat2(AT_FDCWD, "one", AT_FDCWD, "three", RENAME_NOREPLACE), 0);
	rmdir("three"); unlink("two");
	section("renameat2");
}

static void watches(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(fd >= 0);
	EQ(mkdir("w", 0755), 0);
	int w = inotify_add_watch(fd, "w", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE);
	EQ(w, 1);
	FAILS(read(fd, buffer, 1000), EAGAIN);
	put("w/new", "text");
	unlink("w/new");
	long n = read(fd, buffer, 1000), at = 0;
	while (at < n) {
		struct inotify_event *event = (void *)(buffer + at);
		printf("event %#x %s\n", event->mask, event->name);
		EQ(event->wd, w);
		at += sizeof *event + event->len;
	}
	EQ(inotify_rm_watch(fd, w), 0);
	FAILS(inotify_rm_watch(fd, w), EINVAL);
	FAILS(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	FAILS(inotify_add_watch(fd, "w", 0), EINVAL);
	FAILS(inotify_add_watch(0, "w", IN_CREATE), EINVAL);
	FAILS(inotify_init1(1), EINVAL);
	close(fd);
	rmdir("w");
	section("inotify");
}

static void spliced(void)
{
	int p[2], q[2];
	EQ(pipe(p), 0);
	EQ(pipe(q), 0);
	put("s", "0123456789");
	int fd = open("s", O_RDWR);
	loff_t from = 2;
	EQ(splice(fd, &from, p[1], 0, 5, 0), 5);
	EQ(from, 7);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	EQ(tee(p[0], q[1], 3, 0), 3);
	EQ(read(q[0], buffer, 100), 3);
	CHECK(!memcmp(buffer, "234", 3));
	EQ(lseek(fd, 0, SEEK_END), 10);
	EQ(splice(p[0], 0, fd, 0, 100, 0), 5);
	EQ(pread(fd, buffer, 100, 0), 15);
	CHECK(!memcmp(buffer, "012345678923456", 15));
	FAILS(splice(p[0], 0, fd, 0, 100, SPLICE_F_NONBLOCK), EAGAIN);
	FAILS(splice(fd, 0, fd, 0, 100, 0), EINVAL);
	FAILS(splice(p[0], &from, q[1], 0, 100, 0), ESPIPE);
	FAILS(splice(p[1], 0, q[0], 0, 100, 0), EBADF);
	FAILS(tee(p[0], fd, 5, 0), EINVAL);
	struct { void *base; size_t length; } pieces[] = { { "ab", 2 }, { "cd", 2 } };
	EQ(syscall(SYS_vmsplice, p[1], pieces, 2, 0), 4);
	EQ(splice(p[0], 0, q[1], 0, 100, 0), 4);
	EQ(read(q[0], buffer, 100), 4);
	CHECK(!memcmp(buffer, "abcd", 4));
	close(p[1]);
	EQ(splice(p[0], 0, q[1], 0, 100, 0), 0);
	close(p[0]); close(q[0]); close(q[1]); close(fd);
	unlink("s");
	section("splice");
}

struct old_dirent { unsigned long ino, off; unsigned short length; char name[]; };

static void old_getdents(void)
{
	EQ(mkdir("o", 0755), 0);
	EQ(mkdir("o/sub", 0755), 0);
	put("o/file", "");
	int fd = open("o", O_RDONLY), dots = 0, files = 0, folders = 0;
	long n = syscall(SYS_getdents, fd, buffer, 1000), at = 0;
	while (at < n) {
		struct old_dirent *entry = (void *)(buffer + at);
		int type = buffer[at + entry->length - 1];
		dots += entry->name[0] == '.';
		files += type == 8 && !strcmp(entry->name, "file");
		folders += type == 4 && !strcmp(entry->name, "sub");
		at += entry->length;
	}
	EQ(dots, 2); EQ(files, 1); EQ(folders, 1);
	EQ(syscall(SYS_getdents, fd, buffer, 1000), 0);
	FAILS(syscall(SYS_getdents, 0, buffer, 1000), ENOTDIR);
	close(fd);
	unlink("o/file"); rmdir("o/sub"); rmdir("o");
	section("getdents");
}

static void locks(void)
{
	put("l", "0123456789");
	int a = open("l", O_RDWR), b = open("l", O_RDWR), c = open("l", O_RDONLY);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 4 };
	EQ(fcntl(a, F_SETLK, &lock), 0);
	EQ(fcntl(b, F_SETLK, &lock), 0);		/* the same process's */
	lock.l_pid = 0;
	FAILS(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
	struct flock asked = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	EQ(fcntl(b, F_OFD_GETLK, &asked), 0);
	EQ(asked.l_type, F_WRLCK);
	EQ(asked.l_start, 2);
	EQ(asked.l_len, 4);
	EQ(asked.l_pid == getpid(), 1);
	lock.l_start = 8; lock.l_len = 0;
	EQ(fcntl(b, F_OFD_SETLK, &lock), 0);
	FAILS(fcntl(a, F_SETLK, &lock), EAGAIN);
	asked = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -1, .l_len = 1 };
	EQ(fcntl(a, F_GETLK, &asked), 0);
	EQ(asked.l_type, F_WRLCK);
	EQ(asked.l_start, 8);
	EQ(asked.l_len, 0);
	EQ(asked.l_pid, -1);
	close(c);					/* takes this process's locks along */
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 4 };
	EQ(fcntl(b, F_OFD_SETLK, &lock), 0);
	lock.l_type = F_UNLCK; lock.l_start = 0; lock.l_len = 0;
	EQ(fcntl(b, F_OFD_SETLK, &lock), 0);
	lock.l_type = F_RDLCK; lock.l_start = 0; lock.l_len = 10;
	EQ(fcntl(a, F_SETLK, &lock), 0);
	lock.l_type = F_UNLCK; lock.l_start = 4; lock.l_len = 2;
	EQ(fcntl(a, F_SETLK, &lock), 0);		/* leaves two */
	asked = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5 };
	EQ(fcntl(b, F_OFD_GETLK, &asked), 0);
	EQ(asked.l_type, F_RDLCK);
	EQ(asked.l_start, 6);
	EQ(asked.l_len, 4);
	lock = (struct flock){ .l_type = 7, .l_whence = SEEK_SET };
	FAILS(fcntl(a, F_SETLK, &lock), EINVAL);
	lock = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = -1 };
	FAILS(fcntl(a, F_SETLK, &lock), EINVAL);
	EQ(flock(a, LOCK_EX), 0);
	FAILS(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
	EQ(flock(a, LOCK_SH), 0);
	EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	FAILS(flock(a, 77), EINVAL);
	close(a); close(b);
	unlink("l");
	section("locks");
}

static int lock(int fd, int command, int type, long start)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
	return fcntl(fd, command, &lock);
}

/* Locks belong to a process: they keep another one out, wake it when they go, and a circle of waiting is found. */
static void locks_of_two(void)
{
	int go[2], back[2];
	char byte;
	put("l", "0123456789");
	EQ(pipe(go), 0);
	EQ(pipe(back), 0);
	int fd = open("l", O_RDWR);
	EQ(lock(fd, F_SETLK, F_WRLCK, 0), 0);
	pid_t child = fork();
	if (!child) {
		struct flock asked = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
		FAILS(lock(fd, F_SETLK, F_RDLCK, 0), EAGAIN);
		EQ(fcntl(fd, F_GETLK, &asked), 0);
		EQ(asked.l_pid == getppid(), 1);
		EQ(lock(fd, F_SETLK, F_WRLCK, 1), 0);
		EQ(write(back[1], "1", 1), 1);
		EQ(lock(fd, F_SETLKW, F_WRLCK, 0), 0);		/* waits until the parent lets go */
		EQ(write(back[1], "2", 1), 1);
		EQ(read(go[0], &byte, 1), 1);
		_exit(failures_ != 0);
	}
	EQ(read(back[0], &byte, 1), 1);
	struct timespec nap = { 0, 30000000 };
	nanosleep(&nap, 0);
	FAILS(lock(fd, F_SETLKW, F_WRLCK, 1), EDEADLK);
	EQ(lock(fd, F_SETLK, F_UNLCK, 0), 0);
	EQ(read(back[0], &byte, 1), 1);
	EQ(byte, '2');
	FAILS(lock(fd, F_SETLK, F_WRLCK, 0), EAGAIN);
	EQ(write(go[1], "3", 1), 1);
	int status;
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	EQ(lock(fd, F_SETLK, F_WRLCK, 0), 0);			/* an ended process holds nothing */
	close(fd); close(go[0]); close(go[1]); close(back[0]); close(back[1]);
	unlink("l");
	section("locks of two processes");
}

int main(void)
{
	umask(022);
	openat2s();
	nameless();
	pipe_opened_again();
	attributes();
	allocation();
	exchange();
	watches();
	spliced();
	old_getdents();
	locks();
	locks_of_two();
	return verdict();
}
