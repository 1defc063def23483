/* Corners of the calls on sockets, poll, select and epoll. */
#include "corners.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static char buffer[4096];

static void making(void)
{
	int pair[2], stream, file = open("plain", O_RDWR | O_CREAT, 0644);
	T(socketpair, AF_INET, SOCK_STREAM, 0, pair);
	T(socketpair, AF_UNIX, SOCK_STREAM, 1, pair);
	T(socketpair, AF_UNIX, SOCK_STREAM, 5, pair);
	T(socketpair, AF_UNIX, 9, 0, pair);
	T(socketpair, AF_UNIX, SOCK_STREAM | 0x100, 0, pair);
	T(socketpair, 99, SOCK_STREAM, 0, pair);
	T(socketpair, AF_UNIX, SOCK_STREAM, 0, BAD);
	T(socket, 99, SOCK_STREAM, 0);
	T(socket, -1, SOCK_STREAM, 0);
	T(socket, AF_INET, 9, 0);
	T(socket, AF_INET, SOCK_STREAM, IPPROTO_UDP);
	T(socket, AF_INET, SOCK_STREAM | 0x100, 0);
	T(socket, AF_UNIX, SOCK_STREAM, 99);
	T(socket, AF_UNIX, SOCK_RDM, 0);
	stream = socket(AF_UNIX, SOCK_STREAM, 0);
	T(bind, file, buffer, 10);
	T(bind, 999, buffer, 10);
	T(bind, stream, BAD, 10);
	T(bind, stream, buffer, 1);
	T(bind, stream, buffer, -1);
	T(bind, stream, buffer, 200);
	T(listen, file, 1);
	T(listen, 999, 1);
	T(listen, stream, 1);
	T(accept, stream, 0, 0);
	T(accept, file, 0, 0);
	T(accept4, stream, 0, 0, 1);
	T(connect, file, buffer, 10);
	T(connect, stream, BAD, 10);
	T(connect, stream, "\1\0nothing", 10);
	T(connect, stream, buffer, 200);
	T(shutdown, stream, 3);
	T(shutdown, stream, 0);
	T(shutdown, file, 0);
	T(shutdown, 999, 0);
	T(getsockname, file, buffer, buffer + 200);
	T(getsockname, stream, BAD, buffer + 200);
	T(getpeername, stream, buffer, buffer + 200);
	T(getsockname, stream, buffer, BAD);
	T(ioctl, stream, 0x541b, BAD);
	T(lseek, stream, 0, 0);
	T(ftruncate, stream, 0);
	T(fsync, stream);
	T(pread64, stream, buffer, 1, 0);
	close(stream);
	close(file);
}

static void options(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0), file = open("plain", O_RDWR), one = 1;
	socklen_t size = 4, zero = 0, large = 100, minus = -1;
	T(getsockopt, file, SOL_SOCKET, SO_TYPE, &one, &size);
	T(getsockopt, 999, SOL_SOCKET, SO_TYPE, &one, &size);
	T(getsockopt, s, SOL_SOCKET, 9999, &one, &size);
	T(getsockopt, s, 9999, 1, &one, &size);
	T(getsockopt, u, IPPROTO_TCP, TCP_NODELAY, &one, &size);
	T(getsockopt, s, IPPROTO_TCP, 9999, &one, &size);
	T(getsockopt, s, SOL_SOCKET, SO_TYPE, BAD, &size);
	T(getsockopt, s, SOL_SOCKET, SO_TYPE, &one, BAD);
	T(getsockopt, s, SOL_SOCKET, SO_TYPE, &one, &zero);
	T(getsockopt, s, SOL_SOCKET, SO_TYPE, &one, &minus);
	T(getsockopt, s, SOL_SOCKET, SO_TYPE, buffer, &large);
	SAY(large);
	T(setsockopt, file, SOL_SOCKET, SO_REUSEADDR, &one, 4);
	T(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, 3);
	T(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, BAD, 4);
	T(setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, -1);
	T(setsockopt, s, SOL_SOCKET, 9999, &one, 4);
	T(setsockopt, s, 9999, 1, &one, 4);
	T(setsockopt, s, SOL_SOCKET, SO_TYPE, &one, 4);
	T(setsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &one, 4);
	T(setsockopt, s, SOL_SOCKET, SO_LINGER, &one, 4);
	T(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 4);
	T(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, 1);
	T(setsockopt, u, IPPROTO_TCP, TCP_NODELAY, &one, 4);
	close(s);
	close(u);
	close(file);
}

static void messages(void)
{
	int s[2], d[2], file = open("plain", O_RDWR), null = open("/dev/null", O_RDWR);
	char control[256] __attribute__((aligned(8)));
	struct iovec iov = { buffer, 4 }, big = { "0123456789", 10 };
	struct msghdr out = { .msg_iov = &big, .msg_iovlen = 1 }, in = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (void *)control;
	struct mmsghdr many = { .msg_hdr = in };
	struct timespec t = { 0, 1000000000 };
	signal(SIGPIPE, SIG_IGN);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, d);
	T(sendto, s[0], buffer, 4, 0, 0, 0);
	T(sendto, file, buffer, 4, 0, 0, 0);
	T(sendto, 999, buffer, 4, 0, 0, 0);
	T(sendto, s[0], BAD, 4, 0, 0, 0);
	T(sendto, s[0], buffer, 4, MSG_OOB, 0, 0);
	T(recvfrom, s[1], buffer, 2, MSG_PEEK, 0, 0);
	T(recvfrom, s[1], buffer, 100, MSG_PEEK | MSG_TRUNC, 0, 0);
	T(recvfrom, file, buffer, 4, 0, 0, 0);
	T(recvfrom, s[1], BAD, 4, 0, 0, 0);
	while (recv(s[1], buffer, 100, 0) > 0)
		;
	T(recvfrom, s[1], buffer, 4, 0, 0, 0);
	T(recvfrom, s[1], buffer, 4, MSG_ERRQUEUE, 0, 0);
	T(sendmsg, d[0], &out, 0);
	T(recvmsg, d[1], &in, MSG_PEEK);
	SAY(in.msg_flags);
	T(recvmsg, d[1], &in, MSG_TRUNC);
	SAY(in.msg_flags);
	T(recvmsg, d[1], &in, 0);
	T(sendto, d[0], buffer, 0, 0, 0, 0);
	T(recvmsg, d[1], &in, 0);
	T(sendmsg, d[0], BAD, 0);
	T(recvmsg, d[1], BAD, 0);
	out.msg_iovlen = 1025;
	T(sendmsg, d[0], &out, 0);
	out.msg_iovlen = 1;
	out.msg_iov = BAD;
	T(sendmsg, d[0], &out, 0);
	out.msg_iov = &big;
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	((int *)CMSG_DATA(c))[0] = null;
	((int *)CMSG_DATA(c))[1] = 999;
	out.msg_control = control;
	out.msg_controllen = CMSG_SPACE(8);
	T(sendmsg, d[0], &out, 0);
	((int *)CMSG_DATA(c))[1] = file;
	T(sendmsg, d[0], &out, 0);
	in.msg_control = control;
	in.msg_controllen = CMSG_SPACE(4);
	in.msg_flags = 0;
	T(recvmsg, d[1], &in, 0);
	SAY(in.msg_flags);
	SAY(in.msg_controllen);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	((int *)CMSG_DATA(c))[0] = null;
	out.msg_controllen = CMSG_SPACE(4);
	T(sendmsg, d[0], &out, 0);
	in.msg_controllen = 0;
	in.msg_control = 0;
	T(recvmsg, d[1], &in, 0);
	SAY(in.msg_flags);
	c->cmsg_len = 3;
	T(sendmsg, d[0], &out, 0);
	c->cmsg_len = 1000;
	T(sendmsg, d[0], &out, 0);
	c->cmsg_len = CMSG_LEN(4);
	c->cmsg_type = 99;
	T(sendmsg, d[0], &out, 0);
	c->cmsg_level = 99;
	T(sendmsg, d[0], &out, 0);
	T(recvmsg, d[1], &in, 0);
	T(recvmmsg, d[1], &many, 1, 0, &t);
	T(recvmmsg, d[1], &many, 0, 0, 0);
	T(recvmmsg, d[1], BAD, 1, 0, 0);
	T(sendmmsg, d[0], &many, 0, 0);
	T(sendmmsg, file, &many, 1, 0);
	close(s[1]);
	T(sendto, s[0], buffer, 4, MSG_NOSIGNAL, 0, 0);
	T(recvfrom, s[0], buffer, 4, 0, 0, 0);
	close(d[1]);
	T(sendto, d[0], buffer, 4, 0, 0, 0);
	close(s[0]);
	close(d[0]);
	close(file);
	close(null);
}

static void internet(void)
{
	struct sockaddr_in name = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), u = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	T(recvfrom, s, buffer, 4, 0, 0, 0);
	T(sendto, s, buffer, 4, MSG_NOSIGNAL, 0, 0);
	T(sendto, u, buffer, 4, 0, 0, 0);
	T(recvfrom, u, buffer, 4, 0, 0, 0);
	T(bind, s, &name, 8);
	T(bind, s, &name, sizeof name);
	T(bind, s, &name, sizeof name);
	T(accept, s, 0, 0);
	T(listen, s, -1);
	T(accept, s, 0, 0);
	T(connect, s, &name, sizeof name);
	T(shutdown, u, 0);
	T(accept, u, 0, 0);
	T(listen, u, 1);
	T(getpeername, u, buffer, buffer + 100);
	name.sin_family = 99;
	T(bind, u, &name, sizeof name);
	T(connect, u, &name, sizeof name);
	name.sin_family = AF_INET;
	T(connect, u, &name, 4);
	close(s);
	close(u);
}

static void polling(void)
{
	struct pollfd polls[3] = { { .fd = -1 }, { .fd = 999, .events = POLLIN }, { .fd = 0 } };
	struct timespec t = { 0, 1000000000 };
	struct timeval tv = { 0, -1 };
	struct epoll_event event = { .events = EPOLLIN };
	struct rlimit limit = { 64, 64 };
	fd_set set;
	int pipes[2], file = open("plain", O_RDWR), ep = epoll_create1(0), other = epoll_create1(0);
	pipe(pipes);
	T(poll, polls, 2, 0);
	SAY(polls[1].revents);
	T(poll, BAD, 1, 0);
	T(poll, 0, 0, 0);
	T(ppoll, polls, 1, &t, 0, 8);
	T(ppoll, polls, 1, BAD, 0, 8);
	T(ppoll, polls, 1, 0, polls, 7);
	t.tv_nsec = 0;
	T(ppoll, polls, 1, &t, BAD, 8);
	FD_ZERO(&set);
	FD_SET(60, &set);
	T(select, 64, &set, 0, 0, &tv);
	tv.tv_usec = 0;
	T(select, 64, &set, 0, 0, &tv);
	T(select, -1, 0, 0, 0, &tv);
	T(select, 64, BAD, 0, 0, &tv);
	T(select, 0, 0, 0, 0, BAD);
	tv.tv_usec = 1000000;
	T(select, 0, 0, 0, 0, &tv);
	t.tv_nsec = -1;
	T(pselect6, 0, 0, 0, 0, &t, 0);
	T(pselect6, 0, 0, 0, 0, 0, BAD);
	T(epoll_create, 0);
	T(epoll_create, -1);
	T(epoll_create1, 1);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, file, &event);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, ep, &event);
	T(epoll_ctl, file, EPOLL_CTL_ADD, pipes[0], &event);
	T(epoll_ctl, 999, EPOLL_CTL_ADD, pipes[0], &event);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, 999, &event);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, pipes[0], BAD);
	T(epoll_ctl, ep, 9, pipes[0], &event);
	T(epoll_ctl, ep, EPOLL_CTL_MOD, pipes[0], &event);
	T(epoll_ctl, ep, EPOLL_CTL_DEL, pipes[0], 0);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, pipes[0], &event);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, pipes[0], &event);
	T(epoll_ctl, ep, EPOLL_CTL_ADD, other, &event);
	T(epoll_ctl, other, EPOLL_CTL_ADD, ep, &event);
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	T(epoll_ctl, ep, EPOLL_CTL_MOD, pipes[0], &event);
	T(epoll_ctl, other, EPOLL_CTL_ADD, ep, &event);
	event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
	T(epoll_ctl, other, EPOLL_CTL_ADD, pipes[1], &event);
	event.events = EPOLLIN;
	T(epoll_wait, ep, buffer, 0, 0);
	T(epoll_wait, ep, buffer, -1, 0);
	T(epoll_wait, ep, BAD, 1, 0);
	T(epoll_wait, file, buffer, 1, 0);
	T(epoll_wait, 999, buffer, 1, 0);
	T(epoll_wait, ep, buffer, 1 << 30, 0);
	T(epoll_pwait, ep, buffer, 1, 0, buffer, 7);
	T(epoll_pwait, ep, buffer, 1, 0, BAD, 8);
	T(epoll_pwait2, ep, buffer, 1, &t, 0, 8);
	T(read, ep, buffer, 8);
	setrlimit(RLIMIT_NOFILE, &limit);
	T(poll, buffer, 65, 0);
	T(poll, polls, -1, 0);
	for (int i = 3; i < 30; i++)
		close(i);
}

/* What TCP and UDP say on a loopback, and which options they have. */
static void loopback(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr none = { AF_UNSPEC };
	socklen_t size = sizeof to;
	int listener = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	bind(listener, (void *)&to, sizeof to);
	listen(listener, 5);
	getsockname(listener, (void *)&to, &size);
	T(connect, s, &none, 16);
	T(shutdown, s, SHUT_RDWR);
	close(s);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	T(connect, s, &to, 16);
	struct pollfd p = { s, POLLOUT };
	T(poll, &p, 1, 1000);
	T(connect, s, &to, 16);
	T(connect, s, &to, 16);
	static const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 5 }, { IPPROTO_TCP, TCP_MAXSEG, 10 }, { IPPROTO_TCP, TCP_KEEPIDLE, 0 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 40000 }, { IPPROTO_TCP, TCP_KEEPIDLE, 100 }, { IPPROTO_TCP, TCP_KEEPINTVL, 0 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 33 }, { IPPROTO_TCP, TCP_KEEPCNT, 128 }, { IPPROTO_TCP, TCP_KEEPCNT, 4 },
		{ IPPROTO_TCP, TCP_SYNCNT, 0 }, { IPPROTO_TCP, TCP_SYNCNT, 3 }, { IPPROTO_TCP, TCP_LINGER2, -5 },
		{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 3 }, { IPPROTO_TCP, TCP_USER_TIMEOUT, -1 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 }, { IPPROTO_TCP, TCP_CORK, 2 }, { IPPROTO_TCP, 9999, 1 },
		{ IPPROTO_IP, IP_TOS, 0x10 }, { IPPROTO_IP, IP_TTL, 0 }, { IPPROTO_IP, IP_TTL, 256 }, { IPPROTO_IP, IP_TTL, 5 },
		{ IPPROTO_IP, IP_MTU_DISCOVER, 9 }, { IPPROTO_IP, IP_RECVERR, 1 }, { IPPROTO_IP, IP_MULTICAST_TTL, 3 },
		{ IPPROTO_IP, IP_FREEBIND, 1 }, { IPPROTO_IP, 999, 1 },
	};
	for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
		int value = options[i].value, level = options[i].level, name = options[i].name;
		int fd = socket(AF_INET, name == IP_MULTICAST_TTL ? SOCK_DGRAM : SOCK_STREAM, 0);
		printf("option %d of %d, %d\n", name, level, value);
		T(setsockopt, fd, level, name, &value, 4);
		size = 4;
		T(getsockopt, fd, level, name, &value, &size);
		printf("  %d, %d bytes\n", value, size);
		close(fd);
	}
	int value = 1, datagrams = socket(AF_INET, SOCK_DGRAM, 0), receiver = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = 0;
	size = sizeof to;
	bind(receiver, (void *)&to, sizeof to);
	getsockname(receiver, (void *)&to, &size);
	T(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &value, 1);
	T(setsockopt, s, SOL_SOCKET, SO_KEEPALIVE, &value, 2);
	T(setsockopt, s, SOL_SOCKET, 9999, &value, 2);
	T(setsockopt, s, SOL_SOCKET, 9999, &value, 4);
	T(setsockopt, s, 9999, 1, &value, 4);
	T(connect, datagrams, &to, 16);
	T(getpeername, datagrams, &to, &size);
	T(connect, datagrams, &none, 16);
	T(getpeername, datagrams, &to, &size);
	close(s), close(listener), close(datagrams), close(receiver);
}

int main(void)
{
	making();
	options();
	messages();
	internet();
	loopback();
	polling();
	return 0;
}
