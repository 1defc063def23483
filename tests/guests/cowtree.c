/* What programs do to trees of files, done twice in the same words: tests/skete/test_layer.py runs this natively on a
 * copy of a folder and under the monitor on the folder itself, mounted copy-on-write, and compares what comes out. It
 * makes what it needs where that is not there, so it also runs in an empty folder. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static const char *get(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	text[n < 0 ? 0 : n] = 0;
	close(fd);
	return text;
}

static ino_t inode(const char *path)
{
	struct stat st;
	return lstat(path, &st) ? 0 : st.st_ino;
}

static nlink_t links(const char *path)
{
	struct stat st;
	return lstat(path, &st) ? 0 : st.st_nlink;
}

static int entries(const char *path)
{
	DIR *folder = opendir(path);
	int n = 0;
	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n - 2;
}

static void prepare(void)
{
	if (!access("tree/keep", F_OK))
		return;
	mkdir("tree", 0755);
	mkdir("tree/sub", 0755);
	mkdir("tree/sub/deep", 0755);
	put("tree/keep", "kept\n");
	put("tree/write", "before\n");
	put("tree/sub/inner", "inner\n");
	put("tree/sub/deep/leaf", "leaf\n");
	put("tree/gone", "gone\n");
	put("tree/one", "shared\n");
	link("tree/one", "tree/sub/two");
	symlink("sub/inner", "tree/link");
	mkfifo("tree/fifo", 0644);
}

static void descriptors(void)
{
	ino_t before = inode("tree/write");
	int reader = open("tree/write", O_RDONLY), writer;
	char buffer[8] = "";
	struct stat st;
	EQ(read(reader, buffer, 2), 2);
	char *page = mmap(0, 4096, PROT_READ, MAP_SHARED, reader, 0);
	CHECK(page != MAP_FAILED && !memcmp(page, "before\n", 7));
	writer = open("tree/write", O_RDWR);
	EQ(pwrite(writer, "BEHIND!", 7, 0), 7);
	EQ(read(reader, buffer, 7), 5);
	CHECK(!memcmp(buffer, "HIND!", 5));
	CHECK(!memcmp(page, "BEHIND!", 7));
	char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
	CHECK(shared != MAP_FAILED);
	shared[1] = 'e';
	CHECK(page[1] == 'e');
	EQ(pread(reader, buffer, 2, 0), 2);
	CHECK(buffer[1] == 'e');
	EQ(inode("tree/write"), before);
	fstat(reader, &st);
	EQ(st.st_ino, before);
	EQ(munmap(shared, 4096), 0);
	EQ(munmap(page, 4096), 0);
	EQ(fchmod(reader, 0600), 0);
	EQ(close(writer), 0);
	EQ(close(reader), 0);
	section("descriptors");
}

static void names(void)
{
	EQ(unlink("tree/gone"), 0);
	FAILS(open("tree/gone", O_RDONLY), ENOENT);
	FAILS(unlink("tree/gone"), ENOENT);
	put("tree/gone", "again\n");
	CHECK(!strcmp(get("tree/gone"), "again\n"));
	EQ(unlink("tree/gone"), 0);
	EQ(mkdir("tree/gone", 0700), 0);
	EQ(entries("tree/gone"), 0);
	FAILS(rmdir("tree"), ENOTEMPTY);
	FAILS(mkdir("tree/sub", 0755), EEXIST);
	EQ(unlink("tree/link"), 0);
	EQ(symlink("keep", "tree/link"), 0);
	CHECK(!strcmp(get("tree/link"), "kept\n"));
	FAILS(open("tree/../../../../../../../nothing-here", O_RDONLY), ENOENT);
	section("names");
}

static void hard_links(void)
{
	ino_t shared = inode("tree/one");
	EQ(links("tree/one"), 2);
	put("tree/sub/two", "by its other name\n");
	CHECK(!strcmp(get("tree/one"), "by its other name\n"));
	EQ(inode("tree/one"), shared);
	EQ(inode("tree/sub/two"), shared);
	EQ(link("tree/one", "tree/three"), 0);
	EQ(links("tree/sub/two"), 3);
	EQ(unlink("tree/one"), 0);
	EQ(links("tree/three"), 2);
	EQ(inode("tree/three"), shared);
	EQ(rename("tree/three", "tree/sub/two"), 0);	/* the same file: nothing happens */
	EQ(links("tree/three"), 2);
	section("hard links");
}

static void moves(void)
{
	ino_t folder = inode("tree/sub"), leaf = inode("tree/sub/deep/leaf");
	int fd = open("tree/sub/deep", O_RDONLY | O_DIRECTORY);
	EQ(rename("tree/sub", "tree/moved"), 0);
	EQ(inode("tree/moved"), folder);
	EQ(inode("tree/moved/deep/leaf"), leaf);
	FAILS(access("tree/sub/deep/leaf", F_OK), ENOENT);
	EQ(faccessat(fd, "leaf", F_OK, 0), 0);
	EQ(mkdirat(fd, "within", 0755), 0);
	EQ(access("tree/moved/deep/within", F_OK), 0);
	EQ(close(fd), 0);
	EQ(mkdir("tree/sub", 0755), 0);			/* where one was removed: empty */
	EQ(entries("tree/sub"), 0);
	FAILS(rename("tree/moved", "tree/moved/deep/into"), EINVAL);
	FAILS(rename("tree/keep", "tree/sub"), EISDIR);
	EQ(syscall(SYS_renameat2, AT_FDCWD, "tree/sub", AT_FDCWD, "tree/moved", RENAME_EXCHANGE), 0);
	EQ(entries("tree/moved"), 0);
	EQ(inode("tree/sub"), folder);
	EQ(rmdir("tree/moved"), 0);
	EQ(rename("tree/gone", "tree/moved"), 0);
	section("moves");
}

static void attributes(void)
{
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat st;
	char value[8];
	EQ(chmod("tree/keep", 0640), 0);
	EQ(utimensat(AT_FDCWD, "tree/keep", times, 0), 0);
	EQ(stat("tree/keep", &st), 0);
	EQ(st.st_mode & 07777, 0640);
	EQ(st.st_mtim.tv_nsec, 7);
	EQ(chmod("tree/sub", 0711), 0);
	EQ(utimensat(AT_FDCWD, "tree/sub", times, 0), 0);
	EQ(stat("tree/sub", &st), 0);
	EQ(st.st_mtim.tv_sec, 2000);
	EQ(chmod("tree/fifo", 0600), 0);
	EQ(truncate("tree/keep", 2), 0);
	if (!setxattr("tree/keep", "user.colour", "green", 5, 0)) {
		EQ(getxattr("tree/keep", "user.colour", value, sizeof value), 5);
		EQ(removexattr("tree/keep", "user.colour"), 0);
	} else {
		EQ(errno, EOPNOTSUPP);
	}
	int fd = open("tree", O_TMPFILE | O_RDWR, 0644);
	if (fd >= 0) {
		char path[64];
		EQ(write(fd, "named late\n", 11), 11);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		EQ(linkat(AT_FDCWD, path, AT_FDCWD, "tree/late", AT_SYMLINK_FOLLOW), 0);
		close(fd);
	} else {
		put("tree/late", "named late\n");
	}
	section("attributes");
}

int main(void)
{
	umask(022);
	prepare();
	descriptors();
	names();
	hard_links();
	moves();
	attributes();
	return verdict();
}
