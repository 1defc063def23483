/* Wall-clock time. */
#ifndef NPB_TIMER_H
#define NPB_TIMER_H

/* Seconds since some fixed moment, monotonic. */
double timer_seconds(void);

#endif
