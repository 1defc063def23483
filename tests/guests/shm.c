/* Files in memory: memfd_create, POSIX shared memory, and their shared mappings. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <dirent.h>

static void memfd(void)
{
	struct stat st;
	char buffer[100];
	int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0);
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQ(write(fd, "hello", 5), 5);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 5);
	EQ(st.st_nlink, 0);
	EQ(st.st_mode, S_IFREG | 0777);
	EQ(st.st_blocks, 8);
	char *a = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *b = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(a != MAP_FAILED && b != MAP_FAILED && p != MAP_FAILED);
	CHECK(!memcmp(a, "hello", 6));
	a[0] = 'j';
	EQ(b[0], 'j');
	p[1] = 'x';
	EQ(a[1], 'e');
	EQ(pread(fd, buffer, 100, 0), 5);
	CHECK(!memcmp(buffer, "jello", 5));
	EQ(pwrite(fd, "cello and bass", 14, 0), 14);
	CHECK(!memcmp(b, "cello and bass", 15));
	EQ(ftruncate(fd, 3), 0);
	CHECK(!memcmp(b, "cel\0\0", 5));
	EQ(ftruncate(fd, 8192), 0);
	a[4096] = 'z';
	EQ(pread(fd, buffer, 1, 4096), 1);
	EQ(buffer[0], 'z');
	EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
	EQ(lseek(fd, 0, SEEK_HOLE), 4096);
	EQ(lseek(fd, 0, SEEK_DATA), 0);
	EQ(a[4096], 0);
	FAILS(lseek(fd, 9000, SEEK_DATA), ENXIO);
	EQ(msync(a, 8192, MS_SYNC), 0);
	a = mremap(a, 8192, 4096, 0);
	EQ(ftruncate(fd, 1 << 20), 0);
	a = mremap(a, 4096, 1 << 20, MREMAP_MAYMOVE);
	CHECK(a != MAP_FAILED);
	a[1 << 19] = 'q';
	EQ(pread(fd, buffer, 1, 1 << 19), 1);
	EQ(buffer[0], 'q');
	char *again = mremap(a, 0, 4096, MREMAP_MAYMOVE);
	CHECK(again != MAP_FAILED && again != a);
	again[7] = 'w';
	EQ(a[7], 'w');
	munmap(again, 4096);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	FAILS(ftruncate(fd, 1), EPERM);
	EQ(munmap(a, 1 << 20), 0);
	EQ(b[0], 'c');
	munmap(b, 4096);
	EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	FAILS(write(fd, "x", 1), EPERM);
	EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_WRITE);
	EQ((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -1);
	close(fd);
	EQ(p[1], 'x');
	munmap(p, 4096);
	FAILS(memfd_create("name", 1u << 20), EINVAL);
	FAILS(memfd_create((char *)8, 0), EFAULT);
	fd = memfd_create("", 0);
	EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	EQ(ftruncate(fd, 4096), 0);
	char *kept = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	kept[0] = '1';
	int twin = dup(fd);
	close(twin);
	EQ(ftruncate(fd, 0), 0);
	munmap(kept, 4096);
	sprintf(buffer, "/proc/self/fd/%d", fd);
	char name[100] = "";
	EQ(readlink(buffer, name, 99), 17);
	EQ(strcmp(name, "/memfd: (deleted)"), 0);
	int other = open(buffer, O_RDWR);
	EQ(write(other, "12", 2), 2);
	EQ(read(fd, buffer, 10), 2);
	close(other); close(fd);
	section("memfd");
}

static void posix_shm(void)
{
	char name[50];
	struct statfs fs;
	sprintf(name, "/skete-test-%d", getpid());
	FAILS(shm_open(name, O_RDWR, 0600), ENOENT);
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 3);
	FAILS(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	EQ(ftruncate(fd, 10000), 0);
	EQ(fstatfs(fd, &fs), 0);
	EQ(fs.f_type, 0x01021994);
	int *words = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	words[2000] = 77;
	fd = shm_open(name, O_RDONLY, 0);
	FAILS(write(fd, "x", 1), EBADF);
	int *same = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	EQ(same[2000 - 1024], 77);
	EQ((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -1);
	EQ(errno, EACCES);
	EQ(shm_unlink(name), 0);
	FAILS(shm_unlink(name), ENOENT);
	EQ(words[2000], 77);
	close(fd);
	munmap(words, 10000); munmap(same, 4096);
	section("shm_open");
}

static void tree(void)
{
	char path[100], other[100];
	struct stat st;
	sprintf(path, "/dev/shm/skete-test-%d", getpid());
	EQ(mkdir(path, 0700), 0);
	EQ(chdir(path), 0);
	EQ(mkdir("a", 0755), 0);
	EQ(mkdir("a/b", 0755), 0);
	int fd = open("a/f", O_RDWR | O_CREAT, 0644);
	EQ(write(fd, "text", 4), 4);
	EQ(link("a/f", "a/g"), 0);
	EQ(symlink("a/g", "l"), 0);
	EQ(stat("l", &st), 0);
	EQ(st.st_nlink, 2);
	EQ(st.st_size, 4);
	EQ(stat("a", &st), 0);
	EQ(st.st_nlink, 3);
	FAILS(rename("a", "a/b/c"), EINVAL);
	FAILS(rmdir("a"), ENOTEMPTY);
	FAILS(rmdir("l"), ENOTDIR);
	FAILS(unlink("a"), EISDIR);
	FAILS(rename("a", "l"), ENOTDIR);
	FAILS(rename("l", "a"), EISDIR);
	EQ(rename("a/f", "f"), 0);
	EQ(rename("f", "a/g"), 0);		/* two names of one file: nothing happens */
	EQ(access("f", F_OK), 0);
	EQ(unlink("f"), 0);
	EQ(rename("a/b", "b"), 0);
	EQ(mkfifo("p", 0600), 0);
	EQ(stat("p", &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	int r = open("p", O_RDONLY | O_NONBLOCK), w = open("p", O_WRONLY);
	EQ(write(w, "fifo", 4), 4);
	EQ(read(r, other, 10), 4);
	close(r); close(w);
	FAILS(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	int names = 0;
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d));)
		names++;
	closedir(d);
	EQ(names, 6);
	EQ(truncate("l", 2), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_size, 2);
	EQ(chmod("l", 0400), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_mode, S_IFREG | 0400);
	struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
	EQ(utimensat(AT_FDCWD, "l", times, 0), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_mtim.tv_sec, 3);
	EQ(st.st_atim.tv_nsec, 2);
	EQ(unlink("a/g"), 0);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_nlink, 0);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(read(fd, other, 10), 2);
	close(fd);
	unlink("l"); unlink("p"); rmdir("b"); rmdir("a");
	EQ(chdir("/"), 0);
	EQ(rmdir(path), 0);
	section("tmpfs");
}

static void sysv(void)
{
	struct shmid_ds ds;
	FAILS(shmget(0x5ce7e, 4096, 0600), ENOENT);
	int id = shmget(0x5ce7e, 10000, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	FAILS(shmget(0x5ce7e, 10000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	FAILS(shmget(0x5ce7e, 20000, 0600), EINVAL);
	FAILS(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	EQ(shmget(0x5ce7e, 100, 0600), id);
	char *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
	CHECK(a != (void *)-1 && b != (void *)-1 && a != b);
	a[9999] = 'x';
	EQ(b[9999], 'x');
	EQ(shmctl(id, IPC_STAT, &ds), 0);
	EQ(ds.shm_segsz, 10000);
	EQ(ds.shm_nattch, 2);
	EQ(ds.shm_perm.mode, 0600);
	EQ(ds.shm_cpid == getpid(), 1);
	catch_faults();
	FAULTS(STORES(b), SIGSEGV, SEGV_ACCERR, b);
	EQ(shmdt(b), 0);
	FAILS(shmdt(b), EINVAL);
	FAILS(shmdt(a + 4096), EINVAL);
	EQ(shmctl(id, IPC_RMID, 0), 0);
	EQ(a[9999], 'x');
	EQ(shmctl(id, IPC_STAT, &ds), 0);
	EQ(ds.shm_perm.mode, 0600 | 01000);
	FAILS(shmget(0x5ce7e, 100, 0600), ENOENT);
	EQ(shmdt(a), 0);
	FAILS(shmctl(id, IPC_STAT, &ds), EINVAL);
	FAILS(shmctl(-1, IPC_STAT, &ds), EINVAL);
	section("SysV");
}

/* How much of /proc/self/maps there is. */
static long maps(void)
{
	char text[4096];
	long n, all = 0;
	int fd = open("/proc/self/maps", O_RDONLY);
	while ((n = read(fd, text, sizeof text)) > 0)
		all += n;
	close(fd);
	return n ? n : all;
}

/* A mapping keeps what it stands on, file or segment, and may grow into the rest of it. */
static void outlives(void)
{
	int fd = memfd_create("gone", 0);
	EQ(ftruncate(fd, 65536), 0);
	EQ(pwrite(fd, "q", 1, 12288), 1);
	char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	close(fd);
	p[1] = 'p';
	CHECK(maps() > 0);
	p = mremap(p, 8192, 32768, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED && p[1] == 'p' && p[8192] == 'q');
	EQ(madvise(p, 4096, MADV_REMOVE), 0);
	EQ(p[1], 0);
	EQ(munmap(p, 32768), 0);

	struct shmid_ds ds;
	int id = shmget(IPC_PRIVATE, 65536, 0600);
	p = shmat(id, 0, 0);
	p[9000] = 's';
	EQ(munmap(p, 4096), 0);
	EQ(shmctl(id, IPC_RMID, 0), 0);
	int other = shmget(IPC_PRIVATE, 65536, 0600);
	char *q = shmat(other, 0, 0);
	EQ(q[9000], 0);
	EQ(shmctl(id, IPC_STAT, &ds), 0);
	EQ(ds.shm_nattch, 1);
	CHECK(maps() > 0);
	EQ(p[9000], 's');
	EQ(munmap(p + 4096, 61440), 0);
	FAILS(shmctl(id, IPC_STAT, &ds), EINVAL);
	EQ(shmdt(q), 0);
	EQ(shmctl(other, IPC_RMID, 0), 0);
	section("outlived files");
}

int main(void)
{
	umask(022);
	outlives();
	sysv();
	memfd();
	posix_shm();
	tree();
	return verdict();
}
