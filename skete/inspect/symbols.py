"""Names for addresses: the function from the symbol table, file and line from DWARF where there is any."""
from __future__ import annotations

import bisect
import os

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

CODE = ("STT_FUNC", "STT_GNU_IFUNC", "STT_NOTYPE")


class Symbols:
    """The names in one program.

    A crash is reported with what there is: no symbols, damaged DWARF or an address outside
    the program make the answer shorter, never an error.
    """

    def __init__(self, stream, bias: int = 0):
        """stream: the open file, kept open as long as this lives;  bias: where a PIE was loaded (Image.bias)"""
        self.bias = bias
        self._stream = stream
        self._functions: list = []      # (start, end, name), ascending
        self._segments: list = []
        self._dwarf = None
        self._lines: dict = {}          # offset of a unit -> its rows
        try:
            self._elf = ELFFile(stream)
            self._segments = [(s["p_vaddr"], s["p_vaddr"] + s["p_memsz"]) for s in self._elf.iter_segments("PT_LOAD")]
            self._functions = _functions(self._elf)
            self._dwarf = self._elf.get_dwarf_info() if self._elf.has_dwarf_info() else None
        except Exception:       # pyelftools promises no particular error for damaged tables; see the class
            pass

    @classmethod
    def open(cls, path, bias: int = 0) -> Symbols:
        """OSError"""
        return cls(open(path, "rb"), bias)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()

    def function(self, address: int) -> tuple | None:
        """``(name, offset)`` of the function that holds the address, else None."""
        address -= self.bias
        at = bisect.bisect_right(self._functions, address, key=lambda f: f[0]) - 1
        if at < 0:
            return None
        start, end, name = self._functions[at]
        return (name, address - start) if address < end else None

    def line(self, address: int) -> tuple | None:
        """``(file, line)`` of the source, the file without its folder, else None."""
        if self._dwarf is None:
            return None
        try:
            return self._line(address - self.bias)
        except Exception:       # as above
            return None

    def at(self, address: int) -> str:
        """``function+0x12 (file.c:34)``, as much of it as is known, or the bare address."""
        function, line = self.function(address), self.line(address)
        words = f"{function[0]}+{function[1]:#x}" if function else f"{address:#x}"
        return f"{words} ({line[0]}:{line[1]})" if line else words

    def _line(self, address: int) -> tuple | None:
        unit = self._unit(address)
        if unit is None:
            return None
        if unit.cu_offset not in self._lines:
            self._lines[unit.cu_offset] = _rows(self._dwarf, unit)
        rows = self._lines[unit.cu_offset]
        at = bisect.bisect_right(rows, address, key=lambda row: row[0]) - 1
        return rows[at][1] if at >= 0 else None

    def _unit(self, address: int):
        """The compilation unit of the address, by .debug_aranges; assembly and some compilers leave none there."""
        aranges = self._dwarf.get_aranges()
        offset = aranges.cu_offset_at_addr(address) if aranges else None
        if offset is not None:
            return self._dwarf.get_CU_at(offset)
        for unit in self._dwarf.iter_CUs():
            attributes = unit.get_top_DIE().attributes
            low, high = attributes.get("DW_AT_low_pc"), attributes.get("DW_AT_high_pc")
            if low and high:
                # DWARF 4 and later: a constant is the length, an address the end.
                end = high.value if high.form == "DW_FORM_addr" else low.value + high.value
                if low.value <= address < end:
                    return unit
        return None


def _functions(elf: ELFFile) -> list:
    """Functions by address. Of names for one address the global one wins, then the shortest: aliases are longer."""
    tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
    tables = [t for t in tables if t.name == ".symtab"] or tables
    best: dict = {}
    for symbol in (s for t in tables for s in t.iter_symbols()):
        # Assembly often has no type on its functions: names of no type count where they are in a section of code.
        if symbol["st_info"]["type"] not in CODE or not symbol.name or not isinstance(symbol["st_shndx"], int):
            continue
        if symbol["st_info"]["type"] == "STT_NOTYPE" and not elf.get_section(symbol["st_shndx"])["sh_flags"] & 4:
            continue
        rank = (symbol["st_info"]["type"] == "STT_NOTYPE", symbol["st_info"]["bind"] == "STB_LOCAL", len(symbol.name))
        start = symbol["st_value"]
        if start not in best or rank < best[start][0]:
            best[start] = rank, symbol["st_size"], symbol.name
    starts = sorted(best)
    limits = [*starts[1:], 1 << 64]
    ends = {s["sh_addr"]: s["sh_addr"] + s["sh_size"] for s in elf.iter_sections() if s["sh_flags"] & 4}
    # A symbol without a size reaches to the next, or to the end of its section.
    return [(start, start + best[start][1] if best[start][1] else
             min([limit, *(end for begin, end in ends.items() if begin <= start < end)]), best[start][2])
            for start, limit in zip(starts, limits)]


def _rows(dwarf, unit) -> list:
    """The line table of a unit: (address, (file, line)), or (address, None) where a sequence ends."""
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return []
    files = program["file_entry"]
    first = 0 if program["version"] >= 5 else 1     # DWARF 5 counts files from 0
    rows = []
    for entry in program.get_entries():
        state = entry.state
        if state is not None:
            name = os.path.basename(files[state.file - first].name.decode("utf-8", "replace"))
            rows.append((state.address, None if state.end_sequence else (name, state.line)))
    # Where one sequence ends just as another begins, the beginning has to be found: it sorts last.
    return sorted(rows, key=lambda row: (row[0], row[1] is not None))
