"""/proc/PID/maps, smaps and smaps_rollup: what is mapped, and how much of it there is. proc(5).

Every page that can be accessed counts as there, as mincore(2) has it: nothing tells of each first touch. Of the main
stack that is what Linux would have mapped when the program started.
"""
from __future__ import annotations

from skete.kernel.memory.vma import LOCKED, NO_FRAME, NOT_FORKED, WIPED

__all__ = ["maps", "rollup", "smaps"]

_ZEROS = "KSM LazyFree AnonHugePages ShmemPmdMapped FilePmdMapped Shared_Hugetlb Private_Hugetlb Swap SwapPss".split()


def _mappings(vmas):
    """[vma, ...] of each that programs see as one mapping, which may stand in several places of our memory."""
    parts = []
    for vma in vmas:
        last = parts[-1] if parts else None
        if last is not None and (last.end != vma.start or not last.alike(vma) or vma.backing is not None
                                 and _offset(vma) != _offset(last) + last.end - last.start):
            yield parts
            parts = []
        parts.append(vma)
    if parts:
        yield parts


def _offset(vma) -> int:
    """Offset in its file."""
    if vma.backing is not None:
        return vma.backing.offset_of(vma.start + vma.delta)
    return vma.start + vma.shift if vma.source is not None else 0


def _line(parts: list) -> str:
    vma = parts[0]
    prot = vma.prot
    flags = ("r" if prot & 1 else "-") + ("w" if prot & 2 else "-") + ("x" if prot & 4 else "-") \
        + ("s" if vma.shared else "p")
    line = f"{vma.start:08x}-{parts[-1].end:08x} {flags} {_offset(vma):08x} 00:00 0 "
    name = vma.name.replace("\n", "\\012")
    return f"{line:<73}{name}".rstrip() + "\n" if name else line + "\n"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")        # a file's name is any bytes


def maps(process) -> bytes:
    """The inode is 0 for what is private memory here."""
    return _bytes("".join(map(_line, _mappings(process.mm.vmas))))


def _row(name: str, size: int) -> str:
    return f"{name + ':':<16}{size >> 10:8} kB\n"


def _amounts(parts: list, ungrown: int) -> dict:
    """What there is of a mapping, by smaps' names, in bytes."""
    vma = parts[0]
    there = sum(part.end - part.start for part in parts if part.prot and part.delta is not NO_FRAME)
    if vma.name == "[stack]":
        there = max(0, there - ungrown)
    anonymous = there if not vma.shared and vma.prot & 2 else 0
    clean = there - anonymous
    shared = vma.shared
    return {"Rss": there, "Pss": there, "Pss_Dirty": anonymous, "Shared_Clean": clean if shared else 0, "Shared_Dirty": 0,
            "Private_Clean": 0 if shared else clean, "Private_Dirty": anonymous, "Referenced": there,
            "Anonymous": anonymous, **dict.fromkeys(_ZEROS, 0), "Locked": there if vma.on_fork & LOCKED else 0}


def _flags(vma) -> str:
    named = (vma.prot & 1, "rd"), (vma.prot & 2, "wr"), (vma.prot & 4, "ex"), (vma.shared, "sh"), (True, "mr"), \
        (not vma.sealed, "mw"), (True, "me"), (vma.shared, "ms"), (vma.grows_down, "gd"), \
        (vma.on_fork & LOCKED, "lo"), (vma.on_fork & NOT_FORKED, "dc"), (vma.charged, "ac"), (vma.on_fork & WIPED, "wf")
    return "".join(name + " " for there, name in named if there)


def smaps(process) -> bytes:
    """Each mapping with its amounts."""
    mm, text = process.mm, []
    for parts in _mappings(mm.vmas):
        text.append(_line(parts))
        text.append(_row("Size", parts[-1].end - parts[0].start) + _row("KernelPageSize", 4096) + _row("MMUPageSize", 4096))
        text += [_row(name, size) for name, size in _amounts(parts, mm.ungrown).items()]
        text.append(f"THPeligible:           0\nVmFlags: {_flags(parts[0])}\n")
    return _bytes("".join(text))


def rollup(process) -> bytes:
    """The amounts of all of them."""
    mm = process.mm
    total = {}
    for parts in _mappings(mm.vmas):
        for name, size in _amounts(parts, mm.ungrown).items():
            total[name] = total.get(name, 0) + size
    vmas = mm.vmas.vmas
    line = f"{vmas[0].start:08x}-{vmas[-1].end:08x} ---p 00000000 00:00 0 " if vmas else ""
    rows = {}
    for name, size in total.items():
        rows[name] = size
        if name == "Pss_Dirty":
            rows.update(Pss_Anon=total["Anonymous"], Pss_File=total["Pss"] - total["Anonymous"], Pss_Shmem=0)
    return _bytes(f"{line:<73}[rollup]\n" + "".join(_row(name, size) for name, size in rows.items()))
