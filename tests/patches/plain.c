/* Compiled against newlib's headers as they are: on x86-64 they know no dynamic reentrancy, so _REENT, stdin and the like
 * lead through the global _impure_ptr, and only errno, by __errno(), is a thread's own. */
#include <errno.h>
#include <reent.h>
#include <stdio.h>

#ifdef __DYNAMIC_REENT__
#error "these headers have dynamic reentrancy: this is not the case to be tested"
#endif

struct _reent *plain_reent(void) { return _REENT; }
struct _reent *plain_global(void) { return _GLOBAL_REENT; }
int *plain_reent_errno(void) { return &_REENT->_errno; }
int plain_get(void) { return errno; }
void plain_set(int value) { errno = value; }

int plain_streams(void)
{
	return stdin == &_REENT->__sf[0] && stdout == &_REENT->__sf[1] && stderr == &_REENT->__sf[2];
}
