/* What a program finds on its first stack. Prints its arguments and those
 * variables of its environment whose names begin with GUEST_.
 *
 * With GUEST_NO_VDSO set there has to be no AT_SYSINFO_EHDR; on plain Linux
 * there may be one. */
#include "check.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern const char _start[] __attribute__((weak));

int main(int argc, char **argv, char **envp)
{
	int seen[64] = { 0 };
	EQ((uintptr_t)(argv - 1) % 16, 0);
	EQ(*(long *)(argv - 1), argc);
	EQ((uintptr_t)argv[argc], 0);
	EQ((uintptr_t)envp, (uintptr_t)(argv + argc + 1));
	EQ((uintptr_t)environ, (uintptr_t)envp);
	CHECK(argc >= 1);
	for (int i = 1; i < argc; i++)
		printf("argv[%d] = \"%s\"\n", i, argv[i]);
	for (char **e = envp; *e; e++)
		if (!strncmp(*e, "GUEST_", 6))
			printf("%s\n", *e);
	section("arguments");

	/* The strings are packed: argv, then envp, then the path of the program, then eight zeros. */
	char *at = argv[0];
	for (int i = 0; i < argc; i++, at += strlen(at) + 1)
		EQ((uintptr_t)argv[i], (uintptr_t)at);
	char **e = envp;
	for (; *e; e++, at += strlen(at) + 1)
		EQ((uintptr_t)*e, (uintptr_t)at);
	EQ(getauxval(AT_EXECFN), (uintptr_t)at);
	at += strlen(at) + 1;
	for (int i = 0; i < 8; i++)
		EQ(at[i], 0);
	EQ((uintptr_t)(at + 8) % 4096, 0);
	section("strings");

	ElfW(auxv_t) *aux = (void *)(e + 1);
	unsigned long hwcap = 0;	/* glibc's getauxval gives something else for it */
	for (; aux->a_type != AT_NULL; aux++) {
		if (aux->a_type < 64)
			seen[aux->a_type]++;
		if (aux->a_type == AT_HWCAP)
			hwcap = aux->a_un.a_val;
	}
	static const int needed[] = { AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_UID,
		AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_RANDOM, AT_PLATFORM, AT_HWCAP, AT_HWCAP2, AT_CLKTCK, AT_EXECFN };
	for (unsigned i = 0; i < sizeof needed / sizeof *needed; i++)
		if (seen[needed[i]] != 1)
			failed_("args.c", needed[i], "this type occurs", seen[needed[i]], 1);
	EQ(getauxval(AT_PAGESZ), 4096);
	EQ(getauxval(AT_PHENT), sizeof(ElfW(Phdr)));
	EQ(getauxval(AT_BASE), 0);
	EQ(getauxval(AT_FLAGS), 0);
	EQ(getauxval(AT_ENTRY), (uintptr_t)_start);
	EQ(getauxval(AT_SECURE), 0);
	EQ(getauxval(AT_CLKTCK), 100);
	EQ(getauxval(AT_UID), getuid());
	EQ(getauxval(AT_EUID), geteuid());
	EQ(getauxval(AT_GID), getgid());
	EQ(getauxval(AT_EGID), getegid());
	CHECK(hwcap & 1 << 26);		/* SSE2: CPUID.1:EDX */
	EQ(strcmp((char *)getauxval(AT_PLATFORM), "x86_64"), 0);
	if (getenv("GUEST_NO_VDSO"))
		EQ(seen[AT_SYSINFO_EHDR] + seen[AT_SYSINFO], 0);
	section("auxiliary vector");

	ElfW(Phdr) *phdr = (void *)getauxval(AT_PHDR);
	int loads = 0, phdrs = (int)getauxval(AT_PHNUM);
	CHECK(phdrs > 0 && phdrs < 64);
	for (int i = 0; i < phdrs; i++)
		loads += phdr[i].p_type == PT_LOAD;
	CHECK(loads >= 1);
	unsigned char *random = (void *)getauxval(AT_RANDOM), any = 0;
	for (int i = 0; i < 16; i++)
		any |= random[i];
	CHECK(any);
	section("what it points to");

	char big[300000];		/* the stack grows on touch */
	memset(big, 7, sizeof big);
	EQ(big[12345], 7);
	section("stack");
	return verdict();
}
