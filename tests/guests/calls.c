/* A few raw system calls and what they return, for handlers written in Python. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <errno.h>

static long raw(long nr, long a, long b, long c)
{
	long result = syscall(nr, a, b, c);
	return result == -1 ? -errno : result;
}

/* One write(2) a line, whichever call a libc's stdio would make. */
static void say(const char *format, ...)
{
	char line[100];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(line, sizeof line, format, list);
	va_end(list);
	raw(SYS_write, 1, (long)line, n);
}

int main(void)
{
	unsigned char bytes[4] = { 0 };
	void *big;

	say("getppid %ld\n", raw(SYS_getppid, 0, 0, 0));
	say("getuid %ld\n", raw(SYS_getuid, 0, 0, 0));
	raw(SYS_getrandom, (long)bytes, 4, 0);
	say("getrandom %02x%02x%02x%02x\n", bytes[0], bytes[1], bytes[2], bytes[3]);
	big = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("mmap 64 MiB %d\n", big == MAP_FAILED ? -errno : 0);
	raw(2001, 0, 0, 0);
	raw(2001, 0, 0, 0);
	return 0;
}
