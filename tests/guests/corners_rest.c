/* Corners of the calls that corners_*.c leave: extended attributes, inotify, SysV IPC. */
#include "corners.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
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

int main(void)
{
	attributes();
	watches();
	ipc();
	return 0;
}
