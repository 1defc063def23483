/* Corners of the calls that corners_*.c leave: extended attributes, inotify, SysV IPC, rows of epoll instances,
 * RLIMIT_FSIZE where nothing is written by write(2). */
#include "corners.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char buffer[70000], name[300];

static void attributes(void)
{
	int fd = open("x", O_RDWR | O_CREAT, 0644), opath = open("x", O_PATH), pipes[2];
	pipe(pipes);
	memset(name, 'n', 299);
	memcpy(name, "user.", 5);
	T(setxattr, "x", "user.", "v", 1, 0);
	T(setxattr, "x", "", "v", 1, 0);
	T(setxattr, "x", name, "v", 1, 0);
	T(setxattr, "x", "nothing.x", "v", 1, 0);
	T(setxattr, "x", "user.a", "v", 65537, 0);
	T(setxattr, "x", "user.a", "v", 1, 4);
	T(setxattr, "x", "user.a", BAD, 1, 0);
	T(setxattr, "x", BAD, "v", 1, 0);
	T(setxattr, "nothing", "user.a", "v", 1, 0);
	T(setxattr, "x", "user.a", "value", 5, XATTR_REPLACE);
	T(setxattr, "x", "user.a", "value", 5, XATTR_CREATE);
	T(setxattr, "x", "user.a", "value", 5, XATTR_CREATE);
	T(setxattr, "x", "user.a", "value", 5, XATTR_CREATE | XATTR_REPLACE);
	T(getxattr, "x", "user.a", buffer, 0);
	T(getxattr, "x", "user.a", buffer, 4);
	T(getxattr, "x", "user.a", buffer, 5);
	T(getxattr, "x", "user.a", BAD, 5);
	T(getxattr, "x", "user.b", buffer, 5);
	T(fgetxattr, opath, "user.a", buffer, 5);
	T(fgetxattr, 999, "user.a", buffer, 5);
	T(fgetxattr, pipes[0], "user.a", buffer, 5);
	T(fsetxattr, pipes[0], "user.a", "v", 1, 0);
	T(fremovexattr, pipes[0], "user.a");
	T(fgetxattr, pipes[0], "nothing.a", buffer, 5);
	T(flistxattr, pipes[0], buffer, 100);
	T(removexattr, "x", "user.b");
	T(removexattr, "x", "user.a");
	T(removexattr, "x", "");
	T(fsetxattr, opath, "user.a", "v", 1, 0);
	T(symlink, "x", "l");
	T(lsetxattr, "l", "user.a", "v", 1, 0);
	T(lgetxattr, "l", "user.a", buffer, 5);
	close(fd);
	close(opath);
	close(pipes[0]);
	close(pipes[1]);
}

static void watches(void)
{
	int fd = inotify_init1(IN_NONBLOCK), file = open("x", O_RDONLY);
	T(inotify_init1, 1);
	T(inotify_add_watch, fd, "x", 0);
	T(inotify_add_watch, fd, "nothing", IN_MODIFY);
	T(inotify_add_watch, fd, BAD, IN_MODIFY);
	T(inotify_add_watch, file, "x", IN_MODIFY);
	T(inotify_add_watch, 999, "x", IN_MODIFY);
	T(inotify_add_watch, fd, "x", IN_MODIFY | IN_ONLYDIR);
	T(inotify_add_watch, fd, "x", IN_MODIFY);
	T(inotify_add_watch, fd, "x", IN_MODIFY | IN_MASK_ADD | 0x10000000);
	T(inotify_add_watch, fd, "x", IN_MODIFY | 0x10000000);
	T(inotify_rm_watch, fd, 999);
	T(inotify_rm_watch, file, 1);
	T(inotify_rm_watch, 999, 1);
	T(read, fd, buffer, 100);
	T(write, fd, buffer, 1);
	T(inotify_rm_watch, fd, 1);
	T(read, fd, buffer, 10);
	T(read, fd, buffer, 100);
	close(fd);
	close(file);
}

static void ipc(void)
{
	struct { long type; char text[10]; } message = { 1, "text" };
	struct sembuf op = { 0, -1, IPC_NOWAIT };
	struct timespec t = { 0, 1000000000 };
	int q = msgget(IPC_PRIVATE, 0600), s = semget(IPC_PRIVATE, 2, 0600), m = shmget(IPC_PRIVATE, 4096, 0600);
	T(msgsnd, q, BAD, 4, 0);
	T(msgsnd, q, &message, -1l, 0);
	T(msgsnd, -1, &message, 4, 0);
	T(msgsnd, q, &message, 4, 0);
	T(msgrcv, q, &message, -1l, 0, 0);
	T(msgrcv, q, &message, 1, 0, 0);
	T(msgrcv, q, &message, 10, 2, IPC_NOWAIT);
	T(msgrcv, q, &message, 10, -1l, IPC_NOWAIT);
	T(msgrcv, q, &message, 10, 0, IPC_NOWAIT);
	T(msgctl, q, 99, buffer);
	T(msgctl, q, IPC_STAT, BAD);
	T(msgctl, 1 << 30, IPC_STAT, buffer);
	T(msgctl, q, IPC_RMID, 0);
	T(msgctl, q, IPC_RMID, 0);
	T(semop, s, &op, 0);
	T(semop, s, &op, 501);
	T(semop, s, BAD, 1);
	T(semop, s, &op, 1);
	op.sem_num = 2;
	T(semop, s, &op, 1);
	op.sem_num = 0, op.sem_flg = 0;
	T(semtimedop, s, &op, 1, &t);
	t.tv_nsec = 1000;
	T(semtimedop, s, &op, 1, &t);
	T(semtimedop, s, &op, 1, BAD);
	T(semctl, s, 5, GETVAL, 0);
	T(semctl, s, -1, GETVAL, 0);
	T(semctl, s, 0, SETVAL, -1);
	T(semctl, s, 0, SETVAL, 32768);
	T(semctl, s, 0, GETALL, BAD);
	T(semctl, s, 0, 99, 0);
	T(semctl, s, 0, IPC_RMID, 0);
	T(semctl, s, 0, IPC_RMID, 0);
	T(semget, IPC_PRIVATE, 0, 0600);
	T(semget, IPC_PRIVATE, -1, 0600);
	T(shmget, IPC_PRIVATE, 0, 0600);
	T(shmget, 0x12345, 100, 0);
	T(shmat, m, 1, 0);
	T(shmat, 1 << 30, 0, 0);
	T(shmat, m, 0, SHM_REMAP);
	T(shmdt, 4096);
	T(shmdt, 1);
	T(shmctl, m, 99, 0);
	T(shmctl, m, IPC_STAT, BAD);
	T(shmctl, m, IPC_RMID, 0);
	T(shmctl, m, IPC_STAT, buffer);
}

/* What SEM_UNDO takes back, and when: the list is a process's, or that of several. */
static void undone(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf up = { 0, 3, SEM_UNDO };
	semctl(set, 0, SETVAL, 10);
	for (int shared = 0; shared < 2; shared++) {
		pid_t child = fork();
		if (!child) {
			long flags = (shared ? 0x40000 : 0) | SIGCHLD;		/* CLONE_SYSVSEM */
			semop(set, &up, 1);
			if (!raw(SYS_clone, flags, 0, 0, 0, 0, 0)) {
				semop(set, &up, 1);
				_exit(0);
			}
			wait(0);
			SAY(semctl(set, 0, GETVAL));
			T(unshare, 0x40000);
			SAY(semctl(set, 0, GETVAL));
			semop(set, &up, 1);
			_exit(0);
		}
		wait(0);
		SAY(semctl(set, 0, GETVAL));
	}
	semctl(set, 0, IPC_RMID);
}

static void signal_later(int fd)
{
	if (fork())
		return;
	usleep(20000);
	eventfd_write(fd, 1);
	_exit(0);
}

/* Instances that watch each other: five in a row, and no circle. */
static void rows(void)
{
	int q[8], fd = eventfd(0, 0);
	struct epoll_event event = { EPOLLIN }, out[4];
	eventfd_t value;
	for (int i = 0; i < 8; i++)
		q[i] = epoll_create1(0);
	T(epoll_ctl, q[0], EPOLL_CTL_ADD, fd, &event);
	for (int i = 1; i < 8; i++)
		T(epoll_ctl, q[i], EPOLL_CTL_ADD, q[i - 1], &event);
	struct pollfd polled[2] = { { q[4], POLLIN }, { eventfd(0, 0), POLLIN } };
	T(poll, polled, 1, 0);
	T(poll, polled, 1, 5);
	signal_later(fd);
	T(epoll_wait, q[4], out, 4, 2000);
	eventfd_read(fd, &value);
	T(epoll_wait, q[4], out, 4, 5);
	signal_later(fd);
	T(poll, polled, 2, 2000);
	wait(0), wait(0);
	for (int i = 0; i < 6; i++)
		T(epoll_wait, q[i], out, 4, 0);
	T(epoll_ctl, q[0], EPOLL_CTL_ADD, q[4], &event);
	T(epoll_ctl, q[0], EPOLL_CTL_ADD, q[0], &event);
	for (int i = 0; i < 8; i++)
		close(q[i]), q[i] = epoll_create1(0);
	for (int i = 6; i >= 0; i--)
		T(epoll_ctl, q[i], EPOLL_CTL_ADD, q[i + 1], &event);
	T(epoll_ctl, q[1], EPOLL_CTL_ADD, q[4], &event);
	T(epoll_ctl, q[6], EPOLL_CTL_ADD, q[4], &event);
}

static void sizes(void)
{
	struct rlimit limit = { 100, 100 };
	int ends[2], fd = open("sized", O_RDWR | O_CREAT, 0600), from = open("from", O_RDWR | O_CREAT, 0600);
	long at = 90;
	pipe(ends);
	ftruncate(from, 300);
	write(ends[1], buffer, 300);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	T(splice, ends[0], 0, fd, &at, 300, 0);
	SAY(at);
	T(splice, ends[0], 0, fd, &at, 300, 0);
	at = 200;
	T(splice, ends[0], 0, fd, &at, 300, 0);
	T(sendfile, fd, from, 0, 300);
	T(sendfile, fd, from, 0, 300);
	lseek(fd, 95, SEEK_SET);
	at = 0;
	T(copy_file_range, from, &at, fd, 0, 10, 0);
	T(copy_file_range, from, &at, fd, 0, 10, 0);
	lseek(fd, 95, SEEK_SET);
	T(splice, ends[0], 0, fd, 0, 50, 0);
	T(splice, ends[0], 0, fd, 0, 50, 0);
	T(fallocate, fd, 0, 0, 101);
}

int main(void)
{
	attributes();
	watches();
	ipc();
	undone();
	rows();
	sizes();
	return 0;
}
