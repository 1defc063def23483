/* Does every failing call set errno, and does every thread have its own?
 * Usage: errno [rounds], by default 400. */
#include "../check.h"
#include "parts.h"

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 400;

	printf("%d failing calls, each set errno\n", count_failing_calls());
	check_threads(rounds);
	check_newlib();
	return 0;
}
