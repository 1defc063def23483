"""The gate (engines/gate) in a virtual machine: one page of code for all spaces, and memory for each of them."""
from __future__ import annotations

import errno

from skete.engine import EngineError
from skete.engines.gate import code
from skete.engines.gate.facts import Facts
from skete.engines.gate.layout import (
    CLOCKS_BASE, FACT_TABLE_END, FACTS_BASE, GATE_BASE, PARTS, SLOT_CALL, SLOT_SIZE, SLOTS_BASE)
from skete.engines.kvm import layout
from skete.engines.kvm.tables import flags

__all__ = ["Gates"]

_PAGE = 4096
#: the only page of a slot that there is
_SLOT_PAGE = SLOT_CALL & -_PAGE

assert _PAGE + FACT_TABLE_END == layout.GATE_SIZE


class _Places:
    """Guest-physical addresses to give away, which are not put down before they are: there are thousands."""
    __slots__ = ("free", "_next", "_end", "_size")

    def __init__(self, start: int, end: int, size: int):
        self.free, self._next, self._end, self._size = [], start, end, size

    def take(self, why: str) -> int:
        """One of them. OSError(EAGAIN)"""
        if self.free:
            return self.free.pop()
        if self._next + self._size > self._end:
            raise OSError(errno.EAGAIN, why)
        self._next += self._size
        return self._next - self._size


class Gates:
    """there: False where it has to be compiled and cannot be;  parts: addresses of its parts, see code.py"""

    def __init__(self, memory):
        self.memory = memory
        self._gates = _Places(layout.GATES_AT + layout.GATE_SIZE, layout.SLOTS_AT, layout.GATE_SIZE)
        self._pages = _Places(layout.SLOTS_AT, layout.PAGES_AT, _PAGE)
        try:
            page, self.parts = code.gate()
        except EngineError:
            self.there, self.parts = False, (0,) * PARTS
            return
        self.there = True
        memory.own[layout.GATE_AT:layout.GATE_AT + len(page)] = page

    def show(self, engine, tables) -> Gate:
        """Show it in a new space. OSError(EAGAIN)"""
        return Gate(self, engine, tables, self._gates.take("too many processes"))

    def page(self) -> int:
        """Guest-physical address of a zeroed page for a slot. OSError(EAGAIN)"""
        return self._pages.take("too many threads")

    def give(self, at: int, pages: list) -> None:
        self.memory.discard(at, layout.GATE_SIZE)
        self._gates.free.append(at)
        for page in pages:
            self.memory.discard(page, _PAGE)
        self._pages.free += pages

    def begin_clocks(self, seen: tuple):
        """See skete.engines.gate.clocks.begin."""
        from skete.engines.gate.clocks import begin
        own = self.memory.own
        return begin(bytes(own[layout.GATE_AT:layout.GATE_AT + 4096]), self.parts,
                     own[layout.CLOCKS_AT:layout.CLOCKS_AT + 4096].cast("Q"), seen)


class Gate:
    """The memory of one space. facts: None where there is no gate"""

    def __init__(self, gates: Gates, engine, tables, at: int):
        self._gates, self._tables, self._at = gates, tables, at
        self._slots, self._free = [at], [0]     # guest-physical, of each; numbers
        self.facts = None
        if not gates.there:
            return
        for start, length, physical, prot in ((GATE_BASE, _PAGE, layout.GATE_AT, 5), (SLOTS_BASE + _SLOT_PAGE, _PAGE, at, 3),
                                              (FACTS_BASE, FACT_TABLE_END, at + _PAGE, 3),
                                              (CLOCKS_BASE, _PAGE, layout.CLOCKS_AT, 1)):
            tables.fill(start, start + length, physical, flags(prot))
        self.facts = Facts(engine, gates.memory.own[at + _PAGE:at + layout.GATE_SIZE], lambda: None, engine.reads_fs)

    def slot(self) -> tuple:
        """One that no thread has: (number, index of words in memory.own64, guest address). OSError(EAGAIN)"""
        if not self._free:
            page, number = self._gates.page(), len(self._slots)
            self._slots.append(page)
            self._free.append(number)
            start = SLOTS_BASE + number * SLOT_SIZE + _SLOT_PAGE
            self._tables.fill(start, start + _PAGE, page, flags(3))
        number = self._free.pop()
        return number, (self._slots[number] - _SLOT_PAGE) // 8, SLOTS_BASE + number * SLOT_SIZE

    def leave(self, number: int) -> None:
        """The thread that had this slot has ended."""
        self._free.append(number)

    def close(self) -> None:
        """The space is gone."""
        if self.facts is not None:
            self.facts.close()
        self._gates.give(self._at, self._slots[1:])
