/* POSIX message queues: mq_notify(3), by a signal and by a thread. */
#include "queues.h"
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

static volatile int told_code, told_value, told_times;
static volatile pid_t told_pid;

static void on_news(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	told_times++;
	told_code = info->si_code;
	told_value = info->si_value.sival_int;
	told_pid = info->si_pid;
}

static void notification(void)
{
	char data[8];
	struct sigaction sa = { .sa_sigaction = on_news, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 77 };
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE }, bad = { .sigev_notify = 3 };
	sigaction(SIGUSR2, &sa, 0);
	queue = make(4, 8, O_RDWR);
	FAILS(syscall(SYS_mq_notify, queue, 16), EFAULT);
	FAILS(syscall(SYS_mq_notify, queue, &bad), EINVAL);
	FAILS(mq_notify(99, &event), EBADF);
	FAILS(mq_notify(0, &event), EBADF);
	event.sigev_signo = 65;
	FAILS(syscall(SYS_mq_notify, queue, &event), EINVAL);
	event.sigev_signo = SIGUSR2;
	EQ(mq_notify(queue, &event), 0);
	FAILS(mq_notify(queue, &event), EBUSY);
	pid_t child = forked();
	if (!child) {
		FAILS(mq_notify(queue, &quiet), EBUSY);
		EQ(mq_notify(queue, 0), 0);			/* somebody else's stays */
		EQ(mq_send(queue, "a", 1, 0), 0);
		EQ(mq_send(queue, "b", 1, 0), 0);
		_exit(failures_);
	}
	EQ(ended(child), 0);
	EQ(told_times, 1);
	EQ(told_code, SI_MESGQ);
	EQ(told_value, 77);
	EQ(told_pid == child, 1);

	/* not when the queue is not empty, nor twice */
	EQ(mq_notify(queue, &event), 0);
	EQ(mq_send(queue, "c", 1, 0), 0);
	EQ(told_times, 1);
	for (int i = 0; i < 3; i++)
		EQ(mq_receive(queue, data, 8, 0), 1);
	EQ(mq_send(queue, "d", 1, 0), 0);
	EQ(told_times, 2);
	EQ(mq_receive(queue, data, 8, 0), 1);
	EQ(mq_send(queue, "e", 1, 0), 0);
	EQ(told_times, 2);
	EQ(mq_receive(queue, data, 8, 0), 1);

	/* taken back, by asking and by closing any descriptor of it */
	EQ(mq_notify(queue, &quiet), 0);
	EQ(mq_notify(queue, 0), 0);
	EQ(mq_notify(queue, 0), 0);
	EQ(mq_notify(queue, &event), 0);
	EQ(close(dup(queue)), 0);
	EQ(mq_send(queue, "f", 1, 0), 0);
	EQ(told_times, 2);
	EQ(mq_receive(queue, data, 8, 0), 1);
	child = forked();
	if (!child) {
		EQ(mq_notify(queue, &quiet), 0);
		_exit(failures_);
	}
	EQ(ended(child), 0);
	EQ(mq_notify(queue, &quiet), 0);
	char line[100] = "", wanted[100];
	EQ(pread(queue, line, sizeof line - 1, 0), 60);
	snprintf(wanted, sizeof wanted, "QSIZE:0          NOTIFY:1     SIGNO:0     NOTIFY_PID:%-6d\n", getpid());
	CHECK(!strcmp(line, wanted));

	/* who waits for a message gets it, and nobody is told */
	EQ(mq_notify(queue, 0), 0);
	EQ(mq_notify(queue, &event), 0);
	child = forked();
	if (!child) {
		EQ(mq_receive(queue, data, 8, 0), 1);
		_exit(failures_);
	}
	char stat[64], state = 0;
	snprintf(stat, sizeof stat, "/proc/%d/stat", child);
	for (int i = 0; i < 5000 && state != 'S'; i++) {
		FILE *file = fopen(stat, "r");
		if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (file)
			fclose(file);
		usleep(1000);
	}
	EQ(mq_send(queue, "g", 1, 0), 0);
	EQ(ended(child), 0);
	EQ(told_times, 2);
	gone(queue);
	section("notification");
}

static volatile int threads;

static void in_a_thread(union sigval value)
{
	__atomic_fetch_add(&threads, value.sival_int, __ATOMIC_SEQ_CST);
}

/* SIGEV_THREAD: the C library's own thread hears of it by a netlink socket. */
static void by_thread(void)
{
	char data[8], cookie[32] = "a cookie", said[40] = "";
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_a_thread,
		.sigev_value.sival_int = 5 };
	queue = make(4, 8, O_RDWR);
	EQ(mq_notify(queue, &event), 0);
	EQ(mq_send(queue, "a", 1, 0), 0);
	for (int i = 0; i < 10000 && !threads; i++)
		usleep(1000);
	EQ(threads, 5);
	EQ(mq_receive(queue, data, 8, 0), 1);

	/* what the library does, by hand */
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sigevent raw = { .sigev_notify = SIGEV_THREAD, .sigev_signo = s, .sigev_value.sival_ptr = cookie };
	struct sigevent bad = raw;
	CHECK(s >= 0);
	bad.sigev_signo = 99;
	FAILS(syscall(SYS_mq_notify, queue, &bad), EBADF);
	bad.sigev_signo = queue;
	FAILS(syscall(SYS_mq_notify, queue, &bad), ENOTSOCK);
	bad.sigev_signo = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(syscall(SYS_mq_notify, queue, &bad), EINVAL);
	close(bad.sigev_signo);
	bad = raw;
	bad.sigev_value.sival_ptr = (void *)16;
	FAILS(syscall(SYS_mq_notify, queue, &bad), EFAULT);
	FAILS(syscall(SYS_mq_notify, 99, &raw), EBADF);
	EQ(syscall(SYS_mq_notify, queue, &raw), 0);
	FAILS(syscall(SYS_mq_notify, queue, &raw), EBUSY);
	FAILS(recv(s, said, sizeof said, 0), EAGAIN);
	EQ(mq_send(queue, "b", 1, 0), 0);
	EQ(ready(s) & POLLIN, POLLIN);
	EQ(recv(s, said, sizeof said, 0), 32);
	CHECK(!memcmp(said, "a cookie", 9) && said[31] == 1);
	EQ(mq_receive(queue, data, 8, 0), 1);
	EQ(syscall(SYS_mq_notify, queue, &raw), 0);
	EQ(mq_notify(queue, 0), 0);
	EQ(recv(s, said, sizeof said, 0), 32);
	EQ(said[31], 2);
	EQ(syscall(SYS_mq_notify, queue, &raw), 0);
	close(dup(queue));
	EQ(recv(s, said, sizeof said, 0), 32);
	EQ(said[31], 2);
	/* the socket is held as long as that */
	EQ(syscall(SYS_mq_notify, queue, &raw), 0);
	close(s);
	EQ(mq_send(queue, "c", 1, 0), 0);
	EQ(mq_receive(queue, data, 8, 0), 1);
	FAILS(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	gone(queue);
	section("by thread");
}

int main(void)
{
	if (!begun())
		return lacking("message queues");
	notification();
	by_thread();
	return verdict();
}
