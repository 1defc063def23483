"""The first stack of a program, as Linux lays it out (fs/exec.c, fs/binfmt_elf.c; psABI x86-64, 3.4.1).

    top     8 zero bytes                       envp pointers, NULL
            path of the program (AT_EXECFN)    argv pointers, NULL
            environment strings                argc              <- sp, 16-byte aligned
            argument strings
            (aligned to 16)
            "x86_64", 16 random bytes
            auxiliary vector                   addresses fall from left top to right bottom

There is no AT_SYSINFO_EHDR: a guest has no vDSO. There is no AT_RSEQ_*: rseq(2) is not served.
"""
from errno import E2BIG
from struct import pack

from skete.abi.auxv import (AT_BASE, AT_CLKTCK, AT_EGID, AT_ENTRY, AT_EUID, AT_EXECFN, AT_FLAGS, AT_GID, AT_HWCAP,
                            AT_HWCAP2, AT_MINSIGSTKSZ, AT_NULL, AT_PAGESZ, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PLATFORM,
                            AT_RANDOM, AT_SECURE, AT_SKETE_GATE, AT_UID, CLKTCK)
from skete.loader.image import PAGE, Image

STACK_TOP = 0x7FFF_FFFF_F000
STACK_SIZE = 8 << 20

#: linux/binfmts.h MAX_ARG_STRLEN, the NUL included, and ARG_MAX, what every program is granted.
STRING_MAX = 32 * PAGE
ARG_MAX = 128 << 10


class Start:
    """A stack ready to be put in place.

    sp: int, the first stack pointer;  data: bytes, from sp to the top of the stack
    auxv: bytes, what /proc/self/auxv shows
    arg_start, arg_end, env_start, env_end: addresses of the strings, as in struct mm_struct
    """
    __slots__ = ("sp", "data", "auxv", "arg_start", "arg_end", "env_start", "env_end")


def host_auxv() -> dict:
    """This process's own auxiliary vector, {AT_*: value}: it has CPUID's words without the instruction."""
    with open("/proc/self/auxv", "rb", buffering=0) as f:
        words = memoryview(f.read(4096)).cast("Q")
    return dict(zip(words[::2], words[1::2]))


def stack(image: Image, argv: list, envp: list, *, host: dict, random: bytes, execfn: bytes | None = None,
          ids: tuple | None = None, secure: bool = False, base: int = 0, gate: int = 0, top: int = STACK_TOP, size: int = STACK_SIZE) -> Start:
    """Lay out arguments, environment and auxiliary vector. OSError(E2BIG) where Linux says so.

    argv, envp: lists of bytes without NUL
    host: {AT_*: value} with AT_HWCAP, AT_HWCAP2 and AT_MINSIGSTKSZ (:func:`host_auxv`, or an engine's own)
    random: 16 bytes for AT_RANDOM: a libc's stack protector and pointer guard
    execfn: the path it was started by; argv[0] when None
    ids: (uid, euid, gid, egid) of the guest; the host's when None;  secure: its libc is to distrust its environment
    base: where its interpreter was mapped (AT_BASE)
    gate: the engine's gate (AT_SKETE_GATE), where it has one
    top, size: the byte after the stack, a multiple of 16, and its limit in bytes
    """
    argv = argv or [b""]        # Linux 5.18: no program sees argc == 0
    execfn = argv[0] if execfn is None else execfn
    _check_size(argv, envp, execfn, size)

    strings = b"".join(s + b"\0" for s in (*argv, *envp, execfn)) + bytes(8)
    start = Start()
    at = start.arg_start = top - len(strings)
    pointers = []
    for s in (*argv, *envp):
        pointers.append(at)
        at += len(s) + 1
    start.env_end, path = at, at
    start.arg_end = start.env_start = pointers[len(argv)] if envp else at

    platform = (start.arg_start & -16) - len(b"x86_64\0")
    seed = platform - 16
    start.auxv = pack_auxv(image, host, ids, base, seed, path, platform, gate, secure)
    words = pack(f"<{len(pointers) + 3}Q", len(argv), *pointers[:len(argv)], 0, *pointers[len(argv):], 0) + start.auxv
    start.sp = (seed - len(words)) & -16
    gap = seed - start.sp - len(words)
    start.data = b"".join((words, bytes(gap), random, b"x86_64\0",
                           bytes(start.arg_start - platform - len(b"x86_64\0")), strings))
    return start


def pack_auxv(image: Image, host: dict, ids: tuple | None, base: int, seed: int, path: int, platform: int,
              gate: int = 0, secure: bool = False) -> bytes:
    """The vector in the order of Linux's create_elf_tables. seed, path, platform: addresses of what it points to."""
    uid, euid, gid, egid = ids or (host[AT_UID], host[AT_EUID], host[AT_GID], host[AT_EGID])
    pairs = (
        (AT_MINSIGSTKSZ, host.get(AT_MINSIGSTKSZ, 0)),
        (AT_HWCAP, host[AT_HWCAP]), (AT_PAGESZ, PAGE), (AT_CLKTCK, CLKTCK),
        (AT_PHDR, image.phdr), (AT_PHENT, image.phent), (AT_PHNUM, image.phnum),
        (AT_BASE, base), (AT_FLAGS, 0), (AT_ENTRY, image.entry),
        (AT_UID, uid), (AT_EUID, euid), (AT_GID, gid), (AT_EGID, egid), (AT_SECURE, int(secure)),
        (AT_RANDOM, seed), (AT_HWCAP2, host.get(AT_HWCAP2, 0)), (AT_EXECFN, path), (AT_PLATFORM, platform),
        (AT_SKETE_GATE, gate), (AT_NULL, 0),
    )
    # A kernel before 5.14 knows no AT_MINSIGSTKSZ; a libc takes an absent one for the old constant, a zero for zero.
    absent = (AT_MINSIGSTKSZ, 0), (AT_SKETE_GATE, 0)
    return b"".join(pack("<QQ", *pair) for pair in pairs if pair not in absent)


def _check_size(argv: list, envp: list, execfn: bytes, size: int) -> None:
    """The limits of execve(2): each string, and all of them with their pointers (fs/exec.c, bprm_stack_limits)."""
    for s in (*argv, *envp):
        if len(s) + 1 > STRING_MAX:
            raise OSError(E2BIG, f"an argument or variable of {len(s)} bytes; Linux takes {STRING_MAX - 1}")
    limit = max(min(STACK_SIZE * 3 // 4, size // 4), ARG_MAX)
    taken = sum(map(len, (*argv, *envp, execfn))) + len(argv) + len(envp) + 1 + 8 * (len(argv) + len(envp))
    if taken > limit:
        raise OSError(E2BIG, f"arguments and environment take {taken} bytes; Linux takes {limit} with this stack")
