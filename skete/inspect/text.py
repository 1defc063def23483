"""The facts of :func:`skete.inspect.facts.inspect` for people."""
from __future__ import annotations


def table(facts: dict) -> str:
    """Lines of text, no newline at the end."""
    lines = [f"{facts['file']}: {facts['kind']}, {facts['machine']}, {facts['size']} bytes"]
    lines += [f"  {name:<17} {words}" for name, words in _rows(facts) if words]
    lines += ["", f"  {'segment':<13} {'address':>18} {'memory':>10} {'file':>10} {'offset':>10}  prot     align"]
    lines += [f"  {s['type']:<13} {s['vaddr']:>#18x} {s['memsz']:>#10x} {s['filesz']:>#10x} {s['offset']:>#10x}  "
              f"{s['flags']} {s['align']:>#9x}" for s in facts["segments"]]
    return "\n".join(lines)


def _rows(facts: dict):
    note, tls = facts["note"], facts["tls"]
    yield "starts", f"yes, at {facts['entry']:#x}" if facts["starts"] else f"no: {_why(facts)}"
    yield "note", f"skete ABI {note['abi']}, {note['libc']} {note['version']}" if note else "none"
    yield "interpreter", facts["interp"]
    yield "needs", " ".join(facts["needed"])
    yield "build id", facts["build_id"]
    yield "stack", "executable" if facts["exec_stack"] else "not executable"
    yield "thread storage", tls and (f"{tls['memsz']} bytes, {tls['filesz']} of them initialised, "
                                   f"aligned to {tls['align']}")
    yield "functions", f"{facts['symbols']} with names, {'with' if facts['lines'] else 'without'} line numbers"
    yield "vDSO names", " ".join(facts["vdso"]) or "none"
    yield "0f 05 in the code", f"{facts['syscall_bytes']} times"
    yield "text relocations", " ".join(map(hex, facts["text_relocations"][:8])) or "none"


def _why(facts: dict) -> str:
    """The loader's words without the file's name, which stands above."""
    return facts["why"].removeprefix(f"{facts['file']}: ")
