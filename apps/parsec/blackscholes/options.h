/* A portfolio of European options, as PARSEC's input files have it. */
#ifndef BLACKSCHOLES_OPTIONS_H
#define BLACKSCHOLES_OPTIONS_H

/* Arrays of `count` values each. Rates and volatility are per year and 1 is 100%,
 * times are years. */
struct options {
	long count;
	double *spot, *strike, *rate, *yield, *volatility, *time;
	double *put;          /* 1 for a put, 0 for a call */
	double *reference;    /* price in the file */
	double *price;        /* to be computed */
	double *memory;
};

/* Read a file: the number of options, then a line for each, `S K r q v T type divs
 * reference`: spot and strike price, interest rate, dividend yield, volatility, time to
 * expiry, P or C, dividends paid (not used), the right price. Returns the number of the
 * line that is wrong, 0 if none is, -1 (and errno) where the file cannot be read. */
long options_read(struct options *o, const char *path);

/* Write the number of options, then their prices, a line each. 0, or -1 and errno. */
int options_write(const struct options *o, const char *path);

void options_free(struct options *o);

#endif
