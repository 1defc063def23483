/* What the guests about POSIX message queues share. */
#ifndef QUEUES_H
#define QUEUES_H

#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/wait.h>

static char name[40];
static mqd_t queue;

static inline struct mq_attr attr_of(mqd_t q)
{
	struct mq_attr now = { 0 };
	EQ(mq_getattr(q, &now), 0);
	return now;
}

static inline mqd_t make(long most, long size, int flags)
{
	struct mq_attr attr = { .mq_maxmsg = most, .mq_msgsize = size };
	mqd_t made = mq_open(name, O_CREAT | O_EXCL | flags, 0600, &attr);
	CHECK(made >= 0);
	return made;
}

static inline void gone(mqd_t q)
{
	EQ(mq_close(q), 0);
	EQ(mq_unlink(name), 0);
}

static inline pid_t forked(void)
{
	pid_t pid = fork();
	if (!pid)
		failures_ = 0;
	return pid;
}

static inline int ended(pid_t pid)
{
	int status = -1;
	EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static inline int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	poll(&p, 1, 0);
	return p.revents;
}

/* Root has no limits; and what a user has is counted for all of its processes, so it is one of our own. Whether there are
 * message queues here. */
static inline int begun(void)
{
	uid_t user = 100000 + getpid();
	if (!geteuid() && (setgroups(0, 0) || setresgid(1000, 1000, 1000) || setresuid(user, user, user)))
		exit(2);
	snprintf(name, sizeof name, "/skete-test-%d", getpid());
	return !mq_unlink(name) || errno != ENOSYS;
}

#endif
