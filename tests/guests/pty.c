/* Pseudo-terminals, sessions and job control: pty(7), tty_ioctl(4), setsid(2), credentials(7). All of it in sessions of
 * its own, so that it says the same with and without a terminal. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>

static int master, slave;
static char *name;

static volatile sig_atomic_t caught;
static void handler(int signo) { caught = signo; }

static void catch(int signo, int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signo, &sa, 0);
}

static int opened(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	return master;
}

/* What can be read within two seconds. */
static const char *next(int fd)
{
	static char text[256];
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n = poll(&p, 1, 2000) == 1 ? read(fd, text, sizeof text - 1) : 0;
	text[n > 0 ? n : 0] = 0;
	return text;
}

static int status_of(pid_t child, int options)
{
	int status = -1;
	EQ(waitpid(child, &status, options), child);
	return status;
}

static void pair(void)
{
	struct stat by_name, by_fd;
	int locked = -1, n = -1;
	char path[32];

	opened();
	EQ(fstat(master, &by_fd), 0);
	CHECK(S_ISCHR(by_fd.st_mode));
	EQ(by_fd.st_rdev, makedev(5, 2));
	EQ(ioctl(master, TIOCGPTN, &n), 0);
	snprintf(path, sizeof path, "/dev/pts/%d", n);
	EQ(grantpt(master), 0);
	EQ(ioctl(master, TIOCGPTLCK, &locked), 0);
	EQ(locked, 1);
	FAILS(open(path, O_RDWR | O_NOCTTY), EIO);
	EQ(unlockpt(master), 0);
	EQ(ioctl(master, TIOCGPTLCK, &locked), 0);
	EQ(locked, 0);
	name = ptsname(master);
	CHECK(name && !strcmp(name, path));
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	EQ(isatty(slave), 1);
	EQ(isatty(master), 1);
	EQ(stat(name, &by_name), 0);
	EQ(fstat(slave, &by_fd), 0);
	EQ(by_name.st_rdev, by_fd.st_rdev);
	EQ(by_name.st_ino, by_fd.st_ino);
	EQ(major(by_fd.st_rdev), 136);
	EQ(minor(by_fd.st_rdev), n);
	CHECK(ttyname(slave) && !strcmp(ttyname(slave), name));
	FAILS(ioctl(slave, TIOCGPTN, &n), ENOTTY);
	FAILS(open("/dev/pts/12345", O_RDWR), ENOENT);
	FAILS(open("/dev/pts/00", O_RDWR), ENOENT);
	section("a pair");

	EQ(write(slave, "out\n", 4), 4);
	CHECK(!strcmp(next(master), "out\r\n"));
	EQ(write(master, "in\n", 3), 3);
	CHECK(!strcmp(next(master), "in\r\n"));
	CHECK(!strcmp(next(slave), "in\n"));
	struct termios modes;
	EQ(tcgetattr(slave, &modes), 0);
	modes.c_lflag &= ~(ICANON | ECHO);
	modes.c_cc[VMIN] = 1;
	EQ(tcsetattr(slave, TCSANOW, &modes), 0);
	EQ(write(master, "x", 1), 1);
	CHECK(!strcmp(next(slave), "x"));
	modes.c_lflag |= ICANON | ECHO;
	EQ(tcsetattr(slave, TCSAFLUSH, &modes), 0);
	EQ(write(master, "erased\bd\x7f\x7f!\n", 12), 12);
	CHECK(strstr(next(slave), "!\n"));
	next(master);
	section("a line discipline");

	struct winsize size = { 40, 90, 0, 0 }, got = { 0 };
	EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
	EQ(got.ws_row * 1000 + got.ws_col, 40090);
	int on = 1;
	EQ(ioctl(master, TIOCPKT, &on), 0);
	EQ(write(slave, "p", 1), 1);
	char text[8];
	EQ(read(master, text, sizeof text), 2);
	EQ(text[0], TIOCPKT_DATA);
	EQ(text[1], 'p');
	on = 0;
	EQ(ioctl(master, TIOCPKT, &on), 0);
	section("sizes and packets");

	/* nobody's terminal */
	pid_t group = 77;
	FAILS(ioctl(slave, TIOCGPGRP, &group), ENOTTY);
	EQ(ioctl(master, TIOCGPGRP, &group), 0);
	EQ(group, 0);
	FAILS(ioctl(slave, TIOCGSID, &group), ENOTTY);
	FAILS(tcsetpgrp(slave, getpgrp()), ENOTTY);
	FAILS(ioctl(slave, TIOCNOTTY), ENOTTY);
	section("no session");
}

/* In a session of its own, whose terminal the slave is. */
static int session_leader(void)
{
	pid_t group = 0;
	int tty;

	EQ(setsid(), getpid());
	FAILS(open("/dev/tty", O_RDWR), ENXIO);
	EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	EQ(tcgetpgrp(tty), getpgrp());
	EQ(tcgetsid(slave), getsid(0));
	EQ(ioctl(master, TIOCGPGRP, &group), 0);
	EQ(group, getpgrp());
	FAILS(tcsetpgrp(tty, 99999), ESRCH);
	FAILS(tcsetpgrp(tty, -1), EINVAL);
	FAILS(tcsetpgrp(tty, getpgid(getppid())), EPERM);

	catch(SIGINT, 0);
	catch(SIGQUIT, 0);
	catch(SIGWINCH, 0);
	static const struct { char byte; int signo; } keys[] = { { 3, SIGINT }, { 28, SIGQUIT } };
	for (int i = 0; i < 2; i++) {
		caught = 0;
		EQ(write(master, &keys[i].byte, 1), 1);
		for (int n = 0; n < 200 && !caught; n++)
			usleep(10000);
		EQ(caught, keys[i].signo);
	}
	caught = 0;
	EQ(write(master, "\x16\x03\n", 3), 3);		/* quoted: ^V ^C */
	CHECK(!strcmp(next(tty), "\x03\n"));
	EQ(caught, 0);
	struct winsize size = { 10, 20, 0, 0 };
	EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	for (int n = 0; n < 200 && !caught; n++)
		usleep(10000);
	EQ(caught, SIGWINCH);
	section("keys are signals");

	/* a background group reads */
	pid_t child = fork();
	if (!child) {
		char text[16];
		setpgid(0, 0);
		signal(SIGTTIN, SIG_DFL);
		_exit(read(tty, text, sizeof text) == 5 && !memcmp(text, "mine\n", 5) ? 7 : 8);
	}
	setpgid(child, child);
	int status = status_of(child, WUNTRACED);
	CHECK(WIFSTOPPED(status));
	EQ(WSTOPSIG(status), SIGTTIN);
	EQ(tcsetpgrp(tty, child), 0);
	EQ(tcgetpgrp(tty), child);
	EQ(write(master, "mine\n", 5), 5);
	EQ(kill(-child, SIGCONT), 0);
	status = status_of(child, 0);
	CHECK(WIFEXITED(status));
	EQ(WEXITSTATUS(status), 7);

	/* now we are in the background: taking the terminal back is SIGTTOU, unless that is ignored */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	char text[4];
	FAILS(read(tty, text, 4), EIO);
	EQ(tcsetpgrp(tty, getpgrp()), 0);
	EQ(tcgetpgrp(tty), getpgrp());

	/* a background group writes: only tostop minds */
	struct termios modes;
	EQ(tcgetattr(tty, &modes), 0);
	for (int stops = 0; stops < 2; stops++) {
		if (stops)
			modes.c_lflag |= TOSTOP;
		EQ(tcsetattr(tty, TCSANOW, &modes), 0);
		child = fork();
		if (!child) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_DFL);
			_exit(write(tty, "w", 1) == 1 ? 3 : 4);
		}
		setpgid(child, child);
		status = status_of(child, WUNTRACED);
		if (stops) {
			CHECK(WIFSTOPPED(status));
			EQ(WSTOPSIG(status), SIGTTOU);
			modes.c_lflag &= ~TOSTOP;
			EQ(tcsetattr(tty, TCSANOW, &modes), 0);
			EQ(kill(child, SIGCONT), 0);
			status = status_of(child, 0);
		}
		CHECK(WIFEXITED(status));
		EQ(WEXITSTATUS(status), 3);
	}
	child = fork();
	if (!child) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		_exit(tcsetattr(tty, TCSANOW, &modes) ? 5 : 6);
	}
	setpgid(child, child);
	status = status_of(child, WUNTRACED);
	CHECK(WIFSTOPPED(status));
	EQ(kill(child, SIGKILL), 0);
	status = status_of(child, 0);
	CHECK(WIFSIGNALED(status));
	section("the background");

	/* Ctrl-Z stops the foreground, here a child's group */
	child = fork();
	if (!child) {
		setpgid(0, 0);
		signal(SIGTSTP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		tcsetpgrp(tty, getpid());
		for (;;)
			pause();
	}
	setpgid(child, child);
	while (tcgetpgrp(tty) != child)
		usleep(1000);
	EQ(write(master, "\x1a", 1), 1);
	status = status_of(child, WUNTRACED);
	CHECK(WIFSTOPPED(status));
	EQ(WSTOPSIG(status), SIGTSTP);
	EQ(write(master, "\x03", 1), 1);		/* waits until it goes on */
	EQ(kill(child, SIGCONT), 0);
	status = status_of(child, WUNTRACED);
	CHECK(WIFSIGNALED(status));
	EQ(WTERMSIG(status), SIGINT);
	EQ(tcsetpgrp(tty, getpgrp()), 0);
	section("the foreground");

	/* a grandchild in the foreground hears when the leader ends */
	int ends[2];
	EQ(pipe(ends), 0);
	if (!fork()) {
		catch(SIGHUP, 0);
		caught = 0;
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		for (int n = 0; n < 500 && !caught; n++)
			usleep(10000);
		int fd = open("/dev/tty", O_RDWR);
		char told = caught == SIGHUP && fd < 0 && errno == ENXIO ? 'h' : '-';
		if (write(ends[1], &told, 1) != 1)
			_exit(1);
		_exit(0);
	}
	char byte;
	EQ(read(ends[0], &byte, 1), 1);
	dup2(ends[0], 100);
	return verdict() ? 1 : 42;
}

static void hang_up(void)
{
	pid_t child = fork();
	if (!child) {
		char text[4];
		signal(SIGHUP, SIG_IGN);
		catch(SIGCONT, 0);
		setsid();
		close(slave);
		slave = open(name, O_RDWR);		/* becomes its terminal */
		EQ(tcgetpgrp(slave), getpgrp());
		close(master);
		for (int n = 0; n < 200 && !caught; n++)
			usleep(10000);
		EQ(caught, SIGCONT);
		EQ(read(slave, text, 4), 0);
		FAILS(write(slave, "x", 1), EIO);
		FAILS(open("/dev/tty", O_RDWR), ENXIO);
		_exit(failures_ ? 1 : 0);
	}
	usleep(50000);
	close(slave);
	EQ(write(master, "", 0), 0);
	usleep(50000);
	close(master);
	EQ(WEXITSTATUS(status_of(child, 0)), 0);
	section("a hang-up");
}

static void ends(void)
{
	opened();
	unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	EQ(write(slave, "last", 4), 4);
	close(slave);
	CHECK(!strcmp(next(master), "last"));
	char text[4];
	FAILS(read(master, text, 4), EIO);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
	EQ(fcntl(slave, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	FAILS(read(master, text, 4), EAGAIN);
	close(master);
	EQ(read(slave, text, 4), 0);
	close(slave);
	section("ends");
}

int main(void)
{
	fflush(stdout);
	pair();
	fflush(stdout);
	pid_t child = fork();
	if (!child)
		_exit(session_leader());
	EQ(WEXITSTATUS(status_of(child, 0)), 42);
	section("a leader's end");
	hang_up();
	ends();
	return verdict();
}
