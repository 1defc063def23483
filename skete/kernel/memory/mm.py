"""The memory of a process: which guest address stands on which frame, and the primitives that change it.

The one picture kept twice is the engine's: whoever changes the vma list here tells ``space`` in the same breath.
What a page fault changes is in pagefault.py, what mmap(2) and its kin check in memory.py.
"""
from __future__ import annotations

from errno import ENOMEM

from skete.engine import PAGE
from skete.kernel.memory.access import NOWHERE, Access
from skete.kernel.memory.vma import NO_FRAME, Vma, VmaList

__all__ = ["MAP_COUNT", "MMAP_TOP", "Mm", "PIECE", "RESERVATION", "STACK_GROWN", "STACK_SIZE", "STACK_TOP", "page_up"]

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
        self.rlimits = None             # of its process, where they are not the first ones: process.rlimits
        self.brought = 0                # how often a page fault has made pages accessible
        self.futexes = {}               # private ones: address -> queue (skete.kernel.futex.futex)
        self.patches = None             # skete.kernel.rewrite.Patches, once a site has been looked at
        self.policies = None            # skete.kernel.memory.mempolicy: [(start, end, Policy)], once there was one
        self.aio = None                 # {address: skete.kernel.files.aio.Context}, once there is one
        self.sets_fs = [], False        # executable ranges, and whether one of them has a wrfsbase: skete.kernel.answers
        self.users = 1                  # processes that live in it: skete.kernel.memory.mm_fork

    def forget(self) -> None:
        """The vma list has changed: the last access says nothing about the next."""
        self.last = NOWHERE

    # the primitives behind mmap and its kin: whole pages, already checked

    def add(self, start: int, length: int, prot: int, shared: bool = False, name: str = "", charge: bool = True,
            top: bool = True, grows: bool = False, grows_down: bool = False) -> Vma:
        """Map fresh zeroed frames at a free range: see ``put``. ENOMEM"""
        charge = charge and (shared or self.counts(prot))
        return self.put(Vma(start, start + length, prot, NO_FRAME, shared, bool(prot), charge, name,
                            grows_down=grows_down), top, grows)

    def put(self, vma: Vma, top: bool = True, grows: bool = False, near: int = -1) -> Vma:
        """Map a vma where nothing is; one that has no frames gets fresh zeroed ones. They follow on those of its neighbour
        if possible: with ``top``, the one above, else the one below, or what ``near`` says; else they have room to go on,
        if it ``grows``. ENOMEM"""
        start, end = vma.start, vma.end
        length = end - start
        if vma.charged:
            self.charge(length)
        if vma.delta is NO_FRAME and (vma.prot or length < RESERVATION):
            if near < 0:
                neighbour = self.vmas.at(end if top else start - 1)
                if neighbour is not None and neighbour.delta is not NO_FRAME \
                        and neighbour.grows_down == vma.grows_down:
                    near = (end if top else start) + neighbour.delta
            try:
                vma.delta = self.frames.take(length, top, near, grows) - start
            except OSError:
                if vma.charged:
                    self.charged -= length
                raise
        if vma.shown:
            self.space.map(start, length, vma.prot, start + vma.delta)
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
        """Change the protection of mapped pages; there must be no hole. ENOMEM, and then nothing has changed"""
        end, counts = start + length, self.counts(prot)
        more = 0
        if counts:
            more = sum(min(v.end, end) - max(v.start, start)
                       for v in self.vmas.within(start, end) if self._newly_charged(v))
            if more:
                self.charge(more)
        try:
            if self.patches is not None:
                self.patches.touched(self, start, end)
            frames = self._frames_for(start, end, prot) if prot else {}
        except OSError:
            self.charged -= more
            raise
        pieces = self.vmas.cut(start, end)
        self.last = NOWHERE
        for vma in pieces:
            size = vma.end - vma.start
            if counts and self._newly_charged(vma):
                vma.charged = True
            new = frames.get(vma.start)
            if new is not None:
                if vma.delta is not NO_FRAME:       # others stand on the old ones
                    old = vma.start + vma.delta
                    if not vma.absent:
                        self.copy(old, new, size)
                    self.frames.give(old, size)
                vma.delta, vma.shown = new - vma.start, False
            if prot and not vma.shown and not vma.absent:
                self.space.map(vma.start, size, prot, vma.start + vma.delta)
                vma.shown = True
            elif vma.shown and prot != vma.prot:
                self.space.protect(vma.start, size, prot)
            vma.prot = prot
        self.vmas.put(pieces)

    def _frames_for(self, start: int, end: int, prot: int) -> dict:
        """{start of a piece: frames}, for those of [start, end) that need new ones to have this protection. ENOMEM"""
        found, before = {}, (0, 0)
        try:
            for vma in self.vmas.within(start, end):
                first, last = max(vma.start, start), min(vma.end, end)
                if vma.delta is NO_FRAME:
                    if vma.absent:
                        continue
                    left = self.vmas.at(first - 1)
                    near = before[1] if before[0] == first else \
                        first + left.delta if left and left.delta is not NO_FRAME else -1
                    new = self.frames.take(last - first, False, near)
                    before = last, new + last - first
                elif prot & 2 and not vma.shared and self.frames.held_twice(first + vma.delta, last - first):
                    new = self.frames.take(last - first)
                else:
                    continue
                found[first] = new
        except OSError:
            for first, new in found.items():
                self.frames.give(new, min(self.vmas.at(first).end, end) - first)
            raise
        return found

    def empty(self, start: int, end: int) -> None:
        """Drop the content of private pages: anonymous ones read as zero again, those of a file as the file. Holes are
        fine. ENOMEM, and then nothing has changed"""
        pieces = []
        try:
            for vma in self.vmas.within(start, end):
                if vma.delta is NO_FRAME or vma.shared or vma.source is None and vma.name[:1] not in ("", "["):
                    continue
                first, last, new = max(vma.start, start), min(vma.end, end), -1
                if vma.source is None and self.frames.held_twice(first + vma.delta, last - first):
                    new = self.frames.take(last - first)
                pieces.append((vma, first, last, new))
        except OSError:
            for _, first, last, new in pieces:
                if new >= 0:
                    self.frames.give(new, last - first)
            raise
        for vma, first, last, new in pieces:
            if vma.source is not None:
                self.lose(first, last)
            elif new >= 0:
                self._replace(new, first, last)
            else:
                self.frames.discard(first + vma.delta, last - first)

    def lose(self, start: int, end: int) -> None:
        """The pages of a file there are not here any more: whoever touches them asks for them again."""
        if self.patches is not None:
            self.patches.removed(self, start, end)
        pieces = self.vmas.cut(start, end)
        self.last = NOWHERE
        self.hide(pieces)
        for vma in pieces:
            length = vma.end - vma.start
            if not vma.shared and not vma.absent and vma.delta is not NO_FRAME:
                frame = vma.start + vma.delta
                if self.frames.held_twice(frame, length):
                    self.frames.give(frame, length)
                    vma.delta = NO_FRAME
                else:
                    self.frames.discard(frame, length)
            vma.absent, vma.shown = True, False
        self.vmas.put(pieces)

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

    def _replace(self, new: int, start: int, end: int) -> None:
        """Give private pages, which somebody else holds too, these frames in place of the old ones."""
        for vma in self.vmas.cut(start, end):
            length = vma.end - vma.start
            self.frames.give(vma.start + vma.delta, length)
            vma.delta = new - start
            if vma.shown:
                self.space.map(vma.start, length, vma.prot, vma.start + vma.delta)
            self.vmas.insert(vma)
        self.last = NOWHERE

    def check_count(self, start: int, end: int) -> None:
        """Before [start, end) is cut out: there may be no more mappings than Linux allows. ENOMEM"""
        if len(self.vmas) >= MAP_COUNT:
            first, last = self.vmas.at(start), self.vmas.at(end - 1)
            if first is not None and first.start < start or last is not None and last.end > end:
                raise OSError(ENOMEM, f"{MAP_COUNT} mappings")

    def is_free(self, start: int, end: int, clear: bool = False) -> bool:
        """Whether nothing is mapped in [start, end) and the engine does not keep any of it. clear: nor does something
        grow down to it."""
        return not self.vmas.within(start, end) and not self.is_reserved(start, end) \
            and (not clear or self.vmas.clear_of(end))

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
            if not self.is_free(old, new + PAGE, True):
                raise OSError(ENOMEM, "a mapping is in the way")
            self.add(old, new - old, 3, name="[heap]", top=False, grows=True)
        self.brk = addr
        return addr

    def close(self) -> None:
        """The process has ended: hold no view of guest memory any more, so that it can go, and no file."""
        for context in (self.aio or {}).values():
            context.close()
        for vma in self.vmas:
            if vma.backing is not None and vma.delta is not NO_FRAME:
                vma.backing.unmapped(vma.start + vma.delta, vma.end - vma.start)
            vma.source = None
        self.last = NOWHERE
        self.ram32.release()
        self.ram64.release()

    def clear(self) -> None:
        """Unmap everything: the process has ended or executes another program. Neighbouring frames are given back at
        once, since emptying them is a host call."""
        extents, backings = [], set()
        for vma in self.vmas:
            length = vma.end - vma.start
            if vma.charged:
                self.charged -= length
            if vma.delta is not NO_FRAME:
                frame = vma.start + vma.delta
                if vma.backing is not None:
                    vma.backing.unmapped(frame, length)
                    backings.add(vma.backing)
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
        for backing in backings:
            backing.let_go()
        self.last = NOWHERE
