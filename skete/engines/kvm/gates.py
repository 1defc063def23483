"""The gate (engines/gate) in a virtual machine: one page of code for all spaces, and memory for each of them."""
from __future__ import annotations

import errno

from skete.engine import EngineError
from skete.engines.gate import code
from skete.engines.gate.facts import Facts
from skete.engines.gate.layout import CLOCKS_BASE, FACT_END, FACTS_BASE, GATE_BASE, PARTS, SLOT_CALL, SLOTS_BASE
from skete.engines.kvm import layout
from skete.engines.kvm.tables import flags

__all__ = ["Gates"]

_SLOT_PAGE = SLOT_CALL & -4096


class Gates:
    """there: False where it has to be compiled and cannot be;  parts: addresses of its parts, see code.py"""

    def __init__(self, memory):
        self.memory = memory
        self._free = list(range(layout.PAGES_AT - layout.GATE_SIZE, layout.GATES_AT, -layout.GATE_SIZE))
        try:
            page, self.parts = code.gate()
        except EngineError:
            self.there, self.parts = False, (0,) * PARTS
            return
        self.there = True
        memory.own[layout.GATE_AT:layout.GATE_AT + len(page)] = page

    def take(self) -> int:
        """Guest-physical address of zeroed memory for a new space. OSError(EAGAIN)"""
        if not self._free:
            raise OSError(errno.EAGAIN, "too many processes")
        return self._free.pop()

    def give(self, at: int) -> None:
        self.memory.discard(at, layout.GATE_SIZE)
        self._free.append(at)

    def show(self, engine, tables, at: int) -> Facts | None:
        """Show it in a space, whose facts are the answer; None where there is none."""
        if not self.there:
            return None
        for start, size, physical, prot in ((GATE_BASE, 4096, layout.GATE_AT, 5),
                                            (SLOTS_BASE + _SLOT_PAGE, 4096, at, 3),
                                            (FACTS_BASE, FACT_END, at + 4096, 3),
                                            (CLOCKS_BASE, 4096, layout.CLOCKS_AT, 1)):
            tables.fill(start, start + size, physical, flags(prot))
        return Facts(engine, self.memory.own[at + 4096:at + layout.GATE_SIZE], lambda: None)

    def begin_clocks(self, seen: tuple):
        """See skete.engines.gate.clocks.begin."""
        from skete.engines.gate.clocks import begin
        own = self.memory.own
        return begin(bytes(own[layout.GATE_AT:layout.GATE_AT + 4096]), self.parts,
                     own[layout.CLOCKS_AT:layout.CLOCKS_AT + 4096].cast("Q"), seen)

    def slot(self, at: int) -> int:
        """Where the slot begins, of which it has one page: an index of words in memory.own64."""
        return (at - _SLOT_PAGE) // 8
