/* Signals inside one process: handlers and what they see, masks, queues, stacks, interrupted calls. */
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define MS 1000000LL

static volatile sig_atomic_t count, last, depth, deepest;
static siginfo_t got;
static sigset_t inside;

static void counting(int signo) { count++; last = signo; }

static void informed(int signo, siginfo_t *info, void *context)
{
	count++;
	last = signo;
	got = *info;
	sigprocmask(SIG_BLOCK, 0, &inside);
	EQ(memcmp(&((ucontext_t *)context)->uc_sigmask, &inside, 8) != 0, 1);	/* the mask to go back to */
}

static void handle(int signo, void *function, int flags)
{
	struct sigaction sa = { .sa_flags = flags };
	sa.sa_sigaction = function;
	EQ(sigaction(signo, &sa, 0), 0);
}

static sigset_t only(int signo)
{
	sigset_t set;
	sigemptyset(&set);
	if (signo)
		sigaddset(&set, signo);
	return set;
}

static void handlers(void)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO, .sa_sigaction = informed }, old;
	sigaddset(&sa.sa_mask, SIGUSR2);
	EQ(sigaction(SIGUSR1, &sa, &old), 0);
	EQ((long)old.sa_handler, (long)SIG_DFL);
	EQ(sigaction(SIGUSR1, 0, &old), 0);
	EQ((long)old.sa_sigaction, (long)informed);
	CHECK(sigismember(&old.sa_mask, SIGUSR2) && (old.sa_flags & SA_SIGINFO));
	EQ(raise(SIGUSR1), 0);
	EQ(count, 1);
	EQ(last, SIGUSR1);
	EQ(got.si_signo, SIGUSR1);
	EQ(got.si_code, SI_TKILL);
	EQ(got.si_pid, getpid());
	EQ(got.si_uid, getuid());
	CHECK(sigismember(&inside, SIGUSR1) && sigismember(&inside, SIGUSR2) && !sigismember(&inside, SIGTERM));
	EQ(kill(getpid(), SIGUSR1), 0);
	EQ(count, 2);
	EQ(got.si_code, SI_USER);
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));

	/* Once only; and back to the default before the handler runs. */
	handle(SIGUSR2, counting, SA_RESETHAND);
	raise(SIGUSR2);
	EQ(count, 3);
	EQ(sigaction(SIGUSR2, 0, &old), 0);
	EQ((long)old.sa_handler, (long)SIG_DFL);
	signal(SIGUSR2, SIG_IGN);
	raise(SIGUSR2);
	EQ(count, 3);
	FAILS(sigaction(SIGKILL, &sa, 0), EINVAL);
	FAILS(sigaction(SIGSTOP, &sa, 0), EINVAL);
	FAILS(kill(getpid(), 65), EINVAL);
	EQ(kill(getpid(), 0), 0);
	section("handlers");
}

static void nests(int signo)
{
	if (++depth > deepest)
		deepest = depth;
	count++;
	if (signo == SIGUSR1 && count < 5)
		raise(SIGUSR1);
	depth--;
}

static void masks(void)
{
	sigset_t usr1 = only(SIGUSR1), pending;
	count = 0;
	handle(SIGUSR1, counting, 0);
	EQ(sigprocmask(SIG_BLOCK, &usr1, 0), 0);
	raise(SIGUSR1);
	raise(SIGUSR1);				/* a standard signal waits once */
	EQ(count, 0);
	EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
	EQ(sigprocmask(SIG_UNBLOCK, &usr1, 0), 0);
	EQ(count, 1);
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGUSR1));

	/* Ignoring throws away what waits. */
	sigprocmask(SIG_BLOCK, &usr1, 0);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	handle(SIGUSR1, counting, 0);
	sigprocmask(SIG_UNBLOCK, &usr1, 0);
	EQ(count, 1);

	/* KILL and STOP cannot be blocked. */
	sigset_t all, now;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &now);
	sigprocmask(SIG_SETMASK, &now, &all);
	CHECK(!sigismember(&all, SIGKILL) && !sigismember(&all, SIGSTOP) && sigismember(&all, SIGTERM));
	section("masks");

	count = deepest = 0;
	handle(SIGUSR1, nests, 0);
	raise(SIGUSR1);
	EQ(count, 5);
	EQ(deepest, 1);				/* it was blocked in its own handler */
	count = 0;
	handle(SIGUSR1, nests, SA_NODEFER);
	raise(SIGUSR1);
	EQ(count, 5);
	EQ(deepest, 5);
	section("nesting");
}

static int order[16], values[16], ordered;

static void ordering(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (ordered < 16) {
		order[ordered] = signo;
		values[ordered++] = info->si_value.sival_int;
	}
	EQ(info->si_code, SI_QUEUE);
	EQ(info->si_pid, getpid());
}

static void queues(void)
{
	sigset_t all, rest;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &rest);
	static const int signals[] = { 5, 2, 5, 2, 0, 5 };
	/* The handlers block everything, so they run one after the other in the order of delivery. */
	struct sigaction sa = { .sa_flags = SA_SIGINFO, .sa_sigaction = ordering };
	sigfillset(&sa.sa_mask);
	for (int i = 0; i < 6; i++) {
		EQ(sigaction(SIGRTMIN + signals[i], &sa, 0), 0);
		EQ(sigqueue(getpid(), SIGRTMIN + signals[i], (union sigval){ .sival_int = 100 + i }), 0);
	}
	EQ(sigaction(SIGUSR1, &sa, 0), 0);
	EQ(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 1 }), 0);
	EQ(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 2 }), 0);
	sigprocmask(SIG_SETMASK, &rest, 0);
	/* The lowest number first, each in the order sent; of a standard signal the first alone. */
	static const int expected[] = { 1, 104, 101, 103, 100, 102, 105 };
	EQ(ordered, 7);
	for (int i = 0; i < 7; i++)
		EQ(values[i], expected[i]);
	section("queues");

	/* Taken without a handler. */
	sigset_t set = only(SIGRTMIN + 3), old;
	siginfo_t info;
	struct timespec brief = { 0, 20 * MS };
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	handle(SIGUSR2, counting, 0);
	count = 0;
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	FAILS(sigtimedwait(&set, &info, &brief), EAGAIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 55 });
	raise(SIGUSR2);
	EQ(sigtimedwait(&set, &info, 0), SIGUSR2);
	EQ(sigtimedwait(&set, &info, &brief), SIGRTMIN + 3);
	EQ(info.si_value.sival_int, 55);
	EQ(info.si_code, SI_QUEUE);
	kill(getpid(), SIGUSR2);
	int signo = 0;
	EQ(sigwait(&set, &signo), 0);
	EQ(signo, SIGUSR2);
	EQ(count, 0);
	sigprocmask(SIG_SETMASK, &old, 0);
	signal(SIGUSR2, SIG_DFL);
	section("sigtimedwait");
}

static int ends[2];

static volatile int enough;

/* Signals, again and again until they had their effect: nobody can tell when a thread is really asleep. */
static void *pesters(void *whom)
{
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
		pthread_kill(*(pthread_t *)whom, SIGUSR1);
	} while (!enough);
	return 0;
}

static void *three_and_a_byte(void *whom)
{
	for (int i = 0; i < 3; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
		pthread_kill(*(pthread_t *)whom, SIGUSR1);
	}
	nanosleep(&(struct timespec){ .tv_nsec = 20 * MS }, 0);
	EQ(write(ends[1], "x", 1), 1);
	return 0;
}

static void interrupted(void)
{
	pthread_t self = pthread_self(), thread;
	char c;
	EQ(pipe(ends), 0);
	count = 0;
	handle(SIGUSR1, counting, SA_RESTART);
	EQ(pthread_create(&thread, 0, three_and_a_byte, &self), 0);
	EQ(read(ends[0], &c, 1), 1);			/* goes on after the handler */
	EQ(count, 3);
	pthread_join(thread, 0);
	handle(SIGUSR1, counting, 0);
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(read(ends[0], &c, 1), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(count > 3);
	/* An ignored signal interrupts nothing. */
	signal(SIGUSR1, SIG_IGN);
	EQ(pthread_create(&thread, 0, three_and_a_byte, &self), 0);
	EQ(read(ends[0], &c, 1), 1);
	pthread_join(thread, 0);
	section("interrupted calls");

	sigset_t usr1 = only(SIGUSR1), none = only(0), now;
	count = enough = 0;
	handle(SIGUSR1, counting, SA_RESTART);
	sigprocmask(SIG_BLOCK, &usr1, 0);
	raise(SIGUSR1);
	EQ(count, 0);
	FAILS(sigsuspend(&none), EINTR);
	EQ(count, 1);
	sigprocmask(SIG_UNBLOCK, &usr1, &now);
	CHECK(sigismember(&now, SIGUSR1));
	EQ(pthread_create(&thread, 0, pesters, &self), 0);
	FAILS(pause(), EINTR);
	enough = 1;
	pthread_join(thread, 0);
	CHECK(count > 1);
	section("sigsuspend and pause");
}

static char alternative[65536] __attribute__((aligned(16)));
static volatile uintptr_t handler_sp;
static stack_t seen_stack;

static void where(int signo)
{
	char here;
	count++;
	last = signo;
	handler_sp = (uintptr_t)&here;
	sigaltstack(0, &seen_stack);
}

static int on_alternative(void)
{
	return handler_sp >= (uintptr_t)alternative && handler_sp < (uintptr_t)alternative + sizeof alternative;
}

static void overflow(int signo, siginfo_t *info, void *context)
{
	where(signo);
	(void)info;
	(void)context;
	siglongjmp(fault_env_, 1);
}

static int __attribute__((noinline)) recurse(volatile char *above)
{
	volatile char frame[4096];
	frame[0] = *above;
	return frame[0] == 99 ? 0 : recurse(frame) + frame[0];
}

static void *overflows(void *unused)
{
	(void)unused;
	stack_t stack = { .ss_sp = alternative, .ss_size = sizeof alternative };
	EQ(sigaltstack(&stack, 0), 0);
	if (!sigsetjmp(fault_env_, 1))
		recurse("");
	return 0;
}

static void stacks(void)
{
	stack_t stack = { .ss_sp = alternative, .ss_size = sizeof alternative }, old;
	count = 0;
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(!on_alternative());
	EQ(sigaltstack(&stack, &old), 0);
	EQ(old.ss_flags, SS_DISABLE);
	raise(SIGUSR1);
	CHECK(on_alternative());
	EQ(seen_stack.ss_flags, SS_ONSTACK);
	EQ((long)seen_stack.ss_sp, (long)alternative);
	handle(SIGUSR1, where, 0);
	raise(SIGUSR1);
	CHECK(!on_alternative());
	EQ(sigaltstack(0, &old), 0);
	EQ(old.ss_flags, 0);
	stack.ss_size = 100;
	FAILS(sigaltstack(&stack, 0), ENOMEM);
	stack.ss_flags = 99;
	FAILS(sigaltstack(&stack, 0), EINVAL);
	stack.ss_flags = SS_DISABLE;
	EQ(sigaltstack(&stack, 0), 0);
	EQ(count, 3);

	/* What it is for: the stack itself has run out. */
	pthread_t thread;
	count = 0;
	handle(SIGSEGV, overflow, SA_SIGINFO | SA_ONSTACK);
	EQ(pthread_create(&thread, 0, overflows, 0), 0);
	pthread_join(thread, 0);
	EQ(count, 1);
	EQ(last, SIGSEGV);
	CHECK(on_alternative());
	catch_faults();
	section("stacks");
}

static pthread_t handled_by;
static void whose(int signo) { count += signo == SIGUSR2; handled_by = pthread_self(); }

static void *takes_them(void *unused)
{
	sigset_t usr2 = only(SIGUSR2);
	(void)unused;
	pthread_sigmask(SIG_UNBLOCK, &usr2, 0);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	while (!count && now_ns(CLOCK_MONOTONIC) - begin < 10000 * MS)
		;
	return 0;
}

static void threads(void)
{
	/* A signal to the process goes to a thread that takes it, wherever that one computes. */
	sigset_t usr2 = only(SIGUSR2);
	pthread_t thread;
	count = 0;
	handle(SIGUSR2, whose, 0);
	pthread_sigmask(SIG_BLOCK, &usr2, 0);
	EQ(pthread_create(&thread, 0, takes_them, 0), 0);
	kill(getpid(), SIGUSR2);
	EQ(pthread_join(thread, 0), 0);
	EQ(count, 1);
	EQ(handled_by == thread, 1);
	pthread_sigmask(SIG_UNBLOCK, &usr2, 0);
	EQ(count, 1);

	/* A timer's signals reach a loop that makes no call. */
	struct itimerval timer = { { 0, 2000 }, { 0, 2000 } };
	count = 0;
	handle(SIGALRM, counting, SA_RESTART);
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
	volatile unsigned work = 0;
	while (count < 20)
		work++;
	timer = (struct itimerval){ 0 };
	EQ(setitimer(ITIMER_REAL, &timer, 0), 0);
	section("threads and timers");
}

int main(void)
{
	handlers();
	masks();
	queues();
	interrupted();
	stacks();
	threads();
	return verdict();
}
