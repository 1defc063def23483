/* Prints its arguments and its environment, and exits with 7 (natively run without either by the comparison: 0). */
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* One write(2) a line, whichever call a libc's stdio would make. */
static void say(const char *kind, const char *word)
{
	static char line[1 << 16];
	int n = snprintf(line, sizeof line, "%s %s\n", kind, word);
	(void)!write(1, line, n < (int)sizeof line ? n : (int)sizeof line);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		say("arg", argv[i]);
	for (char **e = environ; *e; e++)
		say("env", *e);
	return argc > 1 ? 7 : 0;
}
