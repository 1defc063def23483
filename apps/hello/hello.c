/* The smallest program that shows a libc at work. Its start time is measured,
 * so it stays this small; what start-up must get right is tested elsewhere
 * (tests/crt). */
#include <stdio.h>

int main(void)
{
	return puts("Hello, world. This is skete.") < 0;
}
