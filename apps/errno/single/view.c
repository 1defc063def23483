/* Compiled against newlib's headers and with -D__DYNAMIC_REENT__: the whole of
 * what single.c asks of newlib's side. */
#include <errno.h>
#include <reent.h>

int newlib_errno(void) { return errno; }
int newlib_field(void) { return __getreent()->_errno; }
void newlib_set_errno(int value) { errno = value; }
