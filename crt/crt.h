#ifndef CRT_H
#define CRT_H

#define hidden __attribute__((__visibility__("hidden")))

/* The start files include no header of any libc: what they need of the
 * auxiliary vector (linux/auxvec.h, asm/auxvec.h) stands here. */
#define AT_NULL 0
#define AT_SYSINFO 32		/* i386: entry into the vDSO */
#define AT_SYSINFO_EHDR 33	/* ELF header of the vDSO */
#define AT_SKETE_GATE 0x736b6574	/* the monitor's gate; no kernel has it */

/* The one C function of the start files, called by _start with the stack as
 * the kernel left it: argc, argv, 0, envp, 0, pairs of the auxiliary vector. */
hidden void __skete_auxv(unsigned long *sp);

#endif
