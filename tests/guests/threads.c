/* Threads as a libc makes them, and the futex below. */
#include "check.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

#define MS 1000000LL
#define MANY 16

static long futex(void *word, int op, unsigned value, const void *timeout, void *word2, unsigned value3)
{
	return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static __thread int mine = 7;
static __thread char zeros[5000];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *returns(void *argument)
{
	EQ(mine, 7);
	for (unsigned i = 0; i < sizeof zeros; i++)
		EQ(zeros[i], 0);
	memset(zeros, mine = (int)(long)argument, sizeof zeros);
	errno = mine;
	sched_yield();
	EQ(mine, (long)argument);
	EQ(zeros[4999], (char)(long)argument);
	EQ(errno, mine);
	return (void *)((long)argument * 3);
}

static void *counts(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static void joining(void)
{
	pthread_t threads[MANY];
	void *result;
	for (int round = 0; round < 5; round++) {
		for (long i = 0; i < MANY; i++)
			EQ(pthread_create(&threads[i], 0, returns, (void *)(i + 1)), 0);
		for (long i = 0; i < MANY; i++) {
			EQ(pthread_join(threads[i], &result), 0);
			EQ((long)result, (i + 1) * 3);
		}
	}
	EQ(mine, 7);
	section("create, thread storage, join");

	for (long i = 0; i < MANY; i++)
		EQ(pthread_create(&threads[i], 0, counts, 0), 0);
	for (long i = 0; i < MANY; i++)
		EQ(pthread_join(threads[i], 0), 0);
	EQ(counter, MANY * 2000);
	section("mutex");
}

/* The ball goes round; everybody waits for his turn. */
static int turn;

static void *player(void *who)
{
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != (long)who)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % 4;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static pthread_barrier_t barrier;
static sem_t semaphore;

static void *meets(void *serial)
{
	for (int i = 0; i < 20; i++)
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add((int *)serial, 1, __ATOMIC_SEQ_CST);
	sem_wait(&semaphore);
	return 0;
}

static void waiting(void)
{
	pthread_t threads[4];
	for (long i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, player, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		EQ(pthread_join(threads[i], 0), 0);
	EQ(turn, 0);

	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20 * MS;
	if (until.tv_nsec >= 1000 * MS)
		until.tv_sec++, until.tv_nsec -= 1000 * MS;
	pthread_mutex_lock(&mutex);
	EQ(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	section("condition");

	int serial = 0;
	pthread_barrier_init(&barrier, 0, 4);
	sem_init(&semaphore, 0, 0);
	for (int i = 0; i < 4; i++)
		EQ(pthread_create(&threads[i], 0, meets, &serial), 0);
	for (int i = 0; i < 4; i++)
		sem_post(&semaphore);
	for (int i = 0; i < 4; i++)
		EQ(pthread_join(threads[i], 0), 0);
	EQ(serial, 20);
	section("barrier and semaphore");
}

static unsigned gate, other_gate;
static int asleep, awake;

static void *sleeper(void *op)
{
	__atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&gate, __ATOMIC_SEQ_CST))
		if (futex(&gate, (int)(long)op, 0, 0, 0, 1u << 3) == 0)
			break;
	__atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* Until `n` sleep in the futex, as far as one can tell: nothing reports it, so time has to do. */
static void until_queued(int n)
{
	while (__atomic_load_n(&asleep, __ATOMIC_SEQ_CST) < n)
		sched_yield();
	nanosleep(&(struct timespec){ .tv_nsec = 50 * MS }, 0);
}

static void until_awake(int n)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	while (__atomic_load_n(&awake, __ATOMIC_SEQ_CST) < n && now_ns(CLOCK_MONOTONIC) - begin < 10000 * MS)
		sched_yield();
	EQ(awake, n);
}

static void futexes(void)
{
	unsigned word = 5;
	struct timespec short_time = { 0, 20 * MS }, wrong = { 0, 1000 * MS }, past = { 1, 0 };
	FAILS(futex(&word, FUTEX_WAIT, 4, 0, 0, 0), EAGAIN);
	FAILS(futex(&word, FUTEX_WAIT, 4, &short_time, 0, 0), EAGAIN);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	FAILS(futex(&word, FUTEX_WAIT, 5, &short_time, 0, 0), ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 20 * MS);
	FAILS(futex(&word, FUTEX_WAIT_PRIVATE, 5, &wrong, 0, 0), EINVAL);
	FAILS(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, &past, 0, ~0u), ETIMEDOUT);	/* absolute */
	FAILS(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &past, 0, ~0u), ETIMEDOUT);
	FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, 0, 0, 0), EINVAL);
	FAILS(futex((char *)&word + 1, FUTEX_WAKE, 1, 0, 0, 0), EINVAL);
	FAILS(futex((void *)8, FUTEX_WAIT, 1, 0, 0, 0), EFAULT);
	EQ(futex(&word, FUTEX_WAKE, INT_MAX, 0, 0, 0), 0);
	section("futex alone");

	pthread_t threads[6];
	for (int i = 0; i < 6; i++)
		EQ(pthread_create(&threads[i], 0, sleeper, (void *)(long)FUTEX_WAIT_BITSET_PRIVATE), 0);
	until_queued(6);
	EQ(futex(&gate, FUTEX_WAKE_BITSET_PRIVATE, 99, 0, 0, 1u << 2), 0);	/* nobody waits for that bit */
	EQ(futex(&gate, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0), 1);
	until_awake(1);
	EQ(futex(&gate, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 1u << 3), 1);
	until_awake(2);
	FAILS(futex(&gate, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &other_gate, 1), EAGAIN);
	EQ(futex(&gate, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &other_gate, 0), 3);	/* woken and moved */
	until_awake(3);
	EQ(futex(&other_gate, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0), 1);
	until_awake(4);
	EQ(futex(&gate, FUTEX_REQUEUE_PRIVATE, 0, (void *)5L, &other_gate, 0), 1);
	EQ(futex(&gate, FUTEX_WAKE_PRIVATE, 99, 0, 0, 0), 0);
	EQ(futex(&other_gate, FUTEX_WAKE_PRIVATE, 99, 0, 0, 0), 2);
	until_awake(6);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], 0);

	/* FUTEX_WAKE_OP: add 1 to the second word; wake there too if it was 0. */
	asleep = awake = 0;
	other_gate = 0;
	EQ(pthread_create(&threads[0], 0, sleeper, (void *)(long)FUTEX_WAIT_BITSET_PRIVATE), 0);
	until_queued(1);
	EQ(futex(&other_gate, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1L, &gate,
		FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)), 1);
	EQ(gate, 1);
	until_awake(1);
	pthread_join(threads[0], 0);
	section("futex with others");
}

static pthread_mutex_t robust;

static void *dies_holding(void *unused)
{
	(void)unused;
	EQ(pthread_mutex_lock(&robust), 0);
	return 0;
}

static void *dies_while_waited_for(void *unused)
{
	(void)unused;
	EQ(pthread_mutex_lock(&robust), 0);
	__atomic_store_n(&gate, 2, __ATOMIC_SEQ_CST);
	nanosleep(&(struct timespec){ .tv_nsec = 30 * MS }, 0);
	return 0;
}

static void owner_death(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	EQ(pthread_create(&thread, 0, dies_holding, 0), 0);
	pthread_join(thread, 0);
	EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	EQ(pthread_mutex_consistent(&robust), 0);
	EQ(pthread_mutex_unlock(&robust), 0);
	gate = 0;
	EQ(pthread_create(&thread, 0, dies_while_waited_for, 0), 0);
	while (__atomic_load_n(&gate, __ATOMIC_SEQ_CST) != 2)
		sched_yield();
	EQ(pthread_mutex_lock(&robust), EOWNERDEAD);		/* wakes when the owner ends */
	EQ(pthread_mutex_consistent(&robust), 0);
	EQ(pthread_mutex_unlock(&robust), 0);
	EQ(pthread_mutex_lock(&robust), 0);
	EQ(pthread_mutex_unlock(&robust), 0);
	pthread_join(thread, 0);
	section("the owner of a robust mutex dies");
}

static pid_t tid;

static void *tells_its_tid(void *unused)
{
	(void)unused;
	tid = syscall(SYS_gettid);
	CHECK(tid != getpid());
	return 0;
}

static void *sleeps_forever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

static void identity(void)
{
	pthread_t thread;
	EQ(syscall(SYS_gettid), getpid());
	EQ(pthread_create(&thread, 0, tells_its_tid, 0), 0);
	pthread_join(thread, 0);
	CHECK(tid > 0);
	/* Joined means gone: the tid is nobody's now. The kernel ends a thread just after its joiner wakes. */
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0 && now_ns(CLOCK_MONOTONIC) - begin < 10000 * MS)
		sched_yield();
	FAILS(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);

	EQ(pthread_create(&thread, 0, sleeps_forever, 0), 0);
	EQ(pthread_cancel(thread), 0);
	void *result;
	EQ(pthread_join(thread, &result), 0);
	EQ((long)result, (long)PTHREAD_CANCELED);
	section("identity and cancellation");
}

/* Threads that allocate, print into memory and touch new pages at once. */
static void *worker(void *seed)
{
	unsigned state = (unsigned)(long)seed;
	for (int i = 0; i < 100; i++) {
		size_t size = 1 + (state = state * 1103515245 + 12345) % 200000;
		unsigned char *block = malloc(size);
		memset(block, i, size);
		EQ(block[size - 1], i);
		free(block);
		char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EQ(pages[8191], 0);
		pages[0] = 1;
		EQ(munmap(pages, 8192), 0);
	}
	return 0;
}

static void memory(void)
{
	pthread_t threads[8];
	for (long i = 0; i < 8; i++)
		EQ(pthread_create(&threads[i], 0, worker, (void *)i), 0);
	for (int i = 0; i < 8; i++)
		EQ(pthread_join(threads[i], 0), 0);
	section("memory under threads");
}

int main(void)
{
	joining();
	waiting();
	futexes();
	owner_death();
	identity();
	memory();
	return verdict();
}
