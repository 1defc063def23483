#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

struct _reent;
struct _reent *__getreent(void), *plain_reent(void), *plain_global(void);
int *plain_reent_errno(void), plain_get(void), plain_streams(void);
void plain_set(int);

static void look(const char *where)
{
	plain_set(33);
	int there = errno;
	errno = 34;
	int back = plain_get();
	close(-1);
	printf("%s: %d %d %d, thread's own %d, global %d\n", where, there, back, plain_get(),
		plain_reent_errno() == &errno, plain_reent() == __getreent());
}

static void *thread(void *arg)
{
	look("thread");
	return arg;
}

int main(void)
{
	pthread_t id;

	look("main");
	printf("streams %d, both globals alike %d\n", plain_streams(), plain_reent() == plain_global());
	errno = 0;
	pthread_create(&id, 0, thread, 0);
	pthread_join(id, 0);
	printf("main afterwards: %d\n", plain_get());
	return 0;
}
