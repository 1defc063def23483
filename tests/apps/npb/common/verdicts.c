/* Driver: verdicts VALUE REFERENCE EPSILON prints what the two comparisons say. */
#include <stdio.h>
#include <stdlib.h>
#include "verify.h"

int main(int argc, char **argv)
{
	double v[3];

	for (int i = 0; i < 3; i++)
		v[i] = i + 1 < argc ? strtod(argv[i + 1], NULL) : 0;
	double values[2] = { 1.0, v[0] }, references[2] = { 1.0, v[1] };
	int all = verify_all("x", values, references, 2, v[2]);
	printf("\n%d %d %d\n", verify_relative(v[0], v[1], v[2]), all, verify_within("dt", v[0], v[1], v[2]));
	return 0;
}
