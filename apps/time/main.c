/* All the clocks, all the ways to sleep, and no vDSO.
 * Usage: time [vdso], where "vdso" demands that there was one to take away. */
#include <string.h>
#include "../check.h"
#include "clocks.h"

int main(int argc, char **argv)
{
	int found;

	check_auxv();
	found = unmap_vdso();
	CHECK(found || argc < 2 || strcmp(argv[1], "vdso"), "there is no vDSO to take away");
	check_clocks();
	check_sleeps();
	puts("vDSO: the libc knows of none and needs none");
	return 0;
}
