#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"

/* Files are read and written in pieces of this many bytes; libcs have smaller buffers. */
enum { COLUMNS = 9, PIECE = 1 << 20 };

static int allocate(struct options *o, long count)
{
	double **columns[COLUMNS] = {
		&o->spot, &o->strike, &o->rate, &o->yield, &o->volatility, &o->time, &o->put, &o->reference, &o->price,
	};

	if (count > (long)(PTRDIFF_MAX / COLUMNS / sizeof(double))) {
		errno = ENOMEM;
		return -1;
	}
	o->memory = malloc(count * COLUMNS * sizeof(double));
	if (!o->memory)
		return -1;
	for (int c = 0; c < COLUMNS; c++)
		*columns[c] = o->memory + c * count;
	o->count = count;
	return 0;
}

/* One number; *text moves behind it. 0 where there is none. */
static int number(char **text, double *value)
{
	char *end;

	*value = strtod(*text, &end);
	if (end == *text)
		return 0;
	*text = end;
	return 1;
}

static int is_blank(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return !*text;
}

/* Line I of the portfolio. 1 if it is right. */
static int parse(struct options *o, long i, char *text)
{
	double dividends;

	if (!number(&text, o->spot + i) || !number(&text, o->strike + i) || !number(&text, o->rate + i) ||
	    !number(&text, o->yield + i) || !number(&text, o->volatility + i) || !number(&text, o->time + i))
		return 0;
	while (isspace((unsigned char)*text))
		text++;
	if (*text != 'P' && *text != 'C')
		return 0;
	o->put[i] = *text++ == 'P';
	o->price[i] = 0.0;
	return number(&text, &dividends) && number(&text, o->reference + i) && is_blank(text) &&
		o->spot[i] > 0 && o->strike[i] > 0 && o->volatility[i] > 0 && o->time[i] > 0;
}

long options_read(struct options *o, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, *end, *buffer;
	size_t size = 0;
	long wrong = 0;

	memset(o, 0, sizeof *o);
	if (!file)
		return -1;
	buffer = malloc(PIECE);
	if (buffer)
		setvbuf(file, buffer, _IOFBF, PIECE);
	errno = 0;
	if (getline(&line, &size, file) < 0) {
		wrong = errno ? -1 : 1;
	} else {
		long count = strtol(line, &end, 10);
		if (errno || end == line || !is_blank(end) || count < 1)
			wrong = 1;
		else if (allocate(o, count))
			wrong = -1;
	}
	for (long i = 0; !wrong && i < o->count; i++)
		if (getline(&line, &size, file) < 0 || !parse(o, i, line))
			wrong = i + 2;
	free(line);
	fclose(file);
	free(buffer);
	return wrong;
}

int options_write(const struct options *o, const char *path)
{
	FILE *file = fopen(path, "w");
	char *buffer;
	int bad;

	if (!file)
		return -1;
	buffer = malloc(PIECE);
	if (buffer)
		setvbuf(file, buffer, _IOFBF, PIECE);
	fprintf(file, "%ld\n", o->count);
	for (long i = 0; i < o->count; i++)
		fprintf(file, "%.18f\n", o->price[i]);
	bad = ferror(file);
	bad |= fclose(file);
	free(buffer);
	return bad ? -1 : 0;
}

void options_free(struct options *o)
{
	free(o->memory);
}
