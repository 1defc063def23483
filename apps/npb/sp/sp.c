/* NPB SP: scalar pentadiagonal solver. One class per program; its parameters and
 * reference values are generated from verification.json into params.h. */
#include "march.h"
#include "options.h"
#include "params.h"
#include "report.h"

#if NPB_NX != NPB_NY || NPB_NX != NPB_NZ
#error "the flow solver is for cubes"
#endif

static double operations(double n)
{
	return NPB_NITER * (881.174 * n * n * n - 4683.91 * n * n + 11484.5 * n - 19272.4);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	struct report report = {
		.name = "SP", .class = NPB_CLASS, .iterations = NPB_NITER, .operation = "floating point",
		.operations = operations(NPB_NX), .date = NPB_COMPILE_DATE,
	};
	struct march march = {
		.n = NPB_NX, .dt = NPB_DT, .dt_reference = NPB_DT, .epsilon = NPB_EPSILON, .xcr = npb_xcr, .xce = npb_xce,
	};

	report_heading("SP", NPB_CLASS, NPB_NX, NPB_NY, NPB_NZ, NPB_NITER);
	report_grid(&report, NPB_NX, NPB_NY, NPB_NZ);
	return march_run(&march, &report, &options);
}
