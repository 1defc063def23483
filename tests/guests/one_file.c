/* One file through several descriptors and a mapping: whoever changes it by one, all the others see it. "old" is in the
 * current folder, or is made; on a copy-on-write mount it is copied while it is open and mapped. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(void)
{
	char text[32] = "";
	struct stat before, after;
	close(open("old", O_WRONLY | O_CREAT, 0644));
	EQ(truncate("old", 5000), 0);
	int reader = open("old", O_RDONLY);
	EQ(fstat(reader, &before), 0);
	char *shown = mmap(0, 8192, PROT_READ, MAP_SHARED, reader, 0);
	CHECK(shown != MAP_FAILED);
	EQ(shown[4999], 0);
	int writer = open("old", O_RDWR);
	EQ(pwrite(writer, "new", 3, 0), 3);
	EQ(memcmp(shown, "new", 3), 0);
	EQ(read(reader, text, 2), 2);
	EQ(memcmp(text, "ne", 2), 0);
	char *written = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
	CHECK(written != MAP_FAILED);
	memcpy(written + 4990, "mapped", 6);
	EQ(memcmp(shown + 4990, "mapped", 6), 0);
	EQ(pread(reader, text, 6, 4990), 6);
	EQ(memcmp(text, "mapped", 6), 0);
	EQ(msync(written, 8192, MS_SYNC), 0);
	EQ(fchmod(reader, 0600), 0);
	EQ(stat("old", &after), 0);
	EQ(after.st_mode, S_IFREG | 0600);
	EQ(after.st_ino, before.st_ino);
	EQ(after.st_dev, before.st_dev);
	EQ(unlink("old"), 0);
	EQ(fstat(reader, &after), 0);
	EQ(after.st_nlink, 0);
	EQ(read(reader, text, 1), 1);
	EQ(text[0], 'w');
	section("one file");
	return verdict();
}
