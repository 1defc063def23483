/* How far each thread of a sweep is, for the thread that follows it. */
#ifndef LU_PROGRESS_H
#define LU_PROGRESS_H

struct progress {
	int threads;
	struct progress_mark *marks;
};

/* 0, or -1 where there is not enough memory. */
int progress_open(struct progress *p, int threads);
void progress_close(struct progress *p);

/* All are at 0. No thread may be at work. */
void progress_reset(struct progress *p);

/* Thread RANK has come to DONE, a number that only grows: what it wrote before can be
 * read by whoever waited for that. */
void progress_tell(struct progress *p, int rank, long done);
void progress_await(struct progress *p, int rank, long done);

#endif
