"""The KVM engine: the loop over processors.

While there is one guest thread, the monitor's own thread runs its processor inside :meth:`KvmEngine.wait`: a trap then
costs the ioctl and nothing else. With a second one every processor gets a thread of its own, which runs it and posts
that it has stopped; what it stopped for is looked at here, in the monitor's thread, so nothing needs a lock.
"""
from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import _thread
from _collections import deque        # collections itself costs 1 ms
from time import clock_gettime_ns, monotonic, monotonic_ns, pthread_getcpuclockid, thread_time_ns

from skete.abi import kvm
from skete.engine import Engine, EngineError, Fault, Kicked, Syscall
from skete.engines.kvm import faults, fpu, layout, threads
from skete.engines.kvm.device import Device
from skete.engines.kvm.memory import Memory
from skete.engines.kvm.processor import IN_FRAME, IN_SYSCALL, IN_USER, Processor
from skete.engines.kvm.space import KvmSpace
from skete.engines.kvm.tables import SharedTables

__all__ = ["KvmEngine"]

_EXIT = struct.Struct(kvm.RUN_EXIT)
_REGS = struct.Struct(kvm.REGS)
_SELECTOR = kvm.RUN_SREGS + kvm.SREGS_CS + 12
_IO, _SYSCALL = kvm.KVM_EXIT_IO, layout.PORT_SYSCALL
_RUN, _RUN_REGS, _RUN_REASON = kvm.KVM_RUN, kvm.RUN_REGS, kvm.RUN_EXIT_REASON


class KvmEngine(Engine):
    name = "kvm"
    user_range = (0x1_0000, layout.TASK_SIZE)
    reserved = []
    in_monitor = True

    def __init__(self):
        self.device = Device()
        self._open = True
        self._signals = threads.HostSignals.of_this_thread()
        self._watcher = self.memory = None
        self._wake = -1
        self._idle = []                 # processors without a thread
        self._processors = []
        self._spaces = []
        self.limit = min(self.device.processors, layout.MAX_PROCESSORS)
        self.threads = 0                # guest threads that have not ended
        self._inline = None             # the vcpu that the next wait runs itself
        self._posted = deque()          # (vcpu, errno of its KVM_RUN or a trap)
        self._sleeping = False          # whether the monitor's thread waits in select
        self._measured = None           # the vcpu that runs in the monitor's thread, see _enter_here
        self._started_ns = self._own_ns = self._left_ns = 0
        self._used_ns = 0               # of threads that have ended
        self.recent = deque(maxlen=8)   # (vcpu, Syscall), for last words
        self._open_port = self._by_frame = False
        try:
            self.memory = Memory(self.device)
            self.ram = self.memory.ram
            self._lay_out()
            from skete.engines.kvm.trial import choose
            self._open_port, self._by_frame = choose(self)
        except BaseException:
            self.close()
            raise

    def _lay_out(self) -> None:
        memory = self.memory
        memory.cover(0, layout.PAGES_AT)
        for at, data in ((layout.STUB_AT, layout.stub()), (layout.TABLES_AT, layout.gdt()),
                         (layout.TABLES_AT + (layout.IDT & 0xfff), layout.idt())):
            memory.own[at:at + len(data)] = data
        self.shared = SharedTables(memory, layout.PAGES_AT)

    def discard(self, frame: int, length: int) -> None:
        stale = [space for space in self._spaces if space.stale and space.is_stale(frame, frame + length)]
        for space in stale:
            self.pause(space)
        self.memory.discard(layout.RAM_AT + frame, length)
        for space in stale:
            space.discarded(frame, frame + length)

    def pause(self, space) -> None:
        """No thread of this space is in KVM_RUN until we are in ``wait`` again.

        A KVM with shadow page tables may have read an entry of ours just before it was taken out, and put into force
        what it read after the translations have been dropped: it heeds what is dropped from its reading on. So every
        KVM_RUN ends before, and what it was about with it.
        """
        running = [vcpu.processor for vcpu in space.vcpus if vcpu.processor.inside]
        if not running:
            return
        for processor in running:
            threads.kick(processor.worker.ident)
        wake = self._wake_fd()
        self._sleeping = True
        try:
            while any(processor.inside for processor in running):
                if select.select((wake,), (), (), 1)[0]:
                    os.eventfd_read(wake)
        finally:
            self._sleeping = False

    def space(self) -> KvmSpace:
        space = KvmSpace(self)
        self._spaces.append(space)
        return space

    # ---- the loop ----

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while True:
            vcpu = self._inline
            if vcpu is not None and not self._posted:
                if not vcpu.kicked:
                    if deadline is not None or wake_fds:
                        self._watch(deadline, wake_fds)
                    if not self._signals.held:
                        self._signals.hold()
                    failure = self._enter_here(vcpu)
                else:
                    failure = errno.EINTR
                trap = self._trap(vcpu, failure)
                if trap is not None:
                    self._inline = None
                    return vcpu, trap
                if failure:
                    self._signals.let()
                    return None
                continue
            if self._posted:
                vcpu, failure = self._posted.popleft()
                if vcpu is self._inline:
                    self._inline = None
                vcpu.processor.working = False
                if vcpu.ended:
                    continue
                trap = self._trap(vcpu, failure) if type(failure) is int else self._given(vcpu, failure)
                if trap is not None:
                    return vcpu, trap
                vcpu.processor.working = vcpu.processor.inside = True
                vcpu.processor.worker.go(vcpu)
                continue
            if deadline is not None:
                timeout_s = deadline - monotonic()
                if timeout_s < 0:
                    return None
            if self._sleep(timeout_s, wake_fds):
                return None

    def _sleep(self, timeout_s: float | None, wake_fds: tuple) -> bool:
        """Until a processor has stopped. Whether it was something else that ended it."""
        if self._signals.held:
            self._signals.let()
        wake = self._wake_fd()
        self._sleeping = True
        self._own_ns += monotonic_ns() - self._left_ns
        try:
            if self._posted:
                return False
            ready = select.select((wake, *wake_fds), (), (), timeout_s)[0]
        finally:
            self._sleeping = False
            self._left_ns = monotonic_ns()
        if wake not in ready:
            return True
        os.eventfd_read(wake)           # perhaps of one that has been looked at since
        return len(ready) > 1 and not self._posted

    def _wake_fd(self) -> int:
        """What workers write to when the monitor's thread sleeps."""
        if self._wake < 0:
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return self._wake

    def _watch(self, deadline: float | None, fds: tuple) -> None:
        if self._watcher is None:
            self._watcher = threads.Watcher(_thread.get_ident())
        self._watcher.arm(deadline, fds)

    def _enter(self, vcpu) -> int:
        """In a worker: KVM_RUN; 0, or EINTR."""
        processor = vcpu.processor
        processor.entered_ns = start = thread_time_ns()
        try:
            fcntl.ioctl(processor.fd, _RUN, 0)
        except OSError as error:
            return _refused(error)
        finally:
            vcpu.used_ns += thread_time_ns() - start
        return 0

    def _enter_here(self, vcpu) -> int:
        """The same in the monitor's thread, once a trap: asking for the thread's processor time twice would cost more
        than the rest. So our own time is measured, with a clock that is cheap; the guest's is what is left."""
        if vcpu is not self._measured:
            self._measure(vcpu)
        self._own_ns += monotonic_ns() - self._left_ns
        try:
            fcntl.ioctl(vcpu.processor.fd, _RUN, 0)
        except OSError as error:
            return _refused(error)
        finally:
            self._left_ns = monotonic_ns()
        return 0

    def _measure(self, vcpu) -> None:
        """Charge the thread that ran here so far, and from now on this one, or none."""
        if self._measured is not None:
            self._measured.used_ns += self._here_ns()
        now = monotonic_ns()
        self._measured, self._started_ns, self._own_ns, self._left_ns = vcpu, thread_time_ns(), 0, now

    def _here_ns(self) -> int:
        """Processor time that the measured thread has used in this host thread."""
        return max(0, thread_time_ns() - self._started_ns - self._own_ns - (monotonic_ns() - self._left_ns))

    def _trap(self, vcpu, failure: int):
        """What a processor stopped for; None: for nothing, it is to run on."""
        processor = vcpu.processor
        if failure:
            return self._interrupted(vcpu)
        run = processor.run
        reason, port = _EXIT.unpack_from(run, _RUN_REASON)
        if reason == _IO:
            processor.ring = run[_SELECTOR] & 3
            if port == _SYSCALL:
                processor.state = IN_SYSCALL
                vcpu.running = vcpu.kicked = False
                nr, _, rcx, rdx, rsi, rdi, rsp, _, r8, r9, r10, r11, _, _, _, _, _, _ = _REGS.unpack_from(run, _RUN_REGS)
                processor.back = rcx, r11, rsp
                trap = Syscall(nr, (rdi, rsi, rdx, r10, r8, r9))
                self.recent.append((vcpu, trap))
                return trap
            processor.state = IN_FRAME
            return self._exception(vcpu, port)
        if reason == kvm.KVM_EXIT_INTR:
            return self._interrupted(vcpu)
        return self._die(vcpu)

    def _exception(self, vcpu, vector: int):
        processor = vcpu.processor
        rip, cs, flags, _, _ = processor.frame()
        if not cs & 3 or vector in (2, 8, 18) or vector >= layout.VECTORS:
            return self._die(vcpu)      # in ring 0, or nothing that a program can cause
        error = processor.error_code() if vector in layout.WITH_ERROR else 0
        address = code = 0
        if vector == faults.PAGE_FAULT:
            address = processor.page_fault_address()
            if vcpu.space.page_fault(vcpu, address, error):
                if processor.prepare(None):
                    return None
        elif vector == faults.UNDEFINED:
            vector, error = faults.undefined(vcpu.space.peek(rip, 3))
        elif vector in (faults.X87, faults.SIMD):
            code = fpu.exception(processor.area(), vector == faults.SIMD)
        vcpu.running = vcpu.kicked = False
        return faults.fault(vector, error, rip, address, code, flags)

    def _interrupted(self, vcpu):
        """A signal ended KVM_RUN: report a kick, if there was one and the registers are the program's."""
        processor = vcpu.processor
        if not vcpu.kicked:
            return None
        if processor.run[kvm.RUN_DIRTY] == 0:       # else it has not been in there since prepare
            ring = processor.run[_SELECTOR] & 3
            processor.ring = ring
            if processor.injecting():
                return None
            rip = processor.get_rip()
            if layout.STUB <= rip < layout.STUB_END:
                if ring or processor.state != IN_FRAME or rip != layout.IRET:
                    return None         # on its way here with a trap of its own
            else:
                processor.state = IN_USER
        vcpu.running = vcpu.kicked = False
        return Kicked()

    def _given(self, vcpu, given):
        if isinstance(given, BaseException):
            raise given
        vcpu.running = vcpu.kicked = False
        return given

    def _die(self, vcpu):
        from skete.engines.kvm.report import death
        raise death(self, vcpu)

    # ---- for spaces and vcpus ----

    def processor(self):
        """One without a thread; None where there can be no more."""
        if self._idle:
            return self._idle.pop()
        if len(self._processors) >= self.limit:
            return None
        try:
            processor = Processor(self.device, self.memory, len(self._processors))
        except EngineError:
            if not self._processors:
                raise
            self.limit = len(self._processors)
            return None
        processor.by_frame = self._by_frame
        processor.open_port(self._open_port)
        self._processors.append(processor)
        return processor

    def give_back(self, processor) -> None:
        self._idle.append(processor)

    def run(self, vcpu, result: int | None) -> None:
        """Let a stopped thread go on, or begin."""
        processor = vcpu.processor
        vcpu.running = True
        if not processor.prepare(result):
            self._posted.append((vcpu, Fault(11, 0x80, 0, 0, 13)))      # what iretq does with such an address: #GP
        elif self.threads == 1:
            self._inline = vcpu
        else:
            if processor.worker is None:
                processor.worker = threads.Worker(self._enter, self._stopped)
            if self._measured is not None:
                self._measure(None)
            processor.working = processor.inside = True
            processor.worker.go(vcpu)

    def _stopped(self, vcpu, failure) -> None:
        """In a worker: its processor has stopped."""
        vcpu.processor.inside = False
        self._posted.append((vcpu, failure))
        if self._sleeping:
            os.eventfd_write(self._wake, 1)

    def interrupt(self, vcpu) -> None:
        if vcpu.processor.working:
            threads.kick(vcpu.processor.worker.ident)

    def release(self, vcpu) -> None:
        """A thread has ended: its processor is free. It has stopped."""
        if vcpu is self._measured:
            self._measure(None)
        used_ns = vcpu.cpu_ns()
        self._used_ns += used_ns
        vcpu.space.used_ns += used_ns
        vcpu.space.vcpus.remove(vcpu)
        vcpu.running = False
        self.give_back(vcpu.processor)
        self.threads -= 1

    def stop(self, space) -> None:
        """End all threads of a space and wait until they have stopped."""
        for vcpu in space.vcpus:
            vcpu.ended = True
            if vcpu.processor.working:
                threads.kick(vcpu.processor.worker.ident)
        while any(vcpu.processor.working for vcpu in space.vcpus):
            keep = []
            while self._posted:
                vcpu, failure = self._posted.popleft()
                if vcpu.space is space:
                    vcpu.processor.working = False
                else:
                    keep.append((vcpu, failure))
            self._posted.extend(keep)
            if any(vcpu.processor.working for vcpu in space.vcpus) and not keep:
                self._sleep(1, ())
        if self._inline is not None and self._inline.space is space:
            self._inline = None
        for vcpu in list(space.vcpus):
            self.release(vcpu)
        self._spaces.remove(space)

    def running_ns(self, vcpu) -> int:
        """Processor time since a thread was let go, as far as it is not in its used_ns yet, to which this may add."""
        if vcpu is self._measured:
            # Our own time passes on while we are preempted, so on a busy host the guest is charged too little, for a piece even
            # less than nothing. What is asked for is put down, lest a clock stand still until the guest has made up for it.
            self._measure(vcpu)
            return 0
        processor = vcpu.processor
        if not processor.working or vcpu.ended:
            return 0
        now = clock_gettime_ns(pthread_getcpuclockid(processor.worker.ident))
        return max(0, now - processor.entered_ns)

    def close(self) -> int:
        if not self._open:
            return self._used_ns
        self._open = False
        for space in list(self._spaces):
            space.kill()
        for processor in self._processors:
            processor.close()
        if self._watcher is not None:
            self._watcher.close()
        if self._wake >= 0:
            os.close(self._wake)
        self._signals.close()
        self.device.close()
        if self.memory is not None:
            self.memory.close()
        return self._used_ns


def _refused(error: OSError) -> int:
    """KVM_RUN was interrupted. EngineError for anything else."""
    if error.errno not in (errno.EINTR, errno.EAGAIN):
        raise EngineError(f"KVM_RUN: {error.strerror}") from None
    threads.take_kicks()
    return errno.EINTR
