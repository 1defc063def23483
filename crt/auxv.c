#include "crt.h"

#ifdef SKETE_DIRECT
/* Where a libc whose system calls are jumps goes with them. Set before the
 * first one, and not initialised: a static PIE's relocation comes later. */
hidden unsigned long __skete_gate;

/* No gate: to the syscall instruction before the return address. */
extern hidden const char __skete_no_gate[];
__asm__(".text\n.hidden __skete_no_gate\n__skete_no_gate:\n\tlea -2(%rcx),%rcx\n\tjmp *%rcx\n");
#endif

/* Take out of the auxiliary vector what leads to the vDSO, and close the gap,
 * so that nobody who walks the vector later can tell that it was there. (An
 * AT_IGNORE in its place would do for the libcs, but not every program that
 * walks the vector knows it.) The kernel keeps a copy of its own, so
 * /proc/self/auxv still shows what the process was given.
 *
 * This runs before anything of a libc does: no thread pointer, no relocation,
 * no call. It touches nothing but the vector, so that it suits any libc. */
void __skete_auxv(unsigned long *sp)
{
	unsigned long *from, *to;

	from = sp + 1 + *sp + 1;
	while (*from++);
#ifdef SKETE_DIRECT
	__skete_gate = (unsigned long)__skete_no_gate;
#endif
	for (to = from; from[0] != AT_NULL; from += 2) {
#ifdef SKETE_DIRECT
		if (from[0] == AT_SKETE_GATE)
			__skete_gate = from[1];
#endif
		if (from[0] == AT_SYSINFO || from[0] == AT_SYSINFO_EHDR)
			continue;
		to[0] = from[0];
		to[1] = from[1];
		to += 2;
	}
	for (; to != from; to += 2) {
		to[0] = AT_NULL;
		to[1] = 0;
	}
}
