/* What every benchmark prints: a heading, progress, the standard result block. */
#ifndef NPB_REPORT_H
#define NPB_REPORT_H

#define REPORT_VERSION "3.3.1"

enum { UNSUCCESSFUL, SUCCESSFUL, NOT_PERFORMED };

struct report {
	const char *name;         /* "BT" */
	const char *operation;    /* "floating point", ... */
	const char *date;         /* of compilation, "01 Jan 2026" */
	char class;
	char size[32];            /* as printed; see report_grid */
	long iterations;
	double seconds;           /* the timed interval */
	double operations;        /* by the benchmark's formula, in that interval */
	int verified;             /* one of the above */
	int no_period;            /* IS and DC end the first line without one */
};

void report_heading(const char *name, char class, int nx, int ny, int nz, long iterations);
/* The same for a benchmark whose size is one number. */
void report_heading_count(const char *name, char class, long long size, long iterations);
void report_progress(const char *what, long number);
void report_grid(struct report *r, int nx, int ny, int nz);
void report_count(struct report *r, long long size);
void report_print(const struct report *r);

#endif
