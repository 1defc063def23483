#include <stdio.h>
#include "report.h"

static void field(const char *label, const char *value)
{
	printf(" %-16s= %24s\n", label, value);
}

static void number(const char *label, const char *format, double value)
{
	char text[64];

	snprintf(text, sizeof text, format, value);
	field(label, text);
}

static void heading(const char *name, char class, const char *size, long iterations)
{
	printf("\n\n NAS Parallel Benchmarks (skete) - %s Benchmark\n\n", name);
	printf(" Class:      %c\n Size:       %s\n Iterations: %4ld\n\n", class, size, iterations);
	fflush(stdout);
}

void report_heading(const char *name, char class, int nx, int ny, int nz, long iterations)
{
	struct report r;

	report_grid(&r, nx, ny, nz);
	heading(name, class, r.size, iterations);
}

void report_heading_count(const char *name, char class, long long size, long iterations)
{
	struct report r;

	report_count(&r, size);
	heading(name, class, r.size, iterations);
}

void report_progress(const char *what, long number)
{
	printf(" %s %4ld\n", what, number);
	fflush(stdout);
}

void report_grid(struct report *r, int nx, int ny, int nz)
{
	snprintf(r->size, sizeof r->size, "%4dx%4dx%4d", nx, ny, nz);
}

void report_count(struct report *r, long long size)
{
	snprintf(r->size, sizeof r->size, "%lld", size);
}

void report_print(const struct report *r)
{
	static const char *const verdicts[] = { "UNSUCCESSFUL", "SUCCESSFUL", "NOT PERFORMED" };
	char class[2] = { r->class, 0 };

	printf("\n\n %s Benchmark Completed%s\n", r->name, r->no_period ? "" : ".");
	field("Class", class);
	field("Size", r->size);
	number("Iterations", "%.0f", r->iterations);
	number("Time in seconds", "%.2f", r->seconds);
	number("Mop/s total", "%.2f", r->seconds > 0 ? 1e-6 * r->operations / r->seconds : 0.0);
	field("Operation type", r->operation);
	field("Verification", verdicts[r->verified]);
	field("Version", REPORT_VERSION);
	field("Compile date", r->date);
	fflush(stdout);
}
