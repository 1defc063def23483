/* A TCP echo server: echo_server PORT COUNT serves COUNT connections, one after another, with epoll. Not compared
 * with a native run: tests/skete/test_net.py is its client. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN };
	static char data[1 << 16];
	int left = argc > 2 ? atoi(argv[2]) : 1, on = 1, ep = epoll_create1(0);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(s, (void *)&address, sizeof address) || listen(s, 128)) {
		perror("bind");
		return 1;
	}
	socklen_t length = sizeof address;
	getsockname(s, (void *)&address, &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event.data.fd = s;
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &event);
	while (left) {
		if (epoll_wait(ep, &event, 1, -1) < 0)
			return 2;
		if (event.data.fd == s) {
			int fd = accept4(s, 0, 0, 0);
			if (fd < 0)
				continue;
			event = (struct epoll_event){ EPOLLIN, { .fd = fd } };
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
			continue;
		}
		ssize_t n = read(event.data.fd, data, sizeof data);
		if (n > 0 && write(event.data.fd, data, n) == n)
			continue;
		close(event.data.fd);
		left--;
	}
	return 0;
}
