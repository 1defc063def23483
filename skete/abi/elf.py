"""ELF as x86-64 Linux starts it: gABI chapters 4 and 5, psABI x86-64, linux/elf.h. Sizes in bytes.

Only what starting a program needs. The names are those of the gABI; a struct
is its ``struct.Struct``, fields in the file's order.
"""
from __future__ import annotations

from struct import Struct

ELFMAG = b"\x7fELF"
EI_CLASS, EI_DATA = 4, 5
ELFCLASS32, ELFCLASS64 = 1, 2
ELFDATA2LSB, ELFDATA2MSB = 1, 2

#: e_ident e_type e_machine e_version e_entry e_phoff e_shoff e_flags
#: e_ehsize e_phentsize e_phnum e_shentsize e_shnum e_shstrndx
EHDR = Struct("<16sHHIQQQIHHHHHH")
#: p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align
PHDR = Struct("<IIQQQQQQ")
#: n_namesz n_descsz n_type
NHDR = Struct("<III")
assert (EHDR.size, PHDR.size, NHDR.size) == (64, 56, 12)

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
TYPES = {0: "ET_NONE", ET_REL: "ET_REL", ET_EXEC: "ET_EXEC", ET_DYN: "ET_DYN", ET_CORE: "ET_CORE"}

EM_X86_64 = 62
#: The machines a user may meet by mistake (gABI, "e_machine"; linux/elf-em.h).
MACHINES = {
    2: "SPARC", 3: "i386", 4: "m68k", 8: "MIPS", 15: "PA-RISC", 20: "PowerPC", 21: "PowerPC64", 22: "S/390",
    40: "ARM", 42: "SuperH", 43: "SPARC V9", 50: "IA-64", EM_X86_64: "x86-64", 93: "ARC", 94: "Xtensa",
    164: "Hexagon", 183: "AArch64", 189: "MicroBlaze", 190: "CUDA", 224: "AMD GPU", 243: "RISC-V", 247: "BPF",
    258: "LoongArch",
}

PT_NULL, PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_SHLIB, PT_PHDR, PT_TLS = range(8)
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY = 0x6474_E550, 0x6474_E551, 0x6474_E552, 0x6474_E553
PF_X, PF_W, PF_R = 1, 2, 4

#: Linux reads no larger program header table (fs/binfmt_elf.c, load_elf_phdrs).
PHDRS_MAX = 65536

#: The note that our start files put into a program: owner, type, and a descriptor of
#: u32 ABI version, then the libc's name and its version, each ended by a NUL.
NOTE_SKETE = b"skete"
NT_SKETE_ABI = 1
