/* Driver: blocks of the heap begin at cache lines, at different places of a page, zero filled where that was asked
 * for; an impossible one ends the program. */
#include <stdint.h>
#include <stdio.h>
#include "heap.h"

int main(int argc, char **argv)
{
	enum { BLOCKS = 8, SIZE = 1 << 20 };
	unsigned char *block[BLOCKS];
	int alike = 0, unaligned = 0, dirty = 0;

	(void)argv;
	for (int b = 0; b < BLOCKS; b++) {
		block[b] = b % 2 ? heap_zeroed(SIZE) : heap_take(SIZE);
		unaligned += (uintptr_t)block[b] % 64 != 0;
		for (int i = 0; b % 2 && i < SIZE; i++)
			dirty += block[b][i] != 0;
		block[b][0] = block[b][SIZE - 1] = 1;
		alike += b && (uintptr_t)block[b] % 4096 == (uintptr_t)block[b - 1] % 4096;
	}
	for (int b = 0; b < BLOCKS; b++)
		heap_free(block[b]);
	heap_free(NULL);
	printf("alike %d unaligned %d dirty %d\n", alike, unaligned, dirty);
	fflush(stdout);
	if (argc > 1)
		heap_take(SIZE_MAX - (argc == 2 ? 0 : (SIZE_MAX >> 2)));
	return 0;
}
