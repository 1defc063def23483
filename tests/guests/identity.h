/* For guests that begin as root and become somebody else: natively with the capabilities that root has under the
 * monitor, so that both see the same. Each part runs in a child, which does not come back. */
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { NOBODY = 65534, SOMEBODY = 1234, OTHER = 1235 };
#define CAP(name) (UINT64_C(1) << CAP_##name)
#define FILE_CAPS (CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID))
#define ROOT_CAPS (FILE_CAPS | CAP(KILL) | CAP(SETGID) | CAP(SETUID) | CAP(SETPCAP) | CAP(SYS_CHROOT))

struct sets { uint64_t effective, permitted, inheritable; };

static __attribute__((unused)) int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ effective, permitted, inheritable }, { effective >> 32, permitted >> 32, inheritable >> 32 } };
	return syscall(SYS_capset, &header, data);
}

static struct sets caps(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };
	EQ(syscall(SYS_capget, &header, data), 0);
	return (struct sets){ data[0].effective | (uint64_t)data[1].effective << 32,
		data[0].permitted | (uint64_t)data[1].permitted << 32,
		data[0].inheritable | (uint64_t)data[1].inheritable << 32 };
}

/* What a container's root has left. */
static void begin_as_root(void)
{
	EQ(geteuid(), 0);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(ROOT_CAPS >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			EQ(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), 0);
	EQ(set_caps(ROOT_CAPS, ROOT_CAPS, 0), 0);
	EQ(setgroups(0, NULL), 0);
	umask(022);
}

static int ended(pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void part(const char *name, void (*run)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		failures_ = 0;
		run();
		fflush(stdout);
		_exit(failures_ != 0);
	}
	EQ(ended(pid), 0);
	section(name);
}

static __attribute__((unused)) void become(uid_t uid, gid_t gid)
{
	EQ(setgroups(0, NULL), 0);
	EQ(setresgid(gid, gid, gid), 0);
	EQ(setresuid(uid, uid, uid), 0);
}

/* A child that is somebody else, for what is in the braces: AS(uid) { ... } DONE */
#define AS(uid, gid) { fflush(stdout); pid_t as_ = fork(); if (as_ == 0) { failures_ = 0; become(uid, gid);
#define DONE fflush(stdout); _exit(failures_ != 0); } EQ(ended(as_), 0); }
