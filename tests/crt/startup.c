/* What a libc's start-up owes a program. Every line is printed in the order in which it happens. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int initialised = 42, zero;
static _Thread_local _Alignas(128) char aligned[128] = "tls";

static uintptr_t canary(void)
{
	uintptr_t value;
	__asm__ ("mov %%fs:40, %0" : "=r"(value));
	return value;
}

/* An aligned SSE store to the stack faults where start-up got the alignment wrong. */
__attribute__((__noinline__)) static int stack_is_aligned(void)
{
	_Alignas(16) volatile char block[16];
	__asm__ volatile ("movaps %%xmm0, %0" : "=m"(block));
	return (uintptr_t)block % 16 == 0 && (uintptr_t)__builtin_frame_address(0) % 16 == 0;
}

__attribute__((__constructor__(101))) static void first(void)
{
	printf("constructor 101: tls %d %d %s, stack %d, canary %d\n", initialised, zero, aligned, stack_is_aligned(),
		canary() != 0);
	initialised = 43;
}

__attribute__((__constructor__(102))) static void second(void) { puts("constructor 102"); }
__attribute__((__constructor__)) static void third(void) { puts("constructor"); }
__attribute__((__destructor__(101))) static void last(void) { puts("destructor 101"); }
__attribute__((__destructor__)) static void last_but_one(void) { puts("destructor"); }
static void registered_first(void) { puts("atexit: registered first"); }
static void registered_second(void) { puts("atexit: registered second"); }

__attribute__((__noinline__)) static void overflow(char *to)
{
	memset(to, 'x', 64);
}

__attribute__((__noinline__)) static void smash(void)
{
	char small[16];
	void (*volatile fn)(char *) = overflow;	/* not to be seen through */
	fn(small);
}

int main(int argc, char **argv, char **envp)
{
	if (argc == 2 && !strcmp(argv[1], "smash")) {
		smash();
		puts("nobody noticed");
		return 0;
	}
	printf("main: tls %d %d %s, aligned %d, stack %d\n", initialised, zero, aligned, (uintptr_t)aligned % 128 == 0,
		stack_is_aligned());
	printf("argc %d, ended by a null %d\n", argc, !argv[argc]);
	for (int i = 1; i < argc; i++) printf("argv %s\n", argv[i]);
	for (; *envp; envp++) printf("envp %s\n", *envp);
	printf("getenv %s\n", getenv("KEY") ? getenv("KEY") : "nothing");
	atexit(registered_first);
	atexit(registered_second);
	return 7;
}
