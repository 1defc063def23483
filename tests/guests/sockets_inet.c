/* TCP and UDP on the loopback, IPv4 and IPv6: the same with a host's loopback and with a machine's own. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MS 1000000LL

union address { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; };

static int family;
static socklen_t size;

static union address loopback(int port)
{
	union address a = { 0 };
	a.any.sa_family = family;
	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a.v4.sin_port = htons(port);
	} else {
		a.v6.sin6_addr = in6addr_loopback;
		a.v6.sin6_port = htons(port);
	}
	return a;
}

static int port_of(int fd)
{
	union address a;
	socklen_t length = sizeof a;
	EQ(getsockname(fd, &a.any, &length), 0);
	EQ(length, size);
	EQ(a.any.sa_family, family);
	return ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static int is_loopback(const union address *a)
{
	return family == AF_INET ? a->v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK)
		: IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static int bound(int type)
{
	union address a = loopback(0);
	int fd = socket(family, type, 0);
	CHECK(fd >= 0);
	EQ(bind(fd, &a.any, size), 0);
	return fd;
}

static int connect_to(int fd, int port)
{
	union address a = loopback(port);
	return connect(fd, &a.any, size);
}

static int int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	EQ(getsockopt(fd, level, name, &value, &length), 0);
	EQ(length, sizeof value);
	return value;
}

static int listener;

static void *echoes(void *unused)
{
	static char data[1 << 16];
	ssize_t n;
	(void)unused;
	int fd = accept(listener, 0, 0);
	while ((n = read(fd, data, sizeof data)) > 0)
		EQ(send(fd, data, n, 0), n);
	EQ(n, 0);
	close(fd);
	return 0;
}

static void *sends(void *fd)
{
	static char data[1 << 20];
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = i * 7;
	EQ(write(*(int *)fd, data, sizeof data), sizeof data);
	EQ(shutdown(*(int *)fd, SHUT_WR), 0);
	return 0;
}

static void tcp(void)
{
	pthread_t server, writer;
	union address a;
	socklen_t length = sizeof a;
	static char data[1 << 16];
	int on = 1;
	listener = bound(SOCK_STREAM);
	int port = port_of(listener), s = socket(family, SOCK_STREAM, IPPROTO_TCP);
	CHECK(port > 0);
	EQ(int_option(s, SOL_SOCKET, SO_DOMAIN), family);
	EQ(int_option(s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	EQ(int_option(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	FAILS(connect_to(s, port), ECONNREFUSED);
	FAILS(getpeername(s, &a.any, &length), ENOTCONN);
	FAILS(recv(s, data, 1, 0), ENOTCONN);
	close(s);
	EQ(listen(listener, 10), 0);
	EQ(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
	s = bound(SOCK_STREAM);
	a = loopback(port);
	FAILS(bind(s, &a.any, size), EINVAL);		/* it has a name */
	EQ(connect_to(s, port), 0);
	FAILS(connect_to(s, port), EISCONN);
	int mine = port_of(s);
	int peer = accept(listener, &a.any, &length);
	EQ(length, size);
	CHECK(is_loopback(&a));
	EQ(ntohs(a.v4.sin_port), mine);
	EQ(port_of(peer), port);
	length = sizeof a;
	EQ(getpeername(s, &a.any, &length), 0);
	CHECK(is_loopback(&a));
	EQ(ntohs(a.v4.sin_port), port);
	EQ(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	EQ(int_option(s, IPPROTO_TCP, TCP_NODELAY), 1);
	EQ(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
	EQ(int_option(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	FAILS(setsockopt(s, IPPROTO_TCP, 9999, &on, sizeof on), ENOPROTOOPT);
	EQ(send(s, "ping", 4, 0), 4);
	EQ(recv(peer, data, 2, MSG_WAITALL), 2);
	EQ(ioctl(peer, FIONREAD, &on), 0);
	EQ(on, 2);
	EQ(recv(peer, data, 10, MSG_PEEK), 2);
	EQ(recv(peer, data, 10, 0), 2);
	FAILS(recv(peer, data, 10, MSG_DONTWAIT), EAGAIN);
	close(peer);
	EQ(recv(s, data, 1, 0), 0);
	close(s);
	section("tcp");

	EQ(pthread_create(&server, 0, echoes, 0), 0);
	s = socket(family, SOCK_STREAM, 0);
	EQ(connect_to(s, port), 0);
	EQ(pthread_create(&writer, 0, sends, &s), 0);
	unsigned at = 0, wrong = 0;
	for (ssize_t n; (n = read(s, data, sizeof data)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			wrong += data[i] != (char)((at + i) * 7);
	EQ(at, 1 << 20);
	EQ(wrong, 0);
	pthread_join(writer, 0);
	pthread_join(server, 0);
	close(s);
	section("echo");

	s = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int r = connect_to(s, port);
	CHECK(!r || errno == EINPROGRESS);
	struct pollfd p = { s, POLLOUT, 0 };
	EQ(poll(&p, 1, 5000), 1);
	EQ(p.revents, POLLOUT);
	EQ(int_option(s, SOL_SOCKET, SO_ERROR), 0);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	p = (struct pollfd){ listener, POLLIN, 0 };
	EQ(poll(&p, 1, 5000), 1);
	peer = accept4(listener, 0, 0, SOCK_NONBLOCK);
	FAILS(recv(peer, data, 1, 0), EAGAIN);
	FAILS(accept(listener, 0, 0), EAGAIN);
	/* Who aborts sends no end of file, but an error. */
	struct linger abort = { 1, 0 };
	EQ(setsockopt(s, SOL_SOCKET, SO_LINGER, &abort, sizeof abort), 0);
	EQ(write(peer, "unread", 6), 6);
	p = (struct pollfd){ s, POLLIN, 0 };
	EQ(poll(&p, 1, 5000), 1);
	close(s);
	p = (struct pollfd){ peer, POLLIN, 0 };
	EQ(poll(&p, 1, 5000), 1);
	FAILS(recv(peer, data, 1, 0), ECONNRESET);
	close(peer);
	close(listener);
	s = socket(family, SOCK_STREAM, 0);
	FAILS(connect_to(s, port), ECONNREFUSED);
	a = loopback(port);
	FAILS(connect(s, &a.any, 3), EINVAL);
	a.any.sa_family = AF_UNIX;
	FAILS(connect(s, &a.any, size), EAFNOSUPPORT);
	FAILS(bind(s, &a.any, 3), EINVAL);
	FAILS(listen(99, 1), EBADF);
	close(s);
	section("without waiting");
}

static void everywhere(void)
{
	union address a = { 0 };
	int s = socket(family, SOCK_STREAM, 0), other = socket(family, SOCK_STREAM, 0);
	a.any.sa_family = family;
	EQ(bind(s, &a.any, size), 0);
	int port = port_of(s);
	EQ(listen(s, 1), 0);
	a = loopback(port);
	FAILS(bind(other, &a.any, size), EADDRINUSE);
	EQ(connect_to(other, port), 0);
	int peer = accept(s, 0, 0);
	socklen_t length = sizeof a;
	EQ(getsockname(peer, &a.any, &length), 0);
	CHECK(is_loopback(&a));
	close(peer);
	close(other);
	close(s);
	section("all addresses");
}

static void *sends_later(void *fd)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	EQ(send(*(int *)fd, "late", 4, 0), 4);
	return 0;
}

static void udp(void)
{
	union address a, from;
	socklen_t length = sizeof from;
	char data[16];
	pthread_t thread;
	int s = bound(SOCK_DGRAM), c = socket(family, SOCK_DGRAM, 0);
	a = loopback(port_of(s));
	FAILS(send(c, "x", 1, 0), EDESTADDRREQ);
	EQ(sendto(c, "datagram", 8, 0, &a.any, size), 8);
	EQ(recvfrom(s, data, 4, MSG_TRUNC, &from.any, &length), 8);
	EQ(length, size);
	CHECK(is_loopback(&from));
	EQ(ntohs(from.v4.sin_port), port_of(c));
	EQ(sendto(s, "answer", 6, 0, &from.any, size), 6);
	EQ(recv(c, data, sizeof data, 0), 6);
	EQ(sendto(c, "", 0, 0, &a.any, size), 0);
	EQ(recv(s, data, sizeof data, 0), 0);
	FAILS(recv(s, data, sizeof data, MSG_DONTWAIT), EAGAIN);
	EQ(connect(c, &a.any, size), 0);
	EQ(send(c, "x", 1, 0), 1);
	EQ(recv(s, data, sizeof data, 0), 1);
	EQ(pthread_create(&thread, 0, sends_later, &c), 0);
	EQ(recv(s, data, sizeof data, 0), 4);
	pthread_join(thread, 0);
	struct mmsghdr many[2] = { 0 };
	struct iovec iov[2] = { { "ab", 2 }, { "cde", 3 } };
	for (int i = 0; i < 2; i++)
		many[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	EQ(sendmmsg(c, many, 2, 0), 2);
	EQ(many[1].msg_len, 3);
	iov[0] = (struct iovec){ data, 8 };
	iov[1] = (struct iovec){ data + 8, 8 };
	EQ(recvmmsg(s, many, 2, 0, 0), 2);
	EQ(many[0].msg_len + many[1].msg_len, 5);
	static char big[70000];
	FAILS(send(c, big, sizeof big, 0), EMSGSIZE);
	struct timeval soon = { 0, 20000 };
	EQ(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	FAILS(recv(s, data, 1, 0), EAGAIN);
	close(s);
	close(c);
	section("udp");
}

static void refusals(void)
{
	FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, 9, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	FAILS(socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(AF_INET, 13, 0), EINVAL);
	section("refusals");
}

int main(void)
{
	static const struct { int family; socklen_t size; const char *name; } families[] = {
		{ AF_INET, sizeof(struct sockaddr_in), "IPv4" },
		{ AF_INET6, sizeof(struct sockaddr_in6), "IPv6" },
	};
	for (int i = 0; i < 2; i++) {
		family = families[i].family;
		size = families[i].size;
		section(families[i].name);
		tcp();
		everywhere();
		udp();
	}
	refusals();
	return verdict();
}
