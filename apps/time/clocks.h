#ifndef CLOCKS_H
#define CLOCKS_H

#include <time.h>

#define NS_PER_S 1000000000LL

/* Nanoseconds on a clock. Fails the program where the clock does. */
long long now_ns(clockid_t clk);

void check_clocks(void);	/* clocks.c: each by itself, and against the others */
void check_sleeps(void);	/* sleeps.c: how long, what remains, what is refused */

/* vdso.c: whether the libc can know of a vDSO; and take it away where there
 * is one, returning how many mappings that were. */
void check_auxv(void);
int unmap_vdso(void);

#endif
