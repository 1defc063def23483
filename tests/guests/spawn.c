/* posix_spawn(3), popen(3), system(3) as far as they need no shell of the host: the program spawned is this one. */
#include "check.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

static char *const environment[] = { "WORD=spawned", NULL };

static int status_of(pid_t pid)
{
	int status = -1;
	EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	char *const arguments[] = { "spawn", "child", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char text[64] = "";
	sigset_t set;
	int fds[2];
	pid_t pid;

	if (argc > 1) {
		sigprocmask(SIG_BLOCK, NULL, &set);
		printf("%s%s", getenv("WORD"), sigismember(&set, SIGUSR1) ? " blocked" : "");
		return argv[1][0] == 'c' ? 23 : 1;
	}

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigmask(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	EQ(posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment), 0);
	close(fds[1]);
	EQ(read(fds[0], text, sizeof text), 15);
	CHECK(!strcmp(text, "spawned blocked"));
	EQ(read(fds[0], text, sizeof text), 0);
	EQ(status_of(pid), 23);
	close(fds[0]);
	section("posix_spawn");

	EQ(posix_spawn(&pid, "./missing", NULL, NULL, arguments, environment), ENOENT);
	FAILS(waitpid(-1, NULL, WNOHANG), ECHILD);
	posix_spawn_file_actions_addopen(&actions, 5, "./missing", O_RDONLY, 0);
	EQ(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environment) != 0, 1);
	section("what goes wrong");

	for (int i = 0; i < 20; i++) {
		posix_spawn_file_actions_t quiet;
		posix_spawn_file_actions_init(&quiet);
		posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
		EQ(posix_spawn(&pid, "/proc/self/exe", &quiet, NULL, arguments, environment), 0);
		EQ(status_of(pid), 23);
	}
	section("twenty");
	return verdict();
}
