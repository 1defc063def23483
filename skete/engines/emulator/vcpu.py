"""A guest thread: a saved state of the processor, which is loaded when it is this thread's turn or somebody asks."""
from __future__ import annotations

from skete.engine import Regs, Vcpu

__all__ = ["EmulatorVcpu", "INITIAL"]

#: a processor's floating point state after reset, as Linux starts programs: FCW 0x37f, MXCSR 0x1f80
INITIAL = b"\x7f\x03".ljust(24, b"\0") + b"\x80\x1f\0\0\xff\xff\0\0".ljust(488, b"\0")
_MXCSR = 24


class EmulatorVcpu(Vcpu):
    """at: where it goes on;  running: it has been resumed and has not trapped;  kicked: it is to report Kicked
    used_ns: processor time in the guest;  children: threads that start with our next resume"""

    def __init__(self, space, parent):
        self.space = space
        self.engine = engine = space.engine
        self.context = engine.context_of(parent)
        self.at = 0
        self.running = self.kicked = self.ended = False
        self.used_ns = 0
        self.children = []

    @property
    def regs(self) -> Regs:
        regs = self.engine.load(self).get_regs()
        regs.rip = self.at
        return regs

    @regs.setter
    def regs(self, regs: Regs) -> None:
        self.engine.load(self).set_regs(regs)
        self.at = regs.rip

    @property
    def rip(self) -> int:
        return self.at

    @property
    def fs_base(self) -> int:
        return self.engine.load(self).get_base(False)

    @fs_base.setter
    def fs_base(self, address: int) -> None:
        self.engine.load(self).set_base(False, address)

    @property
    def gs_base(self) -> int:
        return self.engine.load(self).get_base(True)

    @gs_base.setter
    def gs_base(self, address: int) -> None:
        self.engine.load(self).set_base(True, address)

    def fpu(self) -> bytes:
        return self.engine.load(self).get_fpu()

    def set_fpu(self, state: bytes | None) -> None:
        if state:
            state = bytearray(state[:len(INITIAL)].ljust(len(INITIAL), b"\0"))
            state[_MXCSR + 2:_MXCSR + 4] = b"\0\0"      # bits that there are not
        self.engine.load(self).set_fpu(state or INITIAL)

    def resume(self, result: int | None = None) -> None:
        if result is not None:
            self.engine.load(self).set_rax(result & 0xffff_ffff_ffff_ffff)
        self.engine.run(self)
        children, self.children = self.children, []
        for child in children:
            if not child.ended:
                self.engine.run(child)

    def kick(self) -> None:
        if self.running:
            self.kicked = True
            self.engine.interrupt(self)

    def end(self) -> None:
        if not self.ended:
            self.engine.release(self)
            for child in self.children:
                self.engine.run(child)

    def cpu_ns(self) -> int:
        """Processor time that this thread has used, in ns."""
        return self.used_ns
