"""The sorted list of a process's mapped ranges. Pure arithmetic: no engine, no memory.

A vma's frames are linear: guest address ``a`` stands on frame ``a + delta``. So splitting one costs nothing, and two
neighbours can be one exactly when their deltas, protections and flags agree.
"""
from __future__ import annotations

from _bisect import bisect_right

__all__ = ["GUARD", "LOCKED", "NOT_FORKED", "NO_FRAME", "WIPED", "Vma", "VmaList"]

#: delta of a range that has no frames (a huge PROT_NONE reservation)
NO_FRAME = None
#: what a child gets of it, as bits of ``on_fork``: fresh pages (MADV_WIPEONFORK), nothing at all (MADV_DONTFORK)
WIPED, NOT_FORKED = 1, 2
#: another bit there, which no child has: mlock(2) has locked it
LOCKED = 4
#: what stays free below a mapping that grows down: Linux's stack_guard_gap, 256 pages
GUARD = 256 << 12


class Vma:
    """[start, end) guest virtual; prot: PROT_*; shared: MAP_SHARED; shown: the engine has it mapped.

    delta: frame minus address, or NO_FRAME.  name: what /proc/PID/maps calls it ("" for anonymous).
    charged: counts against the memory limit.  backing: what a shared mapping of a file stands on
        (skete.kernel.memory.shared)
    sealed: it is of a file that is not open for writing, and cannot become writable
    on_fork: WIPED, NOT_FORKED, LOCKED;  grows_down: MAP_GROWSDOWN
    source: the file that a private mapping is of (skete.kernel.memory.filemap.Source), or None;  shift: offset in that
        file minus address;  absent: no page of it is here: they are past the end of its file, or have not been read.
        Never shown
    """
    __slots__ = ("start", "end", "prot", "delta", "shared", "shown", "charged", "name", "backing", "sealed",
                 "on_fork", "grows_down", "source", "shift", "absent")

    def __init__(self, start: int, end: int, prot: int, delta, shared: bool = False, shown: bool = True,
                 charged: bool = False, name: str = "", backing=None, sealed: bool = False,
                 on_fork: int = 0, grows_down: bool = False, source=None, shift: int = 0, absent: bool = False):
        self.start, self.end, self.prot, self.delta = start, end, prot, delta
        self.shared, self.shown, self.charged, self.name = shared, shown, charged, name
        self.backing, self.sealed, self.on_fork, self.grows_down = backing, sealed, on_fork, grows_down
        self.source, self.shift, self.absent = source, shift, absent

    def __repr__(self):
        return f"Vma({self.start:#x}-{self.end:#x} prot {self.prot} delta {self.delta} {self.name})"

    def piece(self, start: int, end: int) -> Vma:
        """A copy that covers only [start, end)."""
        return Vma(start, end, self.prot, self.delta, self.shared, self.shown, self.charged, self.name,
                   self.backing, self.sealed, self.on_fork, self.grows_down, self.source, self.shift, self.absent)

    def joins(self, right: Vma) -> bool:
        """Whether ``right``, which begins where this ends, can be part of this one."""
        return (self.end == right.start and self.delta == right.delta and self.prot == right.prot
                and self.shown == right.shown and self.absent == right.absent and self.alike(right))

    def alike(self, other: Vma) -> bool:
        """Whether the two, where they touch, are one mapping to a program: frames apart, they agree in everything."""
        return (self.prot == other.prot and self.shared == other.shared and self.charged == other.charged
                and self.name == other.name and self.backing is other.backing and self.sealed == other.sealed
                and self.on_fork == other.on_fork and self.grows_down == other.grows_down
                and self.source is other.source and self.shift == other.shift)


class VmaList:
    """Vmas in address order, never overlapping. size: their bytes in all"""
    __slots__ = ("starts", "vmas", "size")

    def __init__(self):
        self.starts, self.vmas, self.size = [], [], 0

    def __iter__(self):
        return iter(self.vmas)

    def __len__(self):
        return len(self.vmas)

    def at(self, addr: int) -> Vma | None:
        """The vma that covers this address."""
        i = bisect_right(self.starts, addr) - 1
        if i >= 0:
            vma = self.vmas[i]
            if addr < vma.end:
                return vma
        return None

    def index(self, addr: int) -> int:
        """Index of the first vma that ends above this address."""
        i = bisect_right(self.starts, addr) - 1
        return i if i >= 0 and self.vmas[i].end > addr else i + 1

    def within(self, start: int, end: int) -> list:
        """The vmas that touch [start, end), whole, in order."""
        i = self.index(start)
        found = []
        while i < len(self.vmas) and self.starts[i] < end:
            found.append(self.vmas[i])
            i += 1
        return found

    def covers(self, start: int, end: int) -> bool:
        """Whether [start, end) is mapped without a hole."""
        for vma in self.within(start, end):
            if vma.start > start:
                return False
            start = vma.end
        return start >= end

    def mapping(self, vma: Vma) -> tuple:
        """[start, end) of what a program sees as one mapping, of which this is a part."""
        i = self.index(vma.start)
        first = last = i
        while first and self.vmas[first - 1].end == self.vmas[first].start and self.vmas[first - 1].alike(vma):
            first -= 1
        while last + 1 < len(self.vmas) and self.vmas[last].end == self.starts[last + 1] \
                and self.vmas[last + 1].alike(vma):
            last += 1
        return self.vmas[first].start, self.vmas[last].end

    def cut(self, start: int, end: int) -> list:
        """Take [start, end) out and return the removed pieces; what straddles an edge is split."""
        first = i = self.index(start)
        vmas, keep, out = self.vmas, [], []
        while i < len(vmas) and vmas[i].start < end:
            vma = vmas[i]
            if vma.start < start:
                keep.append(vma.piece(vma.start, start))
            if vma.end > end:
                keep.append(vma.piece(end, vma.end))
            if vma.start < start or vma.end > end:
                vma = vma.piece(max(vma.start, start), min(vma.end, end))
            out.append(vma)
            self.size -= vma.end - vma.start
            i += 1
        self.vmas[first:i] = keep
        self.starts[first:i] = [v.start for v in keep]
        return out

    def insert(self, vma: Vma) -> Vma:
        """Put a vma where nothing is, joined with its neighbours where possible. Returns the one that stands there."""
        starts, vmas = self.starts, self.vmas
        self.size += vma.end - vma.start
        i = bisect_right(starts, vma.start)
        if i and vmas[i - 1].joins(vma):
            i -= 1
            vma = vmas[i].piece(vmas[i].start, vma.end)
            vmas[i] = vma
        else:
            starts.insert(i, vma.start)
            vmas.insert(i, vma)
        if i + 1 < len(vmas) and vma.joins(vmas[i + 1]):
            vma = vma.piece(vma.start, vmas[i + 1].end)
            vmas[i] = vma
            del starts[i + 1], vmas[i + 1]
        return vma

    def put(self, pieces: list) -> None:
        """Put back what :meth:`cut` has taken out, changed perhaps: as :meth:`insert` of each, but moves the list once."""
        if not pieces:
            return
        self.size += sum(vma.end - vma.start for vma in pieces)
        at = bisect_right(self.starts, pieces[0].start)
        low, high = max(at - 1, 0), at + 1
        joined = []
        for vma in (*self.vmas[low:at], *pieces, *self.vmas[at:high]):
            if joined and joined[-1].joins(vma):
                vma = joined[-1].piece(joined.pop().start, vma.end)
            joined.append(vma)
        self.vmas[low:high] = joined
        self.starts[low:high] = [vma.start for vma in joined]

    def clear_of(self, end: int) -> bool:
        """Whether what ends here leaves a mapping above it room to grow down."""
        i = bisect_right(self.starts, end - 1)
        return i == len(self.vmas) or not self.vmas[i].grows_down or self.starts[i] - GUARD >= end

    def gap_below(self, top: int, length: int, lowest: int) -> int | None:
        """The highest free start with start + length <= top, GUARD bytes clear of what grows down to it; None if full."""
        vmas = self.vmas
        i = bisect_right(self.starts, top - 1) - 1
        end = top
        if i + 1 < len(vmas) and vmas[i + 1].grows_down:
            end = min(end, vmas[i + 1].start - GUARD)
        while i >= 0:
            vma = vmas[i]
            if end - length >= vma.end:
                break
            end = min(end, vma.start - GUARD if vma.grows_down else vma.start)
            i -= 1
        start = end - length
        return start if start >= lowest else None
