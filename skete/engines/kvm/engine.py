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
import _thread
from _collections import deque        # collections itself costs 1 ms
from time import clock_gettime_ns, monotonic, pthread_getcpuclockid, sleep, thread_time_ns

from skete.abi import kvm
from skete.engine import Died, Engine, EngineError, Fault, Syscall
from skete.engines.gate.layout import RESERVED_END, RING_NR, STUB_BASE
from skete.engines.gate.post import TURN, Post
from skete.engines import faults
from skete.engines.kvm import layout, stops, threads
from skete.engines.kvm.device import Device
from skete.engines.kvm.gates import Gates
from skete.engines.kvm.memory import Memory
from skete.engines.kvm.meter import Meter
from skete.engines.kvm.processor import Processor
from skete.engines.kvm.space import KvmSpace
from skete.engines.kvm.tables import SharedTables

__all__ = ["KvmEngine"]

_RUN = kvm.KVM_RUN
#: how long a thread may take up to the trap it has been told to make, in s
_SOON_S = 5
#: how often, and for how long each time, a thread of ours is waited for that is about to enter a guest
_PATIENCE, _MOMENT_S = 100, 0.00002


class KvmEngine(Engine):
    name = "kvm"
    user_range = (0x1_0000, faults.TASK_SIZE)
    reserved = [(STUB_BASE, RESERVED_END)]
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
        self._ended = deque()           # (vcpu, errno of its KVM_RUN or a trap)
        self._queued = []               # events for the next wait
        self.answered = {}              # see Engine
        self._sleeping = False          # whether the monitor's thread waits in select
        self._meter = Meter()
        self._used_ns = 0               # of threads that have ended
        self.recent = deque(maxlen=8)   # (vcpu, Syscall), for last words
        self._open_port = self._by_frame = False
        try:
            self.memory = Memory(self.device)
            self.ram, self.copy = self.memory.ram, self.memory.copy
            self._lay_out()
            self.gates = Gates(self.memory)
            self.post = Post(self, self.gates.parts)
            self.follow = self.post.follow
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

    @property
    def posted(self) -> int:
        return self.post.served

    def discard(self, frame: int, length: int) -> None:
        stale = [space for space in self._spaces if space.orders and space.is_stale(frame, frame + length)]
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
        while self._queued:
            source, trap = self._queued.pop(0)
            if type(trap) is Died or not source.ended:
                return source, trap
        deadline = None if timeout_s is None else monotonic() + timeout_s
        post = self.post
        while True:
            event = self._stop(deadline, wake_fds)
            if event is None:
                return None
            if event:
                return event
            if self._inline is not None or self._ended:
                continue
            if deadline is not None:
                timeout_s = deadline - monotonic()
                if timeout_s < 0:
                    return None
            pause_s = timeout_s
            if post.turn >= TURN:
                post.turn, pause_s = 0, 0.0
            else:
                event = post.look()
                if event is not None:
                    return event
                if self._ended:
                    continue
                post.sleep()
            ready = self._sleep(pause_s, wake_fds)
            if ready or ready is None and pause_s == timeout_s:
                return None

    def until(self, space, done) -> bool:
        """Take what the processors stop for until ``done()``; whether it came to that in time. Nothing is served
        meanwhile: what comes is kept for :meth:`wait`."""
        deadline = monotonic() + _SOON_S
        while not done():
            event = self._stop(deadline, ())
            if event:
                self._queued.append(event)
            elif monotonic() > deadline:
                return False
            elif self._inline is None and not self._ended and not done():
                self._sleep(max(0, deadline - monotonic()), ())
        return True

    def _stop(self, deadline: float | None, wake_fds: tuple) -> tuple | None:
        """Let the inline processor run, or look at one that has stopped. What it reports, or () for nothing; None where
        something else ended it."""
        vcpu = self._inline
        if vcpu is not None and not self._ended:
            # Kicked, it may be on its way to a trap of its own, and has to go that way first.
            trap, failure = stops.trap(self, vcpu, errno.EINTR) if vcpu.kicked else None, 0
            if trap is None:
                self.post.sleep()
                if deadline is not None or wake_fds:
                    self._watch(deadline, wake_fds)
                if not self._signals.held:
                    self._signals.hold()
                failure = self._enter_here(vcpu)
                trap = stops.trap(self, vcpu, failure)
            if trap is not None:
                self._inline = None
                return self._event(vcpu, trap)
            if failure:
                self._signals.let()
                return None
        elif self._ended:
            vcpu, failure = self._ended.popleft()
            if vcpu is self._inline:
                self._inline = None
            vcpu.processor.working = False
            if vcpu.ended:
                return ()
            trap = stops.trap(self, vcpu, failure) if type(failure) is int else self._given(vcpu, failure)
            if trap is not None:
                return self._event(vcpu, trap)
            vcpu.processor.working = vcpu.processor.inside = True
            vcpu.processor.worker.go(vcpu)
        return ()

    def _event(self, vcpu, trap) -> tuple:
        """What to report of a thread that has stopped; () for nothing."""
        if type(trap) is Syscall:
            if trap.nr == RING_NR and vcpu.processor.back[0] == self.post.rang_at:
                kicked, vcpu.kicked = vcpu.kicked, False
                event = self.post.rung(vcpu, True)
                if event is None and kicked and not vcpu.posted:
                    vcpu.kick()         # it goes on, and has not heard of it
                return event or ()
            vcpu.kicked = False
            self.recent.append((vcpu, trap))
        vcpu.stopped = True
        if vcpu.posted:
            self.post.trapped(vcpu)
            return ()
        self.post.trapped_instead(vcpu)
        return vcpu, trap

    def _sleep(self, timeout_s: float | None, wake_fds: tuple) -> bool | None:
        """Until a processor has stopped. Whether it was something else that ended it; None: the time is over."""
        if self._signals.held:
            self._signals.let()
        wake = self._wake_fd()
        self._sleeping = True
        self._meter.enters()
        try:
            if self._ended:
                return False
            ready = select.select((wake, *wake_fds), (), (), timeout_s)[0]
        finally:
            self._sleeping = False
            self._meter.left()
        if wake not in ready:
            return True if ready else None
        os.eventfd_read(wake)           # perhaps of one that has been looked at since
        return len(ready) > 1 and not self._ended

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
        processor.entered = True
        try:
            fcntl.ioctl(processor.fd, _RUN, 0)
        except OSError as error:
            return _refused(error)
        finally:
            processor.entered = False
            vcpu.used_ns += thread_time_ns() - start
        return 0

    def _enter_here(self, vcpu) -> int:
        """The same in the monitor's thread, once a trap."""
        meter = self._meter
        if vcpu is not meter.vcpu:
            meter.charge(vcpu)
        meter.enters()
        try:
            fcntl.ioctl(vcpu.processor.fd, _RUN, 0)
        except OSError as error:
            return _refused(error)
        finally:
            meter.left()
        return 0

    def _given(self, vcpu, given):
        if isinstance(given, BaseException):
            raise given
        vcpu.running = vcpu.kicked = False
        return given

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
        vcpu.running, vcpu.stopped = True, None
        if not processor.prepare(result):
            self._ended.append((vcpu, Fault(11, 0x80, 0, 0, 13)))      # what iretq does with such an address: #GP
        elif self.threads == 1 and not self.post.looking(vcpu):
            self._inline = vcpu
        else:
            if processor.worker is None:
                processor.worker = threads.Worker(self._enter, self._stopped)
            if self._meter.vcpu is not None:
                self._meter.charge(None)
            processor.working = processor.inside = True
            processor.worker.go(vcpu)
            if self.threads == 1:
                # We are about to look for what it posts, with the interpreter's lock, which it needs to enter.
                for _ in range(_PATIENCE):
                    if processor.entered or not processor.inside:
                        break
                    sleep(_MOMENT_S)

    def _stopped(self, vcpu, failure) -> None:
        """In a worker: its processor has stopped."""
        vcpu.processor.inside = False
        self._ended.append((vcpu, failure))
        if self._sleeping:
            os.eventfd_write(self._wake, 1)

    def posting(self, vcpu, pays: bool) -> None:
        """See ``run``: from now on its processor has a thread of its own, or not."""

    def foul(self, vcpu) -> None:
        """Its slot has been overwritten."""
        space = vcpu.space
        space.kill()
        self._queued.append((space, Died(9)))

    def interrupt(self, vcpu) -> None:
        if vcpu.processor.working:
            threads.kick(vcpu.processor.worker.ident)

    def release(self, vcpu) -> None:
        """A thread has ended: its processor is free. It has stopped."""
        if vcpu is self._meter.vcpu:
            self._meter.charge(None)
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
            while self._ended:
                vcpu, failure = self._ended.popleft()
                if vcpu.space is space:
                    vcpu.processor.working = False
                else:
                    keep.append((vcpu, failure))
            self._ended.extend(keep)
            if any(vcpu.processor.working for vcpu in space.vcpus) and not keep:
                self._sleep(1, ())
        if self._inline is not None and self._inline.space is space:
            self._inline = None
        for vcpu in list(space.vcpus):
            self.release(vcpu)
        self._spaces.remove(space)
        self.post.forget(space)

    def running_ns(self, vcpu) -> int:
        """Processor time since a thread was let go, as far as it is not in its used_ns yet, to which this may add."""
        if vcpu is self._meter.vcpu:
            # Our own time passes on while we are preempted, so on a busy host the guest is charged too little, for a piece even
            # less than nothing. What is asked for is put down, lest a clock stand still until the guest has made up for it.
            self._meter.charge(vcpu)
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
