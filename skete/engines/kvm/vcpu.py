"""A guest thread, on a processor that is its own until it ends."""
from __future__ import annotations

from skete.engine import Regs, Vcpu
from skete.engines.kvm import fpu

__all__ = ["KvmVcpu"]


class KvmVcpu(Vcpu):
    """running: it has been resumed and has not trapped;  kicked: it is to report Kicked
    used_ns: processor time in the guest"""

    def __init__(self, engine, space, processor):
        self.engine, self.space, self.processor = engine, space, processor
        self.running = self.kicked = self.ended = False
        self.used_ns = self._shown_ns = 0
        self.retries = 0        # of one instruction, for page faults that were none: see space.page_fault
        self.retried = None
        self.children = []      # threads that start with our next resume

    @property
    def regs(self) -> Regs:
        return self.processor.get_regs()

    @regs.setter
    def regs(self, regs: Regs) -> None:
        self.processor.set_regs(regs)

    @property
    def fs_base(self) -> int:
        return self.processor.get_base(False)

    @fs_base.setter
    def fs_base(self, address: int) -> None:
        self.processor.set_base(False, address)

    @property
    def gs_base(self) -> int:
        return self.processor.get_base(True)

    @gs_base.setter
    def gs_base(self, address: int) -> None:
        self.processor.set_base(True, address)

    def fpu(self) -> bytes:
        device = self.engine.device
        return fpu.frame(self.processor.area(), device.frame_size, device.xcr0)

    def set_fpu(self, state: bytes | None) -> None:
        processor, device = self.processor, self.engine.device
        before = processor.area()
        if state:
            processor.set_area(fpu.area(state, before, device.frame_size, device.xcr0))
        else:
            processor.set_area(fpu.initial(before))

    def resume(self, result: int | None = None) -> None:
        space = self.space
        if space.stale:
            space.forget_stale()
        self.engine.run(self, result)
        if self.children:
            children, self.children = self.children, []
            for child in children:
                if not child.ended:
                    self.engine.run(child, None)

    def kick(self) -> None:
        if self.running and not self.kicked:
            self.kicked = True
            self.engine.interrupt(self)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.engine.release(self)
            for child in self.children:
                self.engine.run(child, None)

    def cpu_ns(self) -> int:
        """Processor time that this thread has used, in ns. It never goes back, though it is measured in pieces."""
        running_ns = self.engine.running_ns(self)      # first, for it may add to used_ns
        self._shown_ns = max(self._shown_ns, self.used_ns + running_ns)
        return self._shown_ns
