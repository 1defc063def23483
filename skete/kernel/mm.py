"""The memory of a process: which guest address stands on which frame, and the primitives that change it.

The one picture kept twice is the engine's: whoever changes the vma list here tells ``space`` in the same breath.
What mmap(2) and its kin check is in memory.py.
"""
from __future__ import annotations

from errno import ENOMEM

from skete.engine import PAGE
from skete.kernel.access import NOWHERE, Access
from skete.kernel.vma import NO_FRAME, Vma, VmaList

__all__ = ["MAP_COUNT", "MMAP_TOP", "Mm", "PIECE", "STACK_GROWN", "STACK_SIZE", "STACK_TOP", "page_up"]

STACK_TOP = 0x7fff_ffff_f000
STACK_SIZE = 8 << 20
#: what Linux maps of a stack, beyond its content, when a program starts (fs/exec.c: stack_expand)
STACK_GROWN = 128 << 10
MMAP_TOP = 0x7fff_f7ff_f000
#: a PROT_NONE reservation from this size on gets its frames piece by piece, when it is made accessible
RESERVATION = 4 << 30

#: mappings of a process: Linux's default (vm.max_map_count) less what an engine maps for itself
MAP_COUNT = 65_000

#: what is copied in one go: the interpreter does nothing else meanwhile, not even end it
PIECE = 16 << 20

def page_up(n: int) -> int:
    """n, rounded up to whole pages."""
    return n + PAGE - 1 & -PAGE


def copier(ram):
    """Engine.copy for one that has none."""
    def copy(frame: int, to: int, length: int) -> None:
        for at in range(0, length, PIECE):
            n = min(PIECE, length - at)
            ram[to + at:to + at + n] = ram[frame + at:frame + at + n]
    return copy


class Mm(Access):
    """One address space's memory. ``space``: the engine's; ``frames``: the machine's free list, shared by all.

    limit: bytes of private memory that may be accessible (ENOMEM beyond; MAP_NORESERVE is not heeded), or None for
    Linux's heuristic: only a single request larger than ``physical`` bytes is refused, and only what can be written, or
    is a copy of a file, counts.
    """

    def __init__(self, engine, space, frames, limit: int | None = None, physical: int = 1 << 62):
        self.space, self.frames = space, frames
        self.ram, self.populate = engine.ram, engine.populate
        self.copy = engine.copy or copier(engine.ram)
        self.ram32, self.ram64 = engine.ram.cast("I"), engine.ram.cast("Q")
        self.low, self.high = engine.user_range
        self.reserved = sorted(engine.reserved)
        self.limit, self.physical = limit, physical
        self.charged = self.peak = 0    # bytes that count against the limit, now and at most
        self.vmas = VmaList()
        self.last = NOWHERE
        self.brk_start = self.brk = 0   # bytes, not rounded
        self.ungrown = 0                # bytes of the main stack that Linux would not have mapped yet
        self.locks_future = False       # mlockall(2) with MCL_FUTURE
        self.mmap_top = MMAP_TOP
        self.futexes = {}               # private ones: address -> queue (skete.kernel.futex)
        self.patches = None             # skete.kernel.rewrite.Patches, once a site has been looked at
        self.aio = None                 # {address: skete.kernel.aio.Context}, once there is one
        self.sets_fs = [], False        # executable ranges, and whether one of them has a wrfsbase: skete.kernel.answers
        self.users = 1                  # processes that live in it: skete.kernel.mm_fork

    def forget(self) -> None:
        """The vma list has changed: the last access says nothing about the next."""
        self.last = NOWHERE

    # the primitives behind mmap and its kin: whole pages, already checked

    def add(self, start: int, length: int, prot: int, shared: bool = False, name: str = "", charge: bool = True,
            top: bool = True, grows: bool = False, copy: bool = False) -> Vma:
        """Map fresh zeroed frames at a free range, next to its neighbour's if possible: with ``top``, the neighbour
        above, else the one below. copy: of a file, which uses memory even where it cannot be written. ENOMEM"""
        charge = copy or charge and (shared or self.counts(prot))
        if charge:
            self.charge(length)
        delta = NO_FRAME
        if prot or length < RESERVATION:
            end = start + length
            neighbour = self.vmas.at(end if top else start - 1)
            near = -1
            if neighbour is not None and neighbour.delta is not NO_FRAME:
                near = (end if top else start) + neighbour.delta
            try:
                delta = self.frames.take(length, top, near, grows) - start
            except OSError:
                if charge:
                    self.charged -= length
                raise
        vma = Vma(start, start + length, prot, delta, shared, bool(prot), charge, name)
        if prot:
            self.space.map(start, length, prot, start + delta)
        self.last = NOWHERE
        return self.vmas.insert(vma)

    def show(self, start: int, length: int, prot: int, frame: int, name: str = "") -> Vma:
        """Map frames, held for this mapping, privately at a free range."""
        self.last = NOWHERE
        if prot:
            self.space.map(start, length, prot, frame)
        return self.vmas.insert(Vma(start, start + length, prot, frame - start, False, bool(prot), False, name))

    def remove(self, start: int, length: int) -> None:
        """Unmap whatever is there; holes are fine. The frames go back."""
        if self.patches is not None:
            self.patches.removed(self, start, start + length)
        cut = self.vmas.cut(start, start + length)
        self.last = NOWHERE
        self.hide(cut)
        for vma in cut:
            self.release(vma)

    def hide(self, cut: list) -> None:
        """Take removed vmas from the guest's sight, with few calls to the engine: holes do not matter, but a range
        that the engine keeps for itself must not be touched."""
        begin = end = 0
        for vma in cut:
            if not vma.shown:
                continue
            if end and not any(a < vma.start and end < b for a, b in self.reserved):
                end = vma.end
                continue
            if end:
                self.space.unmap(begin, end - begin)
            begin, end = vma.start, vma.end
        if end:
            self.space.unmap(begin, end - begin)

    def release(self, vma: Vma) -> None:
        """Give back what a removed vma held."""
        length = vma.end - vma.start
        if vma.charged:
            self.charged -= length
        if vma.delta is not NO_FRAME:
            self.frames.give(vma.start + vma.delta, length)
            if vma.backing is not None:     # it holds its frames itself
                vma.backing.unmapped(vma.start + vma.delta, length)

    def counts(self, prot: int) -> bool:
        """Whether private memory with this protection is accounted for: what can be written, as Linux has it. Under a
        limit also what can be read, for that takes a page of the host as well here."""
        return bool(prot & 2) or self.limit is not None and bool(prot)

    def _newly_charged(self, vma: Vma) -> bool:
        """Whether it begins to count when its new protection does: not what counts already, nor what MAP_NORESERVE made
        writable."""
        return not (vma.charged or vma.shared or self.limit is None and vma.prot & 2)

    def charge(self, length: int) -> None:
        """Account for memory about to become accessible. ENOMEM"""
        if length > self.physical or self.limit is not None and self.charged + length > self.limit:
            raise OSError(ENOMEM, f"{length} bytes more than the limit leaves")
        self.charged += length
        if self.charged > self.peak:
            self.peak = self.charged

    def protect(self, start: int, length: int, prot: int) -> None:
        """Change the protection of mapped pages; there must be no hole. ENOMEM"""
        end = start + length
        more = 0
        if self.counts(prot):
            more = sum(min(v.end, end) - max(v.start, start)
                       for v in self.vmas.within(start, end) if self._newly_charged(v))
            if more:
                self.charge(more)
        if self.patches is not None:
            self.patches.touched(self, start, end)
        left = self.vmas.at(start - 1)
        pieces = self.vmas.cut(start, end)
        self.last = NOWHERE
        try:
            for vma in pieces:
                self._protect(vma, prot, left)
                left = vma
        finally:
            self.vmas.put(pieces)

    def _protect(self, vma: Vma, prot: int, left: Vma | None) -> None:
        """The same for a vma that has been taken out of the list. left: what stands before it"""
        size = vma.end - vma.start
        if self.counts(prot) and self._newly_charged(vma):
            vma.charged = True
        if prot & 2 and not vma.shared and vma.delta is not NO_FRAME \
                and self.frames.held_twice(vma.start + vma.delta, size):
            self._unshare(vma)
        if prot and not vma.shown:
            if vma.delta is NO_FRAME:
                near = vma.start + left.delta if left and left.delta is not NO_FRAME else -1
                vma.delta = self.frames.take(size, False, near) - vma.start
            self.space.map(vma.start, size, prot, vma.start + vma.delta)
            vma.shown = True
        elif vma.shown and prot != vma.prot:
            self.space.protect(vma.start, size, prot)
        vma.prot = prot

    def empty(self, start: int, end: int) -> None:
        """Drop the content of private anonymous pages: they read as zero again. Holes are fine."""
        for vma in self.vmas.within(start, end):
            if vma.delta is not NO_FRAME and not vma.shared and vma.name[:1] in ("", "["):
                first, last = max(vma.start, start), min(vma.end, end)
                if self.frames.held_twice(first + vma.delta, last - first):
                    self._replace(first, last)
                else:
                    self.frames.discard(first + vma.delta, last - first)

    def mark(self, start: int, end: int, on: int, off: int = 0) -> None:
        """Set and clear bits of ``on_fork``. Holes are fine."""
        pieces = self.vmas.cut(start, end)
        self.last = NOWHERE
        for vma in pieces:
            vma.on_fork = vma.on_fork & ~off | on
        self.vmas.put(pieces)

    def own(self, vma: Vma) -> None:
        """Give a private mapping that is shown frames of its own, with the same content. ENOMEM"""
        size = vma.end - vma.start
        new = self.frames.take(size)
        for vma in self.vmas.cut(vma.start, vma.end):
            old = vma.start + vma.delta
            self.copy(old, new, size)
            self.frames.give(old, size)
            vma.delta = new - vma.start
            self.space.map(vma.start, size, vma.prot, new)
            self.vmas.insert(vma)
        self.last = NOWHERE

    def _unshare(self, vma: Vma) -> None:
        """Give a private mapping, which is out of the list, frames of its own with the same content. ENOMEM"""
        length, old = vma.end - vma.start, vma.start + vma.delta
        new = self.frames.take(length)
        self.copy(old, new, length)
        self.frames.give(old, length)
        vma.delta, vma.shown = new - vma.start, False

    def _replace(self, start: int, end: int) -> None:
        """Give private pages, which somebody else holds too, fresh frames in place of the old ones. ENOMEM"""
        for vma in self.vmas.cut(start, end):
            length = vma.end - vma.start
            new = self.frames.take(length)
            self.frames.give(vma.start + vma.delta, length)
            vma.delta = new - vma.start
            if vma.shown:
                self.space.map(vma.start, length, vma.prot, new)
            self.vmas.insert(vma)
        self.last = NOWHERE

    def check_count(self, start: int, end: int) -> None:
        """Before [start, end) is cut out: there may be no more mappings than Linux allows. ENOMEM"""
        if len(self.vmas) >= MAP_COUNT:
            first, last = self.vmas.at(start), self.vmas.at(end - 1)
            if first is not None and first.start < start or last is not None and last.end > end:
                raise OSError(ENOMEM, f"{MAP_COUNT} mappings")

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing is mapped in [start, end) and the engine does not keep any of it."""
        return not self.vmas.within(start, end) and not self.is_reserved(start, end)

    def is_reserved(self, start: int, end: int) -> bool:
        """Whether the engine keeps any of [start, end) for itself, or it is outside what programs may use."""
        return start < self.low or end > self.high or any(a < end and start < b for a, b in self.reserved)

    def place(self, length: int, top: int = 0) -> int:
        """A free range, as high as possible below ``top`` (0: where mmap begins). ENOMEM"""
        top = top or self.mmap_top
        while True:
            start = self.vmas.gap_below(top, length, self.low)
            if start is None:
                raise OSError(ENOMEM, "the address space is full")
            in_the_way = [a for a, b in self.reserved if a < start + length and start < b]
            if not in_the_way:
                return start
            top = min(in_the_way)

    def set_break(self, addr: int) -> int:
        """Move the break, which is returned. ENOMEM where something is in the way or memory is used up."""
        old, new = page_up(self.brk), page_up(addr)
        if addr < self.brk_start or new > self.high:
            raise OSError(ENOMEM, "below the heap's start, or beyond user space")
        if new < old:
            self.remove(new, old - new)
        elif new > old:
            if not self.is_free(old, new + PAGE):
                raise OSError(ENOMEM, "a mapping is in the way")
            self.add(old, new - old, 3, name="[heap]", top=False, grows=True)
        self.brk = addr
        return addr

    def close(self) -> None:
        """The process has ended: hold no view of guest memory any more, so that it can go."""
        for vma in self.vmas:
            if vma.backing is not None and vma.delta is not NO_FRAME:
                vma.backing.unmapped(vma.start + vma.delta, vma.end - vma.start)
        self.ram32.release()
        self.ram64.release()

    def clear(self) -> None:
        """Unmap everything: the process has ended or executes another program. Neighbouring frames are given back at
        once, since emptying them is a host call."""
        extents = []
        for vma in self.vmas:
            length = vma.end - vma.start
            if vma.charged:
                self.charged -= length
            if vma.delta is not NO_FRAME:
                frame = vma.start + vma.delta
                if vma.backing is not None:
                    vma.backing.unmapped(frame, length)
                extents.append((frame, frame + length))
        self.vmas = VmaList()
        at = end = 0
        for start, stop in sorted(extents):
            if start != end:
                if end:
                    self.frames.give(at, end - at)
                at = start
            end = stop
        if end:
            self.frames.give(at, end - at)
        self.last = NOWHERE
