/* No vDSO and no vsyscall page for this libc: what it was told of, what the kernel gave, and the time asked for in every
 * way there is when the vDSO is gone. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char maps[65536];

static int take_away(void)
{
	unsigned long start, end;
	int fd = open("/proc/self/maps", O_RDONLY), found = 0;
	long n, length = 0;
	char *line;

	if (fd < 0) return 0;
	while ((n = read(fd, maps + length, sizeof maps - 1 - length)) > 0) length += n;
	close(fd);
	for (line = strtok(maps, "\n"); line; line = strtok(0, "\n")) {
		if (!strstr(line, "[vdso]") && !strstr(line, "[vvar")) continue;
		sscanf(line, "%lx-%lx", &start, &end);
		munmap((void *)start, end - start);
		found++;
	}
	return found;
}

static int given(void)
{
	unsigned long word[2];
	int fd = open("/proc/self/auxv", O_RDONLY), found = 0;

	if (fd < 0) return 0;
	while (read(fd, word, sizeof word) == sizeof word) found += word[0] == 33;
	close(fd);
	return found;
}

int main(void)
{
	struct timespec ts;
	struct timeval tv;

	printf("given %d told %d\n", given(), getauxval(33) != 0);
	printf("taken away %d\n", take_away() > 0);
	fflush(stdout);
	printf("failed %d\n", clock_gettime(CLOCK_REALTIME, &ts) + clock_gettime(CLOCK_MONOTONIC, &ts)
		+ gettimeofday(&tv, 0) + (time(0) == -1));
	return 0;
}
