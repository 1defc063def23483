"""An address space of the process engine: one stub process, changed by orders to its gate."""
from __future__ import annotations

import errno
import mmap
import os
import struct

from skete.abi import seccomp
from skete.engine import AddressSpace, Regs
from skete.engines.process import spawn
from skete.engines.process.layout import (
    FD_CHANNEL, FD_RAM, FD_SLOTS, MAX_SLOTS, SLOT_SIZE, SLOT_TID)
from skete.engines.process.vcpu import ProcessVcpu

__all__ = ["ProcessSpace"]

_NR_CLOSE, _NR_MMAP, _NR_MPROTECT, _NR_MUNMAP, _NR_CLONE = 3, 9, 10, 11, 56

_MAP_FLAGS = 0x01 | 0x10 | 0x4000       # MAP_SHARED | MAP_FIXED | MAP_NORESERVE

# CLONE_VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID
_CLONE_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x100000 | 0x200000

_RESP = struct.Struct(seccomp.RESP)


class ProcessSpace(AddressSpace):
    """Orders queue up here and go out with the next answer to any thread of this space: the one being
    served, since the monitor serves one trap at a time and resumes it last.

    A thread carries its orders out when the host runs it. So a range that one thread is to unmap may be given
    to another, whose mapping the late munmap would then remove. Hence a thread that unmaps, where there are
    others, rings once more when it has done so (``releasing``), and until then answers that carry changes of
    the address space are held back (``held``). All other answers go out."""

    def __init__(self, engine, stub: str):
        self.engine = engine
        fd = os.memfd_create("skete-slots", os.MFD_CLOEXEC)
        os.ftruncate(fd, MAX_SLOTS * SLOT_SIZE)
        self._slots = mmap.mmap(fd, MAX_SLOTS * SLOT_SIZE)
        self.slots = memoryview(self._slots)
        self.pid, self._channel = spawn.spawn(stub, fd, engine.ram_fd)
        os.close(fd)
        self.pidfd = os.pidfd_open(self.pid)
        self.listener = -1
        self.restorer = 0               # guest address of the gate's way back, as the stub says at its hello
        self.vcpus = [None] * MAX_SLOTS
        self.by_tid = {}
        self.orders = []
        self.releasing = None           # the vcpu that has an munmap to carry out
        self.threads = 0                # started and not told to end
        self.held = []                  # vcpus whose answers wait for that, in their order
        self.rusage = None              # of the dead process
        self.dead = False

    # ---- mapping ----

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        self.orders.append((_NR_MMAP, start, length, prot, _MAP_FLAGS, FD_RAM, frame))

    def unmap(self, start: int, length: int) -> None:
        self.orders.append((_NR_MUNMAP, start, length))

    def protect(self, start: int, length: int, prot: int) -> None:
        self.orders.append((_NR_MPROTECT, start, length, prot))

    # ---- threads ----

    def vcpu(self, regs: Regs, fs_base: int = 0, parent: ProcessVcpu | None = None) -> ProcessVcpu:
        if parent is None:
            return self._first(regs, fs_base)
        vcpu = ProcessVcpu(self, self._free_slot())
        self.vcpus[vcpu.base // SLOT_SIZE] = vcpu
        self.threads += 1
        vcpu._fs_base = fs_base
        frame = vcpu.build_frame(regs, parent.fpu())
        tid_at = vcpu.address + SLOT_TID
        parent.orders.append((_NR_CLONE, _CLONE_FLAGS, frame, tid_at, tid_at, fs_base))
        return vcpu

    def _first(self, regs: Regs, fs_base: int) -> ProcessVcpu:
        """Wait for the stub's hello; its thread becomes the first vcpu."""
        self.listener = spawn.listener(self.pid, self._channel)
        vcpu = ProcessVcpu(self, 0)
        self.vcpus[0] = vcpu
        self.threads = 1
        self.restorer, listener = self.engine.hello(self, vcpu)
        # FD_CHANNEL has to be gone before guest code runs: see install() in stub.c. The others are of no use there.
        self.orders[:0] = [(_NR_CLOSE, FD_CHANNEL), (_NR_CLOSE, FD_SLOTS), (_NR_CLOSE, listener)]
        vcpu.start = regs
        if fs_base:
            vcpu.fs_base = fs_base
        return vcpu

    def _free_slot(self) -> int:
        """A slot that no thread has; one that has ended may still be on its way out, until its tid word is 0."""
        for index, vcpu in enumerate(self.vcpus):
            if vcpu is None:
                return index
            if vcpu.ended and index and vcpu.host_tid == 0:
                return index
        raise OSError(errno.EAGAIN, f"{MAX_SLOTS} threads")

    # ---- answers ----

    def may_change(self, vcpu: ProcessVcpu, changes: list) -> bool:
        """Whether these orders may go out to this thread now; if not, they do when it is their turn."""
        if self.releasing is not None:
            self.held.append(vcpu)
            return False
        if not vcpu.ended and any(order[0] == _NR_MUNMAP for order in changes) and self.threads > 1:
            self.releasing = vcpu
        return True

    def released(self) -> None:
        """The munmap is done: send what was held back, up to and including the next one that unmaps."""
        self.releasing = None
        held, self.held = self.held, []
        for vcpu in held:
            if self.may_change(vcpu, vcpu.waiting):
                vcpu.resume_orders()
                if vcpu.kicked:
                    vcpu.kicked = False
                    self.engine.kick(vcpu)


    def answer(self, vcpu: ProcessVcpu) -> None:
        """The slot holds what the gate is to do: wake it."""
        notification, vcpu.notification = vcpu.notification, None
        self.engine.send(self, _RESP.pack(notification, 0, 0, 0))

    def cpu_ns(self) -> int:
        """Processor time of all its threads, in ns."""
        import time
        if self.dead:
            return int((self.rusage.ru_utime + self.rusage.ru_stime) * 1e9) if self.rusage else 0
        return time.clock_gettime_ns((~self.pid << 3) | 2)      # CPUCLOCK_SCHED of another process: clock_getcpuclockid(3)

    def kill(self) -> None:
        if not self.dead:
            os.kill(self.pid, 9)
            self.reap()

    def reap(self) -> int:
        """Collect the process; its wait status."""
        _, status, self.rusage = os.wait4(self.pid, 0)
        self.dead = True
        self.engine.forget(self)
        os.close(self.pidfd)
        if self.listener >= 0:
            os.close(self.listener)
        self.by_tid.clear()
        self.slots.release()
        self._slots.close()
        return status
