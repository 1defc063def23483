/* Corners of the calls on processes, signals, time and scheduling. */
#include "corners.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static char buffer[4096];

static void waiting(void)
{
	siginfo_t info;
	pid_t pid;
	T(wait4, -1, 0, 0, 0);
	T(wait4, -1, 0, 0x100, 0);
	T(wait4, INT_MIN, 0, 0, 0);
	T(wait4, 999999, 0, 0, 0);
	T(waitid, P_ALL, 0, &info, WEXITED, 0);
	T(waitid, P_ALL, 0, &info, 0, 0);
	T(waitid, P_ALL, 0, &info, WNOHANG, 0);
	T(waitid, P_ALL, 0, &info, WEXITED | 0x100, 0);
	T(waitid, 9, 0, &info, WEXITED, 0);
	T(waitid, P_PID, 0, &info, WEXITED, 0);
	T(waitid, P_PID, -1, &info, WEXITED, 0);
	T(waitid, P_PGID, -1, &info, WEXITED, 0);
	T(waitid, 3, 999, &info, WEXITED, 0);
	T(waitid, 3, 0, &info, WEXITED, 0);
	pid = fork();
	if (!pid)
		_exit(5);
	info.si_pid = 77;
	EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	T(waitid, P_PID, pid, &info, WSTOPPED | WNOHANG, 0);
	SAY(info.si_pid);
	T(wait4, pid, BAD, 0, 0);
	T(wait4, pid, 0, 0, 0);
	T(pidfd_open, -1, 0);
	T(pidfd_open, 0, 0);
	T(pidfd_open, 999999, 0);
	T(pidfd_open, 1, 0x100);
	T(pidfd_send_signal, 999, 0, 0, 0);
	T(pidfd_send_signal, 0, 0, 0, 0);
	T(pidfd_getfd, 0, 0, 0);
	T(pidfd_getfd, 999, 0, 0);
	T(pidfd_getfd, 999, 0, 1);
	T(execve, "/nothing", 0, 0);
	T(execve, "", 0, 0);
	T(execve, BAD, 0, 0);
	T(execve, "/proc", 0, 0);
	T(execveat, AT_FDCWD, "", 0, 0, 0);
	T(execveat, AT_FDCWD, "/nothing", 0, 0, 0x100000);
	T(execveat, 999, "x", 0, 0, 0);
	T(setpgid, 0, -1);
	T(setpgid, -1, 0);
	T(setpgid, 999999, 0);
	T(setpgid, 0, 999999);
	T(getpgid, -1);
	T(getpgid, 999999);
	T(getsid, 999999);
	T(kill, 999999, 0);
	T(kill, getpid(), 65);
	T(kill, getpid(), -1);
	T(kill, getpid(), 0);
	T(kill, INT_MIN, 0);
	T(tkill, 0, 0);
	T(tkill, -1, 0);
	T(tkill, 999999, 0);
	T(tgkill, 0, getpid(), 0);
	T(tgkill, getpid(), -1, 0);
	T(tgkill, getpid(), getpid(), 65);
	T(tgkill, 999999, getpid(), 0);
}

static void signals(void)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = { 0 };
	unsigned long set = 0;
	struct timespec t = { 0, 1000 };
	stack_t ss = { .ss_sp = buffer, .ss_size = 100 };
	T(rt_sigaction, 0, 0, 0, 8);
	T(rt_sigaction, 65, 0, 0, 8);
	T(rt_sigaction, SIGKILL, 0, 0, 8);
	T(rt_sigaction, SIGKILL, &action, 0, 8);
	T(rt_sigaction, SIGSTOP, &action, 0, 8);
	T(rt_sigaction, SIGUSR1, &action, 0, 7);
	T(rt_sigaction, SIGUSR1, BAD, 0, 8);
	T(rt_sigaction, SIGUSR1, 0, BAD, 8);
	T(rt_sigprocmask, 9, &set, 0, 8);
	T(rt_sigprocmask, 9, 0, 0, 8);
	T(rt_sigprocmask, 0, &set, 0, 16);
	T(rt_sigprocmask, 0, BAD, 0, 8);
	T(rt_sigprocmask, 0, 0, BAD, 8);
	T(rt_sigpending, &set, 9);
	T(rt_sigpending, &set, 4);
	T(rt_sigpending, BAD, 8);
	T(rt_sigsuspend, &set, 9);
	T(rt_sigsuspend, BAD, 8);
	T(rt_sigtimedwait, &set, 0, &t, 8);
	T(rt_sigtimedwait, &set, 0, &t, 9);
	T(rt_sigtimedwait, BAD, 0, &t, 8);
	t.tv_nsec = 1000000000;
	T(rt_sigtimedwait, &set, 0, &t, 8);
	t.tv_nsec = 0, t.tv_sec = -1;
	T(rt_sigtimedwait, &set, 0, &t, 8);
	memset(buffer, 0, 128);
	T(rt_sigqueueinfo, getpid(), 65, buffer);
	T(rt_sigqueueinfo, 999999, SIGUSR1, buffer);
	T(rt_sigqueueinfo, getpid(), SIGUSR1, BAD);
	T(rt_tgsigqueueinfo, 0, 0, SIGUSR1, buffer);
	T(sigaltstack, &ss, 0);
	ss.ss_flags = 77;
	T(sigaltstack, &ss, 0);
	T(sigaltstack, BAD, 0);
	T(sigaltstack, 0, BAD);
	T(signalfd4, -1, &set, 8, 1);
	T(signalfd4, -1, &set, 7, 0);
	T(signalfd4, 0, &set, 8, 0);
	T(signalfd4, 999, &set, 8, 0);
	T(signalfd4, -1, BAD, 8, 0);
}

static void clocks(void)
{
	struct timespec t = { 0, 1000000000 };
	struct itimerval it = { { 0, 0 }, { 0, 1000000 } };
	struct itimerspec its = { { 0, 0 }, { 0, 1000000000 } };
	struct sigevent sev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	int id = -1;
	T(nanosleep, &t, 0);
	t.tv_nsec = -1;
	T(nanosleep, &t, 0);
	t.tv_nsec = 0, t.tv_sec = -1;
	T(nanosleep, &t, 0);
	T(nanosleep, BAD, 0);
	T(clock_gettime, 99, &t);
	T(clock_gettime, 0, BAD);
	T(clock_gettime, -1, &t);
	T(clock_getres, 99, &t);
	T(clock_getres, 1, 0);
	T(clock_getres, 1, BAD);
	T(clock_settime, 1, &t);
	T(clock_settime, 99, &t);
	t.tv_sec = 0;
	T(clock_nanosleep, 99, 0, &t, 0);
	T(clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, 0);
	T(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
	T(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, 0);
	t.tv_nsec = 1000000000;
	T(clock_nanosleep, CLOCK_MONOTONIC, 0, &t, 0);
	T(gettimeofday, BAD, 0);
	T(gettimeofday, 0, 0);
	T(time, BAD);
	T(setitimer, 9, &it, 0);
	T(setitimer, 0, &it, 0);
	T(setitimer, 0, BAD, 0);
	T(getitimer, 9, &it);
	T(getitimer, 0, BAD);
	T(timer_create, 99, 0, &id);
	T(timer_create, 0, &sev, &id);
	sev.sigev_signo = SIGUSR1, sev.sigev_notify = 77;
	T(timer_create, 0, &sev, &id);
	T(timer_create, 0, BAD, &id);
	T(timer_create, 0, 0, BAD);
	T(timer_settime, 999, 0, &its, 0);
	T(timer_gettime, 999, &its);
	T(timer_getoverrun, 999);
	T(timer_delete, 999);
	T(timer_delete, -1);
	T0(timer_create, 1, 0, &id);
	T(timer_settime, id, 0, &its, 0);
	T(timer_settime, id, 0, 0, 0);
	T(timer_settime, id, 0, BAD, 0);
	T(timer_gettime, id, BAD);
	T(timer_getoverrun, id);
	T(timer_delete, id);
	T(timer_delete, id);
	T(timerfd_create, 99, 0);
	T(timerfd_create, 1, 1);
	int fd = syscall(SYS_timerfd_create, 1, 04000);
	T(timerfd_settime, fd, 0, &its, 0);
	T(timerfd_settime, fd, 8, &its, 0);
	T(timerfd_settime, fd, 0, BAD, 0);
	T(timerfd_settime, 0, 0, &its, 0);
	T(timerfd_settime, 999, 0, &its, 0);
	T(timerfd_gettime, fd, BAD);
	T(read, fd, buffer, 7);
	T(read, fd, buffer, 8);
	T(write, fd, buffer, 8);
	T(eventfd2, 0, 2);
	fd = syscall(SYS_eventfd2, 0, 04000);
	uint64_t most = -1;
	T(write, fd, &most, 8);
	T(write, fd, &most, 7);
	most = -2;
	T(write, fd, &most, 8);
	most = 1;
	T(write, fd, &most, 8);
	T(read, fd, buffer, 7);
	T(read, fd, buffer, 100);
	T(read, fd, buffer, 8);
	T(pread64, fd, buffer, 8, 0);
	T(lseek, fd, 0, 0);
	T(adjtimex, BAD);
	T(times, BAD);
	T(getrusage, 9, buffer);
	T(getrusage, 0, BAD);
	close(fd);
}

static void limits(void)
{
	struct rlimit limit;
	struct sched_param param = { 1 };
	cpu_set_t cpus;
	T(getrlimit, 99, &limit);
	T(getrlimit, 0, BAD);
	T(getrlimit, -1, &limit);
	limit = (struct rlimit){ 10, 5 };
	T(setrlimit, RLIMIT_NOFILE, &limit);
	T(setrlimit, 99, &limit);
	T(setrlimit, RLIMIT_NOFILE, BAD);
	T(prlimit64, 999999, RLIMIT_NOFILE, 0, &limit);
	T(prlimit64, 0, 99, 0, &limit);
	T(prlimit64, 0, RLIMIT_NOFILE, 0, BAD);
	T(prlimit64, -1, RLIMIT_NOFILE, 0, 0);
	T(prctl, 9999, 0, 0, 0, 0);
	T(prctl, PR_SET_DUMPABLE, 9, 0, 0, 0);
	T(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	T(prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0);
	T(prctl, PR_GET_PDEATHSIG, BAD, 0, 0, 0);
	T(prctl, PR_SET_NAME, BAD, 0, 0, 0);
	T(prctl, PR_GET_NAME, BAD, 0, 0, 0);
	T(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	T(prctl, PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0);
	T(prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	T(prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0);
	T(prctl, PR_SET_TIMING, 1, 0, 0, 0);
	T(prctl, PR_GET_TIMING, 0, 0, 0, 0);
	T(prctl, PR_CAPBSET_READ, 999, 0, 0, 0);
	T(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	T(prctl, PR_SET_THP_DISABLE, 0, 1, 0, 0);
	T(prctl, PR_GET_THP_DISABLE, 1, 0, 0, 0);
	T(prctl, PR_SET_TIMERSLACK, 0, 0, 0, 0);
	T(sched_setscheduler, 0, 99, &param);
	T(sched_setscheduler, 0, SCHED_OTHER, &param);
	T(sched_setscheduler, 0, SCHED_OTHER, 0);
	T(sched_setscheduler, -1, SCHED_OTHER, &param);
	T(sched_setscheduler, 999999, SCHED_OTHER, &param);
	param.sched_priority = 100;
	T(sched_setscheduler, 0, SCHED_FIFO, &param);
	T(sched_setparam, 0, 0);
	T(sched_setparam, -1, &param);
	T(sched_setparam, 0, &param);
	T(sched_getparam, 0, 0);
	T(sched_getparam, 0, BAD);
	T(sched_getparam, -1, &param);
	T(sched_getparam, 999999, &param);
	T(sched_getscheduler, -1);
	T(sched_getscheduler, 999999);
	T(sched_get_priority_max, 99);
	T(sched_get_priority_min, SCHED_FIFO);
	T(sched_get_priority_max, SCHED_FIFO);
	T(sched_rr_get_interval, -1, buffer);
	T(sched_rr_get_interval, 999999, buffer);
	T(sched_rr_get_interval, 0, BAD);
	CPU_ZERO(&cpus);
	T(sched_setaffinity, 0, sizeof cpus, &cpus);
	T(sched_setaffinity, 0, sizeof cpus, BAD);
	T(sched_setaffinity, 999999, sizeof cpus, &cpus);
	T(sched_getaffinity, 0, 1, &cpus);
	T(sched_getaffinity, 0, 9, &cpus);
	T(sched_getaffinity, 0, 128, BAD);
	T(sched_getaffinity, 999999, 128, &cpus);
	T(sched_setattr, 0, BAD, 0);
	T(sched_setattr, 0, 0, 0);
	T(sched_getattr, 0, buffer, 10, 0);
	T(sched_getattr, 0, buffer, 48, 1);
	T(sched_getattr, 0, buffer, 5000, 0);
	T(getpriority, 9, 0);
	T(getpriority, 0, 999999);
	T(getpriority, 0, -1);
	T(setpriority, 9, 0, 0);
	T(setpriority, 0, 999999, 0);
	T(getcpu, BAD, 0, 0);
	T(getgroups, -1, buffer);
	T(uname, BAD);
	T(sysinfo, BAD);
	T(getrandom, BAD, 8, 0);
	T(getrandom, buffer, 8, 8);
	T(getrandom, buffer, 8, 6);
	T(getrandom, buffer, 0, 0);
	T(personality, 0xffffffff);
	T(arch_prctl, 0x9999, 0);
	T(arch_prctl, 0x1003, BAD);
	T(set_robust_list, 0, 7);
	T(get_robust_list, 999999, buffer, buffer);
	T(get_robust_list, 0, BAD, buffer);
	T(membarrier, 9999, 0, 0);
	T(membarrier, 0, 1, 0);
	T(unshare, 1);
	T(setns, 999, 0);
}

static void futexes(void)
{
	static uint32_t word[2];
	struct timespec t = { 0, 1000 };
	T(futex, word, 99, 0, 0, 0, 0);
	T(futex, word, FUTEX_WAIT, 1, 0, 0, 0);
	T(futex, (char *)word + 1, FUTEX_WAIT, 0, 0, 0, 0);
	T(futex, (char *)word + 1, FUTEX_WAKE, 1, 0, 0, 0);
	T(futex, 0, FUTEX_WAIT, 0, 0, 0, 0);
	T(futex, BAD, FUTEX_WAIT, 0, 0, 0, 0);
	T(futex, BAD, FUTEX_WAKE_PRIVATE, 0, 0, 0, 0);
	T(futex, word, FUTEX_WAIT, 0, &t, 0, 0);
	T(futex, word, FUTEX_WAIT, 0, BAD, 0, 0);
	T(futex, word, FUTEX_WAIT_BITSET, 0, &t, 0, 0);
	T(futex, word, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
	T(futex, word, FUTEX_WAKE, -1, 0, 0, 0);
	T(futex, word, FUTEX_REQUEUE, -1, 1, word + 1, 0);
	T(futex, word, FUTEX_REQUEUE, 1, -1, word + 1, 0);
	T(futex, word, FUTEX_CMP_REQUEUE, 1, 1, word + 1, 5);
	T(futex, word, FUTEX_CMP_REQUEUE, 1, 1, word + 1, 0);
	T(futex, word, FUTEX_REQUEUE, 1, 1, BAD, 0);
	T(futex, word, FUTEX_WAKE_OP, 1, 1, word + 1, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0));
	SAY(word[1]);
	T(futex, word, FUTEX_WAKE_OP, 1, 1, word + 1, FUTEX_OP(9, 3, FUTEX_OP_CMP_EQ, 0));
	T(futex, word, FUTEX_WAKE_OP, 1, 1, word + 1, FUTEX_OP(FUTEX_OP_SET, 3, 9, 0));
	T(futex, word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0);
	t.tv_nsec = 1000000000;
	T(futex, word, FUTEX_WAIT, 0, &t, 0, 0);
	t.tv_nsec = 0, t.tv_sec = -1;
	T(futex, word, FUTEX_WAIT, 0, &t, 0, 0);
	T(futex, word, FUTEX_FD, 0, 0, 0, 0);
}

int main(void)
{
	waiting();
	signals();
	clocks();
	limits();
	futexes();
	return 0;
}
