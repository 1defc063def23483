/* System calls that jump to the monitor's gate where there is one (AT_SKETE_GATE), and otherwise come out at a real
 * syscall: a program that was compiled for it runs anywhere. */
#include "check.h"
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define AT_SKETE_GATE 0x736b6574

/* What stands in for the gate on plain Linux: to the instruction before the return address. */
__asm__(".text\nsystem:\n\tlea -2(%rcx), %rcx\n\tjmp *%rcx\n");
extern const char system_[] __asm__("system");
static const void *gate;

static long direct(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile (
		"lea 1f(%%rip), %%rcx\n\tjmp *%[gate]\n\tsyscall\n1:"
		: "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), [gate] "m"(gate)
		: "rcx", "r11", "memory", "cc");
	return result;
}

static volatile sig_atomic_t usr1;

static void on_usr1(int signo)
{
	usr1 += signo == SIGUSR1;
}

int main(void)
{
	struct winsize size;
	long child, i;
	int status;

	gate = (const void *)getauxval(AT_SKETE_GATE);
	if (!gate)
		gate = system_;
	for (i = 0; i < 3000; i++) {
		EQ(direct(SYS_getpid, 0, 0, 0), getpid());
		EQ(direct(SYS_getppid, 0, 0, 0), getppid());
		EQ(direct(SYS_ioctl, 0, TIOCGWINSZ, (long)&size), -ENOTTY);
	}
	section("answers");

	/* All words and the result of what only the kernel can do. */
	EQ(direct(SYS_write, 1, (long)"written\n", 8), 8);
	EQ(direct(SYS_close, -1, 0, 0), -EBADF);
	EQ(direct(SYS_ioctl, -1, TIOCGWINSZ, (long)&size), -EBADF);
	EQ(direct(SYS_ioctl, 64, TIOCGWINSZ, (long)&size), -EBADF);
	EQ(direct(600, 0, 0, 0), -ENOSYS);
	EQ(direct(-1, 0, 0, 0), -ENOSYS);
	section("calls");

	signal(SIGUSR1, on_usr1);
	for (i = 0; i < 20; i++)
		EQ(direct(SYS_kill, getpid(), SIGUSR1, 0), 0);
	EQ(usr1, 20);
	section("signals");

	child = direct(SYS_fork, 0, 0, 0);
	if (child == 0)
		direct(SYS_exit_group, direct(SYS_getpid, 0, 0, 0) == getpid() ? 7 : 8, 0, 0);
	EQ(waitpid((pid_t)child, &status, 0), child);
	EQ(WEXITSTATUS(status), 7);
	section("fork");
	return verdict();
}
