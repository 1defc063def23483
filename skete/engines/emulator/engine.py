"""The emulator engine: the threads of all address spaces in turns on one emulated processor.

All of it happens in the monitor's thread, inside :meth:`EmulatorEngine.wait`. A lone thread runs until it traps. Where there
are several that could run, each does for SLICE basic blocks at most, and their order depends on nothing but what they do and
when the monitor lets them go on.
"""
from __future__ import annotations

import select
from _collections import deque        # collections itself costs 1 ms
from time import monotonic, thread_time_ns

from skete.engine import Engine, Fault, Kicked, Syscall
from skete.engines import faults
from skete.engines.emulator import touched
from skete.engines.emulator.memory import Memory
from skete.engines.emulator.processor import Processor
from skete.engines.emulator.space import EmulatorSpace
from skete.engines.emulator.vcpu import INITIAL
from skete.engines.emulator.watcher import Watcher

__all__ = ["EmulatorEngine"]

#: basic blocks that a thread executes in its turn
SLICE = 20_000
#: and where there is nobody else
_LONG = 1 << 60
#: how often the caller's descriptors are looked at while threads keep trapping, in s
_LOOK_S = 0.001
_WRITE, _FETCH, _USER = 2, 16, 4
_MEM_WRITE, _MEM_FETCH = 17, 18
#: exceptions of which a second one would be a double fault, since Unicorn believes that the first is still to be delivered
_CONTRIBUTORY = frozenset((0, 10, 11, 12, 13))
_SIGSEGV, _SI_KERNEL, _PROTECTION = 11, 0x80, 13
_INT, _ICEBP = 0xcd, b"\xf1"
_FOR_PROGRAMS = frozenset((3, 4))       # int3 and into are programs' to execute


class EmulatorEngine(Engine):
    name = "emulator"
    user_range = (0x1_0000, faults.TASK_SIZE)
    reserved = []
    in_monitor = True

    def __init__(self):
        self.memory = self.processor = self._watcher = None
        self._open = True
        self._spaces = []
        self.threads = 0                # guest threads that have not ended
        self._ready = deque()           # vcpus that are to run, in their order
        self._loaded = None             # the vcpu whose state the processor has
        self._shown = None              # the space that its TLB is about
        self._used_ns = 0               # processor time of threads that have ended
        self._looked = 0.0              # when the caller's descriptors were last looked at
        try:
            self.memory = Memory()
            self.ram = self.memory.ram
            self.processor = Processor(self.memory)
            self.processor.set_fpu(INITIAL)
            self._start = self.processor.new_context()
        except BaseException:
            self.close()
            raise

    def discard(self, frame: int, length: int) -> None:
        self.processor.changed(frame, length)
        self.memory.discard(frame, length)

    def space(self) -> EmulatorSpace:
        space = EmulatorSpace(self)
        self._spaces.append(space)
        return space

    # ---- the loop ----

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while True:
            ready = self._ready
            if not ready:
                # Until something of the caller's comes: no guest thread can do anything.
                select.select(wake_fds, (), (), timeout_s)
                return None
            now = monotonic()
            if now - self._looked > _LOOK_S:
                self._looked = now
                if deadline is not None and now >= deadline or wake_fds and select.select(wake_fds, (), (), 0)[0]:
                    return None
            vcpu = ready[0]
            trap = Kicked() if vcpu.kicked else self._run(vcpu, deadline, wake_fds)
            if trap is not None:
                ready.popleft()
                vcpu.running = vcpu.kicked = False
                return vcpu, trap
            ready.rotate(-1)

    def _run(self, vcpu, deadline: float | None, fds: tuple):
        """A slice of a thread. What it trapped for, or None."""
        processor, space = self.load(vcpu), vcpu.space
        if space is not self._shown or space.stale:
            processor.regions = space.regions
            processor.flush_tlb()
            self._shown, space.stale = space, False
        if vcpu.at >= faults.TASK_SIZE:
            return _beyond(vcpu.at, _FETCH | _USER)
        blocks = SLICE              # short enough not to be cut, so that the order stays what it is
        if len(self._ready) == 1:
            blocks = _LONG
            if self._watcher is None:
                self._watcher = Watcher(processor.stop)
            self._watcher.arm(deadline, fds)
        start = thread_time_ns()
        try:
            processor.run(vcpu.at, blocks)
        finally:
            if self._watcher is not None:
                self._watcher.inside = False
            vcpu.used_ns += thread_time_ns() - start
        if processor.called:
            nr, *words, _, vcpu.at = processor.system_call()
            return Syscall(nr, tuple(words))
        vcpu.at = processor.get_rip()
        if processor.vector >= 0:
            return self._exception(vcpu, processor.vector)
        self._looked = 0.0
        return None

    def _exception(self, vcpu, vector: int) -> Fault:
        processor, rip = self.processor, vcpu.at
        address = error = code = flags = 0
        if vector in _CONTRIBUTORY:
            processor.renew(self._start)
        if processor.missed is None and vector not in _FOR_PROGRAMS \
                and vcpu.space.peek(rip - 2, 2) == bytes((_INT, vector & 0xff)):
            vcpu.at = rip = rip - 2                                        # int n, without a gate for it
            vector, error = _PROTECTION, vector << 3 | 2
        elif vector == faults.PAGE_FAULT:
            page, kind = processor.missed
            address = max(page, rip) if kind == _MEM_FETCH else touched.address(
                vcpu.space.peek(rip, 15), vcpu.regs, vcpu.fs_base, vcpu.gs_base, page)
            error = _USER | (_WRITE if kind == _MEM_WRITE else _FETCH if kind == _MEM_FETCH else 0)
            if address >= faults.TASK_SIZE:
                return _beyond(address, error)
            if vcpu.space.regions.at(address) is not None:
                error |= 1
        elif vector == faults.DEBUG:
            flags = 0x100
        elif vector in (faults.X87, faults.SIMD):
            code = faults.float_code(processor.get_fpu(), vector == faults.SIMD)
        elif vector == faults.UNDEFINED and vcpu.space.peek(rip, 1) == _ICEBP:
            vector, vcpu.at = faults.DEBUG, rip + 1
            rip += 1
        return faults.fault(vector, error, rip, address, code, flags)

    # ---- for spaces and vcpus ----

    def context_of(self, parent):
        """A saved state of its own for a new thread: that of its parent, or of a processor that has just begun."""
        if parent is not None:
            self.load(parent)
        else:
            self._keep()
            self.processor.restore(self._start)
        return self.processor.new_context()

    def load(self, vcpu) -> Processor:
        """The processor, with the state of this thread."""
        if self._loaded is not vcpu:
            self._keep()
            self.processor.restore(vcpu.context)
            self._loaded = vcpu
        return self.processor

    def _keep(self) -> None:
        if self._loaded is not None:
            self.processor.save(self._loaded.context)
            self._loaded = None

    def run(self, vcpu) -> None:
        """Let a stopped thread go on, or begin."""
        if vcpu.space.loose:
            self.processor.flush_code()
        vcpu.running = True
        self._ready.append(vcpu)

    def interrupt(self, vcpu) -> None:
        if self._watcher is not None and self._watcher.inside:      # we are another host thread, then
            self.processor.stop()

    def release(self, vcpu) -> None:
        """A thread has ended."""
        vcpu.ended, vcpu.running = True, False
        if self._loaded is vcpu:
            self._loaded = None
        self.processor.free(vcpu.context)
        if vcpu in self._ready:
            self._ready.remove(vcpu)
        self._used_ns += vcpu.used_ns
        vcpu.space.used_ns += vcpu.used_ns
        vcpu.space.vcpus.remove(vcpu)
        self.threads -= 1

    def forget(self, space: EmulatorSpace) -> None:
        """An address space has ended."""
        if self._shown is space:
            self._shown = self.processor.regions = None
        self._spaces.remove(space)

    def close(self) -> int:
        if not self._open:
            return self._used_ns
        self._open = False
        for space in list(self._spaces):
            space.kill()
        if self._watcher is not None:
            self._watcher.close()
        if self.processor is not None:
            self.processor.close()
        if self.memory is not None:
            self.memory.close()
        return self._used_ns


def _beyond(address: int, error: int) -> Fault:
    """What an access behind the addresses of programs is: a page fault, or where there are no addresses, #GP."""
    if 1 << 47 <= address < 0xffff_8000_0000_0000:
        return Fault(_SIGSEGV, _SI_KERNEL, 0, 0, _PROTECTION)
    return faults.fault(faults.PAGE_FAULT, error, address, address)
