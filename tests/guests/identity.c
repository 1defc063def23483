/* Ids, groups and capabilities of a process that begins as root: credentials(7), capabilities(7), setresuid(2),
 * setfsuid(2), setgroups(2), capset(2), prctl(2); what execve(2) makes of them; whom one may signal and schedule, and
 * whose SysV objects one may use. For test_identity.py: it has to be root. */
#include "identity.h"
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

static const char me[] = "/proc/self/exe";

static void ids_are(uid_t real, uid_t effective, uid_t saved, uid_t fs, int line)
{
	uid_t r, e, s;
	EQ(getresuid(&r, &e, &s), 0);
	uid_t f = setfsuid(-1);
	if (r != real || e != effective || s != saved || f != fs)
		failed_(__FILE__, line, "ids", r * 1000000LL + e * 10000 + s * 100 + f,
			real * 1000000LL + effective * 10000 + saved * 100 + fs);
	CHECK(getuid() == real && geteuid() == effective);
	char text[4096], wanted[128];
	int fd = open("/proc/thread-self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	snprintf(wanted, sizeof wanted, "\nUid:\t%u\t%u\t%u\t%u\n", real, effective, saved, fs);
	CHECK(strstr(text, wanted));
}
#define IDS(real, effective, saved, fs) ids_are(real, effective, saved, fs, __LINE__)

static void user_ids(void)
{
	IDS(0, 0, 0, 0);
	EQ(setresuid(-1, 7, -1), 0);
	IDS(0, 7, 0, 7);
	FAILS(setresuid(8, -1, -1), EPERM);
	EQ(setresuid(-1, 0, -1), 0);
	IDS(0, 0, 0, 0);
	EQ(setreuid(-1, 7), 0);			/* another effective id than the real one: the saved one follows */
	IDS(0, 7, 7, 7);
	EQ(setreuid(7, 0), 0);
	IDS(7, 0, 0, 0);
	EQ(setreuid(0, -1), 0);
	IDS(0, 0, 0, 0);
	EQ(setfsuid(7), 0);
	IDS(0, 0, 0, 7);
	EQ(setfsuid(0), 7);
	EQ(setresuid(7, 8, 9), 0);
	IDS(7, 8, 9, 8);
	FAILS(setuid(8), EPERM);		/* the effective id is not among those that setuid takes */
	EQ(setuid(9), 0);
	IDS(7, 9, 9, 9);
	EQ(setresuid(9, 7, 7), 0);
	IDS(9, 7, 7, 7);
	FAILS(setreuid(0, -1), EPERM);
	FAILS(setreuid(-1, 0), EPERM);
	FAILS(setresuid(-1, -1, 0), EPERM);
	FAILS(setuid(-1), EINVAL);
	setfsuid(0);
	IDS(9, 7, 7, 7);
	setfsuid(9);
	IDS(9, 7, 7, 9);
	FAILS(setgid(1), EPERM);
	FAILS(setgroups(0, NULL), EPERM);
}

static void group_ids(void)
{
	gid_t r, e, s, list[4] = { 5, 3, 4, 3 };
	EQ(setresgid(-1, 7, -1), 0);
	EQ(setregid(-1, 8), 0);
	EQ(getresgid(&r, &e, &s), 0);
	CHECK(r == 0 && e == 8 && s == 8);
	EQ(setfsgid(9), 8);
	EQ(setfsgid(-1), 9);
	EQ(setgroups(4, list), 0);
	EQ(getgroups(0, NULL), 4);
	FAILS(getgroups(3, list), EINVAL);
	EQ(getgroups(4, list), 4);
	CHECK(list[0] == 3 && list[1] == 3 && list[2] == 4 && list[3] == 5);
	FAILS(setgroups(65537, list), EINVAL);
	FAILS(syscall(SYS_setgroups, 2, 16), EFAULT);
	EQ(setgid(6), 0);
	EQ(getresgid(&r, &e, &s), 0);
	CHECK(r == 6 && e == 6 && s == 6 && setfsgid(-1) == 6);
	EQ(setresuid(7, 7, 7), 0);
	FAILS(setgid(0), EPERM);
	EQ(getgroups(0, NULL), 4);		/* they stay whatever becomes of the user id */
}

static void *another(void *unused)
{
	(void)unused;
	EQ(syscall(SYS_setresuid, 7, 7, 7), 0);	/* the call itself is the thread's alone */
	EQ(getuid(), 7);
	return NULL;
}

static void threads(void)
{
	pthread_t thread;
	EQ(pthread_create(&thread, NULL, another, NULL), 0);
	pthread_join(thread, NULL);
	EQ(getuid(), 0);
	EQ(setuid(8), 0);
	for (int i = 0; i < 3; i++)
		EQ(getuid(), 8);
}

static void sets_are(uint64_t effective, uint64_t permitted, uint64_t inheritable, int line)
{
	struct sets now = caps();
	if (now.effective != effective || now.permitted != permitted || now.inheritable != inheritable) {
		failed_(__FILE__, line, "effective", now.effective, effective);
		failed_(__FILE__, line, "permitted", now.permitted, permitted);
		failed_(__FILE__, line, "inheritable", now.inheritable, inheritable);
	}
}
#define SETS(effective, permitted, inheritable) sets_are(effective, permitted, inheritable, __LINE__)

static void capabilities(void)
{
	SETS(ROOT_CAPS, ROOT_CAPS, 0);
	EQ(setfsuid(7), 0);
	SETS(ROOT_CAPS & ~FILE_CAPS, ROOT_CAPS, 0);
	setfsuid(0);
	SETS(ROOT_CAPS, ROOT_CAPS, 0);
	EQ(setresuid(-1, 7, -1), 0);
	SETS(0, ROOT_CAPS, 0);
	EQ(setresuid(-1, 0, -1), 0);
	SETS(ROOT_CAPS, ROOT_CAPS, 0);
	EQ(set_caps(CAP(KILL) | CAP(SETUID), CAP(KILL) | CAP(SETUID) | CAP(CHOWN), 0), 0);
	FAILS(setgroups(0, NULL), EPERM);
	FAILS(set_caps(CAP(FOWNER), CAP(KILL), 0), EPERM);
	FAILS(set_caps(CAP(KILL), CAP(KILL) | CAP(FOWNER), 0), EPERM);
	EQ(set_caps(CAP(CHOWN) | CAP(SETUID), CAP(KILL) | CAP(SETUID) | CAP(CHOWN), CAP(CHOWN)), 0);
	FAILS(set_caps(0, CAP(KILL), CAP(FSETID)), EPERM);	/* no CAP_SETPCAP, and not permitted */
	FAILS(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0), EPERM);
	EQ(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
	EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
	EQ(setresuid(7, 7, 7), 0);
	SETS(0, CAP(KILL) | CAP(SETUID) | CAP(CHOWN), CAP(CHOWN));
	EQ(set_caps(CAP(SETUID), CAP(SETUID), 0), 0);
	EQ(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), 0);
	FAILS(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
	EQ(setresuid(-1, 0, 0), 0);		/* not root, and CAP_SETUID all the same */
	SETS(CAP(SETUID), CAP(SETUID), 0);
	EQ(setresuid(7, 7, 7), 0);
	SETS(0, 0, 0);
	struct __user_cap_header_struct header = { 0, 0 };
	EQ(syscall(SYS_capget, &header, NULL), 0);
	EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
	header.pid = 1 << 30;
	FAILS(syscall(SYS_capget, &header, &header), ESRCH);
	header.pid = -1;
	FAILS(syscall(SYS_capget, &header, &header), EINVAL);
	header.pid = getppid();
	FAILS(syscall(SYS_capset, &header, &header), EPERM);
}

static void other_sets(void)
{
	EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 1);
	EQ(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0), 0);
	FAILS(prctl(PR_CAPBSET_READ, 64, 0, 0, 0), EINVAL);
	EQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0), 0);
	FAILS(prctl(PR_CAPBSET_DROP, 64, 0, 0, 0), EINVAL);
	EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 0);
	FAILS(set_caps(ROOT_CAPS, ROOT_CAPS, CAP(CHOWN)), EPERM);	/* permitted, but not in the bounding set */
	FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
	EQ(set_caps(ROOT_CAPS, ROOT_CAPS, CAP(KILL)), 0);
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), 0);
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
	FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0), EINVAL);
	EQ(set_caps(ROOT_CAPS, ROOT_CAPS, 0), 0);
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
	EQ(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0);
	FAILS(prctl(PR_SET_SECUREBITS, 1 << 12, 0, 0, 0), EPERM);
	EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0, 0), 0);
	FAILS(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
	EQ(setresuid(-1, 7, -1), 0);
	SETS(ROOT_CAPS, ROOT_CAPS, 0);
	EQ(setresuid(7, 7, 7), 0);
	SETS(ROOT_CAPS, ROOT_CAPS, 0);
}

/* In a program that was executed: argv[2] to argv[6] are the effective user and group, the effective and permitted set,
 * and AT_SECURE, as they are to be. */
static int executed(char **argv)
{
	EQ(geteuid(), strtoul(argv[2], NULL, 0));
	EQ(getegid(), strtoul(argv[3], NULL, 0));
	EQ(caps().effective, strtoull(argv[4], NULL, 0));
	EQ(caps().permitted, strtoull(argv[5], NULL, 0));
	EQ(getauxval(AT_SECURE), strtoul(argv[6], NULL, 0));
	EQ(getauxval(AT_EUID), geteuid());
	EQ(getauxval(AT_UID), getuid());
	EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
	fflush(stdout);
	return failures_ != 0;
}

static void execute(const char *path, uid_t euid, gid_t egid, uint64_t effective, uint64_t permitted, int secure, int line)
{
	char words[5][32];
	snprintf(words[0], 32, "%u", euid);
	snprintf(words[1], 32, "%u", egid);
	snprintf(words[2], 32, "%#llx", (unsigned long long)effective);
	snprintf(words[3], 32, "%#llx", (unsigned long long)permitted);
	snprintf(words[4], 32, "%d", secure);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		execl(path, "identity", "executed", words[0], words[1], words[2], words[3], words[4], NULL);
		_exit(100 + errno);
	}
	int status = ended(pid);
	if (status)
		failed_(__FILE__, line, "execve", status, 0);
}
#define EXECUTE(path, ...) execute(path, __VA_ARGS__, __LINE__)

static void executing(void)
{
	EXECUTE(me, 0, 0, ROOT_CAPS, ROOT_CAPS, 0);
	EQ(set_caps(0, 0, 0), 0);
	EXECUTE(me, 0, 0, ROOT_CAPS, ROOT_CAPS, 0);	/* user 0 gets them back */
}

static void executing_as_another(void)
{
	EQ(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
	EQ(setresuid(-1, 7, -1), 0);
	EXECUTE(me, 7, 0, 0, ROOT_CAPS, 1);
	EQ(setresuid(0, 0, 0), 0);
	EQ(setresuid(7, 7, 7), 0);
	EXECUTE(me, 7, 0, 0, 0, 0);
	EQ(set_caps(CAP(CHOWN), ROOT_CAPS, CAP(CHOWN)), 0);
	EXECUTE(me, 7, 0, 0, 0, 0);
	EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
	EXECUTE(me, 7, 0, CAP(CHOWN), CAP(CHOWN), 0);
}

static void executing_without_root(void)
{
	EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0), 0);
	EXECUTE(me, 0, 0, 0, 0, 0);
}

/* A process of another user that sleeps. */
static pid_t sleeper(uid_t real, uid_t effective, uid_t saved)
{
	int ready[2];
	char byte;
	EQ(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		setresuid(real, effective, saved);
		if (write(ready[1], "x", 1) != 1)
			_exit(9);
		for (;;)
			pause();
	}
	EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void signals(void)
{
	pid_t root = getpid(), mine = sleeper(7, 7, 7), was = sleeper(8, 8, 7), as = sleeper(8, 7, 8);
	AS(7, 7)
		FAILS(kill(root, 0), EPERM);
		FAILS(kill(root, SIGTERM), EPERM);
		FAILS(kill(root, -1), EINVAL);
		FAILS(syscall(SYS_tgkill, root, root, SIGTERM), EPERM);
		FAILS(syscall(SYS_tkill, root, 0), EPERM);
		FAILS(sigqueue(root, SIGTERM, (union sigval){ 0 }), EPERM);
		EQ(kill(root, SIGCONT), 0);		/* of the same session */
		int fd = syscall(SYS_pidfd_open, root, 0);
		CHECK(fd >= 0);
		FAILS(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), EPERM);
		EQ(kill(mine, 0), 0);
		EQ(kill(was, 0), 0);			/* the saved id counts */
		FAILS(kill(as, 0), EPERM);		/* the effective one does not */
	DONE
	EQ(setresuid(8, 7, 0), 0);
	EQ(kill(as, 0), 0);				/* one's own effective and real do */
	EQ(setresuid(0, 0, 0), 0);
	EQ(kill(mine, SIGKILL), 0);
	EQ(kill(was, SIGKILL), 0);
	EQ(ended(mine), 1000 + SIGKILL);
	EQ(ended(was), 1000 + SIGKILL);
	EQ(set_caps(ROOT_CAPS & ~CAP(KILL), ROOT_CAPS & ~CAP(KILL), 0), 0);
	FAILS(kill(as, SIGKILL), EPERM);
	EQ(setresuid(8, 8, 8), 0);
	EQ(kill(as, SIGKILL), 0);
	EQ(ended(as), 1000 + SIGKILL);
}

static void scheduling(void)
{
	pid_t root = getpid();
	AS(7, 7)
		cpu_set_t set;
		struct rlimit limit;
		struct sched_param param = { 0 };
		EQ(sched_getaffinity(root, sizeof set, &set), 0);
		FAILS(sched_setaffinity(root, sizeof set, &set), EPERM);
		EQ(sched_setaffinity(0, sizeof set, &set), 0);
		FAILS(setpriority(PRIO_PROCESS, root, 19), EPERM);
		EQ(setpriority(PRIO_PROCESS, 0, 19), 0);
		FAILS(setpriority(PRIO_PROCESS, 0, 18), EACCES);
		FAILS(sched_setscheduler(root, SCHED_BATCH, &param), EPERM);
		FAILS(syscall(SYS_prlimit64, root, RLIMIT_NOFILE, NULL, &limit), EPERM);
		EQ(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit), 0);
		FAILS(getpriority(PRIO_USER, 77), ESRCH);
		EQ(getpriority(PRIO_USER, 7), 19);
	DONE
}

static void sysv(void)
{
	union { int val; struct semid_ds *buf; } word;
	struct semid_ds set;
	struct shmid_ds segment;
	struct msqid_ds queue;
	struct { long type; char text[8]; } message = { 1, "text" };
	int shm = shmget(IPC_PRIVATE, 4096, 0600), open = shmget(IPC_PRIVATE, 4096, 0604);
	int sem = semget(IPC_PRIVATE, 1, 0640), msg = msgget(IPC_PRIVATE, 0602);
	AS(7, 7)
		FAILS(shmat(shm, NULL, 0) == (void *)-1 ? -1 : 0, EACCES);
		FAILS(shmat(open, NULL, 0) == (void *)-1 ? -1 : 0, EACCES);
		CHECK(shmat(open, NULL, SHM_RDONLY) != (void *)-1);
		FAILS(shmctl(shm, IPC_STAT, &segment), EACCES);
		FAILS(shmctl(shm, IPC_RMID, NULL), EPERM);
		FAILS(semctl(sem, 0, GETVAL), EACCES);
		FAILS(semctl(sem, 0, IPC_RMID), EPERM);
		FAILS(semop(sem, &(struct sembuf){ 0, 1, 0 }, 1), EACCES);
		EQ(msgsnd(msg, &message, 4, 0), 0);
		FAILS(msgrcv(msg, &message, 4, 0, 0), EACCES);
		FAILS(msgctl(msg, IPC_RMID, NULL), EPERM);
	DONE
	AS(7, 0)
		EQ(semctl(sem, 0, GETVAL), 0);
		word.val = 1;
		FAILS(semctl(sem, 0, SETVAL, word), EACCES);
	DONE
	EQ(shmctl(shm, IPC_STAT, &segment), 0);
	segment.shm_perm.uid = 7;
	EQ(shmctl(shm, IPC_SET, &segment), 0);
	word.buf = &set;
	EQ(semctl(sem, 0, IPC_STAT, word), 0);
	CHECK(set.sem_perm.uid == 0 && set.sem_perm.cuid == 0);
	set.sem_perm.uid = 7;
	EQ(semctl(sem, 0, IPC_SET, word), 0);
	EQ(msgctl(msg, IPC_STAT, &queue), 0);
	queue.msg_perm.uid = 7;
	queue.msg_perm.mode = 0600;
	EQ(msgctl(msg, IPC_SET, &queue), 0);
	AS(7, 7)
		CHECK(shmat(shm, NULL, 0) != (void *)-1);
		EQ(shmctl(shm, IPC_RMID, NULL), 0);
		EQ(semctl(sem, 0, IPC_RMID), 0);
		EQ(msgrcv(msg, &message, 4, 0, 0), 4);
	DONE
	EQ(msgctl(msg, IPC_RMID, NULL), 0);
	EQ(shmctl(open, IPC_RMID, NULL), 0);
	EQ(setresuid(-1, 7, -1), 0);
	shm = shmget(IPC_PRIVATE, 4096, 0600);
	EQ(setresuid(-1, 0, -1), 0);
	FAILS(shmat(shm, NULL, 0) == (void *)-1 ? -1 : 0, EACCES);	/* no CAP_IPC_OWNER */
	EQ(setresuid(-1, 7, -1), 0);
	EQ(shmctl(shm, IPC_RMID, NULL), 0);
}

int main(int argc, char **argv)
{
	if (argc > 6 && !strcmp(argv[1], "executed"))
		return executed(argv);
	begin_as_root();
	part("user ids", user_ids);
	part("group ids", group_ids);
	part("threads", threads);
	part("capabilities", capabilities);
	part("bounding and ambient sets", other_sets);
	part("execve", executing);
	part("execve of another user", executing_as_another);
	part("execve without root's privilege", executing_without_root);
	part("signals", signals);
	part("scheduling", scheduling);
	part("SysV objects", sysv);
	return verdict();
}
