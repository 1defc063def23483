/* Corners of sleeping on several words (futex_waitv) and of reaching into another process: its memory, its descriptors. */
#include "corners.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define V(...) shown("futex_waitv", #__VA_ARGS__, made(449, WORDS(__VA_ARGS__)))

struct word { unsigned long value, address; unsigned flags, reserved; };
static int words[4];
static char here[8192] = "here", there[8192] = "there";

/* Until somebody sleeps there: on a busy machine that may be long after we were started. */
static void *waker(void *which)
{
	while (syscall(SYS_futex, which, FUTEX_WAKE, 10, 0, 0, 0) == 0)
		usleep(1000);
	return 0;
}

static void *requeuer(void *which)
{
	while (syscall(SYS_futex, which, FUTEX_REQUEUE, 0, 10, &words[3], 0) == 0)
		usleep(1000);
	usleep(5000);
	syscall(SYS_futex, &words[3], FUTEX_WAKE, 10, 0, 0, 0);
	return 0;
}

static void vectors(void)
{
	struct word w[3] = { { 0, (long)&words[0], 2 }, { 0, (long)&words[1], 2 }, { 0, (long)&words[2], 2 } };
	struct timespec at, soon = { 0, 1000 }, bad = { 0, -1 };
	pthread_t thread;
	V(w, 0, 0, 0, 0);
	V(w, 129, 0, 0, 0);
	V(0, 1, 0, 0, 0);
	V(w, 1, 1, 0, 0);
	V(BAD, 1, 0, 0, 0);
	V(w, 1, 0, &soon, 9);
	V(w, 1, 0, &bad, 1);
	V(w, 1, 0, BAD, 1);
	V(w, 3, 0, &soon, CLOCK_MONOTONIC);
	V(w, 3, 0, &soon, CLOCK_REALTIME);
	words[1] = 1;
	V(w, 3, 0, &soon, 1);
	words[1] = 0;
	w[0].reserved = 1;
	V(w, 3, 0, &soon, 1);
	w[0].reserved = 0;
	w[0].flags = 0;
	V(w, 3, 0, &soon, 1);
	w[0].flags = 2;
	w[1].flags = 0x102;
	V(w, 3, 0, &soon, 1);
	w[1].flags = 2;
	w[1].address = 0;
	V(w, 3, 0, &soon, 1);
	w[1].address = (long)&words[1] + 1;
	V(w, 3, 0, &soon, 1);
	w[1].address = (long)&words[1];
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += 50;
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, 0, waker, &words[i]);
		V(w, 3, 0, &at, 1);
		pthread_join(thread, 0);
	}
	pthread_create(&thread, 0, requeuer, &words[1]);
	V(w, 3, 0, &at, 1);
	pthread_join(thread, 0);
	T(futex, &words[0], FUTEX_WAKE, 10, 0, 0, 0);
	w[0].flags = 2 | 128;
	pthread_create(&thread, 0, waker, &words[2]);
	V(w, 3, 0, &at, 1);
	pthread_join(thread, 0);
}

static void memory(void)
{
	struct iovec l[2] = { { here, 3 }, { here + 100, 3 } }, r[2] = { { there, 5 }, { there + 5, 1 } };
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	SAY(!memcmp(here, "the", 3) && !memcmp(here + 100, "re", 3));
	T(process_vm_readv, getpid(), l, 2, r, 2, 1);
	T(process_vm_readv, 999999, l, 2, r, 2, 0);
	T(process_vm_readv, -1, l, 2, r, 2, 0);
	T(process_vm_readv, 999999, l, 0, r, 2, 0);
	T(process_vm_readv, 999999, l, 2, r, 0, 0);
	T(process_vm_readv, getpid(), l, IOV_MAX + 1, r, 2, 0);
	T(process_vm_readv, getpid(), l, 2, r, IOV_MAX + 1, 0);
	T(process_vm_readv, getpid(), BAD, 2, r, 2, 0);
	T(process_vm_readv, getpid(), l, 2, BAD, 2, 0);
	r[0].iov_base = BAD;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	r[0].iov_base = there;
	r[1].iov_base = BAD;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	r[1].iov_base = there + 5;
	l[0].iov_base = BAD;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	l[0].iov_base = here;
	l[1].iov_base = BAD;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	l[1].iov_base = here + 100;
	l[0].iov_len = -1;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	l[0].iov_len = 3;
	r[0].iov_len = -1;
	T(process_vm_readv, getpid(), l, 2, r, 2, 0);
	r[0].iov_len = 5;
	T(process_vm_writev, getpid(), l, 1, r, 1, 0);
	r[0].iov_base = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T(process_vm_writev, getpid(), l, 1, r, 1, 0);
	r[0].iov_base = there;
	int p[2], q[2];
	pipe(p);
	pipe(q);
	strcpy(there, "parent");
	pid_t child = fork();
	if (!child) {
		char b;
		strcpy(there, "child");
		write(p[1], "x", 1);
		read(q[0], &b, 1);
		SAY(!strcmp(there, "herd!"));
		write(p[1], "x", 1);
		pause();
		_exit(0);
	}
	char b;
	read(p[0], &b, 1);
	l[0].iov_len = 8;
	r[0].iov_len = 8;
	T(process_vm_readv, child, l, 1, r, 1, 0);
	puts(here);
	puts(there);
	strcpy(here, "herd!");
	T(process_vm_writev, child, l, 1, r, 1, 0);
	int pidfd = syscall(SYS_pidfd_open, child, 0);
	T0(pidfd_getfd, pidfd, p[0], 0);
	T(pidfd_getfd, pidfd, CLOSED, 0);
	T(pidfd_getfd, pidfd, 0, 1);
	int dup = syscall(SYS_pidfd_getfd, pidfd, q[1], 0);
	SAY(fcntl(dup, F_GETFD));
	write(dup, "x", 1);
	read(p[0], &b, 1);
	kill(child, SIGKILL);
	struct pollfd ended = { pidfd, POLLIN };
	poll(&ended, 1, 1000);
	T(pidfd_getfd, pidfd, 0, 0);
	T(process_vm_readv, child, l, 1, r, 1, 0);
	wait(0);
	T(pidfd_getfd, pidfd, 0, 0);
}

int main(void)
{
	vectors();
	memory();
	return 0;
}
