"""An address space: what is mapped, as regions; and the page tables, filled from them when the guest comes by.

Mapping only notes the region, but for a little at its start: 64 GiB cost what is touched. A page fault on an address
that may be accessed so is not the program's; it fills a piece of the tables and is over.

Entries that go away leave translations behind. A frame that is discarded has none afterwards (the file's pages go);
for the others, ``orders`` keeps what has to be forgotten before any thread of the space runs on.
"""
from __future__ import annotations

import errno

from skete.engine import AddressSpace, Regs
from skete.engines.kvm import tables
from skete.engines.kvm.layout import HUGE, RAM_AT
from skete.engines.kvm.vcpu import KvmVcpu
from skete.engines.regions import Regions

__all__ = ["KvmSpace"]

#: what is filled at once, where large pages are possible or not: when something is mapped, and around a fault
_EAGER_LARGE, _EAGER_SMALL = 4 * HUGE, HUGE // 2
_AROUND_LARGE, _AROUND_SMALL = 32 * HUGE, HUGE
#: from this size on, the host is asked for large pages
_WORTH_HUGE = 8 * HUGE
#: page faults in a row, at one instruction, that the tables do not explain, before the program hears of them
_RETRIES = 16

_WRITE_ACCESS, _FETCH = 2, 16


class KvmSpace(AddressSpace):
    def __init__(self, engine):
        self.engine = engine
        self.tables = tables.PageTables(engine.shared)
        try:
            self.gate = engine.gates.show(engine, self.tables)
        except OSError:
            self.tables.close()
            raise
        self.facts = self.gate.facts
        self.regions = Regions()
        self.vcpus = []
        self.orders = []            # (frame, end): what is to be forgotten
        self.used_ns = 0            # processor time of threads that have ended
        self.dead = False

    # ---- mapping ----

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        end = start + length
        replaced = self.regions.set(start, end, prot, frame - start)
        if replaced:
            self._drop(replaced)
        if prot:
            self._fill_early(start, end, prot, frame - start)

    def unmap(self, start: int, length: int) -> None:
        self._drop(self.regions.cut(start, start + length))

    def protect(self, start: int, length: int, prot: int) -> None:
        end = start + length
        for low, high, before, delta in self.regions.cut(start, end):
            self.regions.set(low, high, prot, delta)
            if before == prot:
                continue
            found = self.tables.clear(low, high)
            if found and before & ~prot & 7:
                self.orders.append((low + delta, high + delta))
            if found and prot:
                self._fill_early(low, high, prot, delta)

    def _drop(self, pieces: list) -> None:
        for start, end, _, delta in pieces:
            if self.tables.clear(start, end):
                self.orders.append((start + delta, end + delta))

    def discarded(self, start: int, end: int) -> None:
        """These frames are gone from everybody's sight."""
        left = []
        for low, high in self.orders:
            if low < start:
                left.append((low, min(high, start)))
            if high > end:
                left.append((max(low, end), high))
        self.orders = left

    def is_stale(self, start: int, end: int) -> bool:
        return any(low < end and start < high for low, high in self.orders)

    def forget_stale(self) -> None:
        self.engine.runner.pause(self)
        stale, self.orders = self.orders, []
        for start, end in stale:
            self.engine.memory.forget(RAM_AT + start, end - start)

    def _fill_early(self, start: int, end: int, prot: int, delta: int) -> None:
        """What is small; of what is larger its end, as it may be a stack."""
        if end - start > (_EAGER_SMALL if delta % HUGE else _EAGER_LARGE):
            if not prot & 2:
                return
            start = max(start, end - 1 & -HUGE)
        try:
            self._fill(start, end, prot, delta)
        except tables.NoRoom:
            pass                    # it was early: whoever touches it will see

    def _fill(self, start: int, end: int, prot: int, delta: int) -> None:
        physical = RAM_AT + start + delta
        self.engine.memory.cover(physical, end - start)
        self.tables.fill(start, end, physical, tables.flags(prot))

    def peek(self, address: int, length: int) -> bytes:
        """What is mapped at an address, up to the end of that mapping."""
        region = self.regions.at(address)
        if region is None:
            return b""
        _, end, _, delta = region
        return bytes(self.engine.ram[address + delta:min(address + length, end) + delta])

    # ---- page faults ----

    def page_fault(self, vcpu, address: int, error: int) -> bool:
        """Make the access possible if it is allowed. Else the fault is the program's: False."""
        region = self.regions.at(address)
        if region is None:
            return False
        start, end, prot, delta = region
        needed = 2 if error & _WRITE_ACCESS else 4 if error & _FETCH else 7
        if not prot & needed:
            return False
        if self.tables.entry(address):
            # It is there: filled for another thread meanwhile, or the processor remembered what was before.
            where = address, error, vcpu.processor.frame()[0]
            vcpu.retries = vcpu.retries + 1 if where == vcpu.retried else 0
            vcpu.retried = where
            return vcpu.retries < _RETRIES
        large = not delta % HUGE
        size = _AROUND_LARGE if large else _AROUND_SMALL
        low = max(start, address & -size)
        high = min(end, (address & -size) + size)
        if large and end - start >= _WORTH_HUGE and prot & 2:
            first, last = low + HUGE - 1 & -HUGE, high & -HUGE
            if first < last:
                self.engine.memory.huge(RAM_AT + first + delta, last - first)
        try:
            self._fill(low, high, prot, delta)
        except tables.NoRoom as error:
            if len(self.engine.spaces) == 1:
                raise
            self.engine.foul(vcpu, str(error))
        return True

    # ---- threads ----

    def vcpu(self, regs: Regs, fs_base: int = 0, parent: KvmVcpu | None = None) -> KvmVcpu:
        vcpu = self._thread(regs, fs_base, parent)
        if parent is not None:
            vcpu.running = True         # a kick from now on is not lost
            parent.orders.append(vcpu)
        return vcpu

    def fork(self, parent: KvmVcpu, regs: Regs, fs_base: int, mappings) -> KvmVcpu:
        space = self.engine.space()
        try:
            vcpu = space._thread(regs, fs_base, parent)
        except OSError:
            space.kill()
            raise
        for start, length, prot, frame, _ in mappings:
            space.map(start, length, prot, frame)
        return vcpu

    def _thread(self, regs: Regs, fs_base: int, parent: KvmVcpu | None) -> KvmVcpu:
        engine = self.engine
        processor = engine.processor()
        if processor is None:
            raise OSError(errno.EAGAIN, f"KVM has {engine.limit} virtual processors here")
        try:
            slot = self.gate.slot()
        except OSError:
            engine.give_back(processor)
            raise
        vcpu = KvmVcpu(engine, self, processor, slot)
        processor.begin(regs, self.tables.cr3, fs_base, parent and parent.processor)
        self.vcpus.append(vcpu)
        if self.facts is not None:
            self.facts.thread(vcpu, len(self.vcpus) == 1)
            vcpu.known_by(fs_base)
        engine.threads += 1
        return vcpu

    def left(self, vcpu: KvmVcpu) -> None:
        """A thread has ended."""
        vcpu.known_by(0)
        self.vcpus.remove(vcpu)
        self.gate.leave(vcpu.slot)

    def cpu_ns(self) -> int:
        """Processor time of all its threads, in ns."""
        return self.used_ns + sum(vcpu.cpu_ns() for vcpu in self.vcpus)

    def kill(self) -> None:
        if not self.dead:
            self.dead = True
            self.engine.stop(self)
            self.tables.close()
            self.gate.close()
