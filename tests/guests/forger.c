/* A process that writes all over its slots and its facts, by which it and the monitor talk, harms nobody but itself.
 *
 * Children forge: one thread stores odd words there, others make calls meanwhile. Whatever becomes of them, the parent goes
 * on. Natively there is no such memory, and nothing is forged. forger [ROUNDS [SEED]] */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* skete/engines/gate/layout.py */
enum { AT_SKETE_GATE = 0x736b6574, SLOT_SIZE = 0x10000, FACTS_SIZE = 0x8000 };
#define SLOTS 0x700001000000ul
#define FACTS (SLOTS + SLOT_SIZE * 1024ul)

static unsigned long state;
static int mode;

static unsigned long any(unsigned long below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static unsigned long odd(void)
{
	static const unsigned long words[] = { 0, 1, 2, 3, 4, 5, 6, 9, 11, 56, 60, 96, 97, 0x5ce7e, -1ul, -38ul, 1ul << 63,
		1ul << 47, 0xffffffff80000000, 0xffffffff80000001, SLOTS, SLOTS + 0x6000, SLOTS + 0xff00, FACTS, 0x7000, 1ul << 31 };
	return any(3) ? words[any(sizeof words / sizeof *words)] : any(2) ? SLOTS + any(4 * SLOT_SIZE) : state;
}

static void *forge(void *none)
{
	for (;;) {
		unsigned long slot = SLOTS + any(3) * SLOT_SIZE, at;
		switch (mode) {
		case 0: at = slot + any(0x1c00); break;		/* what the process engine has there, and orders */
		case 1: at = slot + 0x1a00 + any(0x1c0); break;	/* posted calls, and the guess */
		case 2: at = FACTS + any(FACTS_SIZE); break;
		case 3: at = slot + any(SLOT_SIZE); break;		/* the gate's stack too */
		default: at = slot + (any(2) ? any(32) * 8 : 0x100 + any(8) * 8);
		}
		*(volatile unsigned long *)(at & -8) = odd();
		for (volatile int wait = any(200); wait; wait--)
			;
	}
	return none;
}

static void *nothing(void *none)
{
	return none;
}

static void *call(void *none)
{
	int ends[2];
	char byte = 0;
	pthread_t thread;
	struct timespec now;
	if (pipe(ends))
		_exit(1);
	for (int i = 0; ; i++) {
		getppid();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) != 1)
			continue;
		void *at = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at != MAP_FAILED) {
			mprotect(at, 4096, PROT_READ);
			munmap(at, 1 << 16);
		}
		if (i % 8 == 7 && !pthread_create(&thread, 0, nothing, 0))
			pthread_join(thread, 0);
		if (i % 16 == 15) {
			int child = fork();
			if (!child)
				_exit(0);
			if (child > 0)
				waitpid(child, 0, 0);
		}
	}
	return none;
}

static void child(int round)
{
	pthread_t thread;
	mode = round % 5;
	if (round & 1 && pthread_create(&thread, 0, call, 0))
		_exit(1);
	if (getauxval(AT_SKETE_GATE) && pthread_create(&thread, 0, forge, 0))
		_exit(1);
	call(0);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 10, first = argc > 2 ? atoi(argv[2]) : 1;
	for (int round = first; round < first + rounds; round++) {
		int ends[2], status;
		CHECK(pipe(ends) == 0);
		state = round * 0x9e3779b97f4a7c15;
		int pid = fork();
		if (!pid) {
			close(ends[0]);
			child(round);
		}
		close(ends[1]);
		struct pollfd until = { ends[0], POLLIN, 0 };
		poll(&until, 1, 60);			/* it hangs up when all who have it have ended */
		kill(pid, SIGKILL);
		EQ(waitpid(pid, &status, 0), pid);
		close(ends[0]);
	}
	section("forged");
	return verdict();
}
