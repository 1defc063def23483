/* Unix sockets: unix(7), socketpair(2), their names, and what arrives. */
#include "sockets.h"

static volatile sig_atomic_t pipes;
static void on_pipe(int signo) { pipes += signo == SIGPIPE; }

static void pairs(void)
{
	int fds[2], n;
	char data[64] = { 0 };
	FAILS(socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, fds), EINVAL);
	FAILS(socketpair(AF_UNIX, 99, 0, fds), EINVAL);
	FAILS(socketpair(AF_UNIX, SOCK_STREAM, 7, fds), EPROTONOSUPPORT);
	FAILS(socketpair(AF_INET, SOCK_STREAM, 0, fds), EOPNOTSUPP);
	FAILS(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8), EFAULT);
	FAILS(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	FAILS(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	EQ(fcntl(fds[0], F_GETFL), O_RDWR | O_NONBLOCK);
	EQ(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	struct stat st;
	EQ(fstat(fds[0], &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	EQ(int_option(fds[0], SO_TYPE), SOCK_STREAM);
	EQ(int_option(fds[0], SO_DOMAIN), AF_UNIX);
	EQ(int_option(fds[0], SO_PROTOCOL), 0);
	EQ(int_option(fds[0], SO_ERROR), 0);
	EQ(int_option(fds[0], SO_ACCEPTCONN), 0);
	FAILS(read(fds[0], data, 1), EAGAIN);
	EQ(ready(fds[0], POLLIN | POLLOUT), POLLOUT);
	EQ(send(fds[0], "hello", 5, 0), 5);
	EQ(write(fds[0], " world", 6), 6);
	EQ(ioctl(fds[1], FIONREAD, &n), 0);
	EQ(n, 11);
	EQ(recv(fds[1], data, 5, MSG_PEEK), 5);
	EQ(recv(fds[1], data, sizeof data, 0), 11);
	CHECK(!memcmp(data, "hello world", 11));
	FAILS(recv(fds[1], data, 1, 0), EAGAIN);
	FAILS(lseek(fds[0], 0, SEEK_SET), ESPIPE);
	EQ(shutdown(fds[0], SHUT_WR), 0);
	EQ(read(fds[1], data, 1), 0);
	EQ(ready(fds[1], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	signal(SIGPIPE, on_pipe);
	FAILS(write(fds[0], "x", 1), EPIPE);
	EQ(pipes, 1);
	FAILS(send(fds[0], "x", 1, 0), EPIPE);
	EQ(pipes, 2);
	FAILS(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	EQ(pipes, 2);
	EQ(write(fds[1], "back", 4), 4);
	close(fds[1]);
	EQ(ready(fds[0], POLLIN | POLLOUT) & POLLHUP, POLLHUP);
	EQ(read(fds[0], data, sizeof data), 4);
	EQ(read(fds[0], data, sizeof data), 0);
	FAILS(shutdown(fds[0], 3), EINVAL);
	FAILS(listen(fds[0], 1), EINVAL);
	FAILS(setsockopt(fds[0], SOL_SOCKET, 9999, &n, 4), ENOPROTOOPT);
	FAILS(setsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &n, 3), EINVAL);
	FAILS(setsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4), EFAULT);
	socklen_t length = -1;
	FAILS(getsockopt(fds[0], SOL_SOCKET, SO_TYPE, &n, &length), EINVAL);
	close(fds[0]);
	FAILS(send(fds[0], "x", 1, 0), EBADF);
	EQ(pipe(fds), 0);
	FAILS(send(fds[0], "x", 1, 0), ENOTSOCK);
	FAILS(getsockname(fds[0], (void *)data, &length), ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
	section("pairs");
}

static void packets(int type, const char *name)
{
	int fds[2];
	char data[64];
	EQ(socketpair(AF_UNIX, type, 0, fds), 0);
	EQ(send(fds[0], "one", 3, 0), 3);
	EQ(send(fds[0], "second", 6, 0), 6);
	EQ(recv(fds[1], data, 2, MSG_TRUNC), 3);
	struct iovec iov = { data, 3 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	EQ(recvmsg(fds[1], &message, 0), 3);
	EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
	FAILS(recv(fds[1], data, sizeof data, MSG_DONTWAIT), EAGAIN);
	EQ(send(fds[0], "", 0, 0), 0);
	EQ(recv(fds[1], data, sizeof data, 0), 0);
	struct mmsghdr many[3] = { 0 };
	struct iovec iovs[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr = (struct msghdr){ .msg_iov = &iovs[i], .msg_iovlen = 1 };
	EQ(sendmmsg(fds[0], many, 3, 0), 3);
	EQ(many[2].msg_len, 3);
	char rooms[3][8];
	for (int i = 0; i < 3; i++) {
		iovs[i] = (struct iovec){ rooms[i], 8 };
		many[i].msg_len = 99;
	}
	EQ(recvmmsg(fds[1], many, 2, 0, 0), 2);
	EQ(many[0].msg_len, 1);
	EQ(many[1].msg_len, 2);
	EQ(recvmmsg(fds[1], many, 3, MSG_WAITFORONE, 0), 1);
	EQ(many[0].msg_len, 3);
	CHECK(!memcmp(rooms[0], "ccc", 3));
	static char big[1 << 20];
	FAILS(send(fds[0], big, sizeof big, 0), EMSGSIZE);
	close(fds[0]);
	close(fds[1]);
	section(name);
}

static int client = -1;

static void *connects_later(void *path)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(connect_to(client, path), 0);
	EQ(write(client, "hi", 2), 2);
	return 0;
}

static void *accepts_later(void *listener)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	close(accept(*(int *)listener, 0, 0));
	return 0;
}

static void named(int type, const char *name)
{
	pthread_t thread;
	struct sockaddr_un address;
	struct stat st;
	struct ucred creds;
	socklen_t length = sizeof address;
	char data[16];
	int s = bound(type, "unix.sock"), other = socket(AF_UNIX, type, 0);
	EQ(stat("unix.sock", &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	FAILS(open("unix.sock", O_RDWR), ENXIO);
	address = un("unix.sock");
	FAILS(bind(other, (void *)&address, length_of(&address)), EADDRINUSE);
	FAILS(bind(s, (void *)&address, length_of(&address)), EADDRINUSE);
	address = un("other.sock");
	FAILS(bind(s, (void *)&address, length_of(&address)), EINVAL);
	FAILS(stat("other.sock", &st), ENOENT);
	FAILS(connect_to(other, "unix.sock"), ECONNREFUSED);	/* it does not listen yet */
	FAILS(connect_to(other, "no.sock"), ENOENT);
	FAILS(accept(s, 0, 0), EINVAL);
	EQ(listen(s, 5), 0);
	EQ(int_option(s, SO_ACCEPTCONN), 1);
	FAILS(read(s, data, 1), type == SOCK_STREAM ? EINVAL : ENOTCONN);
	memset(&address, 0x55, sizeof address);
	EQ(getsockname(s, (void *)&address, &length), 0);
	EQ(length, offsetof(struct sockaddr_un, sun_path) + 10);
	CHECK(address.sun_family == AF_UNIX && !strcmp(address.sun_path, "unix.sock"));
	length = 4;			/* cut off, but the whole length told */
	memset(&address, 0x55, sizeof address);
	EQ(getsockname(s, (void *)&address, &length), 0);
	EQ(length, offsetof(struct sockaddr_un, sun_path) + 10);
	EQ(address.sun_path[2], 0x55);
	FAILS(getpeername(s, (void *)&address, &length), ENOTCONN);

	EQ(connect_to(other, "unix.sock"), 0);
	EQ(connect_to(other, "unix.sock"), -1);
	EQ(errno, EISCONN);
	EQ(write(other, "early", 5), 5);		/* before it is accepted */
	length = sizeof address;
	int peer = accept4(s, (void *)&address, &length, SOCK_CLOEXEC);
	EQ(length, 2);
	EQ(address.sun_family, AF_UNIX);
	EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
	EQ(read(peer, data, sizeof data), 5);
	length = sizeof creds;
	EQ(getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &creds, &length), 0);
	EQ(length, sizeof creds);
	CHECK(creds.pid == getpid() && creds.uid == getuid() && creds.gid == getgid());
	length = sizeof address;
	EQ(getpeername(other, (void *)&address, &length), 0);
	CHECK(!strcmp(address.sun_path, "unix.sock"));
	length = sizeof address;
	EQ(getsockname(peer, (void *)&address, &length), 0);
	CHECK(!strcmp(address.sun_path, "unix.sock"));
	close(peer);
	EQ(read(other, data, 1), 0);
	close(other);
	if (type == SOCK_STREAM) {
		EQ(pthread_create(&thread, 0, connects_later, "unix.sock"), 0);
		peer = accept(s, 0, 0);
		EQ(recv(peer, data, 2, MSG_WAITALL), 2);
		pthread_join(thread, 0);
		close(client);
		close(peer);
		fcntl(s, F_SETFL, O_NONBLOCK);
		FAILS(accept(s, 0, 0), EAGAIN);
		EQ(listen(s, 0), 0);
		int one = socket(AF_UNIX, type, 0), two = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
		EQ(connect_to(one, "unix.sock"), 0);
		FAILS(connect_to(two, "unix.sock"), EAGAIN);		/* no room */
		fcntl(two, F_SETFL, 0);
		EQ(pthread_create(&thread, 0, accepts_later, &s), 0);
		EQ(connect_to(two, "unix.sock"), 0);
		pthread_join(thread, 0);
		close(one);
		close(two);
		other = socket(AF_UNIX, SOCK_DGRAM, 0);
		FAILS(connect_to(other, "unix.sock"), EPROTOTYPE);
		close(other);
	}
	close(s);
	other = socket(AF_UNIX, type, 0);
	FAILS(connect_to(other, "unix.sock"), ECONNREFUSED);	/* the file stays */
	address = un("unix.sock");
	FAILS(bind(other, (void *)&address, length_of(&address)), EADDRINUSE);
	EQ(unlink("unix.sock"), 0);
	EQ(bind(other, (void *)&address, length_of(&address)), 0);
	EQ(unlink("unix.sock"), 0);
	close(other);
	address = un("no/such/dir");
	other = socket(AF_UNIX, type, 0);
	FAILS(bind(other, (void *)&address, length_of(&address)), ENOENT);
	FAILS(bind(other, (void *)&address, 1), EINVAL);
	FAILS(bind(other, (void *)&address, 111), EINVAL);
	FAILS(bind(other, (void *)8, 20), EFAULT);
	FAILS(connect(other, (void *)&address, 2), EINVAL);
	close(other);
	section(name);
}

static void datagrams(void)
{
	struct sockaddr_un address, from;
	socklen_t length;
	char data[16];
	int a = bound(SOCK_DGRAM, "a.sock"), b = bound(SOCK_DGRAM, "b.sock"), nobody = socket(AF_UNIX, SOCK_DGRAM, 0);
	address = un("b.sock");
	EQ(sendto(a, "one", 3, 0, (void *)&address, length_of(&address)), 3);
	length = sizeof from;
	EQ(recvfrom(b, data, sizeof data, 0, (void *)&from, &length), 3);
	EQ(length, length_of(&from));
	CHECK(!strcmp(from.sun_path, "a.sock"));
	EQ(sendto(nobody, "two", 3, 0, (void *)&address, length_of(&address)), 3);
	length = sizeof from;
	EQ(recvfrom(b, data, sizeof data, 0, (void *)&from, &length), 3);
	EQ(length, 0);
	FAILS(send(a, "x", 1, 0), ENOTCONN);
	EQ(connect_to(a, "b.sock"), 0);
	EQ(send(a, "three", 5, 0), 5);
	EQ(recv(b, data, sizeof data, 0), 5);
	EQ(connect_to(b, "a.sock"), 0);
	FAILS(sendto(nobody, "x", 1, 0, (void *)&address, length_of(&address)), EPERM);	/* it has a peer */
	struct sockaddr none = { AF_UNSPEC };
	EQ(connect(b, &none, sizeof none), 0);
	FAILS(getpeername(b, (void *)&from, &length), ENOTCONN);
	FAILS(listen(a, 1), EOPNOTSUPP);
	FAILS(accept(a, 0, 0), EOPNOTSUPP);
	close(b);
	FAILS(send(a, "x", 1, 0), ECONNREFUSED);
	address = un("a.sock");
	FAILS(sendto(nobody, "x", 1, 0, (void *)&address, 1), EINVAL);
	unlink("a.sock");
	unlink("b.sock");
	FAILS(sendto(nobody, "x", 1, 0, (void *)&address, length_of(&address)), ENOENT);
	/* A full queue makes a sender wait. */
	close(a);
	close(nobody);
	section("datagrams");
}

static void abstract_names(void)
{
	struct sockaddr_un address = { AF_UNIX, "\0skete test" };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 11;
	int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(bind(a, (void *)&address, length), 0);
	FAILS(bind(b, (void *)&address, length), EADDRINUSE);
	FAILS(connect(b, (void *)&address, length), ECONNREFUSED);
	EQ(listen(a, 3), 0);
	FAILS(connect(b, (void *)&address, length - 1), ECONNREFUSED);	/* another name */
	EQ(connect(b, (void *)&address, length), 0);
	struct sockaddr_un seen;
	socklen_t seen_length = sizeof seen;
	EQ(getpeername(b, (void *)&seen, &seen_length), 0);
	EQ(seen_length, length);
	CHECK(!memcmp(&seen, &address, length));
	close(a);
	close(b);
	a = socket(AF_UNIX, SOCK_STREAM, 0);
	EQ(bind(a, (void *)&address, length), 0);		/* gone with its socket */
	b = socket(AF_UNIX, SOCK_DGRAM, 0);
	EQ(bind(b, (void *)&address, sizeof(sa_family_t)), 0);	/* any name */
	seen_length = sizeof seen;
	EQ(getsockname(b, (void *)&seen, &seen_length), 0);
	EQ(seen_length, sizeof(sa_family_t) + 6);
	EQ(seen.sun_path[0], 0);
	close(a);
	close(b);
	section("abstract names");
}

int main(void)
{
	pairs();
	packets(SOCK_DGRAM, "datagram pairs");
	packets(SOCK_SEQPACKET, "packet pairs");
	named(SOCK_STREAM, "named streams");
	named(SOCK_SEQPACKET, "named packets");
	datagrams();
	abstract_names();
	return verdict();
}
