/* Time without a vDSO. With GUEST_NO_VDSO set neither it nor the legacy vsyscall page may be there. */
#include "check.h"
#include <sys/auxv.h>
#include <sys/time.h>

#define VSYSCALL 0xffffffffff600000

int main(void)
{
	unsigned char *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	catch_faults();
	if (getenv("GUEST_NO_VDSO")) {
		EQ((uintptr_t)vdso, 0);
		FAULTS(LOADS(VSYSCALL), SIGSEGV, fault_code, VSYSCALL);
	}
	if (vdso)
		EQ(memcmp(vdso, "\177ELF", 4), 0);
	section("vdso");

	/* The three entries of the vsyscall page work as calls, or fault; nothing in between. */
	struct timeval tv = { 0 };
	long t = -1, now = time(0);
	fault_signo = 0;
	if (!sigsetjmp(fault_env_, 1)) {
		t = ((long (*)(long *))(VSYSCALL + 0x400))(0);
		CHECK(t - now >= 0 && t - now <= 1);
		EQ(((long (*)(struct timeval *, void *))VSYSCALL)(&tv, 0), 0);
		CHECK(tv.tv_sec - now >= 0 && tv.tv_sec - now <= 1);
	} else
		EQ(fault_signo, SIGSEGV);
	section("vsyscall");

	struct timespec a, b, c;
	for (int i = 0; i < 1000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
		clock_gettime(CLOCK_MONOTONIC, &c);
		CHECK(a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec));
		CHECK(b.tv_sec < c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec <= c.tv_nsec));
	}
	section("the libc's clock is the kernel's");
	return verdict();
}
