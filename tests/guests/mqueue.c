/* POSIX message queues: names, attributes, order, waiting, readiness, limits. */
#include "queues.h"
#include "pester.h"
#include <limits.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char other[40];

static void names(void)
{
	char longest[300] = "/";
	memset(longest + 1, 'q', 256);
	FAILS(mq_open(name, O_RDWR), ENOENT);
	FAILS(mq_unlink(name), ENOENT);
	FAILS(mq_open("/a/b", O_RDWR | O_CREAT, 0600, 0), EACCES);
	FAILS(mq_open(longest, O_RDWR | O_CREAT, 0600, 0), ENAMETOOLONG);
	FAILS(mq_unlink(longest), ENAMETOOLONG);
	FAILS(syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, 0600, 0), EACCES);
	FAILS(syscall(SYS_mq_open, "", O_RDWR | O_CREAT, 0600, 0), ENOENT);
	FAILS(syscall(SYS_mq_open, 16, O_RDWR | O_CREAT, 0600, 0), EFAULT);
	FAILS(syscall(SYS_mq_open, name + 1, O_RDWR | O_CREAT, 0600, 16), EFAULT);
	FAILS(syscall(SYS_mq_unlink, 16), EFAULT);
	FAILS(syscall(SYS_mq_unlink, "a/b"), EACCES);

	mode_t before = umask(022);
	mqd_t made = mq_open(name, O_RDWR | O_CREAT, 0666, 0);
	umask(before);
	CHECK(made >= 0);
	struct stat st;
	EQ(fstat(made, &st), 0);
	EQ(st.st_mode, S_IFREG | 0644);
	EQ(st.st_size, 80);
	EQ(st.st_nlink, 1);
	EQ(st.st_uid == geteuid() && st.st_gid == getegid(), 1);
	EQ(fcntl(made, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(made, F_GETFL), O_RDWR);
	FAILS(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, 0), EEXIST);
	FAILS(mq_open(name, O_ACCMODE), EINVAL);
	struct mq_attr attr = attr_of(made);
	EQ(attr.mq_maxmsg, 10);
	EQ(attr.mq_msgsize, 8192);
	EQ(attr.mq_flags, 0);
	EQ(fchmod(made, 0400), 0);
	FAILS(mq_open(name, O_WRONLY), EACCES);
	mqd_t reader = mq_open(name, O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	EQ(attr_of(reader).mq_flags, O_NONBLOCK);
	EQ(fcntl(reader, F_GETFL), O_NONBLOCK);
	FAILS(mq_send(reader, "x", 1, 0), EBADF);
	EQ(mq_unlink(name), 0);
	FAILS(mq_open(name, O_RDWR), ENOENT);
	EQ(fstat(made, &st), 0);
	EQ(st.st_nlink, 0);
	EQ(mq_send(made, "still there", 11, 3), 0);
	char data[8192];
	EQ(mq_receive(reader, data, sizeof data, 0), 11);
	char link[60], text[80] = "";
	snprintf(link, sizeof link, "/proc/self/fd/%d", made);
	ssize_t n = readlink(link, text, sizeof text - 1);
	CHECK(n > 0 && !strncmp(text, name, strlen(name)));
	EQ(mq_close(reader), 0);
	EQ(mq_close(made), 0);
	FAILS(mq_close(made), EBADF);
	section("names");
}

static void attributes(void)
{
	static const long bad[][2] = { { 0, 8 }, { 8, 0 }, { -1, 8 }, { 8, -1 }, { 11, 8 }, { 8, 8193 }, { LONG_MAX, 8 },
		{ 8, LONG_MAX } };
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mq_attr attr = { .mq_maxmsg = bad[i][0], .mq_msgsize = bad[i][1] };
		FAILS(mq_open(name, O_RDWR | O_CREAT, 0600, &attr), EINVAL);
	}
	queue = make(3, 16, O_RDWR);
	struct mq_attr attr = attr_of(queue), before;
	EQ(attr.mq_maxmsg, 3);
	EQ(attr.mq_msgsize, 16);
	EQ(attr.mq_curmsgs, 0);
	attr.mq_flags = O_NONBLOCK;
	attr.mq_maxmsg = 7;
	EQ(mq_setattr(queue, &attr, &before), 0);
	EQ(before.mq_flags, 0);
	EQ(attr_of(queue).mq_flags, O_NONBLOCK);
	EQ(attr_of(queue).mq_maxmsg, 3);
	EQ(fcntl(queue, F_GETFL), O_RDWR | O_NONBLOCK);
	attr.mq_flags = O_APPEND;
	FAILS(mq_setattr(queue, &attr, 0), EINVAL);
	FAILS(mq_getattr(0, &attr), EBADF);
	FAILS(mq_getattr(99, &attr), EBADF);
	FAILS(syscall(SYS_mq_getsetattr, queue, 16, 0), EFAULT);
	FAILS(syscall(SYS_mq_getsetattr, queue, 0, 16), EFAULT);
	attr.mq_flags = 0;
	EQ(mq_setattr(queue, &attr, &before), 0);
	EQ(before.mq_flags, O_NONBLOCK);
	gone(queue);
	section("attributes");
}

static void order(void)
{
	char data[16];
	unsigned priority = 9;
	struct timespec past = { 1, 0 }, bad = { 1, 1000000000 };
	queue = make(5, 16, O_RDWR | O_NONBLOCK);
	FAILS(mq_receive(queue, data, 16, 0), EAGAIN);
	FAILS(mq_receive(queue, data, 15, 0), EMSGSIZE);
	FAILS(mq_send(queue, data, 17, 0), EMSGSIZE);
	FAILS(mq_send(queue, data, 1, 32768), EINVAL);
	FAILS(syscall(SYS_mq_timedsend, queue, 16, 3, 0, 0), EFAULT);
	FAILS(syscall(SYS_mq_timedsend, queue, data, 3, 0, 16), EFAULT);
	FAILS(mq_timedsend(queue, data, 1, 0, &bad), EINVAL);
	FAILS(mq_timedsend(99, data, 1, 0, &past), EBADF);
	FAILS(mq_timedsend(0, data, 1, 0, &past), EBADF);
	EQ(mq_timedsend(queue, "low1", 4, 1, &past), 0);
	EQ(mq_send(queue, "high", 4, 32767), 0);
	EQ(mq_send(queue, "low2", 5, 1), 0);
	EQ(mq_send(queue, "", 0, 2), 0);
	EQ(mq_send(queue, "none", 4, 0), 0);
	FAILS(mq_send(queue, "more", 4, 0), EAGAIN);
	EQ(attr_of(queue).mq_curmsgs, 5);
	char line[100] = "";
	EQ(read(queue, line, sizeof line), 60);
	CHECK(!strcmp(line, "QSIZE:17         NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n"));
	EQ(read(queue, line, sizeof line), 0);
	EQ(pread(queue, line, 5, 0), 5);
	EQ(lseek(queue, 0, SEEK_END), 80);
	FAILS(write(queue, "x", 1), EINVAL);
	EQ(mq_receive(queue, data, 16, &priority), 4);
	EQ(priority, 32767);
	EQ(mq_receive(queue, data, 16, &priority), 0);
	EQ(priority, 2);
	EQ(mq_receive(queue, data, 16, &priority), 4);
	EQ(priority * 10 + data[3] - '0', 11);
	EQ(mq_timedreceive(queue, data, 16, &priority, &past), 5);
	EQ(priority * 10 + data[3] - '0', 12);
	/* what cannot be put is lost */
	FAILS(syscall(SYS_mq_timedreceive, queue, 16, 16, 0, 0), EFAULT);
	EQ(attr_of(queue).mq_curmsgs, 0);
	gone(queue);
	section("order");
}

static void *sends_later(void *what)
{
	usleep(20000);
	EQ(mq_send(queue, what, strlen(what), 7), 0);
	return 0;
}

static void *receives_later(void *unused)
{
	char data[8];
	(void)unused;
	usleep(20000);
	EQ(mq_receive(queue, data, 8, 0), 5);
	return 0;
}

static void waiting(void)
{
	pthread_t thread, self = pthread_self();
	char data[8];
	unsigned priority = 0;
	struct sigaction handler = { .sa_handler = on_signal };
	struct timespec soon, past = { 1, 0 };
	queue = make(1, 8, O_RDWR);
	FAILS(mq_timedreceive(queue, data, 8, 0, &past), ETIMEDOUT);
	int64_t start = now_ns(CLOCK_MONOTONIC);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	FAILS(mq_timedreceive(queue, data, 8, 0, &soon), ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) - start >= 19000000);
	EQ(pthread_create(&thread, 0, sends_later, "hello"), 0);
	EQ(mq_receive(queue, data, 8, &priority), 5);
	EQ(priority, 7);
	pthread_join(thread, 0);
	EQ(mq_send(queue, "first", 5, 0), 0);
	FAILS(mq_timedsend(queue, "second", 6, 0, &past), ETIMEDOUT);
	EQ(pthread_create(&thread, 0, receives_later, 0), 0);
	EQ(mq_send(queue, "second", 6, 0), 0);
	pthread_join(thread, 0);
	EQ(mq_receive(queue, data, 8, 0), 6);

	/* a signal ends the wait, or does not */
	sigaction(SIGUSR1, &handler, 0);
	enough = 0;
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(mq_receive(queue, data, 8, 0), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	handler.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &handler, 0);
	enough = 0;
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	pid_t child = forked();
	if (!child) {
		usleep(100000);
		EQ(mq_send(queue, "child", 5, 0), 0);
		_exit(failures_);
	}
	handled = 0;
	EQ(mq_receive(queue, data, 8, 0), 5);
	CHECK(handled > 0);
	enough = 1;
	pthread_join(thread, 0);
	EQ(ended(child), 0);
	gone(queue);
	section("waiting");
}

static void readiness(void)
{
	char data[8];
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;
	queue = make(2, 8, O_RDWR);
	mqd_t reader = mq_open(name, O_RDONLY);
	int epoll = epoll_create1(0);
	EQ(ready(queue), POLLOUT);
	EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &event), 0);
	EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, reader, &event), 0);
	EQ(epoll_wait(epoll, &got, 1, 0), 0);
	EQ(mq_send(queue, "a", 1, 0), 0);
	EQ(ready(queue), POLLIN | POLLOUT);
	EQ(ready(reader), POLLIN | POLLOUT);
	struct epoll_event both[4];
	EQ(epoll_wait(epoll, both, 4, 0), 2);
	EQ(epoll_wait(epoll, both, 4, 0), 0);
	EQ(mq_send(queue, "b", 1, 0), 0);
	EQ(epoll_wait(epoll, both, 4, 0), 2);
	EQ(ready(queue), POLLIN);
	EQ(mq_close(reader), 0);
	EQ(mq_receive(queue, data, 8, 0), 1);
	EQ(ready(queue), POLLIN | POLLOUT);
	EQ(mq_receive(queue, data, 8, 0), 1);
	EQ(ready(queue), POLLOUT);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(queue, &set);
	EQ(select(queue + 1, &set, 0, 0, &(struct timeval){ 0 }), 0);
	EQ(mq_close(queue), 0);
	EQ(epoll_wait(epoll, both, 4, 0), 0);
	close(epoll);

	/* the queue outlives its descriptors, and can be passed on */
	queue = mq_open(name, O_WRONLY);
	EQ(mq_send(queue, "kept", 4, 0), 0);
	FAILS(mq_receive(queue, data, 8, 0), EBADF);
	EQ(mq_close(queue), 0);
	queue = mq_open(name, O_RDONLY);
	EQ(ready(queue), POLLIN | POLLOUT);
	int pair[2], copy = -1;
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec one = { "x", 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof control };
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &queue, sizeof queue);
	EQ(sendmsg(pair[0], &message, 0), 1);
	EQ(mq_close(queue), 0);
	EQ(mq_unlink(name), 0);
	one.iov_base = data;
	EQ(recvmsg(pair[1], &message, 0), 1);
	memcpy(&copy, CMSG_DATA(&control.header), sizeof copy);
	EQ(mq_receive(copy, data, 8, 0), 4);
	EQ(dup2(copy, 50), 50);
	close(copy);
	EQ(attr_of(50).mq_curmsgs, 0);
	close(50);
	close(pair[0]);
	close(pair[1]);
	section("readiness");
}

static void limits(void)
{
	struct rlimit limit;
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 100 };
	EQ(getrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 4 * (100 + 48 + 48) * 2 - 1;
	EQ(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	queue = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
	CHECK(queue >= 0);
	FAILS(mq_open(other, O_RDWR | O_CREAT, 0600, &attr), EMFILE);
	EQ(mq_unlink(name), 0);
	FAILS(mq_open(other, O_RDWR | O_CREAT, 0600, &attr), EMFILE);
	EQ(mq_close(queue), 0);
	queue = mq_open(other, O_RDWR | O_CREAT, 0600, &attr);
	CHECK(queue >= 0);
	EQ(mq_unlink(other), 0);
	EQ(mq_close(queue), 0);
	limit.rlim_cur = before;
	EQ(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	static const char *const files[] = { "queues_max", "msg_max", "msgsize_max", "msg_default", "msgsize_default" };
	for (int i = 0; i < 5; i++) {
		char path[60], text[20] = "";
		snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", files[i]);
		int fd = open(path, O_RDONLY);
		CHECK(read(fd, text, sizeof text - 1) > 0);
		printf("%s %s", files[i], text);
		close(fd);
	}
	section("limits");
}

int main(void)
{
	int there = begun();
	snprintf(other, sizeof other, "/skete-test-%d-b", getpid());
	if (!there)
		return lacking("message queues");
	names();
	attributes();
	order();
	waiting();
	readiness();
	limits();
	return verdict();
}
