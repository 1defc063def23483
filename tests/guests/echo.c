/* Prints its arguments and its environment, and exits with 7 (natively run without either by the comparison: 0). */
#include <stdio.h>

extern char **environ;

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	return argc > 1 ? 7 : 0;
}
