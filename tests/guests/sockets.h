/* What the guests about Unix sockets share: addresses, and small questions. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#define MS 1000000LL

static inline struct sockaddr_un un(const char *path)
{
	struct sockaddr_un address = { AF_UNIX };
	strcpy(address.sun_path, path);
	return address;
}

static inline socklen_t length_of(const struct sockaddr_un *address)
{
	return offsetof(struct sockaddr_un, sun_path) + strlen(address->sun_path) + 1;
}

static inline int bound(int type, const char *path)
{
	struct sockaddr_un address = un(path);
	int fd = socket(AF_UNIX, type, 0);
	CHECK(fd >= 0);
	EQ(bind(fd, (void *)&address, length_of(&address)), 0);
	return fd;
}

static inline int connect_to(int fd, const char *path)
{
	struct sockaddr_un address = un(path);
	return connect(fd, (void *)&address, length_of(&address));
}

static inline int int_option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	EQ(getsockopt(fd, SOL_SOCKET, name, &value, &length), 0);
	EQ(length, sizeof value);
	return value;
}

static inline int ready(int fd, int events)
{
	struct pollfd p = { fd, events, 0 };
	poll(&p, 1, 0);
	return p.revents;
}

#endif
