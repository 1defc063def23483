/* One short life that takes a little of everything which could be left
 * behind: a child, a thread, a pipe, a socket pair, an epoll instance, a
 * timer, a memory file mapped shared, a semaphore set and a child that is
 * still asleep when the program ends. With an argument it ends badly:
 * "crash" by a fault, "hang" never. */
#include "check.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static void *run(void *argument)
{
	if (argument)
		for (;;)
			pause();
	return argument;
}

int main(int argc, char **argv)
{
	int ends[2], pair[2], status;
	pthread_t ended, waiting;

	CHECK(pipe(ends) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(epoll_create1(0) >= 0);
	CHECK(timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
	CHECK(semget(IPC_PRIVATE, 3, 0600) >= 0);

	int file = memfd_create("soak", 0);
	CHECK(file >= 0 && ftruncate(file, 1 << 20) == 0);
	char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(at != MAP_FAILED);
	memset(at, 1, 1 << 20);

	EQ(pthread_create(&ended, NULL, run, NULL), 0);
	EQ(pthread_join(ended, NULL), 0);

	pid_t child = fork();
	if (child == 0)
		_exit(7);
	EQ(waitpid(child, &status, 0), child);
	EQ(WEXITSTATUS(status), 7);
	EQ(pthread_create(&waiting, NULL, run, argv), 0);
	child = fork();
	if (child == 0) {
		/* Natively nobody ends it with us: the reader's end of its pipe tells it. */
		char byte;
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	CHECK(child > 0);
	section("soak");
	if (argc > 1 && !strcmp(argv[1], "crash"))
		raise(SIGSEGV);
	while (argc > 1 && !strcmp(argv[1], "hang"))
		pause();
	return verdict();
}
