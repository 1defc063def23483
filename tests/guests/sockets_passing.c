/* What goes through Unix sockets beside data: sendmsg(2), recvmsg(2), SCM_RIGHTS, SCM_CREDENTIALS. */
#include "sockets.h"

union control { char data[256]; struct cmsghdr align; };

static ssize_t send_fds(int s, const int *fds, int count, const char *text)
{
	union control control = { { 0 } };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.data,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	return sendmsg(s, &message, 0);
}

static int receive_fds(int s, int *fds, int room, int flags, int *message_flags)
{
	union control control;
	char data[64];
	struct iovec iov = { data, sizeof data };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room ? control.data : 0,
		.msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0 };
	if (recvmsg(s, &message, flags) < 0)
		return -1;
	*message_flags = message.msg_flags;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header)
		return 0;
	EQ(header->cmsg_level, SOL_SOCKET);
	EQ(header->cmsg_type, SCM_RIGHTS);
	int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(header), count * sizeof(int));
	return count;
}

static void rights(void)
{
	int s[2], ends[2], got[4], flags;
	char c;
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	EQ(pipe(ends), 0);
	EQ(send_fds(s[0], ends, 2, "two"), 3);
	close(ends[0]);
	close(ends[1]);
	EQ(receive_fds(s[1], got, 4, MSG_CMSG_CLOEXEC, &flags), 2);
	EQ(flags, MSG_CMSG_CLOEXEC);
	EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	EQ(write(got[1], "x", 1), 1);
	EQ(read(got[0], &c, 1), 1);
	/* Of what is passed the offset is shared: one file. */
	int file = open("passed", O_RDWR | O_CREAT | O_TRUNC, 0600);
	EQ(write(file, "abcdef", 6), 6);
	EQ(send_fds(s[0], &file, 1, "f"), 1);
	EQ(lseek(file, 2, SEEK_SET), 2);
	EQ(receive_fds(s[1], ends, 4, 0, &flags), 1);
	EQ(flags, 0);
	EQ(read(ends[0], &c, 1), 1);
	EQ(c, 'c');
	EQ(lseek(file, 0, SEEK_CUR), 3);
	close(ends[0]);
	close(file);
	unlink("passed");
	/* Room for one of two: the other one is closed. */
	EQ(send_fds(s[0], got, 2, "x"), 1);
	close(got[1]);
	EQ(receive_fds(s[1], ends, 1, 0, &flags), 1);
	EQ(flags, MSG_CTRUNC);
	EQ(read(got[0], &c, 1), 0);		/* nobody can write any more */
	close(got[0]);
	close(ends[0]);
	/* None at all, and a plain read. */
	EQ(pipe(ends), 0);
	EQ(send_fds(s[0], &ends[1], 1, "x"), 1);
	EQ(send_fds(s[0], &ends[1], 1, "y"), 1);
	close(ends[1]);
	EQ(receive_fds(s[1], got, 0, 0, &flags), 0);
	EQ(flags, MSG_CTRUNC);
	EQ(read(s[1], &c, 1), 1);
	EQ(read(ends[0], &c, 1), 0);
	close(ends[0]);
	/* What is in a socket that nobody reads goes when that is closed. */
	EQ(pipe(ends), 0);
	EQ(send_fds(s[0], &ends[1], 1, "x"), 1);
	close(ends[1]);
	EQ(ready(ends[0], POLLIN), 0);
	close(s[1]);
	EQ(ready(ends[0], POLLIN), POLLHUP);
	close(ends[0]);
	close(s[0]);
	EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	FAILS(send_fds(s[0], (int[]){ 99 }, 1, "x"), EBADF);
	/* Looking ahead passes them, too. */
	EQ(pipe(ends), 0);
	EQ(send_fds(s[0], ends, 1, "x"), 1);
	EQ(receive_fds(s[1], got, 4, MSG_PEEK, &flags), 1);
	EQ(receive_fds(s[1], got + 1, 3, 0, &flags), 1);
	CHECK(got[0] != got[1]);
	for (int i = 0; i < 2; i++) {
		close(got[i]);
		close(ends[i]);
		close(s[i]);
	}
	section("rights");
}

static void credentials(void)
{
	int s[2], on = 1;
	union control control = { { 0 } };
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.data,
		.msg_controllen = sizeof control };
	struct ucred creds = { getpid(), getuid(), getgid() };
	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	EQ(int_option(s[1], SO_PASSCRED), 1);
	EQ(write(s[0], "x", 1), 1);
	EQ(recvmsg(s[1], &message, 0), 1);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	CHECK(header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS);
	EQ(header->cmsg_len, CMSG_LEN(sizeof creds));
	CHECK(header && !memcmp(CMSG_DATA(header), &creds, sizeof creds));
	/* One's own may be sent. */
	message.msg_controllen = CMSG_SPACE(sizeof creds);
	EQ(sendmsg(s[0], &message, 0), 1);
	((struct ucred *)CMSG_DATA(header))->pid = 1;
	if (getuid())
		FAILS(sendmsg(s[0], &message, 0), EPERM);
	header->cmsg_len = 5;
	FAILS(sendmsg(s[0], &message, 0), EINVAL);
	message.msg_controllen = sizeof control;
	EQ(recvmsg(s[1], &message, 0), 1);
	CHECK(CMSG_FIRSTHDR(&message) && !memcmp(CMSG_DATA(header), &creds, sizeof creds));
	close(s[0]);
	close(s[1]);
	section("credentials");
}

int main(void)
{
	rights();
	credentials();
	return verdict();
}
