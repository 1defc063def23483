/* Compiled against newlib's headers (Debian: libnewlib-dev) and with
 * -D__DYNAMIC_REENT__, which is how newlib's code finds its per-thread state
 * where there are threads. Linked with a libc that is not newlib: nothing may
 * be called here that the two do not lay out alike.
 *
 * Only the classic errors are compared: newlib numbers many of the later ones
 * differently. */
#include <errno.h>
#include <reent.h>
#include <string.h>
#include "parts.h"

#define EXPECT(cond) do if (!(cond)) return __LINE__; while (0)

static int inside(const void *p, const struct _reent *r)
{
	return (char *)p >= (char *)r && (char *)p < (char *)(r + 1);
}

int newlib_check(void)
{
	struct _reent *r = __getreent();

	EXPECT(r && r == _REENT);
	EXPECT((size_t)r % __alignof__(*r) == 0);
	EXPECT(&errno == &r->_errno);

	libc_set_errno(EDOM);
	EXPECT(errno == EDOM && r->_errno == EDOM);
	errno = ERANGE;
	EXPECT(libc_errno() == ERANGE);
	_REENT->_errno = ENOENT;
	EXPECT(libc_errno() == ENOENT && errno == ENOENT);
	EXPECT(libc_fail_with_ebadf() == -1);
	EXPECT(errno == EBADF && _REENT->_errno == EBADF && libc_errno() == EBADF);

	EXPECT(!r->__sdidinit && !r->__cleanup && !r->_atexit && !r->_locale);
	EXPECT(inside(r->_stdin, r) && inside(r->_stdout, r) && inside(r->_stderr, r));
	EXPECT(r->_stdin != r->_stdout && r->_stdout != r->_stderr);
	EXPECT(_REENT_RAND_NEXT(r) == 1);
	return 0;
}

/* Write through the three streams, as newlib's putc() does, and then every
 * byte of the structure; return its size. The streams are gone afterwards. */
unsigned long newlib_scribble(int value)
{
	struct _reent *r = __getreent();

	if (inside(r->_stdin, r)) {
		memset(r->_stdin, value, sizeof *r->_stdin);
		memset(r->_stdout, value, sizeof *r->_stdout);
		memset(r->_stderr, value, sizeof *r->_stderr);
	}
	memset(r, value, sizeof *r);
	return sizeof *r;
}
