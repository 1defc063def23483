#ifndef PARTS_H
#define PARTS_H

#include <pthread.h>

#define THREADS 8

/* Start THREADS threads on fn(0), fn(1), ...; join them; check that each
 * returned its own number. */
void team(void *(*fn)(void *));
#define NUMBER(arg) ((size_t)(arg))

void check_life(void);		/* life.c: create, join, detach, stacks, many */
void check_locks(void);		/* locks.c: mutex, rwlock, once */
void check_meetings(void);	/* meetings.c: cond, barrier, sem */
void check_storage(void);	/* storage.c: thread-local, thread-specific, errno */
void check_endings(void);	/* endings.c: cancel, cleanup, kill */

#endif
