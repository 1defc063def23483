/* Locks that have an owner: futex(2), "Priority-inheritance futexes"; and the mutexes that a libc makes of them. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define MS 1000000LL
#define WAITERS FUTEX_WAITERS
#define DIED FUTEX_OWNER_DIED
#define PRIVATE FUTEX_PRIVATE_FLAG

static unsigned word, cond;
static volatile int step, answer, error;

static long futex(void *at, int op, unsigned value, const void *timeout, void *at2, unsigned value3)
{
	return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

static int tid(void)
{
	return syscall(SYS_gettid);
}

static unsigned load(unsigned *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, MS }, 0);
}

/* Until a word has these bits, for ten seconds at most. */
static void until(unsigned *at, unsigned bits)
{
	for (int i = 0; i < 10000 && (load(at) & bits) != bits; i++)
		nap();
	CHECK((load(at) & bits) == bits);
}

static void until_step(int wanted)
{
	for (int i = 0; i < 10000 && step < wanted; i++)
		nap();
	EQ(step, wanted);
}

static struct timespec *soon(clockid_t clock, long ms)
{
	static __thread struct timespec t;
	int64_t at = now_ns(clock) + ms * MS;
	t = (struct timespec){ at / 1000000000, at % 1000000000 };
	return &t;
}

static void alone(void)
{
	word = 0;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, tid());
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), EDEADLK);
	FAILS(futex(&word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0), EDEADLK);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, 0);
	FAILS(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), EPERM);
	EQ(futex(&word, FUTEX_TRYLOCK_PI | PRIVATE, 0, 0, 0, 0), 0);
	EQ(word, tid());
	word |= WAITERS;
	EQ(futex(&word, FUTEX_UNLOCK_PI | PRIVATE, 0, 0, 0, 0), 0);
	EQ(word, 0);
	/* Whoever had it has died, or never lived. */
	word = DIED | WAITERS;
	EQ(futex(&word, FUTEX_LOCK_PI2, 0, 0, 0, 0), 0);
	EQ(word, DIED | tid());
	word = 0x3ffffff0;
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), ESRCH);
	FAILS(futex((char *)&word + 1, FUTEX_LOCK_PI, 0, 0, 0, 0), EINVAL);
	FAILS(futex((void *)4096, FUTEX_LOCK_PI, 0, 0, 0, 0), EFAULT);
	FAILS(futex((void *)4096, FUTEX_UNLOCK_PI | PRIVATE, 0, 0, 0, 0), EFAULT);
	word = 0;
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, &(struct timespec){ 0, 1000000000 }, 0, 0), EINVAL);
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, (void *)16, 0, 0), EFAULT);
	FAILS(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), ENOSYS);
	FAILS(futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), ENOSYS);
	EQ(futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), 0);
	word = 0;
	const unsigned *fixed = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAILS(futex((void *)fixed, FUTEX_LOCK_PI | PRIVATE, 0, 0, 0, 0), EFAULT);
	section("alone");
}

static void *owns(void *unused)
{
	(void)unused;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	step = 1;
	until_step(2);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	return 0;
}

static void *wants(void *unused)
{
	(void)unused;
	answer = futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0);
	error = errno;
	EQ(load(&word) & FUTEX_TID_MASK, tid());
	step++;
	if (!answer)
		EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	return 0;
}

static void waited_for(void)
{
	pthread_t thread;
	word = step = 0;
	pthread_create(&thread, 0, owns, 0);
	until_step(1);
	int owner = word;
	FAILS(futex(&word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0), EAGAIN);
	FAILS(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), EPERM);
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME, 2), 0, 0), ETIMEDOUT);
	FAILS(futex(&word, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME, -2000), 0, 0), ETIMEDOUT);
	FAILS(futex(&word, FUTEX_LOCK_PI2, 0, soon(CLOCK_MONOTONIC, 2), 0, 0), ETIMEDOUT);
	FAILS(futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME, 2), 0, 0), ETIMEDOUT);
	EQ(word, owner | WAITERS);
	step = 2;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME, 10000), 0, 0), 0);
	EQ(word & ~WAITERS, tid());
	pthread_join(thread, 0);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, 0);

	/* The lock is the waiter's from the unlocking on. */
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	pthread_create(&thread, 0, wants, 0);
	until(&word, WAITERS);
	long woken = 0;
	for (int i = 0; i < 10000 && !woken; i++, nap())
		woken = futex(&word, FUTEX_WAKE, 1, 0, 0, 0);
	EQ(woken, -1);
	EQ(errno, EINVAL);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	pthread_join(thread, 0);
	EQ(answer, 0);
	EQ(word, 0);
	section("waited for");
}

static void handled(int signo)
{
	(void)signo;
	step = 5;
}

/* A handler runs, and the call goes on, without SA_RESTART. */
static void interrupted(void)
{
	pthread_t thread;
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handled }, 0);
	step = 0;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	pthread_create(&thread, 0, wants, 0);
	until(&word, WAITERS);
	for (int i = 0; i < 10; i++)
		nap();
	pthread_kill(thread, SIGUSR1);
	until_step(5);
	for (int i = 0; i < 10; i++)
		nap();
	EQ(step, 5);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	pthread_join(thread, 0);
	EQ(answer, 0);
	EQ(step, 6);
	section("interrupted");
}

static unsigned other;

static void *crosses(void *unused)
{
	(void)unused;
	EQ(futex(&other, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	step = 1;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	EQ(futex(&other, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	return 0;
}

static void crossed(void)
{
	pthread_t thread;
	step = 0;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	pthread_create(&thread, 0, crosses, 0);
	until_step(1);
	until(&word, WAITERS);
	for (int i = 0; i < 10; i++)
		nap();
	FAILS(futex(&other, FUTEX_LOCK_PI, 0, 0, 0, 0), EDEADLK);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	pthread_join(thread, 0);
	EQ(word, 0);
	section("crossed");
}

static void *dies(void *with)
{
	(void)with;
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	step = 1;
	until(&word, WAITERS);
	for (int i = 0; i < 10; i++)
		nap();
	return 0;
}

static void died(void)
{
	pthread_t thread;
	word = step = 0;
	pthread_create(&thread, 0, dies, 0);
	until_step(1);
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, WAITERS | DIED | tid());
	pthread_join(thread, 0);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, 0);

	/* Another process, and memory that both share. */
	unsigned *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	if (!child) {
		if (futex(shared, FUTEX_LOCK_PI, 0, 0, 0, 0))
			_exit(1);
		shared[1] = 1;
		until(shared, WAITERS);
		for (int i = 0; i < 20; i++)
			nap();
		_exit(0);
	}
	until(shared + 1, 1);
	EQ(futex(shared, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME, 10000), 0, 0), 0);
	EQ(*shared, WAITERS | DIED | tid());
	EQ(waitpid(child, 0, 0), child);
	section("died");
}

static void *waits_to_be_moved(void *timeout)
{
	long got = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, timeout, &word, 0);
	int why = errno;
	if (got) {
		error = why;
		return (void *)1;
	}
	EQ(load(&word) & FUTEX_TID_MASK, tid());
	__atomic_add_fetch(&answer, 1, __ATOMIC_SEQ_CST);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	return 0;
}

/* Moves so many, as soon as they sleep: how many came. */
static int move(int wanted, long at_once)
{
	int moved = 0;
	for (int i = 0; i < 10000 && moved < wanted; i++) {
		int now = futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)at_once, &word, 0);
		if (now < 0)
			return -1;
		moved += now;
		if (!now)
			nap();
	}
	return moved;
}

static void moved(void)
{
	pthread_t threads[3];
	void *result;
	cond = word = 0;
	answer = 0;
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, 0, &cond, 0), EINVAL);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 1, 0, &word, 0), EAGAIN);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, 0, (char *)&word + 2, 0), EINVAL);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, soon(CLOCK_MONOTONIC, 2), &word, 0), ETIMEDOUT);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME, 2), &word, 0), ETIMEDOUT);
	FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &word, 0), EINVAL);
	FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &cond, 0), EINVAL);
	FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, 5), EAGAIN);
	EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, 0), 0);
	EQ(word, 0);

	/* The lock is taken: all three wait for it. */
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, waits_to_be_moved, 0);
	int woken = 0;
	for (int i = 0; i < 10000 && !woken; i++, nap())
		woken = futex(&cond, FUTEX_WAKE, 1, 0, 0, 0);
	EQ(woken, -1);
	EQ(errno, EINVAL);
	EQ(move(3, 2), 3);
	EQ(word, tid() | WAITERS);
	EQ(answer, 0);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		EQ(result, 0);
	}
	EQ(answer, 3);
	EQ(word, 0);

	/* It is free: the first gets it. */
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, waits_to_be_moved, 0);
	EQ(move(1, 0), 1);
	EQ(move(1, 1), 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	EQ(answer, 5);
	EQ(word, 0);

	/* Moved, and then the time is over. */
	EQ(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
	pthread_create(&threads[0], 0, waits_to_be_moved, soon(CLOCK_MONOTONIC, 400));
	EQ(move(1, 0), 1);
	pthread_join(threads[0], &result);
	EQ(result, 1);
	EQ(error, ETIMEDOUT);
	EQ(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0);
	EQ(word, 0);
	section("moved");
}

static pthread_mutex_t mutex;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;

static void *counts(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static void *takes_turns(void *which)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 50; i++) {
		while (counter % 2 != (long)which)
			pthread_cond_wait(&changed, &mutex);
		counter++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return 0;
}

static void *keeps(void *unused)
{
	(void)unused;
	EQ(pthread_mutex_lock(&mutex), 0);
	return 0;
}

static void mutexes(void)
{
	pthread_t threads[4];
	pthread_mutexattr_t how;
	pthread_mutexattr_init(&how);
	EQ(pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT), 0);
	EQ(pthread_mutex_init(&mutex, &how), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, counts, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	EQ(counter, 4000);
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, takes_turns, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	EQ(counter, 4100);
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	EQ(pthread_mutex_destroy(&mutex), 0);

	pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	EQ(pthread_mutex_init(&mutex, &how), 0);
	pthread_create(&threads[0], 0, keeps, 0);
	pthread_join(threads[0], 0);
	EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
	EQ(pthread_mutex_consistent(&mutex), 0);
	EQ(pthread_mutex_unlock(&mutex), 0);
	EQ(pthread_mutex_lock(&mutex), 0);
	EQ(pthread_mutex_unlock(&mutex), 0);
	section("mutexes");
}

/* FUTEX_WAKE_OP changes the word as one step: what a thread adds at the same time is not lost. */
static void *adds(void *unused)
{
	(void)unused;
	while (!step)
		__atomic_add_fetch(&cond, 2, __ATOMIC_SEQ_CST), counter++;
	return 0;
}

static void one_step(void)
{
	pthread_t thread;
	cond = step = counter = 0;
	pthread_create(&thread, 0, adds, 0);
	for (int i = 0; i < 200; i++) {
		futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &cond, FUTEX_OP(FUTEX_OP_XOR, 1, FUTEX_OP_CMP_EQ, 0));
		futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &cond, FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_EQ, 0));
	}
	step = 1;
	pthread_join(thread, 0);
	EQ(cond, (unsigned)(counter * 2 + 400));
	section("one step");
}

int main(void)
{
	alone();
	waited_for();
	interrupted();
	crossed();
	died();
	moved();
	mutexes();
	one_step();
	return verdict();
}
