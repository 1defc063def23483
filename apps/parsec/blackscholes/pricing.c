#include <math.h>
#include "pricing.h"

#define SQRT_HALF 0.70710678118654752440

/* The standard normal distribution. erfc keeps small probabilities exact. */
static inline double normal(double x)
{
	return 0.5 * erfc(-SQRT_HALF * x);
}

/*
 * A put is a call with the signs of d1, d2 and of the price turned round:
 *     price = s*( S*exp(-q*T)*N(s*d1) - K*exp(-r*T)*N(s*d2) ),  s = 1 or -1
 *     d1 = ( log(S/K) + (r - q + v^2/2)*T ) / (v*sqrt(T)),      d2 = d1 - v*sqrt(T)
 */
void pricing_run(const struct options *o, long from, long to)
{
	for (long i = from; i < to; i++) {
		double v = o->volatility[i], t = o->time[i], deviation = v * sqrt(t), sign = 1.0 - 2.0 * o->put[i];
		double d1 = (log(o->spot[i] / o->strike[i]) + (o->rate[i] - o->yield[i] + 0.5 * v * v) * t) / deviation;
		double asset = o->spot[i] * exp(-o->yield[i] * t), cash = o->strike[i] * exp(-o->rate[i] * t);

		o->price[i] = sign * (asset * normal(sign * d1) - cash * normal(sign * (d1 - deviation)));
	}
}
