#include "element.h"
#include "geometry.h"

/* The halves of both matrices. Stiffness: rows 0 to 2 of the even part, 0 and 1 of the
 * odd part. Derivative: what is even becomes odd, so it is the other way round. */
static double stiff_even[3][3], stiff_odd[2][2], derive_even[2][3], derive_odd[3][2];
static double weights[POINTS], diagonal[POINTS];

void element_fill(void)
{
	const double *w = basis.weight;

	for (int i = 0; i < 3; i++)
		for (int q = 0; q < 3; q++) {
			/* The stiffness is divided by w_i: L then multiplies all by w_i*w_j*w_k. */
			double a = basis.stiff[i][q] / w[i], b = basis.stiff[i][NODES - 1 - q] / w[i];
			double c = basis.derive[i][q], d = basis.derive[i][NODES - 1 - q];
			stiff_even[i][q] = q == 2 ? a : 0.5 * (a + b);
			if (i < 2)
				derive_even[i][q] = q == 2 ? c : 0.5 * (c + d);
			if (i < 2 && q < 2)
				stiff_odd[i][q] = 0.5 * (a - b);
			if (q < 2)
				derive_odd[i][q] = 0.5 * (c - d);
		}
	for (int q = 0; q < POINTS; q++) {
		int i = q % NODES, j = q / NODES % NODES, k = q / (NODES * NODES);
		weights[q] = w[i] * w[j] * w[k];
		diagonal[q] = basis.stiff[i][i] / w[i] + basis.stiff[j][j] / w[j] + basis.stiff[k][k] / w[k];
	}
}

double element_weight(int q)
{
	return weights[q];
}

struct scale element_scale(const double *half, double nu, double dt)
{
	lanes h = lanes_load(half);
	struct scale s = { nu * h, h * h * h * (1.0 / dt), h * h * h, -3.0 / h };

	return s;
}

/* A line of 5 values as sums and differences of its ends. */
struct parts {
	lanes even[3], odd[2];
};

INLINE struct parts split_line(const double *u, int stride)
{
	lanes a[NODES];
	struct parts p;

	for (int i = 0; i < NODES; i++)
		a[i] = lanes_load(u + i * stride * LANES);
	p.even[0] = a[0] + a[4];
	p.even[1] = a[1] + a[3];
	p.even[2] = a[2];
	p.odd[0] = a[0] - a[4];
	p.odd[1] = a[1] - a[3];
	return p;
}

INLINE void stiff_line(lanes out[NODES], const double *u, int stride)
{
	struct parts p = split_line(u, stride);

#pragma GCC unroll 3
	for (int i = 0; i < 3; i++) {
		lanes even = stiff_even[i][0] * p.even[0] + stiff_even[i][1] * p.even[1] + stiff_even[i][2] * p.even[2];
		if (i == 2) {
			out[2] = even;
		} else {
			lanes odd = stiff_odd[i][0] * p.odd[0] + stiff_odd[i][1] * p.odd[1];
			out[i] = even + odd;
			out[4 - i] = even - odd;
		}
	}
}

INLINE void derive_line(lanes out[NODES], const double *u, int stride)
{
	struct parts p = split_line(u, stride);

#pragma GCC unroll 3
	for (int i = 0; i < 3; i++) {
		lanes odd = derive_odd[i][0] * p.odd[0] + derive_odd[i][1] * p.odd[1];
		if (i == 2) {
			out[2] = odd;
		} else {
			lanes even = derive_even[i][0] * p.even[0] + derive_even[i][1] * p.even[1] + derive_even[i][2] * p.even[2];
			out[i] = odd + even;
			out[4 - i] = odd - even;
		}
	}
}

enum { STIFFNESS, DERIVATIVE };

/* out := (first ? 0 : out) + the matrix along all lines in direction d. */
INLINE void along(int d, int matrix, int first, const double *restrict u, double *restrict out)
{
	const int stride = d == 0 ? 1 : d == 1 ? NODES : NODES * NODES;
	const int one = d == 0 ? NODES : 1, two = d == 2 ? NODES : NODES * NODES;

	for (int b = 0; b < NODES; b++)
		for (int a = 0; a < NODES; a++) {
			int start = (a * one + b * two) * LANES;
			lanes line[NODES];
			if (matrix == STIFFNESS)
				stiff_line(line, u + start, stride);
			else
				derive_line(line, u + start, stride);
#pragma GCC unroll 5
			for (int i = 0; i < NODES; i++) {
				double *to = out + start + i * stride * LANES;
				lanes_store(to, first ? line[i] : lanes_load(to) + line[i]);
			}
		}
}

void element_operator(const struct scale *s, const double *restrict u, double *restrict out)
{
	along(0, STIFFNESS, 1, u, out);
	along(1, STIFFNESS, 0, u, out);
	along(2, STIFFNESS, 0, u, out);
	for (int q = 0; q < POINTS; q++) {
		lanes sum = s->diffusion * lanes_load(out + q * LANES) + s->reaction * lanes_load(u + q * LANES);
		lanes_store(out + q * LANES, weights[q] * sum);
	}
}

void element_convection(const struct scale *s, const double *restrict u, double *restrict out)
{
	along(0, DERIVATIVE, 1, u, out);
	along(1, DERIVATIVE, 0, u, out);
	along(2, DERIVATIVE, 0, u, out);
	for (int q = 0; q < POINTS; q++)
		lanes_store(out + q * LANES, s->convection * lanes_load(out + q * LANES));
}

void element_diagonal(const struct scale *s, double *out)
{
	for (int n = 0; n < INNER_POINTS; n++) {
		int q = geometry.inner[n];
		lanes_store(out + n * LANES, weights[q] * (s->diffusion * diagonal[q] + s->reaction));
	}
}
