/* The command line of a benchmark: [-t THREADS] [--clock wall|processor] [--checkpoints STEPS]. */
#ifndef NPB_OPTIONS_H
#define NPB_OPTIONS_H

struct options {
	int threads;        /* 1 where none were asked for */
	int checkpoints;    /* steps after which to print intermediate values and stop; 0: run the benchmark */
};

/* Sets the timer's clock too. Ends the program with status 2 and a line on stderr for anything else. */
struct options options_read(int argc, char **argv);

#endif
