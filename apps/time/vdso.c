/* The vDSO is mapped into every process by Linux, below a monitor by nobody.
 * A program that does not need it can do without: so take it away, and see. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../check.h"
#include "clocks.h"

#ifndef AT_SYSINFO_EHDR
#define AT_SYSINFO_EHDR 33
#endif

void check_auxv(void)
{
	unsigned long word[2];
	int fd, given = 0;

	errno = 0;
	CHECK(getauxval(AT_SYSINFO_EHDR) == 0 && errno == ENOENT, "the libc was told of a vDSO");
	CHECK(getauxval(AT_PAGESZ) >= 4096, "the rest of the auxiliary vector is gone as well");
	CHECK(getauxval(AT_RANDOM) != 0, "the rest of the auxiliary vector is gone as well");

	/* What the kernel gave, as opposed to what the libc got to see. */
	fd = open("/proc/self/auxv", O_RDONLY|O_CLOEXEC);
	if (fd < 0) return;
	while (read(fd, word, sizeof word) == sizeof word)
		given += word[0] == AT_SYSINFO_EHDR;
	close(fd);
	CHECK(given <= 1, "/proc/self/auxv has %d entries for the vDSO", given);
}

int unmap_vdso(void)
{
	static char maps[65536];
	unsigned long start, end;
	char *line, *rest;
	size_t length = 0;
	ssize_t n;
	int fd, found = 0;

	fd = open("/proc/self/maps", O_RDONLY|O_CLOEXEC);
	if (fd < 0) return 0;
	while ((n = read(fd, maps + length, sizeof maps - 1 - length)) > 0) length += (size_t)n;
	close(fd);
	for (line = strtok_r(maps, "\n", &rest); line; line = strtok_r(0, "\n", &rest)) {
		if (!strstr(line, "[vdso]") && !strstr(line, "[vvar")) continue;
		CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2, "/proc/self/maps says \"%s\"", line);
		CHECK(!munmap((void *)start, end - start), "munmap of the vDSO: %s", strerror(errno));
		found++;
	}
	return found;
}
