/* SysV semaphores and message queues: values, waiting, undo, removal; types, sizes, limits. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>

union argument { int val; struct semid_ds *buf; unsigned short *array; };

static int op(int id, int index, int change, int flags)
{
	struct sembuf one = { index, change, flags };
	return semop(id, &one, 1);
}

static int get(int id, int index, int command)
{
	return semctl(id, index, command, 0);
}

/* Until somebody waits there, 10 s at most. */
static void until(int id, int index, int command, int count)
{
	for (int i = 0; i < 10000 && get(id, index, command) != count; i++)
		usleep(1000);
	EQ(get(id, index, command), count);
}

static int ended(pid_t pid)
{
	int status = -1;
	EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void noted(int signo)
{
	(void)signo;
}

static void semaphores(void)
{
	struct semid_ds ds;
	unsigned short values[3] = { 4, 5, 6 };
	key_t key = 0x5ce70000 | (getpid() & 0xffff);
	FAILS(semget(key, 3, 0600), ENOENT);
	FAILS(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	FAILS(semget(key, -1, IPC_CREAT | 0600), EINVAL);
	FAILS(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
	int id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	FAILS(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	FAILS(semget(key, 4, 0600), EINVAL);
	EQ(semget(key, 0, 0600), id);
	EQ(semctl(id, 0, IPC_STAT, (union argument){ .buf = &ds }), 0);
	EQ(ds.sem_nsems, 3);
	EQ(ds.sem_perm.mode, 0600);
	EQ(ds.sem_otime, 0);
	CHECK(ds.sem_ctime > 0 && ds.sem_perm.__key == key);
	EQ(get(id, 0, GETPID), 0);
	EQ(semctl(id, 0, SETALL, (union argument){ .array = values }), 0);
	memset(values, 0, sizeof values);
	EQ(semctl(id, 0, GETALL, (union argument){ .array = values }), 0);
	EQ(values[0] * 100 + values[1] * 10 + values[2], 456);
	EQ(get(id, 1, GETVAL), 5);
	EQ(get(id, 1, GETPID) == getpid(), 1);
	FAILS(get(id, 3, GETVAL), EINVAL);
	FAILS(semctl(id, 0, SETVAL, (union argument){ .val = 32768 }), ERANGE);
	FAILS(semctl(id, 0, SETVAL, (union argument){ .val = -1 }), ERANGE);
	FAILS(semctl(id, 0, 99, 0), EINVAL);
	EQ(semctl(id, 0, SETVAL, (union argument){ .val = 1 }), 0);

	/* all or nothing */
	struct sembuf both[2] = { { 1, -5, IPC_NOWAIT }, { 0, -2, IPC_NOWAIT } };
	FAILS(semop(id, both, 2), EAGAIN);
	EQ(get(id, 1, GETVAL), 5);
	both[1].sem_op = -1;
	EQ(semop(id, both, 2), 0);
	EQ(get(id, 0, GETVAL) + get(id, 1, GETVAL), 0);
	FAILS(op(id, 2, 0, IPC_NOWAIT), EAGAIN);
	EQ(op(id, 0, 0, 0), 0);
	FAILS(op(id, 3, 1, 0), EFBIG);
	EQ(op(id, 0, 32767, 0), 0);
	FAILS(op(id, 0, 1, 0), ERANGE);
	EQ(op(id, 0, -32767, 0), 0);
	FAILS(semop(id, both, 0), EINVAL);
	FAILS(semop(id, both, 501), E2BIG);
	FAILS(semop(id, (void *)8, 1), EFAULT);
	FAILS(op(-1, 0, 1, 0), EINVAL);
	struct timespec wait = { 0, 20000000 };
	both[0] = (struct sembuf){ 0, -1, 0 };
	int64_t before = now_ns(CLOCK_MONOTONIC);
	FAILS(semtimedop(id, both, 1, &wait), EAGAIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
	wait.tv_nsec = -1;
	FAILS(semtimedop(id, both, 1, &wait), EINVAL);
	section("semaphores");

	pid_t pid = fork();
	if (!pid)
		_exit(op(id, 0, -2, 0) ? 1 : 7);
	until(id, 0, GETNCNT, 1);
	EQ(get(id, 0, GETZCNT), 0);
	EQ(op(id, 0, 1, 0), 0);
	EQ(get(id, 0, GETNCNT), 1);
	EQ(op(id, 0, 1, 0), 0);
	EQ(get(id, 0, GETVAL), 0);		/* the waiter has it, nobody overtakes */
	EQ(ended(pid), 7 << 8);
	EQ(get(id, 0, GETPID), pid);
	if (!(pid = fork()))
		_exit(op(id, 2, 0, 0) ? 1 : 8);
	until(id, 2, GETZCNT, 1);
	EQ(semctl(id, 2, SETVAL, (union argument){ .val = 0 }), 0);
	EQ(ended(pid), 8 << 8);
	if (!(pid = fork())) {
		signal(SIGUSR1, noted);
		_exit(op(id, 0, -1, 0) == -1 && errno == EINTR ? 9 : 1);
	}
	until(id, 0, GETNCNT, 1);
	kill(pid, SIGUSR1);
	EQ(ended(pid), 9 << 8);
	EQ(get(id, 0, GETNCNT), 0);
	if (!(pid = fork()))
		pause();
	kill(pid, SIGKILL);
	ended(pid);
	if (!(pid = fork()))
		_exit(op(id, 0, -1, 0));
	until(id, 0, GETNCNT, 1);
	kill(pid, SIGKILL);
	EQ(ended(pid), SIGKILL);
	EQ(get(id, 0, GETNCNT), 0);
	section("waiting for a semaphore");

	EQ(semctl(id, 1, SETVAL, (union argument){ .val = 3 }), 0);
	if (!(pid = fork()))
		_exit(op(id, 1, -2, SEM_UNDO) || op(id, 1, 1, 0) || op(id, 2, 4, SEM_UNDO) || get(id, 1, GETVAL) != 2);
	EQ(ended(pid), 0);
	EQ(get(id, 1, GETVAL), 4);
	EQ(get(id, 2, GETVAL), 0);
	EQ(get(id, 2, GETPID), pid);
	if (!(pid = fork()))
		_exit(op(id, 1, -2, SEM_UNDO) || semctl(id, 1, SETVAL, (union argument){ .val = 9 }));
	EQ(ended(pid), 0);
	EQ(get(id, 1, GETVAL), 9);
	if (!(pid = fork()))
		_exit(op(id, 0, -1, 0) == -1 && errno == EIDRM ? 6 : 1);
	until(id, 0, GETNCNT, 1);
	EQ(semctl(id, 0, IPC_RMID), 0);
	EQ(ended(pid), 6 << 8);
	FAILS(get(id, 0, GETVAL), EINVAL);
	FAILS(op(id, 0, 1, 0), EINVAL);
	section("undo and removal");
}

static struct { long type; char text[9000]; } m;

static int send(int id, long type, const char *text, int flags)
{
	m.type = type;
	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static int receive(int id, long type, size_t size, int flags)
{
	memset(&m, 0, sizeof m);
	return msgrcv(id, &m, size, type, flags);
}

static void messages(void)
{
	struct msqid_ds ds;
	pid_t pid;
	key_t key = 0x5ce70000 | (getpid() & 0xffff);
	FAILS(msgget(key, 0600), ENOENT);
	int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	FAILS(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	EQ(msgget(key, 0600), id);
	EQ(send(id, 3, "three", 0), 0);
	EQ(send(id, 1, "one", 0), 0);
	EQ(send(id, 2, "two", 0), 0);
	EQ(send(id, 1, "uno", 0), 0);
	EQ(msgctl(id, IPC_STAT, &ds), 0);
	EQ(ds.msg_qnum, 4);
	EQ(ds.__msg_cbytes, 14);
	EQ(ds.msg_lspid == getpid() && ds.msg_stime > 0 && !ds.msg_rtime && !ds.msg_lrpid, 1);
	EQ(receive(id, 2, 100, 0), 3);
	EQ(strcmp(m.text, "two") || m.type != 2, 0);
	EQ(receive(id, -2, 100, 0), 3);
	EQ(strcmp(m.text, "one"), 0);
	EQ(receive(id, 3, 100, MSG_EXCEPT), 3);
	EQ(strcmp(m.text, "uno"), 0);
	FAILS(receive(id, 0, 4, 0), E2BIG);
	EQ(receive(id, 0, 4, MSG_NOERROR), 4);
	EQ(strcmp(m.text, "thre"), 0);
	FAILS(receive(id, 0, 100, IPC_NOWAIT), ENOMSG);
	FAILS(send(id, 0, "x", 0), EINVAL);
	FAILS(send(id, -1, "x", 0), EINVAL);
	m.type = 1;
	FAILS(msgsnd(id, &m, 8193, 0), EINVAL);
	FAILS(msgsnd(id, &m, -1, 0), EINVAL);
	FAILS(msgsnd(id, (void *)8, 1, 0), EFAULT);
	FAILS(msgsnd(-1, &m, 1, 0), EINVAL);
	FAILS(receive(-1, 0, 1, 0), EINVAL);
	FAILS(receive(id, 0, -1, 0), EINVAL);
	FAILS(msgctl(id, 99, &ds), EINVAL);
	m.type = 1;
	EQ(msgsnd(id, &m, 0, 0), 0);
	EQ(receive(id, 0, 0, 0), 0);
	section("messages");

	if (!(pid = fork())) {
		int got = receive(id, 5, 100, 0);
		_exit(got == 4 && !strcmp(m.text, "five") ? 5 : 1);
	}
	usleep(20000);
	EQ(send(id, 4, "four", 0), 0);
	EQ(send(id, 5, "five", 0), 0);
	EQ(ended(pid), 5 << 8);
	EQ(receive(id, 0, 100, 0), 4);
	EQ(msgctl(id, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 10;
	EQ(msgctl(id, IPC_SET, &ds), 0);
	EQ(send(id, 1, "12345678", IPC_NOWAIT), 0);
	FAILS(send(id, 1, "123", IPC_NOWAIT), EAGAIN);
	if (!(pid = fork()))
		_exit(send(id, 7, "123", 0) ? 1 : 3);
	usleep(20000);
	EQ(receive(id, 0, 100, 0), 8);
	EQ(ended(pid), 3 << 8);
	EQ(receive(id, 7, 100, 0), 3);
	if (!(pid = fork())) {
		signal(SIGALRM, noted);
		ualarm(10000, 10000);
		_exit(receive(id, 0, 1, 0) == -1 && errno == EINTR ? 4 : 1);
	}
	EQ(ended(pid), 4 << 8);
	if (!(pid = fork())) {
		int got = receive(id, 0, 1, 0);
		_exit(got == -1 && (errno == EIDRM || errno == EINVAL) ? 2 : 1);
	}
	usleep(20000);
	EQ(msgctl(id, IPC_RMID, 0), 0);
	EQ(ended(pid), 2 << 8);
	FAILS(msgctl(id, IPC_STAT, &ds), EINVAL);
	section("waiting for a message");
}

int main(void)
{
	semaphores();
	messages();
	return verdict();
}
