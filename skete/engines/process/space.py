"""An address space of the process engine: one process, a stub or forked from one, changed by orders to its gate."""
from __future__ import annotations

import errno
import os
import struct

from skete.abi import seccomp
from skete.engine import AddressSpace, Regs
from skete.engines.gate.facts import Facts
from skete.engines.gate.layout import (
    CLOCKS_BASE, FACTS_BASE, MAX_SLOTS, RESERVED_END, SLOT_SIZE, SLOTS_BASE, STUB_BASE)
from skete.engines.gate.post import LOOKED
from skete.engines.process import spawn
from skete.engines.process.family import Family
from skete.engines.process.fork import fork
from skete.engines.process.layout import FD_CHANNEL, FD_RAM, SLOT_BIRTH, SLOT_TID, TASK_SIZE
from skete.engines.process.orders import MMAP, MPROTECT, MUNMAP
from skete.engines.process.vcpu import ProcessVcpu

__all__ = ["ProcessSpace"]

_NR_CLOSE, _NR_CLONE = 3, 56

_MAP_FLAGS = 0x01 | 0x10 | 0x4000       # MAP_SHARED | MAP_FIXED | MAP_NORESERVE

# CLONE_VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID
_CLONE_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x100000 | 0x200000

#: CLONE_PARENT: the child of a fork is ours to wait for, not its parent's
_FORK_FLAGS = 0x8000
#: whom a forked process, before it has rung, would belong to: nobody asks
_NOBODY = -1

_RESP = struct.Struct(seccomp.RESP)


class ProcessSpace(AddressSpace):
    """Orders queue up here and go out with the next answer to any thread of this space: the one being
    served, since the monitor serves one trap at a time and resumes it last.

    A thread carries its orders out when the host runs it, which may be late: a late munmap would remove what another
    thread has mapped meanwhile, a late mprotect fail on what another has unmapped. So a thread that changes the
    address space, where there are others, rings once more when it has done so (``changing``), and until then answers
    that carry changes are held back (``held``). All other answers go out."""

    def __init__(self, engine, stub: str | None):
        """A space on a new stub; without one it has no process yet: fork() gives it its own."""
        self.engine = engine
        self.slots_at, self.slots = engine.memory.take_slots()
        self.words = self.slots.cast("Q")
        self.facts = Facts(engine, self.slots[FACTS_BASE - SLOTS_BASE:], self._show_clocks)
        self.family = None
        self.pid, self.pidfd = _NOBODY, -1
        self.vcpus = [None] * MAX_SLOTS
        self.tids = set()               # of threads that the engine knows
        self.orders = []
        if stub is not None:
            self.pid, self._channel = spawn.spawn(stub, engine.memory.fd, self.slots_at)
            self.pidfd = os.pidfd_open(self.pid)
        self.changing = None            # the vcpu that has changes to carry out
        self.threads = 0                # started and not told to end
        self.held = []                  # vcpus whose answers wait for that, in their order
        self.rusage = None              # of the dead process
        self.dead = False

    # ---- mapping ----

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        self.orders.append((MMAP, start, length, prot, _MAP_FLAGS, FD_RAM, frame))

    def unmap(self, start: int, length: int) -> None:
        self.orders.append((MUNMAP, start, length))

    def protect(self, start: int, length: int, prot: int) -> None:
        self.orders.append((MPROTECT, start, length, prot))

    def _show_clocks(self) -> None:
        self.orders.append((MMAP, CLOCKS_BASE, 4096, 1, _MAP_FLAGS, FD_RAM, self.engine.memory.clocks_at))

    # ---- threads ----

    def vcpu(self, regs: Regs, fs_base: int = 0, parent: ProcessVcpu | None = None) -> ProcessVcpu:
        if parent is None:
            return self._first(regs, fs_base)
        vcpu = self._thread(self._free_slot())
        vcpu._fs_base = fs_base
        self.facts.base(vcpu, 0, fs_base)
        frame = vcpu.build_frame(regs, parent.fpu())
        tid_at = vcpu.address + SLOT_TID
        parent.orders.append((_NR_CLONE, _CLONE_FLAGS, frame, tid_at, tid_at, fs_base))
        return vcpu

    def _first(self, regs: Regs, fs_base: int) -> ProcessVcpu:
        """Wait for the stub's hello; its thread becomes the first vcpu."""
        self.family = Family(self.pid, spawn.listener(self.pid, self._channel))
        self.family.spaces.add(self)
        vcpu = self._thread(0)
        listener = self.engine.hello(self, vcpu)
        # FD_CHANNEL has to be gone before guest code runs: see install() in stub.c. The other is of no use there.
        self.orders[:0] = [(_NR_CLOSE, FD_CHANNEL), (_NR_CLOSE, listener)]
        vcpu.start, vcpu.first = regs, True
        if fs_base:
            vcpu.fs_base = fs_base
        return vcpu

    def _thread(self, index: int) -> ProcessVcpu:
        vcpu = self.vcpus[index] = ProcessVcpu(self, index)
        self.threads += 1
        self.facts.thread(vcpu, self.threads == 1)
        if self.threads == 2:
            self.family.wake_here(False)
        return vcpu

    def fork(self, parent: ProcessVcpu, regs: Regs, fs_base: int, mappings) -> ProcessVcpu:
        index = self._free_slot()
        child = ProcessSpace(self.engine, None)
        child.family = self.family
        born = SLOTS_BASE + index * SLOT_SIZE + SLOT_BIRTH
        struct.pack_into("<Q", self.slots, born - SLOTS_BASE, self.family.newborn)
        struct.pack_into("<Q", child.slots, born - SLOTS_BASE + 8, self.family.born)
        vcpu = child._thread(index)
        try:
            fork(self.engine, parent, (_NR_CLONE, _FORK_FLAGS, born, 0, 0, 0, child.slots_at), vcpu)
        except OSError:
            child.facts.close()
            child.words.release()
            child.slots.release()
            self.engine.memory.give_slots(child.slots_at)
            raise
        vcpu.first = True
        vcpu.start, vcpu.start_fpu = regs, parent.fpu()
        vcpu._fs_base, vcpu._gs_base = parent._fs_base, parent._gs_base
        child.facts.base(vcpu, 0, vcpu._fs_base)
        if fs_base != parent._fs_base:
            vcpu.fs_base = fs_base
        # What it has inherited is what the host had mapped at that moment. Other threads may have had orders to
        # carry out then, so only the child of a single thread keeps anything.
        alone = self.threads == 1
        if alone:
            child.facts.inherit(self.facts)
        else:
            child.unmap(0, STUB_BASE)
            child.unmap(RESERVED_END, TASK_SIZE - RESERVED_END)
        for start, length, prot, frame, inherited in mappings:
            if not (inherited and alone):
                child.map(start, length, prot, frame)
        return vcpu

    def _free_slot(self) -> int:
        """A slot that no thread has; one that has ended may still be on its way out, until its tid word is 0."""
        for index, vcpu in enumerate(self.vcpus):
            if vcpu is None:
                return index
            # The word alone would not do: it is the guest's to write, and threads that stay would be without number.
            if vcpu.ended and not vcpu.first and vcpu.host_tid == 0 and self.engine.by_tid.get(vcpu.tid) is not vcpu:
                return index
        raise OSError(errno.EAGAIN, f"{MAX_SLOTS} threads")

    # ---- answers ----

    def may_change(self, vcpu: ProcessVcpu) -> bool:
        """Whether these orders may go out to this thread now; if not, they do when it is their turn."""
        if self.changing is not None:
            self.held.append(vcpu)
            return False
        if not vcpu.ended and self.threads > 1:
            self.changing = vcpu
        return True

    def changed(self) -> None:
        """The changes have been carried out: send the next ones that were held back."""
        self.changing = None
        while self.held and self.changing is None:
            vcpu = self.held.pop(0)
            self.may_change(vcpu)
            vcpu.resume_orders()
            if vcpu.kicked:
                vcpu.kicked = False
                self.engine.kick(vcpu)

    def answer(self, vcpu: ProcessVcpu, result: int = 0) -> None:
        """The slot holds what the gate is to do: wake it."""
        notification, vcpu.stopped = vcpu.stopped, None
        post = self.engine.post
        post.answered(vcpu)
        if notification is LOOKED:
            post.reply(vcpu)
        elif notification is not None:      # else it has been killed: see fork
            self.engine.send(self.family, _RESP.pack(notification, result, 0, 0))

    def go_on(self, vcpu: ProcessVcpu) -> None:
        """What it rang with is what it is to do."""
        notification, vcpu.stopped = vcpu.stopped, None
        self.engine.post.answered(vcpu)
        self.engine.send(self.family, _RESP.pack(notification, 0, 0, seccomp.SECCOMP_USER_NOTIF_FLAG_CONTINUE))

    def cpu_ns(self) -> int:
        """Processor time of all its threads, in ns."""
        import time
        if self.dead:
            return int((self.rusage.ru_utime + self.rusage.ru_stime) * 1e9) if self.rusage else 0
        return time.clock_gettime_ns((~self.pid << 3) | 2)      # CPUCLOCK_SCHED of another process: clock_getcpuclockid(3)

    def kill(self) -> None:
        if not self.dead:
            if self.pid != _NOBODY:
                os.kill(self.pid, 9)
            self.reap()

    def reap(self) -> int:
        """Collect the process; its wait status."""
        _, status, self.rusage = os.wait4(self.pid, 0)
        self.dead = True
        self.engine.forget(self)
        os.close(self.pidfd)
        self.facts.close()
        self.words.release()
        self.slots.release()
        self.engine.memory.give_slots(self.slots_at)
        return status
