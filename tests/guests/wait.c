/* wait4(2), waitid(2), SIGCHLD, groups and sessions. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

static pid_t spawn(int code)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(code);
	return pid;
}

static void statuses(void)
{
	int status;
	pid_t pid = spawn(300);
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (300 & 0xff));
	FAILS(waitpid(pid, &status, 0), ECHILD);
	FAILS(waitpid(-1, &status, 0), ECHILD);
	FAILS(waitpid(1 << 22, &status, 0), ECHILD);
	FAILS(waitpid(-1, &status, 0x100), EINVAL);
	FAILS(syscall(SYS_waitid, P_ALL, 0, 0, WNOHANG, 0), EINVAL);
	FAILS(syscall(SYS_waitid, 77, 0, 0, WEXITED, 0), EINVAL);

	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	EQ(waitpid(pid, &status, WNOHANG), 0);
	EQ(kill(pid, SIGKILL), 0);
	EQ(waitpid(-1, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		*(volatile int *)8 = 1;
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	section("statuses");
}

static void zombies(void)
{
	siginfo_t info;
	pid_t pid = spawn(5);

	EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	EQ(info.si_signo, SIGCHLD);
	EQ(info.si_code, CLD_EXITED);
	EQ(info.si_status, 5);
	EQ(info.si_pid, pid);
	EQ(kill(pid, 0), 0);			/* its number is still taken */
	EQ(kill(pid, SIGKILL), 0);
	EQ(getpgid(pid), getpgrp());
	EQ(waitid(P_PID, pid, &info, WEXITED), 0);
	EQ(info.si_status, 5);
	FAILS(kill(pid, 0), ESRCH);
	FAILS(waitid(P_PID, pid, &info, WEXITED), ECHILD);
	section("zombies");
}

static volatile sig_atomic_t told, told_code, told_status, told_pid;

static void on_child(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	told++;
	told_code = info->si_code;
	told_status = info->si_status;
	told_pid = info->si_pid;
}

/* The signal may come a little after the wait has told. */
static void until_told(int code)
{
	for (int i = 0; i < 2000 && told_code != code; i++)
		usleep(1000);
	EQ(told_code, code);
}

static void stopping(void)
{
	struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART };
	int status;

	sigaction(SIGCHLD, &action, NULL);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	EQ(kill(pid, SIGSTOP), 0);
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	until_told(CLD_STOPPED);
	EQ(told_status, SIGSTOP);
	EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);	/* told once */
	EQ(kill(pid, SIGCONT), 0);
	EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	until_told(CLD_CONTINUED);
	EQ(kill(pid, SIGSTOP), 0);
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	EQ(kill(pid, SIGKILL), 0);				/* a stopped process ends too */
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	until_told(CLD_KILLED);
	EQ(told_pid, pid);
	section("stopping");
}

static void sigchld(void)
{
	struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO };
	int status;

	sigaction(SIGCHLD, &action, NULL);
	told = 0;
	pid_t pid = spawn(3);
	while (!told)
		usleep(1000);
	EQ(told_code, CLD_EXITED);
	EQ(told_status, 3);
	EQ(waitpid(pid, &status, 0), pid);

	action.sa_flags |= SA_NOCLDWAIT;
	sigaction(SIGCHLD, &action, NULL);
	told = 0;
	spawn(0);
	FAILS(({ int r; while ((r = wait(&status)) == -1 && errno == EINTR); r; }), ECHILD);
	while (!told)
		usleep(1000);					/* the signal comes all the same */

	signal(SIGCHLD, SIG_IGN);
	pid = spawn(0);
	FAILS(waitpid(pid, &status, 0), ECHILD);		/* after it has ended */
	while (kill(pid, 0) == 0)
		usleep(1000);					/* Linux tells of its end a little before */
	FAILS(kill(pid, 0), ESRCH);
	signal(SIGCHLD, SIG_DFL);
	section("SIGCHLD");
}

static void interrupted(int signo)
{
	(void)signo;
}

static void eintr(void)
{
	struct sigaction action = { .sa_handler = interrupted };
	int status;
	pid_t me = getpid(), other, pid;

	sigaction(SIGCHLD, &action, NULL);
	for (int i = 0; i < 20; i++) {			/* the signal of the child that is waited for interrupts no wait */
		pid = fork();
		if (pid == 0) {
			usleep(2000);
			_exit(0);
		}
		EQ(waitpid(pid, &status, 0), pid);
	}
	signal(SIGCHLD, SIG_DFL);
	pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	sigaction(SIGUSR1, &action, NULL);
	other = fork();
	if (other == 0) {
		usleep(50000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	FAILS(waitpid(pid, &status, 0), EINTR);
	EQ(waitpid(other, &status, 0), other);
	kill(pid, SIGTERM);
	EQ(waitpid(pid, &status, 0), pid);
	section("EINTR");
}

static void orphans(void)
{
	int fds[2], status;
	pid_t heir = 0;

	EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		pid_t parent = getpid();
		if (fork() == 0) {
			while (getppid() == parent)
				usleep(1000);
			heir = getppid();
			CHECK(write(fds[1], &heir, sizeof heir) == sizeof heir);
			_exit(17);
		}
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(read(fds[0], &heir, sizeof heir) == sizeof heir);
	EQ(heir, getpid());
	CHECK(wait(&status) > 0);
	EQ(WEXITSTATUS(status), 17);
	close(fds[0]);
	close(fds[1]);

	/* and its death is told to a child that wants to know */
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			for (;;)
				pause();
		}
		usleep(100000);
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(wait(&status) > 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	section("orphans");
}

static void groups(void)
{
	int status;
	pid_t leader = fork(), second;

	if (leader == 0)
		for (;;)
			pause();
	EQ(setpgid(leader, 0), 0);
	EQ(getpgid(leader), leader);
	second = fork();
	if (second == 0) {
		setpgid(0, leader);
		for (;;)
			pause();
	}
	EQ(setpgid(second, leader), 0);
	FAILS(setpgid(second, -1), EINVAL);
	FAILS(setpgid(1 << 22, 0), ESRCH);
	FAILS(setpgid(second, 1 << 22), EPERM);
	EQ(kill(-leader, SIGTERM), 0);
	EQ(waitpid(-leader, &status, 0) > 0, 1);
	EQ(waitpid(-leader, &status, 0) > 0, 1);
	FAILS(waitpid(-leader, &status, 0), ECHILD);
	FAILS(kill(-leader, SIGTERM), ESRCH);

	pid_t pid = fork();
	if (pid == 0) {
		pid_t sid = setsid();
		CHECK(sid == getpid() && getsid(0) == sid && getpgrp() == sid);
		FAILS(setsid(), EPERM);
		FAILS(setpgid(0, 0), EPERM);
		_exit(failures_ != 0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);

	/* a group lives as long as one who leads it is not waited for */
	leader = fork();
	if (leader == 0)
		_exit(0);
	setpgid(leader, leader);
	siginfo_t info;
	waitid(P_PID, leader, &info, WEXITED | WNOWAIT);
	second = fork();
	if (second == 0)
		for (;;)
			pause();
	EQ(setpgid(second, getpgid(leader)), 0);
	kill(second, SIGKILL);
	EQ(waitpid(leader, &status, 0), leader);
	EQ(waitpid(second, &status, 0), second);
	section("groups");
}

static void pidfds(void)
{
	siginfo_t info;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	CHECK(fd >= 0);
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQ(poll(&poller, 1, 0), 0);
	FAILS(syscall(SYS_pidfd_send_signal, fd, 100, 0, 0), EINVAL);
	FAILS(syscall(SYS_pidfd_send_signal, 0, SIGTERM, 0, 0), EBADF);
	FAILS(syscall(SYS_pidfd_open, -1, 0), EINVAL);
	FAILS(syscall(SYS_pidfd_open, 1 << 22, 0), ESRCH);
	EQ(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0), 0);
	EQ(poll(&poller, 1, 10000), 1);
	EQ(poller.revents, POLLIN);
	EQ(waitid(3 /* P_PIDFD */, fd, &info, WEXITED), 0);
	EQ(info.si_pid, pid);
	EQ(info.si_status, SIGTERM);
	FAILS(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0), ESRCH);
	close(fd);

	pid = syscall(SYS_clone, 0x1000 /* CLONE_PIDFD */ | SIGCHLD, 0, &fd, 0, 0);
	if (pid == 0)
		_exit(9);
	EQ(waitid(3, fd, &info, WEXITED), 0);
	EQ(info.si_status, 9);
	close(fd);
	section("pidfds");
}

static void usage(void)
{
	struct rusage used, children;
	struct tms before, after;
	int status;

	times(&before);
	pid_t pid = fork();
	if (pid == 0) {
		int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 60000000;
		while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
			;
		_exit(0);
	}
	EQ(wait4(pid, &status, 0, &used), pid);
	long us = used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_sec * 1000000
		+ used.ru_stime.tv_usec;
	CHECK(us >= 50000 && us < 10000000);
	getrusage(RUSAGE_CHILDREN, &children);
	CHECK(children.ru_utime.tv_sec * 1000000 + children.ru_utime.tv_usec + children.ru_stime.tv_sec * 1000000
		+ children.ru_stime.tv_usec >= us);
	times(&after);
	CHECK(after.tms_cutime + after.tms_cstime - before.tms_cutime - before.tms_cstime >= 4);
	section("usage");
}

int main(void)
{
	statuses();
	zombies();
	stopping();
	sigchld();
	eintr();
	orphans();
	groups();
	pidfds();
	usage();
	return verdict();
}
