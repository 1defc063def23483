/* Threads with descriptors, and with a working directory, of their own: unshare(2), clone(2), close_range(2). */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int go[2], told[2];

static void tell(int end)
{
	EQ(write(end, "x", 1), 1);
}

static void await(int end)
{
	char byte;
	EQ(read(end, &byte, 1), 1);
}

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int readable(int fd)
{
	struct pollfd one = { fd, POLLIN, 0 };
	return poll(&one, 1, 0) == 1 ? one.revents : 0;
}

static void *with_files(void *given)
{
	int *pipe_ends = given;
	EQ(unshare(CLONE_FILES), 0);
	EQ(close(0), 0);
	CHECK(is_open(pipe_ends[1]));
	int mine = open("/dev/null", O_RDONLY);
	EQ(mine, 0);
	EQ(dup2(mine, 77), 77);
	EQ(access("/proc/self/fd/77", F_OK), -1);	/* the first thread's */
	EQ(access("/proc/thread-self/fd/77", F_OK), 0);
	EQ(raw(439, 77, (long)"", R_OK, 0x1000, 0, 0), 0);	/* faccessat2 with AT_EMPTY_PATH */
	tell(told[1]);
	await(go[0]);
	CHECK(is_open(pipe_ends[1]));		/* the other thread has closed its own */
	CHECK(!is_open(78));
	int status, pid = fork();
	if (pid == 0)
		_exit(is_open(77) && !is_open(78) ? 5 : 6);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WEXITSTATUS(status), 5);
	return NULL;
}

static void files(void)
{
	pthread_t thread;
	int ends[2];
	CHECK(pipe(ends) == 0);
	EQ(pthread_create(&thread, NULL, with_files, ends), 0);
	await(told[0]);
	CHECK(is_open(0));
	CHECK(!is_open(77));
	EQ(dup2(1, 78), 78);
	EQ(close(ends[1]), 0);
	EQ(readable(ends[0]), 0);		/* the thread has it still */
	tell(go[1]);
	EQ(pthread_join(thread, NULL), 0);
	struct pollfd one = { ends[0], POLLIN, 0 };
	EQ(poll(&one, 1, 5000), 1);		/* what it had is closed with its end */
	EQ(one.revents, POLLHUP);
	EQ(unshare(CLONE_FILES), 0);
	CHECK(is_open(78));
	close(78);
	close(ends[0]);
	section("descriptors");
}

static void *with_fs(void *unused)
{
	char path[PATH_MAX];
	struct stat st;
	EQ(unshare(CLONE_FS), 0);
	EQ(mkdir("below", 0755), 0);
	EQ(chdir("below"), 0);
	EQ(umask(077), 022);
	tell(told[1]);
	await(go[0]);
	CHECK(getcwd(path, sizeof path) != NULL);
	EQ(strcmp(strrchr(path, '/'), "/below"), 0);
	close(open("made", O_WRONLY | O_CREAT, 0666));
	EQ(stat("made", &st), 0);
	EQ(st.st_mode, S_IFREG | 0600);
	EQ(unlink("made"), 0);
	EQ(rmdir("../below"), 0);
	return unused;
}

static void file_system(void)
{
	char before[PATH_MAX], path[PATH_MAX];
	pthread_t thread;
	umask(022);
	CHECK(getcwd(before, sizeof before) != NULL);
	EQ(pthread_create(&thread, NULL, with_fs, NULL), 0);
	await(told[0]);
	CHECK(getcwd(path, sizeof path) != NULL);
	EQ(strcmp(path, before), 0);
	EQ(umask(022), 022);
	tell(go[1]);
	EQ(pthread_join(thread, NULL), 0);
	section("working directory and umask");
}

static void *ranges(void *unused)
{
	EQ(raw(SYS_close_range, 79, 79, CLOSE_RANGE_UNSHARE, 0, 0, 0), 0);
	CHECK(!is_open(79));
	return unused;
}

static void close_ranges(void)
{
	pthread_t thread;
	EQ(dup2(1, 79), 79);
	EQ(pthread_create(&thread, NULL, ranges, NULL), 0);
	EQ(pthread_join(thread, NULL), 0);
	CHECK(is_open(79));
	close(79);
	section("close_range");
}

static int cloned(void *given)
{
	/* Without a thread pointer of its own: nothing of the C library's but plain calls. */
	raw(SYS_close, *(int *)given, 0, 0, 0, 0, 0);
	raw(SYS_chdir, (long)"/", 0, 0, 0, 0, 0);
	raw(SYS_write, told[1], (long)"x", 1, 0, 0, 0);
	raw(SYS_exit, 0, 0, 0, 0, 0, 0);
	return 0;
}

static void clones(void)
{
	char before[PATH_MAX], path[PATH_MAX];
	char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = dup(1);
	CHECK(getcwd(before, sizeof before) != NULL);
	CHECK(clone(cloned, stack + 65536, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, &fd) > 0);
	await(told[0]);
	CHECK(is_open(fd));
	CHECK(getcwd(path, sizeof path) != NULL);
	EQ(strcmp(path, before), 0);
	close(fd);
	section("clone without CLONE_FILES and CLONE_FS");
}

static void *executes(void *unused)
{
	char *const arguments[] = { "unshare", "check", NULL };
	EQ(unshare(CLONE_FILES | CLONE_FS), 0);
	EQ(dup2(1, 80), 80);
	EQ(close(81), 0);
	EQ(chdir("/"), 0);
	execv("/proc/self/exe", arguments);
	_exit(9);
	return unused;
}

static void executing(void)
{
	int status, pid = fork();
	if (pid == 0) {
		pthread_t thread;
		dup2(1, 81);
		pthread_create(&thread, NULL, executes, NULL);
		pthread_join(thread, NULL);
		_exit(8);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WIFEXITED(status), 1);
	EQ(WEXITSTATUS(status), 23);
	section("execve by such a thread");
}

static void *goes_on(void *unused)
{
	struct pollfd one = { go[0], POLLIN, 0 };
	await(told[0]);
	close(go[1]);
	poll(&one, 1, 20000);
	_exit(one.revents == POLLHUP ? 7 : 3);
	return unused;
}

static void first_ends(void)
{
	int status, pid = fork();
	if (pid == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, goes_on, NULL);
		unshare(CLONE_FILES);
		tell(told[1]);
		raw(SYS_exit, 0, 0, 0, 0, 0, 0);
	}
	close(go[1]);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WEXITSTATUS(status), 7);		/* what the first thread had to itself was closed with its end */
	section("the first thread ends");
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	if (argc > 1)
		return is_open(80) && !is_open(81) && getcwd(path, sizeof path) && !strcmp(path, "/") ? 23 : 24;
	CHECK(pipe(go) == 0 && pipe(told) == 0);
	files();
	file_system();
	close_ranges();
	clones();
	executing();
	first_ends();
	return verdict();
}
