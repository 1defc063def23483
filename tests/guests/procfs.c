/* /proc as what runs tests reads it: proc(5). */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static char text[1 << 16];

static const char *content(const char *path)
{
	int fd = open(path, O_RDONLY);
	long n, total = 0;
	while (fd >= 0 && (n = read(fd, text + total, sizeof text - 1 - total)) > 0)
		total += n;
	text[total] = 0;
	close(fd);
	return text;
}

static const char *of(int pid, const char *name)
{
	static char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return path;
}

/* A line that begins so; without that. */
static const char *row(const char *path, const char *name)
{
	static char line[256];
	char key[64];
	snprintf(key, sizeof key, "\n%s:", name);
	text[0] = 0;
	content(path);
	memmove(text + 1, text, strlen(text) + 1);
	text[0] = '\n';
	char *at = strstr(text, key);
	snprintf(line, sizeof line, "%s", at ? at + strlen(key) : "?");
	line[strcspn(line, "\n")] = 0;
	return line;
}

/* Writes it, and says what came of that. */
static long put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	long n = write(fd, value, strlen(value));
	int why = errno;
	close(fd);
	errno = why;
	return n;
}

static void settings(void)
{
	const char *adj = "/proc/self/oom_score_adj";
	EQ(put(adj, "500"), 3);
	CHECK(!strcmp(content(adj), "500\n"));
	EQ(put(adj, " 0x10 \n"), 7);
	CHECK(!strcmp(content(adj), "16\n"));
	FAILS(put(adj, "-1"), EACCES);
	FAILS(put(adj, "1001"), EINVAL);
	FAILS(put(adj, "abc"), EINVAL);
	FAILS(put(adj, "15 x"), EINVAL);
	CHECK(!strcmp(content(adj), "16\n"));
	int status = -1;
	pid_t child = fork();
	if (!child)
		_exit(strcmp(content(adj), "16\n") || put(adj, "20") != 2 || strcmp(content(adj), "20\n"));
	waitpid(child, &status, 0);
	EQ(status, 0);
	CHECK(!strcmp(content(adj), "16\n"));
	EQ(put(adj, "1000"), 4);
	CHECK(!strcmp(content("/proc/self/oom_adj"), "15\n"));
	EQ(put(adj, "0"), 1);
	CHECK(atoi(content("/proc/self/oom_score")) > 0);

	char name[20] = "";
	EQ(put("/proc/self/comm", "a name that is too long"), 23);
	CHECK(!strcmp(content("/proc/self/comm"), "a name that is \n"));
	prctl(PR_GET_NAME, name);
	CHECK(!strcmp(name, "a name that is "));
	CHECK(!strcmp(row("/proc/self/status", "Name"), "\ta name that is "));
	EQ(put("/proc/thread-self/comm", "procfs"), 6);
	CHECK(!strcmp(content("/proc/self/coredump_filter"), "00000033\n"));
	EQ(put("/proc/self/coredump_filter", "0x7"), 3);
	CHECK(!strcmp(content("/proc/self/coredump_filter"), "00000007\n"));
	EQ(put("/proc/self/timerslack_ns", "1000"), 4);
	EQ(prctl(PR_GET_TIMERSLACK), 1000);
	section("settings");
}

static char state_of(int pid)
{
	const char *at = strrchr(content(of(pid, "stat")), ')');
	return at ? at[2] : '?';
}

static void until(int pid, char state)
{
	for (int i = 0; i < 10000 && state_of(pid) != state; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	EQ(state_of(pid), state);
}

static void states(void)
{
	char number[20], list[200];
	pid_t child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	until(child, 'S');
	CHECK(!strcmp(row(of(child, "status"), "State"), "\tS (sleeping)"));
	EQ(state_of(getpid()), 'R');
	kill(child, SIGSTOP);
	until(child, 'T');
	CHECK(!strcmp(row(of(child, "status"), "State"), "\tT (stopped)"));
	snprintf(number, sizeof number, "%d ", child);
	snprintf(list, sizeof list, "/proc/self/task/%d/children", getpid());
	CHECK(!strcmp(content(list), number));
	kill(child, SIGKILL);
	until(child, 'Z');
	CHECK(!strcmp(row(of(child, "status"), "State"), "\tZ (zombie)"));
	EQ(atoi(row(of(child, "status"), "PPid")), getpid());
	CHECK(!strcmp(row(of(child, "status"), "VmSize"), "?"));
	CHECK(!*content(of(child, "cmdline")));
	CHECK(!strcmp(content(of(child, "comm")), "procfs\n"));
	DIR *d = opendir("/proc");
	int there = 0;
	for (struct dirent *e; (e = readdir(d));)
		there += atoi(e->d_name) == child;
	closedir(d);
	EQ(there, 1);
	EQ(waitpid(child, 0, 0), child);
	EQ(access(of(child, "stat"), F_OK), -1);
	section("states");
}

static void handled(int signo)
{
	(void)signo;
}

static void signals(void)
{
	sigset_t set;
	signal(SIGUSR1, handled);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, 0);
	kill(getpid(), SIGALRM);
	EQ(strtoull(row("/proc/self/status", "SigCgt"), 0, 16) >> (SIGUSR1 - 1) & 1, 1);
	EQ(strtoull(row("/proc/self/status", "SigCgt"), 0, 16) >> (SIGUSR2 - 1) & 1, 0);
	EQ(strtoull(row("/proc/self/status", "SigIgn"), 0, 16) >> (SIGUSR2 - 1) & 1, 1);
	EQ(strtoull(row("/proc/self/status", "SigBlk"), 0, 16), 1ull << (SIGALRM - 1));
	EQ(strtoull(row("/proc/self/status", "ShdPnd"), 0, 16), 1ull << (SIGALRM - 1));
	signal(SIGALRM, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, 0);
	section("signals");
}

static void mapped(void)
{
	char range[40];
	char *at = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(at, 1, 3 * 4096);
	char *other = mmap(0, 8 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mine = mmap(other + 4096, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(mine, 1, 3 * 4096);
	mlock(mine, 3 * 4096);
	snprintf(range, sizeof range, "%08lx-%08lx rw-p", (long)mine, (long)mine + 3 * 4096);
	char *found = strstr(content("/proc/self/smaps"), range);
	CHECK(found);
	if (found) {
		char *flags = strstr(found, "VmFlags:");
		long size, rss, locked;
		EQ(sscanf(strstr(found, "Size:"), "Size: %ld kB", &size), 1);
		EQ(sscanf(strstr(found, "Rss:"), "Rss: %ld kB", &rss), 1);
		EQ(sscanf(strstr(found, "Locked:"), "Locked: %ld kB", &locked), 1);
		EQ(size, 12);
		EQ(rss, 12);
		EQ(locked, 12);
		CHECK(flags && !strncmp(flags, "VmFlags: rd wr mr mw me lo ac ", 30));
	}
	CHECK(strstr(content("/proc/self/maps"), range));
	CHECK(strstr(content("/proc/self/smaps_rollup"), "[rollup]\nRss:"));
	EQ(atol(row("/proc/self/smaps_rollup", "Locked")), 12);
	section("mapped");
}

static void shared(void)
{
	char key[80];
	int shm = shmget(IPC_PRIVATE, 5000, 0640), sem = semget(IPC_PRIVATE, 3, 0600), msg = msgget(IPC_PRIVATE, 0600);
	struct { long type; char text[4]; } message = { 1, "abc" };
	msgsnd(msg, &message, 4, 0);
	snprintf(key, sizeof key, "         0 %10d   640 %21d ", shm, 5000);
	CHECK(strstr(content("/proc/sysvipc/shm"), key));
	CHECK(!strncmp(text, "       key      shmid perms                  size  cpid  lpid nattch ", 69));
	snprintf(key, sizeof key, "         0 %10d   600 %10d ", sem, 3);
	CHECK(strstr(content("/proc/sysvipc/sem"), key));
	snprintf(key, sizeof key, "         0 %10d   600  %10d %10d ", msg, 4, 1);
	CHECK(strstr(content("/proc/sysvipc/msg"), key));
	shmctl(shm, IPC_RMID, 0);
	semctl(sem, 0, IPC_RMID);
	msgctl(msg, IPC_RMID, 0);
	section("shared");
}

static const char *info(int fd, const char *name)
{
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	return row(path, name);
}

static void descriptors(void)
{
	char line[100];
	int event = eventfd(5, 0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), instance = epoll_create1(0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	EQ(strtol(info(event, "eventfd-count"), 0, 16), 5);
	CHECK(!strcmp(info(event, "eventfd-count"), "                5"));
	CHECK(!strcmp(info(signalfd(-1, &set, 0), "sigmask"), "\t0000000000000200"));
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &(struct itimerspec){ { 7, 8 }, { 1, 0 } }, 0);
	nanosleep(&(struct timespec){ 0, 2000000 }, 0);
	CHECK(!strcmp(info(timer, "clockid"), " 1"));
	CHECK(!strcmp(info(timer, "settime flags"), " 01"));
	CHECK(!strcmp(info(timer, "it_interval"), " (7, 8)"));
	CHECK(atol(info(timer, "ticks")) > 0);
	EQ(strtol(info(timer, "flags"), 0, 8), O_CLOEXEC | O_RDWR);
	EQ(strtol(info(event, "flags"), 0, 8), O_RDWR);
	epoll_ctl(instance, EPOLL_CTL_ADD, event, &(struct epoll_event){ EPOLLIN, { .u64 = 0xabc } });
	snprintf(line, sizeof line, " %8d events: %8x data: %16x  pos:0 ", event, EPOLLIN | EPOLLERR | EPOLLHUP, 0xabc);
	CHECK(!strncmp(info(instance, "tfd"), line, strlen(line)));
	pid_t child = fork();
	if (!child)
		_exit(0);
	int pid = syscall(SYS_pidfd_open, child, 0);
	EQ(atoi(info(pid, "Pid")), child);
	waitpid(child, 0, 0);
	EQ(atoi(info(pid, "Pid")), -1);
	section("descriptors");
}

static void memory(void)
{
	static char word[8] = "abcdefg";
	char text[16] = "";
	int status = -1, fd = open("/proc/self/mem", O_RDWR);
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	EQ(pread(fd, text, 7, (long)word), 7);
	CHECK(!strcmp(text, "abcdefg"));
	EQ(pwrite(fd, "xyz", 3, (long)word), 3);
	CHECK(!strcmp(word, "xyzdefg"));
	EQ(lseek(fd, (long)word, SEEK_SET), (long)word);
	EQ(read(fd, text, 2), 2);
	EQ(read(fd, text, 2), 2);
	CHECK(!memcmp(text, "zd", 2));
	EQ(lseek(fd, 0, SEEK_CUR), (long)word + 4);
	EQ(pread(fd, text, 10, (long)pages + 4090), 6);
	FAILS(pread(fd, text, 10, (long)pages + 4096), EIO);
	FAILS(read(open("/proc/self/mem", O_RDONLY), text, 1), EIO);
	FAILS(lseek(fd, 0, SEEK_END), EINVAL);
	close(fd);
	pid_t child = fork();
	if (!child) {
		while (*(volatile char *)word != '!')
			nanosleep(&(struct timespec){ 0, 1000000 }, 0);
		_exit(7);
	}
	fd = open(of(child, "mem"), O_RDWR);
	EQ(pread(fd, text, 4, (long)word), 4);
	CHECK(!memcmp(text, "xyzd", 4));
	EQ(pwrite(fd, "!", 1, (long)word), 1);
	waitpid(child, &status, 0);
	EQ(WEXITSTATUS(status), 7);
	EQ(pread(fd, text, 4, (long)word), 0);
	close(fd);
	section("memory");
}

/* What is there, and how many words it has. */
static void there(void)
{
	static const struct { const char *path; int words; } files[] = {
		{ "/proc/sys/kernel/tainted", 1 }, { "/proc/sys/kernel/pid_max", 1 }, { "/proc/sys/kernel/threads-max", 1 },
		{ "/proc/sys/kernel/core_pattern", 1 }, { "/proc/sys/kernel/core_uses_pid", 1 },
		{ "/proc/sys/kernel/shmmax", 1 }, { "/proc/sys/kernel/shmmni", 1 }, { "/proc/sys/kernel/shmall", 1 },
		{ "/proc/sys/kernel/msgmni", 1 }, { "/proc/sys/kernel/msgmax", 1 }, { "/proc/sys/kernel/msgmnb", 1 },
		{ "/proc/sys/kernel/sem", 4 }, { "/proc/sys/kernel/sched_rr_timeslice_ms", 1 },
		{ "/proc/sys/kernel/panic_on_oops", 1 }, { "/proc/sys/kernel/hostname", 1 },
		{ "/proc/sys/fs/pipe-max-size", 1 }, { "/proc/sys/fs/pipe-user-pages-soft", 1 },
		{ "/proc/sys/fs/file-max", 1 }, { "/proc/sys/fs/file-nr", 3 }, { "/proc/sys/fs/nr_open", 1 },
		{ "/proc/sys/fs/overflowuid", 1 }, { "/proc/sys/vm/overcommit_memory", 1 },
		{ "/proc/sys/vm/overcommit_kbytes", 1 }, { "/proc/sys/vm/max_map_count", 1 },
		{ "/proc/sys/vm/panic_on_oom", 1 }, { "/proc/sys/net/core/somaxconn", 1 },
		{ "/proc/sys/net/core/rmem_max", 1 }, { "/proc/sys/net/ipv4/tcp_rmem", 3 },
		{ "/proc/sys/net/ipv4/ip_unprivileged_port_start", 1 }, { "/proc/uptime", 2 }, { "/proc/loadavg", 5 },
		{ "/proc/self/schedstat", 3 }, { "/proc/self/uid_map", 3 }, { "/proc/self/gid_map", 3 },
		{ "/proc/self/setgroups", 1 }, { "/proc/self/sessionid", 1 }, { "/proc/self/statm", 7 },
		{ "/proc/self/stat", 52 }, { "/sys/devices/system/cpu/online", 1 }, { "/sys/devices/system/cpu/possible", 1 },
		{ "/sys/devices/system/cpu/cpu0/topology/core_id", 1 },
		{ "/sys/devices/system/cpu/cpu0/topology/physical_package_id", 1 },
		{ "/sys/devices/system/node/node0/cpulist", 1 },
		{ "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 1 },
	};
	static const char *rows[] = {
		"Name", "Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups", "NStgid",
		"NSpid", "NSpgid", "NSsid", "VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile",
		"RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "HugetlbPages", "CoreDumping",
		"THP_enabled", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
		"CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed",
		"Mems_allowed_list", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches",
	};
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		int words = 0;
		content(files[i].path);
		for (char *word = strtok(text, " \t\n"); word; word = strtok(0, " \t\n"))
			words++;
		printf("%s: %d\n", files[i].path, words);
		EQ(words, files[i].words);
	}
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(row("/proc/self/status", rows[i]), "?"))
			printf("no %s\n", rows[i]);
	EQ(atoi(row("/proc/self/status", "NSpgid")), getpgrp());
	section("there");
}

/* setproctitle(3): over the arguments; then over their last NUL, too. */
static void title(char **argv)
{
	size_t length = strlen(argv[0]);
	memset(argv[0], 't', length);
	const char *line = content("/proc/self/cmdline");
	EQ(strlen(line), length);
	EQ(strspn(line, "t"), length);
	EQ(line[length + 1], 0);
	argv[0][length] = '+';
	EQ(content("/proc/self/cmdline")[length], '+');
	section("title");
}

int main(int argc, char **argv)
{
	if (!geteuid() && (setresgid(54322, 54322, 54322) || setresuid(54322, 54322, 54322)))
		return 2;
	prctl(PR_SET_DUMPABLE, 1);
	if (argc != 1)
		return 2;
	title(argv);
	settings();
	states();
	signals();
	mapped();
	shared();
	descriptors();
	memory();
	there();
	return verdict();
}
