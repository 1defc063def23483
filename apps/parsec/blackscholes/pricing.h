/* The formula of Black, Scholes and Merton. */
#ifndef BLACKSCHOLES_PRICING_H
#define BLACKSCHOLES_PRICING_H

#include "options.h"

/* Price options FROM to TO - 1. */
void pricing_run(const struct options *o, long from, long to);

#endif
