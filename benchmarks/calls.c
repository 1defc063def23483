/*
 * What system calls cost: prints "name ns" for each operation named on the
 * command line, or for all.
 *
 *   cc -O2 -static -pthread benchmarks/calls.c -o /tmp/calls
 *   /tmp/calls 50; bin/skete run --tmpfs /tmp --cwd /tmp /tmp/calls 50
 *
 * The first argument is how many ms an operation is measured for: its number
 * is doubled until that much has passed, so clocks cost nothing that counts;
 * and on, up to eight times as long, until it has been done some thousand
 * times, since a monitor may take a while to do better.
 * It leaves one file, calls.tmp, open in the working directory, unlinked.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define MANY 1000
#define SETTLED 4096

static int file, to[2], from[2], poller, watched[MANY], conn, futex_words[2];
static char buffer[MIB];

#define MUST(condition) do { if (!(condition)) { perror(#condition); exit(1); } } while (0)

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* A call with nothing to do that every monitor has to look at: no libc and no gate knows its answer. */
static void null_call(void) { MUST(syscall(SYS_getpriority, 0, 0) > 0); }

static void open_file(void)
{
	file = open("calls.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST(file >= 0 && unlink("calls.tmp") == 0);
	MUST(pwrite(file, buffer, MIB, 0) == MIB);
}
static void close_file(void) { close(file); }
static void read_1(void) { MUST(pread(file, buffer, 1, 0) == 1); }
static void read_4k(void) { MUST(pread(file, buffer, 4096, 0) == 4096); }
static void read_1m(void) { MUST(pread(file, buffer, MIB, 0) == MIB); }
static void write_1(void) { MUST(pwrite(file, buffer, 1, 0) == 1); }
static void write_4k(void) { MUST(pwrite(file, buffer, 4096, 0) == 4096); }
static void write_1m(void) { MUST(pwrite(file, buffer, MIB, 0) == MIB); }

static void open_close(void)
{
	int fd = open("/dev/null", O_RDONLY);
	MUST(fd >= 0 && close(fd) == 0);
}

/* A process that sends back each byte it gets, until there are no more. */
static void echo(int in, int out)
{
	char byte;
	while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
		;
	_exit(0);
}

static void open_pipes(void)
{
	MUST(pipe(to) == 0 && pipe(from) == 0);
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0) {
		close(to[1]);
		close(from[0]);
		echo(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
}
static void close_pipes(void) { close(to[1]); close(from[0]); MUST(wait(NULL) > 0); }
static void pipe_pingpong(void) { MUST(write(to[1], buffer, 1) == 1 && read(from[0], buffer, 1) == 1); }

static void futex_wait(int *word)
{
	while (!__atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL))
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
static void futex_post(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static pthread_t partner;
static int stop;
static void *answer(void *unused)
{
	for (;;) {
		futex_wait(&futex_words[0]);
		if (__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
			return unused;
		futex_post(&futex_words[1], 1);
	}
}
static void open_futex(void) { MUST(pthread_create(&partner, NULL, answer, NULL) == 0); }
static void close_futex(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	futex_post(&futex_words[0], 1);
	MUST(pthread_join(partner, NULL) == 0);
}
static void futex_pingpong(void) { futex_post(&futex_words[0], 1); futex_wait(&futex_words[1]); }

static void mmap_munmap(void)
{
	char *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(at != MAP_FAILED);
	*(volatile char *)at = 1;
	MUST(munmap(at, 65536) == 0);
}

static void fork_exec(void)
{
	char *const argv[] = { "calls", "end", NULL };
	int status;
	pid_t child = fork();
	if (child == 0) {
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void open_epoll(void)
{
	struct rlimit limit = { 1024, 1024 };
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1100 && limit.rlim_max >= 1100) {
		limit.rlim_cur = 1100;
		MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	poller = epoll_create1(0);
	MUST(poller >= 0);
	for (int i = 0; i < MANY; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
		watched[i] = eventfd(0, 0);
		MUST(watched[i] >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, watched[i], &event) == 0);
	}
}
static void close_epoll(void)
{
	close(poller);
	for (int i = 0; i < MANY; i++)
		close(watched[i]);
}
static void epoll_one(void)
{
	static unsigned turn;
	uint64_t one = 1;
	struct epoll_event events[16];
	unsigned i = turn++ * 7 % MANY;
	MUST(write(watched[i], &one, 8) == 8);
	MUST(epoll_wait(poller, events, 16, -1) == 1 && events[0].data.u32 == i);
	MUST(read(watched[i], &one, 8) == 8);
}

static void open_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	MUST(listener >= 0 && bind(listener, (void *)&address, length) == 0 && listen(listener, 1) == 0);
	MUST(getsockname(listener, (void *)&address, &length) == 0);
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0) {
		int peer = accept(listener, NULL, NULL);
		MUST(peer >= 0);
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		echo(peer, peer);
	}
	close(listener);
	conn = socket(AF_INET, SOCK_STREAM, 0);
	MUST(conn >= 0 && connect(conn, (void *)&address, length) == 0);
	setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
static void close_tcp(void) { close(conn); MUST(wait(NULL) > 0); }
static void tcp_echo(void) { MUST(write(conn, buffer, 1) == 1 && read(conn, buffer, 1) == 1); }

static const struct operation {
	const char *name;
	void (*once)(void), (*open)(void), (*close)(void);
} operations[] = {
	{ "null", null_call, NULL, NULL },
	{ "read-1", read_1, open_file, close_file },
	{ "read-4K", read_4k, open_file, close_file },
	{ "read-1M", read_1m, open_file, close_file },
	{ "write-1", write_1, open_file, close_file },
	{ "write-4K", write_4k, open_file, close_file },
	{ "write-1M", write_1m, open_file, close_file },
	{ "open-close", open_close, NULL, NULL },
	{ "pipe", pipe_pingpong, open_pipes, close_pipes },
	{ "futex", futex_pingpong, open_futex, close_futex },
	{ "mmap-munmap", mmap_munmap, NULL, NULL },
	{ "fork-exec-wait", fork_exec, NULL, NULL },
	{ "epoll-1000", epoll_one, open_epoll, close_epoll },
	{ "tcp-echo", tcp_echo, open_tcp, close_tcp },
};

static double cost_ns(const struct operation *operation, double least_ns)
{
	double took;
	long times = 1;

	operation->once();
	for (;; times *= 2) {
		double start = now_ns();
		for (long i = 0; i < times; i++)
			operation->once();
		took = now_ns() - start;
		if (took >= least_ns && (times >= SETTLED || took >= 8 * least_ns))
			return took / times;
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "end"))
		return 0;
	double least_ns = (argc > 1 ? atof(argv[1]) : 50) * 1e6;
	memset(buffer, 1, sizeof buffer);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		const struct operation *operation = &operations[i];
		int wanted = argc < 3;
		for (int j = 2; j < argc; j++)
			wanted |= !strcmp(argv[j], operation->name);
		if (!wanted)
			continue;
		if (operation->open)
			operation->open();
		printf("%s %.1f\n", operation->name, cost_ns(operation, least_ns));
		fflush(stdout);
		if (operation->close)
			operation->close();
	}
	return 0;
}
