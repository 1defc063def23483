/* Driver: prints result blocks of all the shapes that the suite has. */
#include "report.h"

int main(void)
{
	struct report bt = { .name = "BT", .class = 'S', .iterations = 60, .operation = "floating point",
		.date = "01 Jan 2026", .seconds = 0.11, .operations = 228021200, .verified = SUCCESSFUL };
	struct report is = { .name = "IS", .class = 'C', .iterations = 10, .operation = "keys ranked",
		.date = "01 Jan 2026", .size = "134217728", .seconds = 0, .operations = 1, .verified = UNSUCCESSFUL, .no_period = 1 };
	struct report dc = { .name = "DC", .class = 'U', .iterations = 1, .operation = "Tuples generated",
		.date = "01 Jan 2026", .size = "1000000", .seconds = 12345.678, .operations = 1e18, .verified = NOT_PERFORMED,
		.no_period = 1 };

	report_grid(&bt, 12, 12, 12);
	report_print(&bt);
	report_grid(&bt, 408, 1020, 2048);
	report_print(&bt);
	report_print(&is);
	report_print(&dc);
	return 0;
}
