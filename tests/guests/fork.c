/* fork(2): what a child has of its parent, and what it has not. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int status_of(pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* Runs f in a child; its exit code. */
static int in_child(int (*f)(void))
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(f());
	CHECK(pid > 0);
	int status = status_of(pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int global = 1;
static char *private_page, *shared_page, *readonly_page;
static pid_t parent;

static int memory_is_a_copy(void)
{
	int local = global;
	if (local != 1 || strcmp(private_page, "before") || strcmp(shared_page, "before"))
		return 1;
	global = 2;
	strcpy(private_page, "child");
	strcpy(shared_page, "child");
	return strcmp(readonly_page, "fixed") != 0;
}

static int identity(void)
{
	return getppid() == parent && getpid() != parent && (pid_t)syscall(SYS_gettid) == getpid() ? 0 : 1;
}

static int readonly_becomes_writable(void)
{
	CHECK(mprotect(readonly_page, 4096, PROT_READ | PROT_WRITE) == 0);
	if (strcmp(readonly_page, "fixed"))
		return 1;
	strcpy(readonly_page, "other");
	return 0;
}

static int readonly_is_dropped(void)
{
	CHECK(madvise(readonly_page, 4096, MADV_DONTNEED) == 0);
	return readonly_page[0] != 0;
}

static int heap_grows(void)
{
	/* The calls themselves: musl's sbrk refuses to move the break. */
	char *before = (char *)raw(SYS_brk, 0, 0, 0, 0, 0, 0), *wanted = before + (1 << 20);
	if ((char *)raw(SYS_brk, (long)wanted, 0, 0, 0, 0, 0) != wanted)
		return 1;
	memset(before, 7, 1 << 20);
	return before[12345] != 7;
}

static int nothing_pending(void)
{
	sigset_t set;
	sigpending(&set);
	return sigismember(&set, SIGUSR1) || !sigismember((sigprocmask(SIG_BLOCK, NULL, &set), &set), SIGUSR1);
}

static void *spin(void *stop)
{
	volatile uint64_t *count = stop;
	while (!count[1])
		count[0]++;
	return NULL;
}

static int only_this_thread(void)
{
	pthread_t thread;
	static uint64_t fresh[2];
	fresh[1] = 1;
	CHECK(pthread_create(&thread, NULL, spin, fresh) == 0);		/* and threads of its own work */
	pthread_join(thread, NULL);
	return 0;
}

static int killed_by_default(void)
{
	raise(SIGTERM);
	return 1;
}

static int grandchild(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(21);
	int status = 0;
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) * 2;
}

static void files_are_shared(void)
{
	int fds[2];
	char text[8] = "";
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		CHECK(write(fds[1], "hello", 5) == 5);
		_exit(0);
	}
	close(fds[1]);
	CHECK(read(fds[0], text, 8) == 5 && !strcmp(text, "hello"));
	CHECK(read(fds[0], text, 8) == 0);		/* the child's end closes with it */
	CHECK(status_of(pid) == 0);
	close(fds[0]);
}

static void offsets_are_shared(void)
{
	int fd = open("offset", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(write(fd, "12345", 5) == 5);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 5);
	close(fd);
	unlink("offset");
}

static void vfork_waits_in_its_parents_memory(void)
{
	volatile int seen = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		seen = 5;
		_exit(3);
	}
	CHECK(seen == 5);
	CHECK(WEXITSTATUS(status_of(pid)) == 3);
}

static int on_another_stack(void *word)
{
	*(int *)word = (int)syscall(SYS_getpid);
	return 9;
}

static void clone_with_memory_shared(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	static int word;
	pid_t tid = -1, pid = clone(on_another_stack, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID
				    | SIGCHLD, &word, &tid);
	CHECK(pid > 0 && tid == pid && word == pid);
	CHECK(WEXITSTATUS(status_of(pid)) == 9);
}

static void clone_without_a_signal(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	static int word;
	int status;
	pid_t pid = clone(on_another_stack, stack + sizeof stack, CLONE_VM, &word);
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD);	/* not without __WCLONE */
	CHECK(waitpid(pid, &status, __WCLONE) == pid && WEXITSTATUS(status) == 9 && word == pid);
}

static void settid_and_cleartid(void)
{
	pid_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, 0, word, 0);
	if (pid == 0)
		_exit(*word == (pid_t)syscall(SYS_getpid) ? 0 : 1);
	CHECK(status_of(pid) == 0 && *word == pid);
	munmap(word, 4096);
}

static int over_the_limit(void)
{
	struct rlimit limit;
	if (getuid() == 0)
		return 0;				/* root has no such limit natively */
	getrlimit(RLIMIT_NPROC, &limit);
	limit.rlim_cur = 1;
	setrlimit(RLIMIT_NPROC, &limit);
	return !(fork() == -1 && errno == EAGAIN);
}

static void refused(void)
{
	EQ(in_child(over_the_limit), 0);
	CHECK(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0) == -1 && errno == EINVAL);
}

static void while_threads_run(void)
{
	static uint64_t counts[2][2];
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, spin, counts[i]) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(in_child(only_this_thread) == 0);
	for (int i = 0; i < 2; i++) {
		counts[i][1] = 1;
		pthread_join(threads[i], NULL);
	}
}

static void many_at_once(void)
{
	pid_t pids[20];
	for (int i = 0; i < 20; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(i);
		CHECK(pids[i] > 0);
	}
	for (int i = 19; i >= 0; i--)
		CHECK(WEXITSTATUS(status_of(pids[i])) == i);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
}

static void in_a_handler(int signo)
{
	pid_t pid = fork();
	(void)signo;
	if (pid == 0)
		return;				/* the child goes back through a frame of its own */
	CHECK(status_of(pid) == 11 << 8);
}

static void from_a_handler(void)
{
	pid_t me = getpid();
	signal(SIGUSR2, in_a_handler);
	raise(SIGUSR2);
	if (getpid() != me)
		_exit(11);
}

int main(void)
{
	sigset_t one;

	parent = getpid();
	private_page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	readonly_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(private_page, "before");
	strcpy(shared_page, "before");
	strcpy(readonly_page, "fixed");
	mprotect(readonly_page, 4096, PROT_READ);

	CHECK(in_child(memory_is_a_copy) == 0);
	CHECK(global == 1 && !strcmp(private_page, "before") && !strcmp(shared_page, "child"));
	CHECK(in_child(identity) == 0);
	CHECK(in_child(readonly_becomes_writable) == 0);
	CHECK(!strcmp(readonly_page, "fixed"));
	CHECK(in_child(readonly_is_dropped) == 0);
	CHECK(!strcmp(readonly_page, "fixed"));
	CHECK(in_child(heap_grows) == 0);

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	raise(SIGUSR1);
	CHECK(in_child(nothing_pending) == 0);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &one, NULL);

	pid_t pid = fork();
	if (pid == 0)
		_exit(killed_by_default());
	int status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

	CHECK(in_child(grandchild) == 42);
	files_are_shared();
	offsets_are_shared();
	vfork_waits_in_its_parents_memory();
	clone_with_memory_shared();
	clone_without_a_signal();
	settid_and_cleartid();
	refused();
	while_threads_run();
	many_at_once();
	from_a_handler();
	return verdict();
}
