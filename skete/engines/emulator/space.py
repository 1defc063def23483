"""An address space: regions, which the processor asks for page by page. And its threads."""
from __future__ import annotations

from skete.engine import AddressSpace, Regs
from skete.engines.emulator.vcpu import EmulatorVcpu
from skete.engines.regions import Regions

__all__ = ["EmulatorSpace"]


class EmulatorSpace(AddressSpace):
    """stale: the processor may remember what is not so any more
    loose: some text can be written. So the monitor may write to it too, which the processor does not see."""

    def __init__(self, engine):
        self.engine = engine
        self.regions = Regions()
        self.vcpus = []
        self.stale = self.loose = self.dead = False
        self.used_ns = 0            # processor time of threads that have ended

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        if self.regions.set(start, start + length, prot, frame - start):
            self.stale = True
        self.loose |= prot & 6 == 6

    def unmap(self, start: int, length: int) -> None:
        if self.regions.cut(start, start + length):
            self.stale = True

    def protect(self, start: int, length: int, prot: int) -> None:
        for low, high, _, delta in self.regions.cut(start, start + length):
            self.regions.set(low, high, prot, delta)
            if prot & 4:
                self.engine.processor.changed(low + delta, high - low)
        self.stale = True
        self.loose |= prot & 6 == 6

    def peek(self, address: int, length: int) -> bytes:
        """What is mapped at an address, up to the end of that mapping."""
        region = self.regions.at(address)
        if region is None:
            return b""
        _, end, _, delta = region
        return bytes(self.engine.ram[address + delta:min(address + length, end) + delta])

    # ---- threads ----

    def vcpu(self, regs: Regs, fs_base: int = 0, parent: EmulatorVcpu | None = None) -> EmulatorVcpu:
        vcpu = self._thread(regs, fs_base, parent)
        if parent is not None:
            parent.children.append(vcpu)
        return vcpu

    def fork(self, parent: EmulatorVcpu, regs: Regs, fs_base: int, mappings) -> EmulatorVcpu:
        space = self.engine.space()
        for start, length, prot, frame, _ in mappings:
            space.map(start, length, prot, frame)
        return space._thread(regs, fs_base, parent)

    def _thread(self, regs: Regs, fs_base: int, parent: EmulatorVcpu | None) -> EmulatorVcpu:
        vcpu = EmulatorVcpu(self, parent)
        vcpu.regs = regs
        vcpu.fs_base = fs_base
        self.vcpus.append(vcpu)
        self.engine.threads += 1
        return vcpu

    def cpu_ns(self) -> int:
        """Processor time of all its threads, in ns."""
        return self.used_ns + sum(vcpu.used_ns for vcpu in self.vcpus)

    def kill(self) -> None:
        if not self.dead:
            self.dead = True
            for vcpu in list(self.vcpus):
                self.engine.release(vcpu)
            self.engine.forget(self)
