"""Check what was linked: `python -m steps.elfcheck PROGRAM REPORT LIBC VERSION [LACKS]`.

A program of ours is static, bears our note with the libc it was linked with, knows nothing of the vDSO, has no
relocations in its text and no segment that is both writable and executable, and starts inside its text. REPORT has
what was found. LACKS, of the libc's recipe, has with commas between what is not asked for: `note`, and `blindness`
towards the vDSO.
"""
from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Collection

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from steps import step
from steps.step import Failure

PF_X, PF_W = 1, 2
DF_TEXTREL = 4
NOTE_OWNER, NOTE_TYPE, NOTE_ABI = "skete", 1, 1      # crt/note.S
# What a libc looks for in the vDSO, on every architecture that has one.
VDSO = (b"__vdso_", b"__kernel_clock_gettime", b"linux-vdso", b"linux-gate")


def facts(program: Path) -> dict:
    """Return what the checks are about. Failure where it is no ELF file."""
    with open(program, "rb") as f:
        data = f.read()
        try:
            elf = ELFFile(f)
            segments = list(elf.iter_segments())
            return {
                "class": elf.elfclass, "machine": elf["e_machine"], "type": elf["e_type"], "entry": elf["e_entry"],
                "interpreter": any(s["p_type"] == "PT_INTERP" for s in segments),
                "needed": [t.needed for s in segments if s["p_type"] == "PT_DYNAMIC" for t in s.iter_tags("DT_NEEDED")],
                "text_relocations": any(
                    t.entry.d_tag == "DT_TEXTREL" or t.entry.d_tag == "DT_FLAGS" and t.entry.d_val & DF_TEXTREL
                    for s in segments if s["p_type"] == "PT_DYNAMIC" for t in s.iter_tags()),
                "segments": [{"start": s["p_vaddr"], "end": s["p_vaddr"] + s["p_memsz"], "flags": s["p_flags"]}
                             for s in segments if s["p_type"] == "PT_LOAD"],
                "stack": [s["p_flags"] for s in segments if s["p_type"] == "PT_GNU_STACK"],
                "notes": [_note(n) for s in segments if isinstance(s, NoteSegment) for n in s.iter_notes()
                          if n["n_name"] == NOTE_OWNER and n.n_descsz],
                "vdso": [name.decode() for name in VDSO if name in data],
            }
        except (ELFError, struct.error, UnicodeDecodeError, ValueError) as error:
            raise Failure(f"{program} is no ELF file that can be read: {error}") from error


def _note(note) -> dict:
    """Return what our note says: version of the interface, libc, its version."""
    desc = note["n_descdata"] if "n_descdata" in note else note["n_desc"]
    desc = desc if isinstance(desc, bytes) else desc.encode("latin-1")
    libc, version, *_ = [*desc[4:].split(b"\0"), b"", b""]
    kind = note["n_type"] if isinstance(note["n_type"], int) else NOTE_TYPE
    return {"type": kind, "abi": int.from_bytes(desc[:4], "little"), "libc": libc.decode(), "version": version.decode()}


def objections(found: dict, libc: str, version: str, lacks: Collection[str] = ()) -> list[str]:
    """Return what is wrong, one line each."""
    def unless(condition: bool, text: str) -> list[str]:
        return [] if condition else [text]
    wanted = {"type": NOTE_TYPE, "abi": NOTE_ABI, "libc": libc, "version": version}
    loads = found["segments"]
    return [
        *unless((found["class"], found["machine"]) == (64, "EM_X86_64"),
                f"is for {found['machine']}, {found['class']} bits"),
        *unless(found["type"] in ("ET_EXEC", "ET_DYN"), f"is of type {found['type']}, no program"),
        *unless(not found["interpreter"], "asks for an interpreter: it is not static"),
        *unless(not found["needed"], f"needs shared libraries: {', '.join(found['needed'])}"),
        *unless(not found["text_relocations"], "has relocations in its text"),
        *unless("note" in lacks or found["notes"] == [wanted],
                f"should bear the note {wanted} and bears {found['notes'] or 'none'}"),
        *unless("blindness" in lacks or not found["vdso"],
                f"knows of the vDSO: it contains {', '.join(found['vdso'])}"),
        *unless(all(s["flags"] & (PF_W | PF_X) != PF_W | PF_X for s in loads),
                "has a segment both writable and executable"),
        *unless(all(not flags & PF_X for flags in found["stack"]), "wants an executable stack"),
        *unless(any(s["flags"] & PF_X and s["start"] <= found["entry"] < s["end"] for s in loads),
                f"starts at {found['entry']:#x}, which is not in its text"),
    ]


def main(arguments: list[str]) -> None:
    program, report = map(Path, arguments[:2])
    libc, version, lacks = [*arguments[2:], ""][:3]
    found = facts(program)
    wrong = objections(found, libc, version, lacks.split(","))
    if wrong:
        raise Failure(f"{program} is not what it should be:\n" + "\n".join(f"  it {text}" for text in wrong))
    step.write(report, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    step.run(main)
