"""Clocks and timers: linux/time.h, linux/timex.h, linux/times.h."""

CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW = range(5)
CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM = range(5, 10)
CLOCK_TAI = 11
#: the low bits of a negative clock id, which names a process's or thread's CPU clock (posix-timers_types.h)
CPUCLOCK_PERTHREAD_MASK, CPUCLOCK_CLOCK_MASK = 4, 3
CPUCLOCK_PROF, CPUCLOCK_VIRT, CPUCLOCK_SCHED = 0, 1, 2

TIMER_ABSTIME = 1
ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = 0, 1, 2
NSEC_PER_SEC = 1_000_000_000
#: ktime_t's end in whole seconds: a longer time is as good as for ever
KTIME_SEC_MAX = (1 << 63) // NSEC_PER_SEC
USER_HZ = 100
