/* The factor that makes a pair of uniform numbers Gaussian. */
#ifndef EP_GAUSS_H
#define EP_GAUSS_H

#include "lanes_math.h"

/*
 * sqrt(-2 log(t) / t) for normal t in (0, 1]; 0 for t = 1. Good to a few units in
 * the last place.
 *
 * t = 2^e * m with m in [sqrt(1/2), sqrt(2)), and with s = (m - 1)/(m + 1)
 *     log m = 2 atanh s = 2 s (1 + s^2 Q(s^2)),     s^2 < 0.0295,
 * where Q interpolates (atanh(s)/s - 1)/s^2 in Chebyshev points (error of log m: 5e-18
 * of it). The two quotients share one division, 1/(t (m + 1)), as divisions and the
 * root are what the loop waits for.
 */
INLINE lanes gauss_factor(lanes t)
{
	const unsigned long long one = 0x3FF0000000000000, root_half = 0x3FE6A09E667F3BCD;
	const unsigned long long mantissa = 0x000FFFFFFFFFFFFF, two_52 = 0x4330000000000000;
	const double ln2 = 0.69314718055994530942;

	lane_bits shifted = (lane_bits)t + lanes_all_bits(one - root_half);
	lanes m = (lanes)((shifted & lanes_all_bits(mantissa)) + lanes_all_bits(root_half));
	/* The biased exponent as the low bits of 2^52: converted by a subtraction. */
	lanes e = (lanes)(shifted >> 52 | lanes_all_bits(two_52)) - (0x1p52 + 1023);

	lanes above = m + 1.0, below = m - 1.0;
	lanes inverse = 1.0 / (t * above);
	lanes s = below * (t * inverse), z = s * s, z2 = z * z;
	lanes q = 0.3333333333333335 + z * 0.19999999999949752
	        + z2 * (0.14285714312987743 + z * 0.1111110556739754
	        + z2 * (0.09091444562630861 + z * 0.07665860800278021 + z2 * 0.07308224842521703));
	lanes half_log = e * (0.5 * ln2) + (s + s * z * q);
	return lanes_sqrt(-4.0 * half_log * (above * inverse));
}

#endif
