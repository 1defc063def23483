"""The ELF header, the program headers and the notes: is this a program for this processor, and whole?

Nothing here looks at where a segment would go; that is :mod:`skete.loader.image`.
Every read is bounded by the buffer first, so no table can point outside it.
"""
from errno import ENOEXEC

from skete.abi.elf import (EHDR, EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_X86_64, ET_CORE,
                           ET_DYN, ET_EXEC, ET_REL, MACHINES, NHDR, PHDR, PHDRS_MAX, TYPES)

#: Bytes of one PT_NOTE segment that are looked at; Linux itself reads none of them.
NOTES_MAX = 4096
PATH_MAX = 4096


class LoadError(Exception):
    """This file cannot be started. ``str()`` is one line: the file, what was found, the remedy.

    errno: what execve(2) would answer a guest.
    """

    def __init__(self, name: str, words: str, errno: int = ENOEXEC):
        super().__init__(f"{name if name.isprintable() else ascii(name)}: {words}")
        self.errno = errno


class Phdr:
    """Elf64_Phdr. Offsets, addresses and sizes in bytes, as the file says them."""
    __slots__ = ("p_type", "p_flags", "p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_align")

    def __init__(self, *fields: int):
        (self.p_type, self.p_flags, self.p_offset, self.p_vaddr,
         self.p_paddr, self.p_filesz, self.p_memsz, self.p_align) = fields


class Headers:
    """What the two tables say, checked each for itself. phdrs: list of Phdr in the file's order."""
    __slots__ = ("type", "entry", "phoff", "phdrs")


def shown(text: bytes) -> str:
    """Bytes of a file as words for one line of a message."""
    words = text.decode("utf-8", "backslashreplace")
    return words if words.isprintable() else ascii(words)


def read(data, name: str) -> Headers:
    """Check the ELF header and read the program headers of ``data``, a memoryview of bytes. LoadError"""
    if len(data) < EHDR.size or bytes(data[:4]) != ELFMAG:
        raise LoadError(name, _not_elf(bytes(data[:128]), len(data)))
    (ident, e_type, machine, _, entry, phoff, _, _, _, phentsize, phnum, _, _, _) = EHDR.unpack_from(data)
    _check_platform(name, ident, machine)
    if e_type not in (ET_EXEC, ET_DYN):
        raise LoadError(name, _not_a_program(e_type))
    if not phnum:
        raise LoadError(name, "has no program headers (e_phnum is 0), so nothing says what to load; relink it")
    if phentsize != PHDR.size:
        raise LoadError(name, f"e_phentsize is {phentsize}, not {PHDR.size}; the ELF header is damaged, relink it")
    if phnum * PHDR.size > PHDRS_MAX:
        raise LoadError(name, f"e_phnum is {phnum}, and Linux reads at most {PHDRS_MAX // PHDR.size} program headers; "
                              "the ELF header is damaged, relink it")
    if phoff + phnum * PHDR.size > len(data):
        raise LoadError(name, f"its {phnum} program headers at offset {phoff:#x} pass the end of the file "
                              f"({len(data)} bytes); it is truncated, copy or link it again")
    headers = Headers()
    headers.type, headers.entry, headers.phoff = e_type, entry, phoff
    headers.phdrs = [Phdr(*PHDR.unpack_from(data, phoff + i * PHDR.size)) for i in range(phnum)]
    return headers


def interpreter(data, name: str, phdr: Phdr) -> bytes:
    """The path in a PT_INTERP, without its NUL. The conditions are Linux's. LoadError"""
    end = phdr.p_offset + phdr.p_filesz
    if not 2 <= phdr.p_filesz <= PATH_MAX or end > len(data) or data[end - 1]:
        raise LoadError(name, f"PT_INTERP at offset {phdr.p_offset:#x}, {phdr.p_filesz} bytes, holds no path; "
                              "relink it, with -static to need none")
    return bytes(data[phdr.p_offset:end]).split(b"\0", 1)[0]


def notes(data, phdr: Phdr):
    """The ``(owner, type, descriptor)`` of a PT_NOTE: bytes without the NUL, int, bytes.

    Linux starts a program whatever its notes hold, so a damaged one ends the list in silence.
    """
    # gABI: padded to 4 bytes; the property notes of x86-64 alone are padded to 8, in a segment that says so.
    pad = 8 if phdr.p_align == 8 else 4
    at, end = phdr.p_offset, min(phdr.p_offset + min(phdr.p_filesz, NOTES_MAX), len(data))
    while at + NHDR.size <= end:
        namesz, descsz, kind = NHDR.unpack_from(data, at)
        owner = at + NHDR.size
        desc = at + (NHDR.size + namesz + pad - 1) // pad * pad
        if desc + descsz > end:
            return
        yield bytes(data[owner:owner + namesz]).rstrip(b"\0"), kind, bytes(data[desc:desc + descsz])
        at = desc + (descsz + pad - 1) // pad * pad


def _not_elf(head: bytes, size: int) -> str:
    if not size:
        return "is empty, not an ELF program"
    if head.startswith(b"#!"):
        # Linux takes the first word of the line; the rest is one argument.
        words = head[2:].split(b"\n", 1)[0].split()
        return (f"is a script for {shown(words[0]) if words else 'no interpreter'}, not an ELF program; "
                "run a static build of its interpreter with the script as argument")
    if head.startswith(ELFMAG):
        return f"ends after {size} bytes, inside the ELF header; it is truncated, copy or link it again"
    for magic, kind in ((b"!<arch>\n", "is an archive of objects; link it into a program first"),
                        (b"\xcf\xfa\xed\xfe", "is a Mach-O program, and only Linux ELF programs run here"),
                        (b"MZ", "is a DOS or Windows program, and only Linux ELF programs run here"),
                        (b"\x1f\x8b", "is a gzip file; unpack it first")):
        if head.startswith(magic):
            return kind
    return f"is not an ELF program: it starts with the bytes {head[:4].hex(' ')}, not 7f 45 4c 46"


def _check_platform(name: str, ident: bytes, machine: int) -> None:
    known = MACHINES.get(machine, f"machine {machine}")
    if machine == EM_X86_64 and ident[EI_CLASS] == ELFCLASS32:
        raise LoadError(name, "is an x32 program (32-bit class on x86-64); rebuild it without -mx32")
    # A big-endian header reads as nonsense in every other field, so this comes first.
    if ident[EI_DATA] != ELFDATA2LSB:
        swapped = MACHINES.get(machine >> 8 | (machine & 0xFF) << 8)
        raise LoadError(name, f"is big-endian (EI_DATA is {ident[EI_DATA]}"
                              f"{', ' + swapped if swapped else ''}); build it for x86-64")
    if machine != EM_X86_64:
        raise LoadError(name, f"is built for {known}, and this monitor runs x86-64 alone; build it for x86-64")
    if ident[EI_CLASS] != ELFCLASS64:
        raise LoadError(name, f"has ELF class {ident[EI_CLASS]}, not {ELFCLASS64} (64 bit); build it for x86-64")


def _not_a_program(e_type: int) -> str:
    if e_type == ET_REL:
        return "is an object file (ET_REL), not a program; link it first"
    if e_type == ET_CORE:
        return "is a core dump (ET_CORE), not a program; run the program that left it"
    return f"has type {TYPES.get(e_type, e_type)}, not ET_EXEC or ET_DYN; it is not a program"
