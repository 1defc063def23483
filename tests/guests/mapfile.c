/* Shared mappings of a file in the current folder, which has to be writable and is left as it was. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char buffer[20000];

int main(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0644);
	memset(buffer, 'a', sizeof buffer);
	EQ(write(fd, buffer, 10000), 10000);
	int other = open("m", O_RDWR);
	char *a = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *b = mmap(0, 4096, PROT_READ, MAP_SHARED, other, 4096);
	CHECK(a != MAP_FAILED && b != MAP_FAILED);
	EQ(a[9999], 'a');
	EQ(a[10000], 0);
	a[5000] = 'x';
	EQ(b[5000 - 4096], 'x');
	EQ(pread(other, buffer, 1, 5000), 1);
	EQ(buffer[0], 'x');
	EQ(pwrite(other, "yz", 2, 5001), 2);
	CHECK(!memcmp(a + 5000, "xyz", 3));
	a[1] = '1';
	EQ(write(other, "0", 1), 1);
	CHECK(!memcmp(a, "01a", 3));
	int late = open("m", O_RDONLY);
	a[2] = '2';
	EQ(read(late, buffer, 4), 4);
	CHECK(!memcmp(buffer, "012a", 4));
	EQ(msync(a, 10000, MS_SYNC), 0);
	section("coherent");
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, late, 0);
	EQ(p[2], '2');
	p[2] = 'p';
	EQ(a[2], '2');
	EQ((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, late, 0), -1);
	EQ(errno, EACCES);
	EQ(ftruncate(fd, 12288), 0);
	char *c = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	c[12287] = 'e';
	EQ(pread(late, buffer, 12288, 0), 12288);
	EQ(buffer[12287], 'e');
	EQ(buffer[10000], 0);
	close(fd);
	c[12286] = 'd';				/* the mapping needs no descriptor */
	EQ(munmap(c, 12288), 0);
	EQ(pread(late, buffer, 2, 12286), 2);
	CHECK(!memcmp(buffer, "de", 2));
	section("sizes");
	pid_t child = fork();
	if (!child) {
		a[7] = 'f';
		_exit(0);
	}
	EQ(waitpid(child, 0, 0), child);
	EQ(a[7], 'f');
	EQ(pread(late, buffer, 1, 7), 1);
	EQ(buffer[0], 'f');
	section("processes");
	munmap(a, 10000); munmap(b, 4096); munmap(p, 4096);
	close(other); close(late);
	fd = open("m", O_RDONLY);
	EQ(read(fd, buffer, 9), 9);
	CHECK(!memcmp(buffer, "012aaaafa", 9));
	close(fd);
	unlink("m");
	section("afterwards");
	return verdict();
}
