/* Print the auxiliary vector as it lies behind envp, type and value, without the help of a libc. */
#include <stdio.h>

int main(int argc, char **argv, char **envp)
{
	unsigned long *word;

	while (*envp) envp++;
	for (word = (unsigned long *)(envp + 1); word[0]; word += 2) printf("%lu %lu\n", word[0], word[1]);
	/* Where entries were taken out, the vector must end cleanly. */
	printf("%lu %lu\n", word[0], word[1]);
	return argc - !!argv[0];
}
