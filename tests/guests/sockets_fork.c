/* What sockets, epoll and signalfd are for between processes: passing descriptors, serving by children. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MS 1000000LL

union control { char data[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; };

static ssize_t send_fd(int s, int fd)
{
	union control control = { { 0 } };
	struct iovec iov = { "x", 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return sendmsg(s, &message, 0);
}

static int receive_fd(int s)
{
	union control control;
	char c;
	int fd = -1;
	struct iovec iov = { &c, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof control };
	if (recvmsg(s, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static int ended(pid_t pid)
{
	int status;
	EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void passing(void)
{
	int s[2], ends[2];
	char c;
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	pid_t pid = fork();
	if (!pid) {
		close(s[0]);
		_exit(write(receive_fd(s[1]), "z", 1) == 1 ? 7 : 1);
	}
	close(s[1]);
	EQ(pipe(ends), 0);
	EQ(send_fd(s[0], ends[1]), 1);
	close(ends[1]);
	EQ(read(ends[0], &c, 1), 1);
	EQ(c, 'z');
	EQ(read(ends[0], &c, 1), 0);	/* the child had the last one */
	EQ(ended(pid), 7);
	EQ(read(s[0], &c, 1), 0);
	close(s[0]);
	close(ends[0]);
	section("passing a descriptor to a child");
}

static void watching(void)
{
	int ends[2], seen[2], ep = epoll_create1(0);
	struct epoll_event event = { EPOLLIN, { .u64 = 3 } };
	struct signalfd_siginfo info;
	sigset_t set;
	char c = 's';
	EQ(pipe(ends), 0);
	EQ(pipe(seen), 0);
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), 0);
	pid_t pid = fork();
	if (!pid) {
		nanosleep(&(struct timespec){ 0, 50 * MS }, 0);
		EQ(write(ends[1], "q", 1), 1);
		_exit(read(seen[0], &c, 1) != 1);	/* with it goes what is watched */
	}
	close(ends[0]);		/* still open there, so still watched */
	EQ(epoll_wait(ep, &event, 1, 5000), 1);
	EQ(event.data.u64, 3);
	EQ(write(seen[1], &c, 1), 1);
	EQ(ended(pid), 0);
	EQ(epoll_wait(ep, &event, 1, 0), 0);
	close(ends[1]);
	close(seen[0]);
	close(seen[1]);
	section("watching a child's descriptor");

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, 0);
	int fd = signalfd(-1, &set, 0);
	event = (struct epoll_event){ EPOLLIN, { .u64 = 4 } };
	EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	while (sigtimedwait(&set, 0, &(struct timespec){ 0, 0 }) > 0)
		;
	pid = fork();
	if (!pid)
		_exit(9);
	EQ(epoll_wait(ep, &event, 1, 5000), 1);
	EQ(read(fd, &info, sizeof info), sizeof info);
	EQ(info.ssi_signo, SIGCHLD);
	EQ(info.ssi_pid, pid);
	EQ(info.ssi_status, 9);
	EQ(info.ssi_code, CLD_EXITED);
	EQ(ended(pid), 9);
	close(fd);
	close(ep);
	section("a child's end");
}

static void serving(void)
{
	enum { CHILDREN = 3 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	pid_t children[CHILDREN];
	char c;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	EQ(bind(s, (void *)&address, length), 0);
	EQ(listen(s, 8), 0);
	EQ(getsockname(s, (void *)&address, &length), 0);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (!children[i]) {
			int fd = accept(s, 0, 0);
			_exit(read(fd, &c, 1) != 1 || write(fd, &c, 1) != 1);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		EQ(connect(fd, (void *)&address, length), 0);
		c = 'a' + i;
		EQ(write(fd, &c, 1), 1);
		EQ(read(fd, &c, 1), 1);
		EQ(c, 'a' + i);
		EQ(read(fd, &c, 1), 0);
		close(fd);
	}
	for (int i = 0; i < CHILDREN; i++)
		EQ(ended(children[i]), 0);
	close(s);
	section("served by children");
}

static void introduced(void)
{
	struct sockaddr_un { sa_family_t family; char path[108]; } address = { AF_UNIX, "peer.sock" };
	struct ucred creds = { 0 };
	socklen_t length = sizeof creds;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(bind(s, (void *)&address, sizeof address), 0);
	EQ(listen(s, 1), 0);
	pid_t pid = fork();
	if (!pid) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (void *)&address, sizeof address))
			_exit(1);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length) || creds.pid != getppid())
			_exit(2);
		char c;
		_exit(read(fd, &c, 1) == 0 ? 0 : 3);
	}
	int fd = accept(s, 0, 0);
	EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length), 0);
	EQ(creds.pid, pid);
	close(fd);
	EQ(ended(pid), 0);
	close(s);
	unlink("peer.sock");
	section("who is there");
}

int main(void)
{
	passing();
	watching();
	serving();
	introduced();
	return verdict();
}
