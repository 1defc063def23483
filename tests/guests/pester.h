/* A thread that signals another until that had its effect: nobody can tell when a thread is really asleep. */
#ifndef PESTER_H
#define PESTER_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t handled;
static void on_signal(int signo) { handled += signo == SIGUSR1; }

static volatile int enough;

static void *pesters(void *main_thread)
{
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000 }, 0);
		pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
	} while (!enough);
	return 0;
}

#endif
