/* The filter by itself, on stacks that no kernel makes: read lines of words, filter, print. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void __skete_auxv(unsigned long *sp);

int main(void)
{
	static char line[4096];
	unsigned long word[256];
	char *at, *end;
	size_t n, i;

	while (fgets(line, sizeof line, stdin)) {
		for (n = 0, at = line; n < 256; n++, at = end) {
			word[n] = strtoul(at, &end, 0);
			if (end == at) break;
		}
		__skete_auxv(word);
		for (i = 0; i < n; i++) printf("%lu%c", word[i], i + 1 < n ? ' ' : '\n');
	}
	return 0;
}
