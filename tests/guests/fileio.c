/* Files in the current folder, which has to be writable and is left as it was; and pipes. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static char buffer[1 << 17];

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	EQ(write(fd, text, strlen(text)), strlen(text));
	EQ(close(fd), 0);
}

/* What a file holds is what it should. */
static void holds(int line, const char *path, const char *text, long size)
{
	int fd = open(path, O_RDONLY);
	long n = read(fd, buffer, sizeof buffer);
	if (fd < 0 || n != size || memcmp(buffer, text, size))
		failed_("fileio.c", line, path, n, size);
	close(fd);
}
#define HOLDS(path, text) holds(__LINE__, path, text, sizeof(text) - 1)

static void opening(void)
{
	FAILS(open("none", O_RDONLY), ENOENT);
	FAILS(open("", O_RDONLY), ENOENT);
	FAILS(open("none/below", O_RDONLY | O_CREAT, 0600), ENOENT);
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(fd >= 3);
	FAILS(open("a", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	FAILS(open("a/below", O_RDONLY), ENOTDIR);
	FAILS(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open(".", O_WRONLY), EISDIR);
	int low = open("a", O_RDONLY);
	EQ(low, fd + 1);
	EQ(close(fd), 0);
	EQ(open("a", O_WRONLY), fd);			/* the lowest that is free */
	FAILS(read(fd, buffer, 1), EBADF);
	FAILS(write(low, buffer, 1), EBADF);
	EQ(close(fd), 0);
	EQ(close(low), 0);
	FAILS(close(low), EBADF);
	FAILS(read(low, buffer, 1), EBADF);
	char name[300];
	memset(name, 'n', 256);
	name[256] = 0;
	FAILS(open(name, O_RDONLY), ENAMETOOLONG);
	EQ(symlink("loop", "loop"), 0);
	FAILS(open("loop", O_RDONLY), ELOOP);
	FAILS(open("a", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	EQ(symlink("a", "link"), 0);
	FAILS(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	EQ(readlink("link", buffer, 100), 1);
	EQ(buffer[0], 'a');
	FAILS(readlink("a", buffer, 100), EINVAL);
	EQ(unlink("link"), 0);
	EQ(unlink("loop"), 0);
	EQ(unlink("a"), 0);
	FAILS(unlink("a"), ENOENT);
	section("opening");
}

static void reading_and_writing(void)
{
	put("a", "0123456789");
	int fd = open("a", O_RDWR);
	EQ(read(fd, buffer, 4), 4);
	EQ(write(fd, "XY", 2), 2);
	EQ(pread(fd, buffer, 100, 3), 7);
	EQ(memcmp(buffer, "3XY6789", 7), 0);
	EQ(pwrite(fd, "ZZ", 2, 0), 2);
	EQ(lseek(fd, 0, SEEK_CUR), 6);			/* pread and pwrite move nothing */
	struct iovec out[] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
	EQ(writev(fd, out, 3), 5);
	EQ(lseek(fd, -11, SEEK_END), 0);
	char first[3], second[20];
	struct iovec in[] = { { first, 3 }, { second, 20 } };
	EQ(readv(fd, in, 2), 11);
	EQ(memcmp(first, "ZZ2", 3), 0);
	EQ(memcmp(second, "3XYabcde", 8), 0);
	EQ(read(fd, buffer, 1), 0);
	EQ(preadv(fd, in, 2, 9), 2);
	EQ(pwritev(fd, out, 3, 20), 5);
	HOLDS("a", "ZZ23XYabcde\0\0\0\0\0\0\0\0\0abcde");
	EQ(writev(fd, out, 0), 0);
	FAILS(syscall(SYS_writev, fd, out, -1), EINVAL);
	FAILS(syscall(SYS_writev, fd, out, 1025), EINVAL);
	FAILS(pread(fd, buffer, 1, -1), EINVAL);
	FAILS(syscall(SYS_write, fd, 8, 5), EFAULT);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	FAILS(syscall(SYS_read, fd, 8, 5), EFAULT);
	EQ(write(fd, 0, 0), 0);
	section("reading and writing");

	EQ(lseek(fd, 5, SEEK_SET), 5);
	EQ(lseek(fd, 5, SEEK_CUR), 10);
	EQ(lseek(fd, 0, SEEK_END), 25);
	FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	FAILS(lseek(fd, -26, SEEK_END), EINVAL);
	FAILS(lseek(fd, 0, 99), EINVAL);
	EQ(lseek(fd, 0, SEEK_CUR), 25);
	EQ(lseek(fd, 1L << 40, SEEK_SET), 1L << 40);
	EQ(read(fd, buffer, 1), 0);
	EQ(lseek(fd, 3, SEEK_DATA), 3);
	EQ(lseek(fd, 0, SEEK_HOLE), 25);
	FAILS(lseek(fd, 25, SEEK_DATA), ENXIO);
	EQ(ftruncate(fd, 3), 0);
	HOLDS("a", "ZZ2");
	EQ(ftruncate(fd, 5), 0);
	HOLDS("a", "ZZ2\0\0");
	EQ(truncate("a", 1), 0);
	HOLDS("a", "Z");
	FAILS(ftruncate(fd, -1), EINVAL);
	FAILS(truncate("none", 1), ENOENT);
	EQ(fsync(fd), 0);
	EQ(fdatasync(fd), 0);
	EQ(close(fd), 0);
	section("offsets and sizes");

	fd = open("a", O_WRONLY | O_APPEND);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "end", 3), 3);
	EQ(lseek(fd, 0, SEEK_CUR), 4);
	HOLDS("a", "Zend");
	/* At the offset all the same, since Linux 6.9; musl's pwrite(3) is this call. */
	struct iovec piece = { "and", 3 };
	if (pwritev2(fd, &piece, 1, 1, RWF_NOAPPEND) == 3) {
		HOLDS("a", "Zand");
		FAILS(pwritev2(fd, &piece, 1, 1, RWF_NOAPPEND | RWF_APPEND), EINVAL);
		EQ(fcntl(fd, F_SETFL, 0), 0);
		EQ(pwritev2(fd, &piece, 1, 0, RWF_NOAPPEND), 3);
		HOLDS("a", "andd");
	} else {
		EQ(errno, EOPNOTSUPP);
	}
	EQ(close(fd), 0);
	fd = open("a", O_WRONLY | O_TRUNC);
	HOLDS("a", "");
	EQ(close(fd), 0);
	/* A file without a name lives as long as its descriptor. */
	fd = open("a", O_RDWR);
	EQ(unlink("a"), 0);
	EQ(write(fd, "still", 5), 5);
	EQ(pread(fd, buffer, 9, 0), 5);
	struct stat st;
	EQ(fstat(fd, &st), 0);
	EQ(st.st_nlink, 0);
	EQ(close(fd), 0);
	section("appending, truncating, unlinking");
}

static void descriptors(void)
{
	put("a", "0123456789");
	int fd = open("a", O_RDONLY), other = dup(fd), far;
	EQ(read(fd, buffer, 3), 3);
	EQ(lseek(other, 0, SEEK_CUR), 3);		/* one description, one offset */
	EQ(dup2(fd, 50), 50);
	EQ(dup2(fd, fd), fd);
	EQ(read(50, buffer, 1), 1);
	EQ(buffer[0], '3');
	FAILS(dup2(99, 50), EBADF);
	FAILS(dup2(fd, -1), EBADF);
	FAILS(dup(99), EBADF);
	FAILS(dup3(fd, fd, 0), EINVAL);
	EQ(dup3(fd, 51, O_CLOEXEC), 51);
	EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(50, F_GETFD), 0);
	EQ(fcntl(50, F_SETFD, FD_CLOEXEC), 0);
	EQ(fcntl(50, F_GETFD), FD_CLOEXEC);
	far = fcntl(fd, F_DUPFD, 60);
	EQ(far, 60);
	EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
	EQ(fcntl(61, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	FAILS(fcntl(99, F_GETFD), EBADF);
	FAILS(fcntl(fd, 9999), EINVAL);
	EQ(close(fd), 0);
	EQ(read(far, buffer, 1), 1);
	EQ(buffer[0], '4');
	int appending = open("a", O_WRONLY);
	EQ(fcntl(appending, F_SETFL, O_APPEND), 0);
	EQ(fcntl(appending, F_GETFL) & (O_APPEND | O_ACCMODE), O_APPEND | O_WRONLY);
	EQ(write(appending, "!", 1), 1);
	HOLDS("a", "0123456789!");
	close(appending);
	close(other);
	for (int i = 50; i < 62; i++)
		close(i);
	EQ(unlink("a"), 0);
	section("descriptors");
}

static void folders(void)
{
	struct stat st;
	EQ(mkdir("d", 0750), 0);
	FAILS(mkdir("d", 0750), EEXIST);
	FAILS(mkdir("none/d", 0750), ENOENT);
	EQ(stat("d", &st), 0);
	EQ(st.st_mode, S_IFDIR | 0750);
	char name[32];
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "d/entry-%d", i);
		put(name, "x");
	}
	/* Every entry once, whatever the size of the buffer. */
	struct entry {				/* linux_dirent64, which not every libc has a name for */
		uint64_t d_ino, d_off;
		uint16_t d_reclen;
		uint8_t d_type;
		char d_name[];
	};
	char seen[200] = { 0 };
	int dots = 0, fd = open("d", O_RDONLY | O_DIRECTORY);
	for (long n; (n = syscall(SYS_getdents64, fd, buffer, 300)) > 0;)
		for (long at = 0; at < n;) {
			struct entry *entry = (void *)(buffer + at);
			int k;
			if (sscanf(entry->d_name, "entry-%d", &k) == 1 && k >= 0 && k < 200) {
				seen[k]++;
				CHECK(entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN);
			} else
				dots += !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
			CHECK(entry->d_ino && entry->d_reclen % 8 == 0);
			at += entry->d_reclen;
		}
	EQ(dots, 2);
	for (int i = 0; i < 200; i++)
		EQ(seen[i], 1);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	FAILS(syscall(SYS_getdents64, fd, buffer, 10), EINVAL);
	EQ(read(fd, buffer, 10), -1);			/* EISDIR; some file systems say EINVAL */
	CHECK(syscall(SYS_getdents64, fd, buffer, 3000) > 0);
	int below = openat(fd, "entry-7", O_RDONLY);
	CHECK(below > 0);
	FAILS(syscall(SYS_getdents64, below, buffer, 300), ENOTDIR);
	FAILS(openat(below, "x", O_RDONLY), ENOTDIR);
	FAILS(openat(99, "x", O_RDONLY), EBADF);
	close(below);
	close(fd);
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(unlink("d"), EISDIR);
	FAILS(rmdir("d/entry-1"), ENOTDIR);

	char here[4096], there[4096];
	CHECK(getcwd(here, sizeof here) && here[0] == '/');
	FAILS(syscall(SYS_getcwd, there, 1), ERANGE);
	EQ(chdir("d"), 0);
	CHECK(getcwd(there, sizeof there) && !strncmp(there, here, strlen(here)));
	EQ(strcmp(there + strlen(there) - 2, "/d"), 0);
	EQ(access("entry-5", R_OK | W_OK), 0);
	EQ(access("../d/./entry-5", F_OK), 0);
	EQ(chdir(".."), 0);
	FAILS(chdir("d/entry-5"), ENOTDIR);
	FAILS(access("d/none", F_OK), ENOENT);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "d/entry-%d", i);
		EQ(unlink(name), 0);
	}
	EQ(rmdir("d"), 0);
	section("folders");
}

static void names(void)
{
	struct stat st, other;
	put("a", "first");
	put("b", "second");
	EQ(rename("a", "b"), 0);
	HOLDS("b", "first");
	FAILS(rename("a", "c"), ENOENT);
	EQ(link("b", "c"), 0);
	EQ(stat("b", &st), 0);
	EQ(stat("c", &other), 0);
	EQ(st.st_ino, other.st_ino);
	EQ(st.st_nlink, 2);
	FAILS(link("b", "c"), EEXIST);
	EQ(mkdir("d", 0700), 0);
	FAILS(rename("b", "d"), EISDIR);
	FAILS(rename("d", "b"), ENOTDIR);
	FAILS(rename("d", "d/e"), EINVAL);
	EQ(rename("c", "d/c"), 0);
	EQ(unlinkat(AT_FDCWD, "d/c", 0), 0);
	EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
	section("names");

	umask(022);
	EQ(umask(027), 022);
	int fd = open("u", O_CREAT | O_WRONLY, 0666);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_mode, S_IFREG | 0640);
	EQ(st.st_size, 0);
	EQ(write(fd, "hello", 5), 5);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 5);
	EQ(st.st_nlink, 1);
	CHECK(st.st_blksize > 0 && st.st_ino && st.st_mtim.tv_sec > 1600000000);
	EQ(fchmod(fd, 0604), 0);
	EQ(stat("u", &st), 0);
	EQ(st.st_mode & 07777, 0604);
	EQ(chmod("u", 0600), 0);
	struct timespec times[] = { { 1000, 5 }, { 2000, 7 } };
	EQ(futimens(fd, times), 0);
	EQ(stat("u", &st), 0);
	EQ(st.st_mode & 07777, 0600);
	EQ(st.st_atim.tv_sec, 1000);
	EQ(st.st_mtim.tv_sec, 2000);
	EQ(st.st_mtim.tv_nsec, 7);
	struct statx sx;
	EQ(statx(AT_FDCWD, "u", 0, STATX_BASIC_STATS, &sx), 0);
	EQ(sx.stx_size, 5);
	EQ(sx.stx_mode, S_IFREG | 0600);
	EQ(sx.stx_ino, st.st_ino);
	EQ(symlink("u", "l"), 0);
	EQ(lstat("l", &st), 0);
	EQ(st.st_mode & S_IFMT, S_IFLNK);
	EQ(st.st_size, 1);
	EQ(stat("l", &st), 0);
	EQ(st.st_mode & S_IFMT, S_IFREG);
	EQ(fstatat(AT_FDCWD, "l", &other, AT_SYMLINK_NOFOLLOW), 0);
	EQ(other.st_mode & S_IFMT, S_IFLNK);
	EQ(fstatat(fd, "", &other, AT_EMPTY_PATH), 0);
	EQ(other.st_ino, st.st_ino);
	FAILS(stat("none", &st), ENOENT);
	FAILS(fstat(99, &st), EBADF);
	FAILS(syscall(SYS_fstat, fd, 8), EFAULT);
	close(fd);
	EQ(unlink("l") | unlink("u") | unlink("b"), 0);
	section("stat");
}

static int ends[2];
static volatile sig_atomic_t broken;
static void on_pipe(int signo) { broken += signo == SIGPIPE; }

static void *late_writer(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, 0);
	EQ(write(ends[1], "late", 4), 4);
	return 0;
}

static void *drain(void *total)
{
	for (long n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
		*(long *)total += n;
	return 0;
}

static void pipes(void)
{
	pthread_t thread;
	EQ(pipe(ends), 0);
	EQ(write(ends[1], "abc", 3), 3);
	EQ(read(ends[0], buffer, 100), 3);
	EQ(pthread_create(&thread, 0, late_writer, 0), 0);
	EQ(read(ends[0], buffer, 100), 4);		/* waits */
	EQ(memcmp(buffer, "late", 4), 0);
	pthread_join(thread, 0);
	FAILS(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	FAILS(pread(ends[0], buffer, 1, 0), ESPIPE);
	FAILS(read(ends[1], buffer, 1), EBADF);
	FAILS(write(ends[0], buffer, 1), EBADF);
	struct stat st;
	EQ(fstat(ends[0], &st), 0);
	EQ(st.st_mode & S_IFMT, S_IFIFO);

	/* More than it holds: the writer waits for the reader. */
	static char much[1 << 20];
	long total = 0;
	EQ(pthread_create(&thread, 0, drain, &total), 0);
	EQ(write(ends[1], much, sizeof much), sizeof much);
	EQ(close(ends[1]), 0);				/* end of file */
	pthread_join(thread, 0);
	EQ(total, sizeof much);
	EQ(read(ends[0], buffer, 1), 0);
	close(ends[0]);

	EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	FAILS(read(ends[0], buffer, 1), EAGAIN);
	long held = 0;
	for (long n; (n = write(ends[1], much, 4096)) > 0;)
		held += n;
	EQ(errno, EAGAIN);
	EQ(held, 65536);
	close(ends[0]);
	signal(SIGPIPE, on_pipe);
	FAILS(write(ends[1], "x", 1), EPIPE);
	EQ(broken, 1);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(ends[1], "x", 1), EPIPE);
	close(ends[1]);
	FAILS(syscall(SYS_pipe, 8), EFAULT);
	FAILS(syscall(SYS_pipe2, ends, 0x7f), EINVAL);
	section("pipes");
}

#define WRITERS 4

static int shared;

/* Each call writes one whole line in two pieces; O_APPEND and writev keep it whole. */
static void *line_writer(void *which)
{
	char letter[40], rest[60];
	memset(letter, 'a' + (int)(long)which, sizeof letter);
	memset(rest, 'a' + (int)(long)which, sizeof rest);
	rest[sizeof rest - 1] = '\n';
	for (int i = 0; i < 200; i++)
		EQ(writev(shared, (struct iovec[]){ { letter, 40 }, { rest, 60 } }, 2), 100);
	return 0;
}

static void atomicity(void)
{
	pthread_t threads[WRITERS];
	int count[WRITERS] = { 0 };
	shared = open("lines", O_CREAT | O_RDWR | O_APPEND, 0600);
	for (long i = 0; i < WRITERS; i++)
		EQ(pthread_create(&threads[i], 0, line_writer, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], 0);
	EQ(pread(shared, buffer, sizeof buffer, 0), WRITERS * 200 * 100);
	for (int line = 0; line < WRITERS * 200; line++) {
		char *text = buffer + line * 100;
		for (int i = 0; i < 99; i++)
			EQ(text[i], text[0]);
		EQ(text[99], '\n');
		count[(text[0] - 'a') & 3]++;
	}
	for (int i = 0; i < WRITERS; i++)
		EQ(count[i], 200);
	close(shared);
	EQ(unlink("lines"), 0);
	section("writers side by side");
}

static void streams(void)
{
	FILE *f = fopen("stream", "w+");
	CHECK(f);
	for (int i = 0; i < 5000; i++)
		fprintf(f, "line %d\n", i);
	rewind(f);
	int k = -1, last = 0;
	while (fscanf(f, "line %d\n", &k) == 1)
		last += k;
	EQ(last, 4999 * 5000 / 2);
	EQ(fclose(f), 0);
	EQ(remove("stream"), 0);
	section("streams");
}

int main(void)
{
	opening();
	reading_and_writing();
	descriptors();
	folders();
	names();
	pipes();
	atomicity();
	streams();
	return verdict();
}
