/* Wall-clock time, or the processor time of all threads. */
#ifndef NPB_TIMER_H
#define NPB_TIMER_H

/* Seconds since some fixed moment, monotonic. */
double timer_seconds(void);

/* From now on timer_seconds counts what the process has used of the processors. */
void timer_counts_processor_time(void);

#endif
