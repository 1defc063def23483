/* One thread, and no more of a libc than the smallest has: does every failing
 * call set errno, and does code compiled against newlib's headers see it?
 * The folder above asks the same of eight threads. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../check.h"

#define ABSENT "/skete-has-no-such-file"

static char longpath[9000];

/* X(name of the errno, call that must return -1 and set it) */
#define CALLS \
	X(EBADF, close(-1)) \
	X(EBADF, read(-1, longpath, 1)) \
	X(EBADF, write(4000, longpath, 1)) \
	X(EBADF, lseek(-1, 0, SEEK_SET)) \
	X(EBADF, fcntl(-1, F_GETFL)) \
	X(EBADF, fstat(-1, &(struct stat){ 0 })) \
	X(ENOENT, open(ABSENT, O_RDONLY)) \
	X(ENOENT, open("", O_RDONLY)) \
	X(ENOENT, stat(ABSENT, &(struct stat){ 0 })) \
	X(EISDIR, open("/", O_WRONLY)) \
	X(EEXIST, open("/", O_RDONLY|O_CREAT|O_EXCL, 0600)) \
	X(ENAMETOOLONG, open(longpath, O_RDONLY)) \
	X(ESPIPE, lseek(1, 0, SEEK_CUR)) \
	X(ENOTTY, isatty(1) - 1) \
	X(ESRCH, kill(0x3fffffff, 0))

static int count_failing_calls(void)
{
	int n = 0;

	memset(longpath, '/', sizeof longpath - 1);
#define X(name, call) \
	errno = EXDEV; \
	CHECK_IS(call, -1); \
	CHECK(errno == name, #call " set errno to \"%s\" instead of " #name, strerror(errno)); \
	n++;
	CALLS
#undef X
	errno = EXDEV;
	CHECK(getpid() > 0, "there is no process");
	CHECK(errno == EXDEV, "a call that succeeded set errno to \"%s\"", strerror(errno));
	return n;
}

#ifdef HAVE_NEWLIB

/* view.c */
int newlib_errno(void), newlib_field(void);
void newlib_set_errno(int value);

static void check_newlib(void)
{
	errno = EDOM;
	CHECK(newlib_errno() == EDOM && newlib_field() == EDOM, "newlib's side sees %d, %d", newlib_errno(), newlib_field());
	newlib_set_errno(ERANGE);
	CHECK(errno == ERANGE, "newlib's side set ERANGE, and errno is \"%s\"", strerror(errno));
	CHECK_IS(close(-1), -1);
	CHECK(newlib_errno() == EBADF && newlib_field() == EBADF, "after close(-1) newlib's side sees %d, %d",
		newlib_errno(), newlib_field());
	puts("newlib object: shares errno, and _errno of what __getreent() gives");
}

#else

static void check_newlib(void)
{
	puts("newlib object: LEFT OUT, the build says why");
}

#endif

int main(void)
{
	printf("%d failing calls, each set errno\n", count_failing_calls());
	check_newlib();
	return 0;
}
