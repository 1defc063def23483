#define _POSIX_C_SOURCE 200809L
#include <sched.h>
#include <stdlib.h>
#include "progress.h"

/* Looks before a thread that waits offers its processor to others, some 10 ns each. */
enum { LOOKS = 2000 };

/* One cache line each. */
struct progress_mark {
	long done;
	char unused[64 - sizeof(long)];
};

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

int progress_open(struct progress *p, int threads)
{
	p->threads = threads;
	p->marks = calloc(threads, sizeof *p->marks);
	return p->marks ? 0 : -1;
}

void progress_close(struct progress *p)
{
	free(p->marks);
}

void progress_reset(struct progress *p)
{
	for (int rank = 0; rank < p->threads; rank++)
		p->marks[rank].done = 0;
}

void progress_tell(struct progress *p, int rank, long done)
{
	__atomic_store_n(&p->marks[rank].done, done, __ATOMIC_RELEASE);
}

void progress_await(struct progress *p, int rank, long done)
{
	for (int look = 1; __atomic_load_n(&p->marks[rank].done, __ATOMIC_ACQUIRE) < done; look++) {
		if (look % LOOKS)
			relax();
		else
			sched_yield();
	}
}
