#include <math.h>
#include <stdio.h>
#include "verify.h"

/* Both tests are written as "agrees if", so that a NaN on either side fails. */

int verify_relative(double value, double reference, double epsilon)
{
	return fabs(value - reference) / fabs(reference) <= epsilon;
}

int verify_all(const char *name, const double *values, const double *references, int count, double epsilon)
{
	int agree = 1;

	for (int i = 0; i < count; i++) {
		int ok = verify_relative(values[i], references[i], epsilon);
		printf(" %s %s[%d] %23.15e reference %23.15e relative error %9.2e\n", ok ? "  " : "!!",
			name, i + 1, values[i], references[i], fabs((values[i] - references[i]) / references[i]));
		agree &= ok;
	}
	return agree;
}

int verify_within(const char *name, double value, double reference, double epsilon)
{
	if (fabs(value - reference) <= epsilon)
		return 1;
	printf(" !! %s %23.15e reference %23.15e\n", name, value, reference);
	return 0;
}
