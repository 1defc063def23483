#ifndef PARTS_H
#define PARTS_H

/* No header of any libc here: newlib.c is compiled against newlib's headers,
 * the rest against those of the libc that the program is linked with. */

/* calls.c: every class of failing call, one after the other. */
int count_failing_calls(void);

/* calls.c: fail in the way of class i; return the errno that is due. */
int provoke(unsigned i);

/* threads.c: eight threads fail at once, each in its own way. */
void check_threads(unsigned rounds);

/* newlib.c: 0, or the line of newlib.c that found a difference. */
int newlib_check(void);
unsigned long newlib_scribble(int value);

/* bridge.c: what newlib.c calls, being blind to this libc's headers. */
int libc_errno(void);
void libc_set_errno(int value);
int libc_fail_with_ebadf(void);

/* bridge.c: run newlib.c's checks in main and in threads, then see whether
 * this libc is unharmed; and those from before main. */
void check_newlib(void);

#endif
