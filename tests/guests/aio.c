/* Asynchronous I/O of the kernel: contexts, operations and how they end, what is refused, waiting, eventfds. */
#include "check.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define LEN(array) (sizeof (array) / sizeof *(array))

static aio_context_t context;
static int file;

static int setup(unsigned events, aio_context_t *made) { return syscall(SYS_io_setup, events, made); }
static int destroy(aio_context_t which) { return syscall(SYS_io_destroy, which); }
static int submit(long count, struct iocb **list) { return syscall(SYS_io_submit, context, count, list); }

static int one(struct iocb iocb)
{
	return submit(1, (struct iocb *[]){ &iocb });
}

static int events_in(long least, long most, struct io_event *events, long ms)
{
	struct timespec timeout = { ms / 1000, ms % 1000 * 1000000 };
	return syscall(SYS_io_getevents, context, least, most, events, ms < 0 ? 0 : &timeout);
}

static struct iocb operation(int opcode, int fd, const void *buffer, size_t size, off_t offset)
{
	static long data;
	return (struct iocb){ .aio_data = ++data, .aio_lio_opcode = opcode, .aio_fildes = fd, .aio_buf = (uintptr_t)buffer,
		.aio_nbytes = size, .aio_offset = offset, .aio_key = 77 };
}

/* How one operation ends. */
static long result(struct iocb iocb)
{
	struct io_event event = { 0 };
	struct iocb *list[] = { &iocb };
	int taken = submit(1, list);
	if (taken != 1)
		return taken < 0 ? -1000000 - errno : taken;
	EQ(events_in(1, 1, &event, 10000), 1);
	EQ(event.data, iocb.aio_data);
	EQ(event.obj == (uintptr_t)&iocb, 1);
	EQ(event.res2, 0);
	EQ(iocb.aio_key, 0);
	return event.res;
}

static void contexts(void)
{
	aio_context_t made = 0, second = 0;
	FAILS(syscall(SYS_io_setup, 1, 16), EFAULT);
	FAILS(setup(0, &made), EINVAL);
	made = 1;
	FAILS(setup(1, &made), EINVAL);
	made = 0;
	FAILS(setup(5000000, &made), EINVAL);
	FAILS(setup(1000000, &made), EAGAIN);
	EQ(made, 0);
	EQ(setup(4, &made), 0);
	CHECK(made);
	EQ(setup(4, &second), 0);
	CHECK(second && second != made);
	/* the header that makes programs look for themselves */
	unsigned *ring = (void *)made;
	EQ(ring[4], 0xa10a10a1);
	EQ(ring[2] == 0 && ring[3] == 0 && ring[7] == 32, 1);
	CHECK(ring[1] >= 4);
	EQ(destroy(made), 0);
	FAILS(destroy(made), EINVAL);
	FAILS(destroy(0), EINVAL);
	FAILS(destroy(16), EINVAL);
	pid_t child = fork();
	if (!child) {
		errno = 0;
		_exit(destroy(second) != -1 || errno != EINVAL);
	}
	int status = -1;
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	EQ(munmap((void *)second, 4096), 0);
	FAILS(destroy(second), EINVAL);
	section("contexts");
}

static void operations(void)
{
	char data[16] = "", more[16] = "";
	struct iovec out[2] = { { "abc", 3 }, { "defg", 4 } }, in[2] = { { data, 2 }, { more, 14 } };
	EQ(result(operation(IOCB_CMD_PWRITE, file, "0123456789", 10, 0)), 10);
	EQ(result(operation(IOCB_CMD_PREAD, file, data, 4, 3)), 4);
	CHECK(!memcmp(data, "3456", 5));
	EQ(result(operation(IOCB_CMD_PREAD, file, data, 4, 10)), 0);
	EQ(result(operation(IOCB_CMD_PREAD, file, data, 0, 0)), 0);
	EQ(result(operation(IOCB_CMD_PWRITEV, file, out, 2, 2)), 7);
	EQ(result(operation(IOCB_CMD_PREADV, file, in, 2, 0)), 10);
	CHECK(!memcmp(data, "01", 2) && !memcmp(more, "abcdefg9", 8));
	EQ(result(operation(IOCB_CMD_FSYNC, file, 0, 0, 0)), 0);
	EQ(result(operation(IOCB_CMD_FDSYNC, file, 0, 0, 0)), 0);
	EQ(lseek(file, 0, SEEK_CUR), 0);
	/* a bad buffer is the operation's failure */
	EQ(result(operation(IOCB_CMD_PREAD, file, (void *)16, 4, 0)), -EFAULT);
	EQ(result(operation(IOCB_CMD_PWRITE, file, (void *)16, 4, 0)), -EFAULT);
	/* streams have no offsets */
	int ends[2];
	EQ(pipe(ends), 0);
	EQ(result(operation(IOCB_CMD_PWRITE, ends[1], "pipe", 4, 0)), 4);
	EQ(result(operation(IOCB_CMD_PREAD, ends[0], data, 16, 100)), 4);
	CHECK(!memcmp(data, "pipe", 4));
	EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	EQ(result(operation(IOCB_CMD_PREAD, ends[0], data, 16, 0)), -EAGAIN);
	close(ends[1]);
	EQ(result(operation(IOCB_CMD_PREAD, ends[0], data, 16, 0)), 0);
	close(ends[0]);
	section("operations");
}

static void refusals(void)
{
	char data[8];
	int reader = open("aio.data", O_RDONLY), writer = open("aio.data", O_WRONLY), handle = open("aio.data", O_PATH);
	int folder = open(".", O_RDONLY);
	struct iocb good = operation(IOCB_CMD_PREAD, file, data, 8, 0), bad = good;
	FAILS(one(operation(IOCB_CMD_NOOP, file, 0, 0, 0)), EINVAL);
	FAILS(one(operation(4, file, 0, 0, 0)), EINVAL);
	FAILS(one(operation(99, file, 0, 0, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_PREAD, 99, data, 8, 0)), EBADF);
	FAILS(one(operation(IOCB_CMD_PREAD, handle, data, 8, 0)), EBADF);
	FAILS(one(operation(IOCB_CMD_PREAD, writer, data, 8, 0)), EBADF);
	FAILS(one(operation(IOCB_CMD_PWRITE, reader, data, 8, 0)), EBADF);
	FAILS(one(operation(IOCB_CMD_PREAD, folder, data, 8, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_PREAD, file, data, 8, -1)), EINVAL);
	FAILS(one(operation(IOCB_CMD_PREAD, file, data, -1, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_PREAD, file, (void *)(1L << 62), 8, 0)), EFAULT);
	FAILS(one(operation(IOCB_CMD_PREADV, file, (void *)16, 1, 0)), EFAULT);
	FAILS(one(operation(IOCB_CMD_PREADV, file, data, 1025, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_FSYNC, file, data, 0, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_FSYNC, file, 0, 1, 0)), EINVAL);
	bad.aio_reserved2 = 1;
	FAILS(one(bad), EINVAL);
	bad = good;
	bad.aio_rw_flags = 0x10000;
	FAILS(one(bad), EOPNOTSUPP);
	bad = good;
	bad.aio_flags = IOCB_FLAG_RESFD;
	bad.aio_resfd = 99;
	FAILS(one(bad), EBADF);
	bad.aio_resfd = file;
	FAILS(one(bad), EINVAL);
	bad = good;
	bad.aio_flags = 2;
	bad.aio_reqprio = 5 << 13;
	FAILS(one(bad), EINVAL);
	FAILS(submit(-1, 0), EINVAL);
	EQ(submit(0, 0), 0);
	FAILS(submit(1, (void *)16), EFAULT);
	FAILS(submit(1, (struct iocb *[]){ (void *)16 }), EFAULT);
	FAILS(syscall(SYS_io_submit, 16, 1, 0), EINVAL);
	/* what comes before a bad one is done */
	bad.aio_fildes = 99;
	struct io_event events[4];
	EQ(submit(3, (struct iocb *[]){ &good, &good, &bad }), 2);
	EQ(events_in(0, 4, events, 0), 2);
	FAILS(syscall(SYS_io_cancel, context, 16, events), EFAULT);
	FAILS(syscall(SYS_io_cancel, context, &good, events), EINVAL);
	good.aio_key = 5;
	FAILS(syscall(SYS_io_cancel, context, &good, events), EINVAL);
	close(reader), close(writer), close(handle), close(folder);
	section("refusals");
}

static void *submits_later(void *unused)
{
	(void)unused;
	static char data[8];
	struct iocb iocb = operation(IOCB_CMD_PREAD, file, data, 8, 0);
	struct iocb *list[] = { &iocb };
	usleep(20000);
	EQ(submit(1, list), 1);
	usleep(20000);
	EQ(submit(1, list), 1);
	return 0;
}

static void *writes_later(void *fd)
{
	usleep(20000);
	EQ(write(*(int *)fd, "late", 4), 4);
	return 0;
}

static volatile sig_atomic_t rung;
static void on_alarm(int signo) { rung += signo == SIGALRM; }

static void waiting(void)
{
	struct io_event events[8];
	char data[8];
	pthread_t thread;
	EQ(events_in(0, 8, events, -1), 0);
	EQ(events_in(1, 8, events, 0), 0);
	EQ(events_in(1, 8, events, 10), 0);
	FAILS(events_in(2, 1, events, 0), EINVAL);
	FAILS(events_in(-1, 1, events, 0), EINVAL);
	FAILS(syscall(SYS_io_getevents, 16, 0, 1, events, 0), EINVAL);
	FAILS(syscall(SYS_io_getevents, context, 0, 1, events, 16), EFAULT);
	EQ(pthread_create(&thread, 0, submits_later, 0), 0);
	EQ(events_in(2, 8, events, -1), 2);
	EQ(events[1].res, 8);
	pthread_join(thread, 0);
	/* what cannot be put stays */
	struct iocb iocb = operation(IOCB_CMD_PREAD, file, data, 8, 0);
	struct iocb *list[] = { &iocb, &iocb, &iocb };
	EQ(submit(3, list), 3);
	FAILS(syscall(SYS_io_getevents, context, 1, 1, 16, 0), EFAULT);
	EQ(events_in(1, 2, events, 0), 2);
	EQ(events_in(1, 8, events, 0), 1);

	/* an operation at a stream waits in io_submit */
	int ends[2];
	EQ(pipe(ends), 0);
	EQ(pthread_create(&thread, 0, writes_later, &ends[1]), 0);
	EQ(result(operation(IOCB_CMD_PREAD, ends[0], data, 8, 0)), 4);
	pthread_join(thread, 0);
	close(ends[0]), close(ends[1]);

	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &sa, 0);
	ualarm(20000, 20000);
	FAILS(events_in(1, 8, events, -1), EINTR);
	ualarm(0, 0);
	CHECK(rung > 0);
	/* a mask of its own */
	sigset_t blocked, none;
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigprocmask(SIG_BLOCK, &blocked, 0);
	rung = 0;
	struct { const sigset_t *set; size_t size; } mask = { &none, 8 }, wrong = { &none, 4 };
	raise(SIGALRM);
	EQ(rung, 0);
	FAILS(syscall(SYS_io_pgetevents, context, 1, 8, events, 0, &mask), EINTR);
	EQ(rung, 1);
	FAILS(syscall(SYS_io_pgetevents, context, 1, 8, events, 0, &wrong), EINVAL);
	FAILS(syscall(SYS_io_pgetevents, context, 1, 8, events, 0, 16), EFAULT);
	EQ(submit(1, list), 1);
	EQ(syscall(SYS_io_pgetevents, context, 1, 8, events, 0, &mask), 1);
	EQ(syscall(SYS_io_pgetevents, context, 0, 8, events, 0, 0), 0);
	sigprocmask(SIG_UNBLOCK, &blocked, 0);
	section("waiting");
}

static void eventfds(void)
{
	char data[8];
	uint64_t count = 0;
	int efd = eventfd(0, EFD_NONBLOCK);
	struct iocb iocb = operation(IOCB_CMD_PREAD, file, data, 8, 0);
	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = efd;
	struct iocb *list[] = { &iocb, &iocb };
	struct pollfd p = { efd, POLLIN, 0 };
	EQ(poll(&p, 1, 0), 0);
	EQ(submit(2, list), 2);
	EQ(poll(&p, 1, 10000), 1);
	EQ(read(efd, &count, 8), 8);
	EQ(count, 2);
	struct io_event events[4];
	EQ(events_in(2, 4, events, -1), 2);
	/* and one can be read like others */
	FAILS(one(operation(IOCB_CMD_PWRITE, efd, &count, 8, 0)), EINVAL);
	EQ(write(efd, &(uint64_t){ 5 }, 8), 8);
	EQ(result(operation(IOCB_CMD_PREAD, efd, &count, 8, 0)), 8);
	EQ(count, 5);
	close(efd);
	section("eventfds");
}

static void polls(void)
{
	struct io_event events[4];
	char data[8];
	pthread_t thread;
	uint64_t count = 0;
	int ends[2], efd = eventfd(0, EFD_NONBLOCK);
	EQ(pipe(ends), 0);
	EQ(result(operation(IOCB_CMD_POLL, file, (void *)POLLIN, 0, 0)), POLLIN);
	EQ(result(operation(IOCB_CMD_POLL, ends[1], (void *)(POLLIN | POLLOUT), 0, 0)), POLLOUT);
	FAILS(one(operation(IOCB_CMD_POLL, ends[0], (void *)0x10001, 0, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_POLL, ends[0], (void *)1, 1, 0)), EINVAL);
	FAILS(one(operation(IOCB_CMD_POLL, ends[0], (void *)1, 0, 1)), EINVAL);
	FAILS(one(operation(IOCB_CMD_POLL, 99, (void *)1, 0, 0)), EBADF);
	/* later, and told by an eventfd */
	struct iocb in = operation(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0), again = in;
	struct iocb *list[] = { &in }, *more[] = { &again };
	in.aio_flags = IOCB_FLAG_RESFD;
	in.aio_resfd = efd;
	EQ(submit(1, list), 1);
	EQ(events_in(1, 4, events, 0), 0);
	EQ(pthread_create(&thread, 0, writes_later, &ends[1]), 0);
	struct pollfd p = { efd, POLLIN, 0 };
	EQ(poll(&p, 1, 10000), 1);
	EQ(read(efd, &count, 8), 8);
	EQ(events_in(1, 4, events, 0), 1);
	EQ(events[0].res & POLLIN, POLLIN);		/* Linux says all that woke it */
	EQ(events[0].obj == (uintptr_t)&in, 1);
	pthread_join(thread, 0);
	EQ(read(ends[0], data, 8), 4);
	/* the file is held as long as that; once only */
	EQ(submit(1, more), 1);
	EQ(write(ends[1], "x", 1), 1);
	EQ(events_in(1, 4, events, 10000), 1);
	EQ(write(ends[1], "y", 1), 1);
	EQ(events_in(1, 4, events, 0), 0);
	EQ(read(ends[0], data, 8), 2);
	EQ(submit(1, more), 1);
	FAILS(syscall(SYS_io_cancel, context, &in, events), EINVAL);
	FAILS(syscall(SYS_io_cancel, context, &again, events), EINPROGRESS);
	EQ(events_in(1, 4, events, 10000), 1);
	EQ(events[0].res, 0);
	FAILS(syscall(SYS_io_cancel, context, &again, events), EINVAL);
	EQ(submit(1, more), 1);
	EQ(submit(1, list), 1);
	close(ends[1]);
	EQ(events_in(2, 4, events, 10000), 2);
	EQ(events[0].res, POLLHUP);
	close(ends[0]);
	/* what is under way does not hold up the end of a context, or of a process */
	EQ(pipe(ends), 0);
	aio_context_t mine = context;
	context = 0;
	EQ(setup(4, &context), 0);
	EQ(one(operation(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0)), 1);
	EQ(destroy(context), 0);
	pid_t child = fork();
	if (!child) {
		context = 0;
		_exit(setup(4, &context) || one(operation(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0)) != 1);
	}
	int status = -1;
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	context = mine;
	EQ(write(ends[1], "z", 1), 1);
	close(ends[0]), close(ends[1]), close(efd);
	section("polls");
}

static void full(void)
{
	static char data[8];
	static struct io_event events[2000];
	struct iocb iocb = operation(IOCB_CMD_PREAD, file, data, 8, 0);
	struct iocb *list[] = { &iocb };
	int taken = 0, got = 0, now;
	while (taken < 2000 && submit(1, list) == 1)
		taken++;
	EQ(errno, EAGAIN);
	CHECK(taken >= 8 && taken < 2000);
	/* some by looking into the ring, as fio does, the rest by asking */
	unsigned *ring = (void *)context;
	EQ((ring[3] - ring[2] + ring[1]) % ring[1] == (unsigned)taken, 1);
	struct io_event *first = (void *)(ring + 8);
	EQ(first[ring[2]].data, iocb.aio_data);
	ring[2] = (ring[2] + 3) % ring[1];
	while ((now = events_in(1, 7, events, 0)) > 0)
		got += now;
	EQ(got == taken - 3, 1);
	EQ(submit(1, list), 1);
	EQ(events_in(1, 7, events, 0), 1);
	section("full");
}

int main(void)
{
	file = open("aio.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(file >= 0);
	if (setup(8, &context) && errno == ENOSYS)
		return lacking("asynchronous I/O");
	CHECK(context);
	contexts();
	operations();
	refusals();
	waiting();
	eventfds();
	polls();
	full();
	EQ(destroy(context), 0);
	unlink("aio.data");
	return verdict();
}
