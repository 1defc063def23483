/* printf of floating point, in as many ways: linked with dietlibc and with the host's libc it prints the same. 999999.5
 * is not among the values, for glibc 2.36 prints it as 1.e+06 where %#g asks for 1.00000e+06. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252ull;

static uint64_t next(void)		/* xorshift */
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

int main(void)
{
	static const char *const formats[] = { "%e", "%.0e", "%#.0e", "%.17e", "%f", "%.0f", "%#.0f", "%.3f", "%g", "%#g",
		"%.0g", "%.17g", "%+.5g", "% .2e", "%15.3e|", "%-15.3g|", "%015.2f|", "%+020.10e", "%.40f", "%.30e", "%E",
		"%G", "%12f|", "%-12g|" };
	static const double values[] = { 0.0, -0.0, 1, -1, 0.5, 1.5, 2.5, 0.125, 9.5, 99.5, 999999.4, 9999995, 1e23, 1e22,
		1e-5, 1e-4, 0.00012345, 123456, 1234567, 1e100, 1e308, 1.7976931348623157e308, 5e-324,
		2.2250738585072014e-308, 0.1, 0.2, 0.3, 1.005, 2.675, 1e15, 1e16, 1e17, 3.14159265358979, 1e308 * 10,
		-1e308 * 10, 9.999999, 0.99999999, 0.000099999999 };
	static char text[4000];
	for (unsigned f = 0; f < sizeof formats / sizeof *formats; f++) {
		for (unsigned v = 0; v < sizeof values / sizeof *values; v++) {
			int n = snprintf(text, sizeof text, formats[f], values[v]);
			printf("%s %d %s\n", formats[f] + 1, n, text);
		}
		for (int i = 0; i < 400; i++) {
			uint64_t bits = next();
			double d;
			if (i & 1)
				bits = (bits & ~(2047ull << 52)) | (1023ull - 40 + bits % 80) << 52;
			memcpy(&d, &bits, 8);
			if (d != d)
				continue;
			int n = snprintf(text, sizeof text, formats[f], d);
			printf("%s %d %s\n", formats[f] + 1, n, text);
		}
	}
	printf("%.1074f\n%Lg %Le\n%.*f|%*.*e|\n", 5e-324, 1.5L, 2.25L, -1, 1.5, -12, 2, 3.25);
	printf("%#lx %#x %#o %#llx\n", 0x123456789abcl, 0x12345678, 0777777, 0x123456789abcll);
	return 0;
}
