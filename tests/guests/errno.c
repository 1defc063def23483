/* Raw system calls with wrong arguments: prints the answer to each, to be compared line by line. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>

#define BAD ((long)8)			/* an address where nothing is */
#define CLOSED ((long)99)

#define ANSWER(call, ...) answer(#call "(" #__VA_ARGS__ ")", SYS_##call, (long[6]){ __VA_ARGS__ })

static void answer(const char *what, long nr, const long *a)
{
	long ret = raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (ret < 0 && ret > -4096)
		printf("%-64s %s\n", what, strerror((int)-ret));
	else
		printf("%-64s %ld\n", what, ret);
}

int main(void)
{
	static char page[8192] __attribute__((aligned(4096)));
	int ends[2], file = open("errno.file", O_CREAT | O_RDWR | O_TRUNC, 0600);
	(void)!pipe(ends);
	long text = (long)"errno.file", none = (long)"no.such", empty = (long)"", under = (long)"errno.file/x";
	long mem = (long)page, rd = ends[0], wr = ends[1];

	ANSWER(read, CLOSED, mem, 1);
	ANSWER(read, -1, mem, 1);
	ANSWER(read, wr, mem, 1);
	ANSWER(read, file, BAD, 0);
	ANSWER(write, CLOSED, mem, 1);
	ANSWER(write, rd, mem, 1);
	ANSWER(write, wr, BAD, 1);
	ANSWER(write, wr, BAD, 0);
	ANSWER(pread64, file, mem, 1, -1);
	ANSWER(pread64, rd, mem, 1, 0);
	ANSWER(pwrite64, file, mem, 1, -5);
	ANSWER(pwrite64, CLOSED, mem, 1, 0);
	ANSWER(readv, CLOSED, mem, 1);
	ANSWER(readv, file, BAD, 1);
	ANSWER(readv, file, mem, -1);
	ANSWER(writev, wr, BAD, 1);
	ANSWER(writev, wr, mem, 1025);
	ANSWER(writev, wr, mem, 0);
	ANSWER(open, none, O_RDONLY, 0);
	ANSWER(open, BAD, O_RDONLY, 0);
	ANSWER(open, empty, O_RDONLY, 0);
	ANSWER(open, under, O_RDONLY, 0);
	ANSWER(open, text, O_CREAT | O_EXCL | O_RDWR, 0600);
	ANSWER(open, text, O_DIRECTORY, 0);
	ANSWER(openat, CLOSED, text, O_RDONLY);
	ANSWER(openat, file, text, O_RDONLY);
	ANSWER(openat, AT_FDCWD, BAD, O_RDONLY);
	ANSWER(close, CLOSED);
	ANSWER(close, -1);
	ANSWER(lseek, CLOSED, 0, SEEK_SET);
	ANSWER(lseek, rd, 0, SEEK_SET);
	ANSWER(lseek, file, -1, SEEK_SET);
	ANSWER(lseek, file, 0, 7);
	ANSWER(stat, none, mem);
	ANSWER(stat, text, BAD);
	ANSWER(stat, empty, mem);
	ANSWER(lstat, under, mem);
	ANSWER(fstat, CLOSED, mem);
	ANSWER(fstat, file, BAD);
	ANSWER(newfstatat, CLOSED, text, mem, 0);
	ANSWER(newfstatat, AT_FDCWD, text, mem, 0x80000);
	ANSWER(newfstatat, file, empty, mem, 0);
	ANSWER(access, none, F_OK);
	ANSWER(access, text, 99);
	ANSWER(faccessat, AT_FDCWD, BAD, R_OK);
	ANSWER(readlink, text, mem, 100);
	ANSWER(readlink, none, mem, 100);
	ANSWER(readlink, none, mem, 0);
	ANSWER(mkdir, text, 0700);
	ANSWER(mkdir, under, 0700);
	ANSWER(rmdir, text);
	ANSWER(rmdir, none);
	ANSWER(unlink, none);
	ANSWER(unlink, BAD);
	ANSWER(unlinkat, AT_FDCWD, text, 0x4000);
	ANSWER(unlinkat, AT_FDCWD, text, AT_REMOVEDIR);
	ANSWER(rename, none, text);
	ANSWER(rename, text, under);
	ANSWER(link, none, text);
	ANSWER(link, text, text);
	ANSWER(symlink, empty, none);
	ANSWER(symlink, text, text);
	ANSWER(chmod, none, 0600);
	ANSWER(fchmod, CLOSED, 0600);
	ANSWER(truncate, none, 0);
	ANSWER(truncate, text, -1);
	ANSWER(ftruncate, CLOSED, 0);
	ANSWER(ftruncate, file, -1);
	ANSWER(ftruncate, rd, 0);
	ANSWER(fsync, CLOSED);
	ANSWER(fsync, rd);
	ANSWER(getdents64, file, mem, 100);
	ANSWER(getdents64, CLOSED, mem, 100);
	ANSWER(getcwd, mem, 1);
	ANSWER(getcwd, BAD, 4096);
	ANSWER(chdir, none);
	ANSWER(chdir, text);
	ANSWER(fchdir, file);
	ANSWER(dup, CLOSED);
	ANSWER(dup2, CLOSED, 3);
	ANSWER(dup2, file, -1);
	ANSWER(dup3, file, file, 0);
	ANSWER(dup3, file, 20, 1);
	ANSWER(fcntl, CLOSED, F_GETFD);
	ANSWER(fcntl, file, 9999);
	ANSWER(fcntl, file, F_DUPFD, -1);
	ANSWER(pipe, BAD);
	ANSWER(pipe2, mem, 0x40000000);
	ANSWER(ioctl, CLOSED, 0x5413, mem);
	ANSWER(ioctl, file, 0x5413, mem);
	ANSWER(poll, BAD, 1, 0);
	ANSWER(poll, 0, 0, 0);
	ANSWER(select, -1, 0, 0, 0, 0);
	ANSWER(select, 0, 0, 0, 0, BAD);
	ANSWER(mmap, 0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ANSWER(mmap, 0, 4096, 3, 0, -1, 0);
	ANSWER(mmap, 0, 4096, 3, MAP_PRIVATE, CLOSED, 0);
	ANSWER(mmap, 0, 4096, 3, MAP_PRIVATE, rd, 0);
	ANSWER(mmap, 0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
	ANSWER(munmap, 1, 4096);
	ANSWER(munmap, mem, 0);
	ANSWER(mprotect, 1, 4096, 1);
	ANSWER(mprotect, mem, 4096, 0x100);
	ANSWER(mremap, 1, 4096, 4096, 0);
	ANSWER(mremap, mem, 4096, 0, 0);
	ANSWER(madvise, 1, 4096, 4);
	ANSWER(madvise, mem, 4096, 999);
	ANSWER(nanosleep, BAD, 0);
	((long *)page)[0] = 0, ((long *)page)[1] = 1000000000;
	ANSWER(nanosleep, mem, 0);
	ANSWER(clock_gettime, 99, mem);
	ANSWER(clock_gettime, 0, BAD);
	ANSWER(clock_getres, 99, 0);
	ANSWER(clock_nanosleep, 99, 0, mem, 0);
	ANSWER(clock_nanosleep, 0, 0, mem, 0);
	ANSWER(gettimeofday, BAD, 0);
	ANSWER(gettimeofday, 0, 0);
	ANSWER(setitimer, 9, mem, 0);
	ANSWER(getitimer, 0, BAD);
	ANSWER(rt_sigaction, 0, 0, mem, 8);
	ANSWER(rt_sigaction, 65, 0, mem, 8);
	ANSWER(rt_sigaction, 9, mem, 0, 8);
	ANSWER(rt_sigaction, 10, 0, mem, 4);
	ANSWER(rt_sigaction, 10, BAD, 0, 8);
	ANSWER(rt_sigprocmask, 7, mem, 0, 8);
	ANSWER(rt_sigprocmask, 0, BAD, 0, 8);
	ANSWER(rt_sigprocmask, 0, 0, 0, 4);
	ANSWER(rt_sigpending, mem, 9);
	ANSWER(rt_sigtimedwait, mem, 0, 0, 4);
	ANSWER(rt_sigsuspend, mem, 4);
	ANSWER(sigaltstack, BAD, 0);
	ANSWER(kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), 65);
	ANSWER(kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), 0);
	ANSWER(kill, 0x7fffffff, 0);
	ANSWER(tgkill, 0, 1, 0);
	ANSWER(tgkill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), 0x7fffffff, 0);
	ANSWER(tkill, -1, 0);
	ANSWER(futex, BAD, 1, 1);
	ANSWER(futex, BAD, 0, 1);
	ANSWER(futex, mem + 1, 1, 1);
	ANSWER(futex, mem, 0, 12345);
	ANSWER(futex, mem, 77);
	ANSWER(set_robust_list, mem, 5);
	ANSWER(arch_prctl, 0x9999, mem);
	ANSWER(arch_prctl, 0x1003, BAD);
	ANSWER(getrandom, BAD, 8, 0);
	ANSWER(getrandom, mem, 8, 0x100);
	ANSWER(uname, BAD);
	ANSWER(getrlimit, 99, mem);
	ANSWER(prlimit64, 0, 99, 0, mem);
	ANSWER(getrusage, 7, mem);
	ANSWER(sched_getaffinity, 0, 1, mem);
	ANSWER(times, BAD);
	ANSWER(sysinfo, BAD);
	answer("number 4000", 4000, (long[6]){ 1, 2, 3, 4, 5, 6 });
	answer("number -1", -1, (long[6]){ 0 });
	unlink("errno.file");
	return 0;
}
