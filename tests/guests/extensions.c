/* extensions random | cat PATH | many PATH: what docs/extensions.md answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int cat(const char *path)
{
	char text[1000];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return errno;
	while ((n = read(fd, text, sizeof text)) > 0)
		if (write(1, text, (size_t)n) != n)
			return 100;
	return close(fd) || n ? errno : 0;
}

static int many(const char *path)
{
	int fds[100], opened = 0, closed = 0, i;

	while (opened < 100 && (fds[opened] = open(path, O_RDONLY)) >= 0)
		opened++;
	printf("%d opened, then %s; ", opened, errno == EMFILE ? "EMFILE" : "not EMFILE");
	for (i = 0; i < opened; i++)
		closed += !close(fds[i]);
	printf("%d closed; %d opened\n", closed, open(path, O_RDONLY) >= 0);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned char bytes[16];
	size_t i;

	if (argc == 3 && !strcmp(argv[1], "cat"))
		return cat(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "many"))
		return many(argv[2]);
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return 101;
	for (i = 0; i < sizeof bytes; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	return 0;
}
