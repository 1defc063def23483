/* The terminal, or none. Prints what stdin, stdout and stderr are, and the window of each terminal. */
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	for (int fd = 0; fd < 3; fd++) {
		struct winsize window = { 0 };
		struct termios modes;
		int terminal = isatty(fd), got = ioctl(fd, TIOCGWINSZ, &window), error = errno;
		EQ(tcgetattr(fd, &modes), terminal ? 0 : -1);
		EQ(got, terminal ? 0 : -1);
		if (terminal) {
			printf("%s: a terminal of %d x %d\n", names[fd], window.ws_col, window.ws_row);
			FAILS(ioctl(fd, TIOCGWINSZ, (void *)8), EFAULT);
		} else {
			printf("%s: no terminal\n", names[fd]);
			EQ(error, ENOTTY);
		}
	}
	int ends[2], file = open("tty.file", O_CREAT | O_RDWR, 0600);
	struct winsize window;
	EQ(pipe(ends), 0);
	FAILS(ioctl(ends[0], TIOCGWINSZ, &window), ENOTTY);
	FAILS(ioctl(ends[1], TCGETS, &window), ENOTTY);
	FAILS(ioctl(file, TIOCGWINSZ, &window), ENOTTY);
	FAILS(ioctl(file, TIOCGWINSZ, (void *)8), ENOTTY);	/* who is asked comes before where to */
	FAILS(ioctl(file, 0x7abc1234, 0), ENOTTY);
	FAILS(ioctl(99, TIOCGWINSZ, &window), EBADF);
	FAILS(ioctl(-1, TIOCGWINSZ, &window), EBADF);
	section("no terminals");

	int n = -1;
	EQ(write(ends[1], "12345", 5), 5);
	EQ(ioctl(ends[0], FIONREAD, &n), 0);
	EQ(n, 5);
	n = 1;
	EQ(ioctl(ends[0], FIONBIO, &n), 0);
	EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EQ(ioctl(file, FIOCLEX), 0);
	EQ(fcntl(file, F_GETFD), FD_CLOEXEC);
	EQ(ioctl(file, FIONCLEX), 0);
	EQ(fcntl(file, F_GETFD), 0);
	close(file);
	EQ(unlink("tty.file"), 0);
	section("any descriptor");
	return verdict();
}
