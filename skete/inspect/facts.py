"""The facts about an ELF file, as a dict that JSON can hold.

    schema        1
    file, size    path as given; bytes
    kind          "static executable", "static-pie executable", "dynamic executable", "shared library", ...
    machine, class, endian      as pyelftools names them: "x64", 64, "little"
    static, pie   bool
    starts        bool: our loader takes it;  why: its words where it does not, else None
    entry         int
    interp, needed              str or None; list of str
    segments      list of {type, vaddr, memsz, filesz, offset, flags, align}; flags like "r-x"
    exec_stack    bool
    tls           {filesz, memsz, align} or None
    note          {abi, libc, version} of our start files, or None
    build_id      hex digits or None
    symbols       how many functions have names;  lines: bool, DWARF line numbers are there
    vdso          list of str: the vDSO's names in what is loaded; what looks there has to know them
    syscall_bytes how often 0f 05 stands in executable segments: an upper bound of the `syscall` sites
    text_relocations            list of int: addresses in read-only segments that start-up would have to write
"""
from __future__ import annotations

import os
import re

from elftools.elf.constants import P_FLAGS
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from skete.loader import LoadError, load

VDSO = re.compile(rb"__vdso_\w+|__kernel_vsyscall|linux-(?:vdso|gate)[\w.]*")
SHF_ALLOC = 2
DF_TEXTREL = 4


class InspectError(Exception):
    """The file is no ELF file, or too damaged to say anything about. ``str()`` is one line."""


def inspect(path: str) -> dict:
    """Look at a file. InspectError, OSError"""
    path = os.fsdecode(path)
    with open(path, "rb") as f:
        data = f.read()
        f.seek(0)
        try:
            return _facts(ELFFile(f), path, data)
        except Exception as e:
            # On damaged tables pyelftools fails in whatever way the bytes lead to (construct's errors, KeyError,
            # UnicodeDecodeError, AttributeError on None, ...); its own loader-strict check says it better.
            raise InspectError(_complaint(path, data) or f"{path}: is damaged ({type(e).__name__}: {e})") from e


def _complaint(path: str, data: bytes) -> str | None:
    try:
        load(data, path, dynamic=True)
    except LoadError as e:
        return str(e)
    return None


def _facts(elf: ELFFile, path: str, data: bytes) -> dict:
    segments = list(elf.iter_segments())
    dynamic = next((s for s in segments if isinstance(s, DynamicSegment)), None)
    interp = next((s.get_interp_name() for s in segments if s["p_type"] == "PT_INTERP"), None)
    needed = [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")] if dynamic else []
    static = elf["e_type"] in ("ET_EXEC", "ET_DYN") and interp is None and not needed
    why, note = _loaded(path, data)
    tls = next((s for s in segments if s["p_type"] == "PT_TLS"), None)
    stack = [s["p_flags"] for s in segments if s["p_type"] == "PT_GNU_STACK"]
    return {
        "schema": 1,
        "file": path, "size": len(data),
        "kind": _kind(elf, static, interp, why),
        "machine": elf.get_machine_arch(), "class": elf.elfclass, "endian": "little" if elf.little_endian else "big",
        "static": static, "pie": elf["e_type"] == "ET_DYN",
        "starts": why is None, "why": why,
        "entry": elf["e_entry"],
        "interp": interp, "needed": needed,
        "segments": [_segment(s) for s in segments],
        "exec_stack": bool(stack and stack[-1] & P_FLAGS.PF_X),
        "tls": tls and {"filesz": tls["p_filesz"], "memsz": tls["p_memsz"], "align": tls["p_align"]},
        "note": note, "build_id": _build_id(segments),
        "symbols": _functions(elf), "lines": elf.get_section_by_name(".debug_line") is not None,
        "vdso": sorted({m.decode() for s in _loads(segments) for m in VDSO.findall(s.data())}),
        "syscall_bytes": sum(s.data().count(b"\x0f\x05") for s in _loads(segments) if s["p_flags"] & P_FLAGS.PF_X),
        "text_relocations": _text_relocations(elf, dynamic, segments),
    }


def _loaded(path: str, data: bytes) -> tuple:
    """Our loader's opinion of it and the note that it reads: ``(why not, or None; dict, or None)``."""
    why = note = None
    try:
        load(data, path)
    except LoadError as e:
        why = str(e)
    try:
        found = load(data, path, dynamic=True).note
        note = found and {"abi": found.abi, "libc": found.libc, "version": found.version}
    except LoadError:
        pass
    return why, note


def _kind(elf: ELFFile, static: bool, interp: str | None, why: str | None) -> str:
    kinds = {"ET_REL": "object file", "ET_CORE": "core dump", "ET_EXEC": "static executable"}
    if interp is not None:
        return "dynamic executable"
    if elf["e_type"] == "ET_DYN":
        return "static-pie executable" if static and why is None else "shared library"
    return kinds.get(elf["e_type"], str(elf["e_type"]))


def _loads(segments: list) -> list:
    return [s for s in segments if s["p_type"] == "PT_LOAD"]


def _segment(s) -> dict:
    flags = "".join(letter if s["p_flags"] & bit else "-"
                    for letter, bit in (("r", P_FLAGS.PF_R), ("w", P_FLAGS.PF_W), ("x", P_FLAGS.PF_X)))
    name = s["p_type"]
    return {"type": name.removeprefix("PT_") if isinstance(name, str) else f"{name:#x}", "vaddr": s["p_vaddr"],
            "memsz": s["p_memsz"], "filesz": s["p_filesz"], "offset": s["p_offset"], "flags": flags,
            "align": s["p_align"]}


def _build_id(segments: list) -> str | None:
    for s in segments:
        if s["p_type"] == "PT_NOTE":
            for note in s.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return note["n_desc"]
    return None


def _functions(elf: ELFFile) -> int:
    tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
    return max((sum(sym["st_info"]["type"] in ("STT_FUNC", "STT_GNU_IFUNC") and sym["st_shndx"] != "SHN_UNDEF"
                    for sym in t.iter_symbols()) for t in tables), default=0)


def _text_relocations(elf: ELFFile, dynamic, segments: list) -> list:
    """Where relocations that start-up executes hit memory it may not write. [0] where only DT_TEXTREL says so."""
    readonly = [(s["p_vaddr"], s["p_vaddr"] + s["p_memsz"]) for s in _loads(segments)
                if not s["p_flags"] & P_FLAGS.PF_W]
    # A static program's own (IRELATIVE) are in no dynamic table, only in sections that are loaded.
    sections = [s for s in elf.iter_sections() if isinstance(s, RelocationSection) and s["sh_flags"] & SHF_ALLOC]
    tables = sections or (list(dynamic.get_relocation_tables().values()) if dynamic else [])
    hit = {r["r_offset"] for t in tables for r in t.iter_relocations()}
    found = sorted(at for at in hit if any(start <= at < end for start, end in readonly))
    flagged = dynamic and any(t.entry.d_tag == "DT_TEXTREL" or t.entry.d_tag == "DT_FLAGS" and t["d_val"] & DF_TEXTREL
                              for t in dynamic.iter_tags())
    return found or ([0] if flagged else [])
