"""A guest thread, on a processor that is its own until it ends."""
from __future__ import annotations

from skete.engine import Regs, Vcpu
from skete.engines.gate.layout import SLOT_CALL, SLOT_CALL_NR
from skete.engines.kvm import fpu

__all__ = ["KvmVcpu"]


class KvmVcpu(Vcpu):
    """running: it has been resumed and has not trapped;  kicked: it is to report Kicked
    used_ns: processor time in the guest

    posted, stopped, words, at, memory, given_at, calls: see engines/gate/post.py. While ``posted``, its processor may be
    running in the gate, and its registers cannot be had: ``settle`` has it make the call again."""

    def __init__(self, engine, space, processor, slot: tuple):
        self.engine, self.space, self.processor = engine, space, processor
        self.running = self.kicked = self.ended = False
        self.used_ns = self._shown_ns = 0
        self.retries = 0        # of one instruction, for page faults that were none: see space.page_fault
        self.retried = None
        self.orders = []        # threads that start with our next resume
        self.posted, self.stopped, self.expected = False, True, ()
        self.slot, self.at, self.address = slot         # see gates.py
        self.words, self._base = engine.memory.own64, 0
        self.memory, self.given_at = engine.memory.own, 8 * self.at + SLOT_CALL_NR + 8
        self.calls = self.words[self.at + SLOT_CALL // 8]

    def settle(self) -> None:
        if self.posted:
            self.engine.post.trap(self)

    def let_go(self) -> None:
        self.engine.runner.run(self, 0)

    @property
    def regs(self) -> Regs:
        self.settle()
        return self.processor.get_regs()

    @regs.setter
    def regs(self, regs: Regs) -> None:
        self.settle()
        self.processor.set_regs(regs)

    @property
    def rip(self) -> int:
        self.settle()
        return self.processor.get_program_rip()

    @property
    def fs_base(self) -> int:
        self.settle()
        return self.processor.get_base(False)

    @fs_base.setter
    def fs_base(self, address: int) -> None:
        self.settle()
        self.processor.set_base(False, address)
        self.known_by(address)

    def known_by(self, address: int) -> None:
        """The gate tells this thread from others by this FS base; 0: not at all."""
        if self.space.facts is not None:
            self.space.facts.base(self, self._base, address)
            self._base = address

    @property
    def gs_base(self) -> int:
        self.settle()
        return self.processor.get_base(True)

    @gs_base.setter
    def gs_base(self, address: int) -> None:
        self.settle()
        self.processor.set_base(True, address)

    def fpu(self) -> bytes:
        self.settle()
        device = self.engine.device
        return fpu.frame(self.processor.area(), device.frame_size, device.xcr0)

    def set_fpu(self, state: bytes | None) -> None:
        self.settle()
        processor, device = self.processor, self.engine.device
        before = processor.area()
        if state:
            processor.set_area(fpu.area(state, before, device.frame_size, device.xcr0))
        else:
            processor.set_area(fpu.initial(before))

    def resume(self, result: int | None = None) -> None:
        space = self.space
        if space.orders:
            space.forget_stale()
        if self.posted:
            if result is not None and not self.orders:
                return self.engine.post.answer(self, result)
            self.settle()
        self.engine.runner.run(self, result)
        if self.orders:
            children, self.orders = self.orders, []
            for child in children:
                if not child.ended:
                    self.engine.runner.run(child, None)

    def kick(self) -> None:
        if self.running and not self.kicked and not self.posted:
            self.kicked = True
            self.engine.runner.interrupt(self)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.engine.release(self)
            for child in self.orders:
                self.engine.runner.run(child, None)

    def cpu_ns(self) -> int:
        """Processor time that this thread has used, in ns. It never goes back, though it is measured in pieces."""
        running_ns = self.engine.runner.running_ns(self)      # first, for it may add to used_ns
        self._shown_ns = max(self._shown_ns, self.used_ns + running_ns)
        return self._shown_ns
