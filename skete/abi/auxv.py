"""The auxiliary vector: linux/auxvec.h and asm/auxvec.h of x86-64. Pairs of unsigned 64-bit words."""
from __future__ import annotations

(AT_NULL, AT_IGNORE, AT_EXECFD, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY, AT_NOTELF,
 AT_UID, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP, AT_CLKTCK) = range(18)
AT_SECURE, AT_BASE_PLATFORM, AT_RANDOM, AT_HWCAP2, AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN = range(23, 29)
AT_HWCAP3, AT_HWCAP4 = 29, 30
AT_EXECFN = 31
AT_SYSINFO, AT_SYSINFO_EHDR = 32, 33
AT_MINSIGSTKSZ = 51
#: ours, not Linux's: the address of the engine's gate, which a program may jump to instead of executing ``syscall``
#: (docs/architecture.md). No libc looks at what it does not know.
AT_SKETE_GATE = 0x736b_6574

#: USER_HZ, the unit of times(2); fixed in the ABI
CLKTCK = 100
