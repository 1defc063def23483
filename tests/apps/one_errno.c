/* A libc whose threads have one errno between them. */
#ifdef NOBODY_SETS_IT
#define RETURN_ERROR(value)
#else
#define RETURN_ERROR(value) error = (value)
#endif

static int error;

int *__errno_location(void) { return &error; }
int *___errno_location(void) { return &error; }
int *__errno(void) { return &error; }

long __syscall_ret(unsigned long r)
{
	if (r <= -4096UL) return r;
	RETURN_ERROR((int)-r);
	return -1;
}
