/* execve(2), execveat(2): another program in place of this one. It executes itself, by /proc/self/exe, with a word that
 * says what to look at; scripts and copies are made in the working directory. */
#include "copy.h"
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *const no_env[] = { "A=1", "B=two", NULL };

static int status_of(pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Executes this program with one argument; its exit status. */
static int again(char *what)
{
	char *const argv[] = { "renamed", what, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		execve(me, argv, no_env);
		_exit(99);
	}
	return status_of(pid);
}

static int try(const char *path)
{
	char *const argv[] = { "x", "argument", NULL };
	pid_t pid = fork();
	if (pid == 0) {
		execve(path, argv, no_env);
		_exit(errno);
	}
	return status_of(pid);
}

static void write_file(const char *path, const char *text, int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	chmod(path, mode);
}

static void copy_of_me(const char *path)
{
	copy_me(path);
	CHECK(open(me, O_RDWR) == -1 && (errno == ETXTBSY || errno == EACCES));
}

static void *execute(void *what)
{
	char *const argv[] = { "renamed", what, NULL };
	execve(me, argv, no_env);
	_exit(98);
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void *count_on(void *word)
{
	for (;;)
		++*(volatile long *)word;
	return word;
}

/* A thread that is not the first executes, while others sleep and compute. */
static int from_a_thread(void)
{
	pthread_t thread;
	static long word;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_create(&thread, NULL, sleep_on, NULL);
		pthread_create(&thread, NULL, count_on, &word);
		pthread_create(&thread, NULL, execute, "alone");
		pthread_join(thread, NULL);
		_exit(97);
	}
	return status_of(pid);
}

static void handler(int signo)
{
	(void)signo;
}

static int what_is_kept(void)
{
	struct sigaction action;
	sigset_t set;

	if (fcntl(10, F_GETFD) != -1 || fcntl(11, F_GETFD) != 0)
		return 1;					/* close-on-exec, and not */
	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 2;
	sigaction(SIGUSR2, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return 3;
	sigprocmask(SIG_BLOCK, NULL, &set);
	if (!sigismember(&set, SIGHUP) || sigismember(&set, SIGINT))
		return 4;
	sigpending(&set);
	return sigismember(&set, SIGHUP) ? 0 : 5;
}

static const char *realpath_of_me(void)
{
	static char path[4096];
	ssize_t n = readlink(me, path, sizeof path - 1);
	path[n < 0 ? 0 : n] = 0;
	return path;
}

static int child(int argc, char **argv, char **envp)
{
	const char *what = argv[1];

	if (!strcmp(what, "arguments"))
		return argc == 2 && !strcmp(argv[0], "renamed") && !strcmp(envp[0], "A=1") && !strcmp(envp[1], "B=two")
			&& !envp[2] ? 41 : 1;
	if (!strcmp(what, "kept"))
		return what_is_kept();
	if (!strcmp(what, "alone"))
		return getpid() == (pid_t)syscall(SYS_gettid) ? 42 : 1;
	if (!strcmp(what, "-opt with blanks"))			/* #! line: path, one argument, script, argument */
		return argc == 4 && !strcmp(argv[2], "./script") && !strcmp(argv[3], "argument") ? 43 : 1;
	if (!strcmp(what, "./script"))
		return argc == 3 && !strcmp(argv[2], "argument") ? 44 : 1;
	if (!strcmp(what, "argument"))
		return 45;
	if (!strcmp(what, "where"))				/* argv: copy where /its/path */
		return strcmp(realpath_of_me(), argv[2]) ? 1 : 47;
	if (!strcmp(what, "./nested"))				/* a script whose interpreter is a script */
		return 46;
	return 96;
}

static void kept(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t one;
		sigemptyset(&one);
		sigaddset(&one, SIGHUP);
		sigprocmask(SIG_BLOCK, &one, NULL);
		raise(SIGHUP);
		signal(SIGUSR1, handler);
		signal(SIGUSR2, SIG_IGN);
		fcntl(1, F_DUPFD, 10);
		dup2(1, 11);
		fcntl(10, F_SETFD, FD_CLOEXEC);
		execute("kept");
	}
	EQ(status_of(pid), 0);
	section("kept");
}

static void scripts(void)
{
	char line[300];

	write_file("script", "#!./copy -opt with blanks \nrest", 0700);
	EQ(try("./script"), 43);
	write_file("script", "#! \t./copy\n", 0700);
	EQ(try("./script"), 44);
	write_file("script", "#!./copy", 0700);
	EQ(try("./script"), 44);
	write_file("script", "#!./copy\n", 0700);
	write_file("nested", "#!./script\n", 0700);
	EQ(try("./nested"), 1);				/* argv: ./copy ./script ./nested argument */
	write_file("loop", "#!./loop\n", 0700);
	EQ(try("./loop"), ELOOP);
	write_file("nowhere", "#!/not/there\n", 0700);
	EQ(try("./nowhere"), ENOENT);
	write_file("empty", "#!  \n", 0700);
	EQ(try("./empty"), ENOEXEC);
	memset(line, 'x', sizeof line);
	memcpy(line, "#!./", 4);
	line[sizeof line - 1] = 0;
	write_file("long", line, 0700);
	EQ(try("./long"), ENOEXEC);
	section("scripts");
}

/* /proc/self/exe leads to the file itself, by whatever path it was executed. */
static int finds_itself(const char *path, const char *home)
{
	char real[4096];
	char *const argv[] = { "copy", "where", real, NULL };
	pid_t pid;

	snprintf(real, sizeof real, "%s/copy", home);
	if ((pid = fork()) == 0) {
		execve(path, argv, no_env);
		_exit(errno);
	}
	return status_of(pid);
}

static void where(void)
{
	char home[4000];

	CHECK(getcwd(home, sizeof home) != NULL);
	EQ(finds_itself("./copy", home), 47);
	EQ(finds_itself("copy", home), 47);
	symlink("copy", "other");
	mkdir("below", 0700);
	EQ(finds_itself("./other", home), 47);
	EQ(finds_itself("below/../other", home), 47);
	CHECK(chdir("below") == 0);
	EQ(finds_itself("../copy", home), 47);
	CHECK(chdir("..") == 0);
	rmdir("below");
	unlink("other");
	section("where");
}

static void refused(void)
{
	EQ(try("./missing"), ENOENT);
	EQ(try(""), ENOENT);
	EQ(try("."), EACCES);
	EQ(try("./script/x"), ENOTDIR);
	write_file("plain", "text\n", 0700);
	EQ(try("./plain"), ENOEXEC);
	write_file("plain", "", 0700);
	EQ(try("./plain"), ENOEXEC);
	write_file("plain", "\177ELF and nothing", 0700);
	EQ(try("./plain"), ENOEXEC);
	symlink("turn", "turn");
	EQ(try("./turn"), ELOOP);
	unlink("turn");
	EQ(raw(SYS_execve, (long)me, 1, 0, 0, 0, 0), -EFAULT);
	EQ(raw(SYS_execve, 1, 0, 0, 0, 0, 0), -EFAULT);

	size_t size = 200000;
	char *big = malloc(size), *argv[] = { "x", big, NULL };
	memset(big, 'a', size);
	big[size - 1] = 0;
	FAILS(execve(me, argv, no_env), E2BIG);			/* one string of more than 128 KiB */
	big[100000] = 0;
	char **many = malloc(101 * sizeof *many);
	for (int i = 0; i < 100; i++)
		many[i] = big;
	many[100] = NULL;
	FAILS(execve(me, many, no_env), E2BIG);
	free(many);
	free(big);
	section("refused");
}

static void by_descriptor(void)
{
	char *const argv[] = { "x", "argument", NULL };
	int fd = open(me, O_RDONLY), here = open(".", O_RDONLY | O_DIRECTORY);
	pid_t pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
		_exit(errno);
	}
	EQ(status_of(pid), 45);
	if ((pid = fork()) == 0) {
		syscall(SYS_execveat, here, "copy", argv, no_env, 0);
		_exit(errno);
	}
	EQ(status_of(pid), 45);
	FAILS(syscall(SYS_execveat, fd, "", argv, no_env, 0), ENOENT);
	FAILS(syscall(SYS_execveat, here, "copy", argv, no_env, 0x10000000), EINVAL);
	close(fd);
	close(here);
	section("by descriptor");
}

int main(int argc, char **argv, char **envp)
{
	if (argc > 1)
		return child(argc, argv, envp);
	EQ(again("arguments"), 41);
	section("arguments");
	kept();
	EQ(from_a_thread(), 42);
	section("from a thread");
	copy_of_me("copy");
	EQ(try("./copy"), 45);
	section("a copy");
	where();
	scripts();
	refused();
	by_descriptor();
	pid_t pid = vfork();
	if (pid == 0) {
		char *const arguments[] = { "renamed", "arguments", NULL };
		execve(me, arguments, no_env);
		_exit(95);
	}
	EQ(status_of(pid), 41);
	section("after vfork");
	const char *made[] = { "copy", "script", "nested", "loop", "nowhere", "empty", "long", "plain" };
	for (unsigned i = 0; i < sizeof made / sizeof *made; i++)
		unlink(made[i]);
	return verdict();
}
