"""Page tables of one address space, x86-64 with four levels. Leaf entries go in and out by ranges.

A page of a table stays where it was first put until the space ends: whoever still has a translation through it then
never finds another range's entries there. Entries are written accessed and dirty, or the processor would have to come
back to say so. Nobody is told that entries have changed: see memory.forget.
"""
from __future__ import annotations

from _collections import deque       # collections itself costs 3 ms to import
from array import array

from skete.engine import EngineError
from skete.engines.kvm.layout import (
    HUGE, MAX_PROCESSORS, OWN_SIZE, PROCESSOR_SIZE, PROCESSORS, PROCESSORS_AT, STUB, STUB_AT, TABLES, TABLES_AT)

__all__ = ["NoRoom", "PageTables", "SharedTables"]

PRESENT, WRITE, USER, NX = 1, 2, 4, 1 << 63
_USED = 0x60                # accessed, dirty
_LARGE = 0x80
_TABLE = PRESENT | WRITE | USER | 0x20
_EMPTY = array("Q", bytes(4096))


def flags(prot: int) -> int:
    """The bits of a leaf entry for PROT_* bits; 0: not present."""
    if not prot:
        return 0
    return PRESENT | USER | _USED | (WRITE if prot & 2 else 0) | (0 if prot & 4 else NX)


class NoRoom(EngineError):
    """There are no pages for tables any more."""


class SharedTables:
    """The pages of memory that tables are made of, and the one branch that all spaces have in common."""

    def __init__(self, memory, pages_at: int):
        self.memory, self.words = memory, memory.own64
        self._next, self._free = pages_at, deque()
        self.top = self._branch()

    def page(self) -> int:
        """A zeroed page, guest-physical. NoRoom"""
        at = self._next
        if at + 4096 <= OWN_SIZE:
            self._next += 4096
            self.memory.cover(at, 4096)
            return at
        if not self._free:
            raise NoRoom(f"page tables take all of {OWN_SIZE >> 20} MiB")
        return self._free.popleft()

    def give(self, pages: list) -> None:
        """A space has ended. Its pages go back to the host, and serve as tables again only when there are no others:
        a KVM with shadow page tables keeps what it has derived from a page, and does not see us write another table
        into it, so that a new space would find entries of an old one. (With the whole room between, it has long
        forgotten.)"""
        start = end = pages[0]
        for at in pages:            # they were taken one after another, mostly
            if at != end:
                self.memory.discard(start, end - start)
                start = at
            end = at + 4096
        self.memory.discard(start, end - start)
        self._free.extend(pages)

    def show_stub(self) -> None:
        """Let ring 3 execute the stub."""
        self.words[self._stub] |= USER

    def _branch(self) -> int:
        """Map the engine's own things; the table that every top level has in common."""
        pdpt, pd, pt = self.page(), self.page(), self.page()
        words = self.words
        words[(pdpt >> 3) + (STUB >> 30 & 511)] = pd | _TABLE
        words[(pd >> 3) + (STUB >> 21 & 511)] = pt | _TABLE
        pt >>= 3
        self._stub = pt + (STUB >> 12 & 511)
        words[self._stub] = STUB_AT | PRESENT | _USED
        words[pt + (TABLES >> 12 & 511)] = TABLES_AT | PRESENT | WRITE | _USED | NX
        size = MAX_PROCESSORS * PROCESSOR_SIZE
        first = pt + (PROCESSORS >> 12 & 511)
        bits = PRESENT | WRITE | _USED | NX
        words[first:first + size // 4096] = array("Q", range(PROCESSORS_AT | bits, PROCESSORS_AT + size | bits, 4096))
        return pdpt


class PageTables:
    """cr3: guest-physical address of the top level."""

    def __init__(self, shared: SharedTables):
        self.shared, self.words = shared, shared.words
        self.cr3 = shared.page()
        self.pages = [self.cr3]
        self.words[(self.cr3 >> 3) + (STUB >> 39 & 511)] = shared.top | _TABLE
        self._directories = {}      # address >> 30 -> word index of the page directory
        self._tables = {}           # address >> 21 -> word index of the page table
        self._uppers = {}           # address >> 39 -> guest-physical address

    # a leaf entry for each page of a range

    def fill(self, start: int, end: int, physical: int, bits: int) -> None:
        """Map ``[start, end)`` to guest-physical memory from ``physical`` on. bits: of :func:`flags`.

        Pages of 2 MiB where both sides are at a multiple of that and no page table is there yet.
        """
        large = not (start - physical) % HUGE
        while start < end:
            stop = min(end, (start & -HUGE) + HUGE)
            if large and stop - start == HUGE and start >> 21 not in self._tables:
                start, physical = self._fill_large(start, end, physical, bits)
                continue
            at = self._table(start)
            first, count = start >> 12 & 511, stop - start >> 12
            if bits:
                entry = physical | bits
                self.words[at + first:at + first + count] = array("Q", range(entry, entry + (count << 12), 4096))
            else:
                self.words[at + first:at + first + count] = _EMPTY[:count]
            physical += stop - start
            start = stop

    def _fill_large(self, start: int, end: int, physical: int, bits: int) -> tuple:
        """As many pages of 2 MiB as follow each other in one directory. Where to go on."""
        number, limit = start >> 21, min(end >> 21, (start >> 30) + 1 << 9)
        stop = number + 1
        while stop < limit and stop not in self._tables:
            stop += 1
        count = stop - number
        at = self._directory(start) + (number & 511)
        entry = physical | bits | _LARGE
        self.words[at:at + count] = array("Q", range(entry, entry + count * HUGE, HUGE)) if bits else _EMPTY[:count]
        return stop << 21, physical + count * HUGE

    def clear(self, start: int, end: int) -> bool:
        """No page of the range is mapped any more. Whether any was."""
        found = False
        words = self.words
        while start < end:
            at = self._directories.get(start >> 30)
            limit = min(end, ((start >> 30) + 1) << 30)
            if at is None:
                start = limit
                continue
            first = start >> 21 & 511
            last = first + (limit - 1 >> 21) - (start >> 21)
            for index, entry in enumerate(words[at + first:at + last + 1].tolist(), first):
                if not entry:
                    continue
                base = start >> 30 << 30 | index << 21
                low, high = max(start, base), min(limit, base + HUGE)
                if entry & _LARGE:
                    found = True
                    if high - low == HUGE:
                        words[at + index] = 0
                        continue
                    self._split(base, at + index, entry)
                table = self._tables[base >> 21] + (low >> 12 & 511)
                count = high - low >> 12
                piece = words[table:table + count]
                if any(piece):
                    found = True
                    piece[:] = _EMPTY[:count]
            start = limit
        return found

    def entry(self, address: int) -> int:
        """The leaf entry for an address; 0 where nothing is mapped."""
        at = self._directories.get(address >> 30)
        if at is None:
            return 0
        entry = self.words[at + (address >> 21 & 511)]
        if not entry or entry & _LARGE:
            return entry
        return self.words[self._tables[address >> 21] + (address >> 12 & 511)]

    # tables on the way to them

    def _split(self, base: int, at: int, entry: int) -> None:
        """One large page becomes 512 entries with the same meaning; then a table for good."""
        entry &= ~_LARGE
        page = self.shared.page()
        self.pages.append(page)
        word = page >> 3
        self.words[word:word + 512] = array("Q", range(entry, entry + HUGE, 4096))
        self._tables[base >> 21] = word
        self.words[at] = page | _TABLE

    def _table(self, address: int) -> int:
        number = address >> 21
        word = self._tables.get(number)
        if word is None:
            at = self._directory(address) + (number & 511)
            entry = self.words[at]
            if entry:
                self._split(number << 21, at, entry)
                return self._tables[number]
            page = self.shared.page()
            self.pages.append(page)
            word = self._tables[number] = page >> 3
            self.words[at] = page | _TABLE
        return word

    def _directory(self, address: int) -> int:
        number = address >> 30
        word = self._directories.get(number)
        if word is None:
            upper = self._uppers.get(number >> 9)
            if upper is None:
                upper = self._uppers[number >> 9] = self.shared.page()
                self.pages.append(upper)
                self.words[(self.cr3 >> 3) + (number >> 9)] = upper | _TABLE
            page = self.shared.page()
            self.pages.append(page)
            word = self._directories[number] = page >> 3
            self.words[(upper >> 3) + (number & 511)] = page | _TABLE
        return word

    def close(self) -> None:
        """Give the pages back. No processor may be using them."""
        self.shared.give(self.pages)
        self.pages = []
