/* Comparison with reference values. Every function reports what it compared on
 * stdout and returns 1 for agreement, 0 for none; a NaN never agrees. */
#ifndef NPB_VERIFY_H
#define NPB_VERIFY_H

/* |value - reference| / |reference| <= epsilon */
int verify_relative(double value, double reference, double epsilon);

/* COUNT values, each by its relative error. */
int verify_all(const char *name, const double *values, const double *references, int count, double epsilon);

/* |value - reference| <= epsilon; silent if so. */
int verify_within(const char *name, double value, double reference, double epsilon);

#endif
