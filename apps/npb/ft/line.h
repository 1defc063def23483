/* Fourier transforms of GROUP lines at once. */
#ifndef FT_LINE_H
#define FT_LINE_H

#include "field.h"

enum { STAGES_MAX = 8 };

/* The factors of a transform of length n, a power of two from 16 on. */
struct plan {
	int n, stages;
	double *twiddle[STAGES_MAX];    /* per stage: w^p, w^2p, w^3p as pairs for every p */
};

/* Where the points of the lines are: GROUP real parts at data + real + p * step for point
 * p, the imaginary ones at data + imaginary + p * step. */
struct span {
	double *data;
	size_t step;
	int real, imaginary;
};

void plan_open(struct plan *plan, int n);
void plan_close(struct plan *plan);

/* Doubles of one buffer for lines of this length. */
size_t plan_buffer(int n);

/* The span of a field's or buffer's lines. With INVERSE the parts change places, which turns
 * the transform into the inverse one where that is done on both sides. */
struct span span_of(double *data, size_t step, int inverse);

/*
 * out := sum over p of in[p] exp(-2 pi i p q / n), unnormalised, in two buffers a and b.
 * in may be out, and may be b. out may be the buffer that line_result() names.
 */
void line_transform(const struct plan *plan, struct span in, struct span out, double *a, double *b);
double *line_result(const struct plan *plan, double *a, double *b);

#endif
