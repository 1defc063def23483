/*
 * Lines in x, turned. A solver that handles LANES lines at once wants the same
 * point of neighbouring lines side by side. In y and z the layout of a field
 * gives that; in x the lines are copied here:
 *     [i][component][lane], lane l being row j + l
 */
#ifndef NPB_TURN_H
#define NPB_TURN_H

#include <stddef.h>
#include "flow.h"

/* Doubles that LANES turned rows take. */
size_t turn_size(const struct flow *f);

/* out := `by` times rows j.. of the plane. Lanes beyond the grid repeat its last
 * row, on the boundary. */
void turn_in(const struct flow *f, const double *plane, int j, double by, double *out);

/* The same back; rows on the boundary and beyond are left alone. */
void turn_out(const struct flow *f, const double *in, int j, double *plane);

#endif
