/* What the start code owes a program: thread-local storage where the linker put it, in threads too, and constructors. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef ALIGN
#define ALIGN 8
#endif
static _Thread_local _Alignas(ALIGN) char first[ALIGN] = "first";
static _Thread_local char odd[3] = { 7, 8, 9 };
static _Thread_local _Alignas(8) char zero[SIZE];

static int storage(void)
{
	unsigned i, bad = strcmp(first, "first") || odd[0] != 7 || odd[2] != 9 || (uintptr_t)first % ALIGN;

	for (i = 0; i < sizeof zero; i++) bad |= zero[i];
	memset(zero, 1, sizeof zero);
	strcpy(first, "used");
	return bad;
}

static int early = -1;

__attribute__((__constructor__(101))) static void one(void) { early = storage(); puts("constructor 101"); }
__attribute__((__constructor__)) static void two(void) { puts("constructor"); }
__attribute__((__destructor__(101))) static void last(void) { puts("destructor 101"); }
__attribute__((__destructor__)) static void last_but_one(void) { puts("destructor"); }

static void *thread(void *arg)
{
	*(int *)arg = storage();
	return 0;
}

int main(void)
{
	pthread_t id;
	int bad = -1;

	pthread_create(&id, 0, thread, &bad);
	pthread_join(id, 0);
	printf("storage: %d in main, %d in a thread\n", early, bad);
	return 0;
}
