/* The corners of locks: fcntl(2)'s of records, those of an open file description, flock(2). */
#define _GNU_SOURCE
#include "corners.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/wait.h>

static void records(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("rw", O_RDWR | O_CREAT | O_TRUNC, 0600), ro = open("rw", O_RDONLY), wo = open("rw", O_WRONLY), opath = open("rw", O_PATH);
	T(fcntl, ro, F_SETLK, &lock);
	lock.l_type = F_RDLCK;
	T(fcntl, wo, F_SETLK, &lock);
	lock.l_type = 3;
	T(fcntl, fd, F_SETLK, &lock);
	T(fcntl, fd, F_GETLK, &lock);
	lock.l_type = F_UNLCK;
	T(fcntl, fd, F_GETLK, &lock);
	lock.l_type = F_WRLCK;
	lock.l_start = -1;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_start = 10;
	lock.l_len = -11;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_len = -10;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_start = LONG_MAX;
	lock.l_len = 1;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_len = 2;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_whence = SEEK_END;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_whence = 9;
	T(fcntl, fd, F_SETLK, &lock);
	lock.l_whence = 0;
	lock.l_start = lock.l_len = 0;
	lock.l_pid = 1;
	T(fcntl, fd, F_OFD_SETLK, &lock);
	T(fcntl, fd, F_OFD_GETLK, &lock);
	T(fcntl, fd, F_SETLK, BAD);
	T(fcntl, fd, F_GETLK, BAD);
	T(fcntl, opath, F_SETLK, &lock);
	T(fcntl, 999, F_SETLK, &lock);
	T(flock, fd, 0);
	T(flock, fd, LOCK_SH | LOCK_EX);
	T(flock, fd, LOCK_EX | LOCK_NB);
	T(flock, ro, LOCK_SH | LOCK_NB);
	T(flock, opath, LOCK_SH);
	T(flock, 999, LOCK_SH);
	for (int i = 3; i < 20; i++)
		close(i);
}

static void lock_says(const struct flock *l)
{
	printf("  type %d whence %d start %lld len %lld pid %d\n", l->l_type, l->l_whence, (long long)l->l_start,
	       (long long)l->l_len, l->l_pid);
}

static void owners(void)
{
	const long long most = 0x7fffffffffffffffLL;
	int fd = open("io.lock", O_RDWR | O_CREAT | O_TRUNC, 0600), reader = open("io.lock", O_RDONLY);
	int ends[2], other = open("io.lock", O_RDWR);
	(void)!ftruncate(fd, 100);
	(void)!pipe(ends);
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1, .l_len = 1 };
	T(fcntl, fd, F_SETLK, &l);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = -6 };
	T(fcntl, fd, F_SETLK, &l);
	l.l_len = -5;
	T(fcntl, fd, F_SETLK, &l);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = most, .l_len = 1 };
	T(fcntl, fd, F_SETLK, &l);
	l.l_len = 2;
	T(fcntl, fd, F_SETLK, &l);
	l.l_len = 0;
	T(fcntl, fd, F_SETLK, &l);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = most, .l_len = 1 };
	T(fcntl, fd, F_SETLK, &l);
	l.l_start = -101;
	T(fcntl, fd, F_SETLK, &l);
	l.l_whence = 3;
	T(fcntl, fd, F_SETLK, &l);
	l = (struct flock){ .l_type = 7, .l_whence = SEEK_SET, .l_len = 1 };
	T(fcntl, fd, F_SETLK, &l);
	T(fcntl, fd, F_GETLK, &l);
	l.l_type = F_UNLCK;
	T(fcntl, fd, F_GETLK, &l);
	l.l_type = F_WRLCK;
	T(fcntl, reader, F_SETLK, &l);
	T(fcntl, reader, F_GETLK, &l);
	lock_says(&l);
	T(fcntl, fd, F_SETLK, BAD);
	T(fcntl, fd, F_GETLK, BAD);
	T(fcntl, CLOSED, F_SETLK, BAD);
	T(fcntl, ends[0], F_SETLK, &l);
	l = (struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET };
	T(fcntl, fd, F_SETLK, &l);

	/* open file description locks */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10, .l_pid = 1 };
	T(fcntl, fd, F_OFD_SETLK, &l);
	T(fcntl, fd, F_OFD_GETLK, &l);
	l.l_pid = 0;
	T(fcntl, fd, F_OFD_SETLK, &l);
	T(fcntl, other, F_OFD_SETLK, &l);
	T(fcntl, other, F_SETLK, &l);
	T(fcntl, other, F_OFD_GETLK, &l);
	lock_says(&l);
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
	T(fcntl, fd, F_GETLK, &l);
	lock_says(&l);
	int again = dup(fd);
	close(again);
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
	T(fcntl, other, F_OFD_SETLK, &l);
	close(fd);
	T(fcntl, other, F_OFD_SETLK, &l);
	close(other);

	/* Two processes, each of which waits for what the other has. */
	fd = open("io.lock", O_RDWR);
	int here[2], there[2];
	char c;
	(void)!pipe(here), (void)!pipe(there);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	T(fcntl, fd, F_SETLK, &l);
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		l.l_start = 1;
		raw(SYS_fcntl, fd, F_SETLK, (long)&l, 0, 0, 0);
		(void)!write(here[1], "x", 1);
		l.l_start = 0;
		long got = raw(SYS_fcntl, fd, F_SETLKW, (long)&l, 0, 0, 0);
		_exit(got == 0 ? 0 : 1);
	}
	(void)!read(here[0], &c, 1);
	/* No sign says that the child waits. Either it sleeps and we are refused, or we were first and it is. */
	struct timespec moment = { 0, 200000000 };
	nanosleep(&moment, 0);
	l.l_start = 1;
	T(fcntl, fd, F_SETLKW, &l);
	l.l_start = 0;
	l.l_type = F_UNLCK;
	T(fcntl, fd, F_SETLK, &l);
	int status;
	waitpid(child, &status, 0);
	printf("  the child had its lock: %d\n", status == 0);
	T(flock, fd, 0);
	T(flock, fd, 16);
	T(flock, fd, 3);
	T(flock, CLOSED, LOCK_UN);
	close(fd), close(reader), close(here[0]), close(here[1]), close(there[0]), close(there[1]);
	close(ends[0]), close(ends[1]);
}

int main(void)
{
	records();
	owners();
	return 0;
}
