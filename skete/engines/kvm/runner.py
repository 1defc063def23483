"""Which host thread runs a processor; and waiting for one that stops.

A processor that runs while no other does is run by the monitor's own thread, inside :meth:`KvmEngine.wait`: a trap then
costs the ioctl and nothing else. Of several that run at once each has a host thread of its own, which posts that it has
stopped; what it stopped for is looked at in the monitor's thread, so nothing needs a lock.

So a processor may go from one host thread to another at every call. Linux before 6.13 waits for all of the host's
processors then (synchronize_rcu in KVM_RUN), which takes milliseconds. That is tried when the first one is about to go;
where it is dear, the monitor's thread runs a processor only while there is no second guest thread at all.
"""
from __future__ import annotations

import errno
import fcntl
import os
import select
import _thread
from _collections import deque        # collections itself costs 1 ms
from time import clock_gettime_ns, pthread_getcpuclockid, sleep, thread_time_ns

from skete.abi import kvm
from skete.engine import EngineError, Fault
from skete.engines.kvm import stops, threads
from skete.engines.kvm.meter import Meter
from skete.engines.kvm.trial import moving_ns

__all__ = ["Runner"]

_RUN = kvm.KVM_RUN
#: what it may cost that a processor goes to another host thread
_DEAR_NS = 500_000
#: how often, and for how long each time, a thread of ours is waited for that is about to enter a guest
_PATIENCE, _MOMENT_S = 100, 0.00002


class Runner:
    """The processors of one engine that run."""

    def __init__(self, engine):
        self.engine = engine
        self._signals = threads.HostSignals.of_this_thread()
        self._watcher = None
        # What workers write to when the monitor's thread sleeps. Made now, since select(2) ends at 1023.
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._here = None               # the vcpu that the next turn runs itself
        self._busy = 0                  # processors that are ``working``
        self._stopped = deque()         # (vcpu, errno of its KVM_RUN or a trap)
        self._sleeping = False          # whether the monitor's thread waits in select
        self._stay = None               # whether processors stay with a host thread, as going is dear; None: not tried yet
        self._meter = Meter()

    # ---- a thread goes on ----

    def run(self, vcpu, result: int | None) -> None:
        """Let a stopped thread go on, or begin."""
        processor, looking = vcpu.processor, self.engine.post.looking(vcpu)
        vcpu.running, vcpu.stopped = True, None
        if not processor.prepare(result):
            self._stopped.append((vcpu, Fault(11, 0x80, 0, 0, 13)))      # what iretq does with such an address: #GP
            return
        if not (self._busy or self._here is not None or looking or self._stay and self.engine.threads > 1):
            self._here = vcpu
            return
        alone, before, self._here = not self._busy, self._here, None
        for each in (vcpu,) if before is None else (before, vcpu):
            self._go(each)
            if each.kicked:             # before it went
                threads.kick(each.processor.worker.ident)
        if looking and alone and before is None:
            # We are about to look for what it posts, with the interpreter's lock, which it needs to enter.
            for _ in range(_PATIENCE):
                if processor.entered or not processor.inside:
                    break
                sleep(_MOMENT_S)

    def _go(self, vcpu) -> None:
        """In a host thread of its own."""
        processor = vcpu.processor
        if processor.worker is None:
            if self._stay is None:
                self._stay = moving_ns(processor) > _DEAR_NS
            processor.worker = threads.Worker(self._enter, self._has_stopped)
        if self._meter.vcpu is not None:
            self._meter.charge(None)
        processor.working = processor.inside = True
        self._busy += 1
        processor.worker.go(vcpu)

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

    def _has_stopped(self, vcpu, failure) -> None:
        """In a worker: its processor has stopped."""
        vcpu.processor.inside = False
        self._stopped.append((vcpu, failure))
        if self._sleeping:
            os.eventfd_write(self._wake, 1)

    def _enter_here(self, vcpu) -> int:
        """KVM_RUN in the monitor's thread, once a trap."""
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

    # ---- what they stop for ----

    def quiet(self) -> bool:
        """Whether a turn would have nothing to do."""
        return self._here is None and not self._stopped

    def turn(self, deadline: float | None, wake_fds: tuple) -> tuple | None:
        """Let the one processor run, or look at one that has stopped: (vcpu, trap), or () for nothing; None where
        something else ended it."""
        if self._stopped:
            vcpu, failure = self._stopped.popleft()
            if vcpu is self._here:
                self._here = None
            self._rests(vcpu.processor)
            if vcpu.ended:
                return ()
            trap = stops.trap(self.engine, vcpu, failure) if type(failure) is int else _given(vcpu, failure)
            if trap is not None:
                return vcpu, trap
            if not vcpu.ended:          # by what the trap was
                self._go(vcpu)
            return ()
        vcpu = self._here
        if vcpu is None:
            return ()
        # Kicked, it may be on its way to a trap of its own, and has to go that way first.
        trap, failure = stops.trap(self.engine, vcpu, errno.EINTR) if vcpu.kicked else None, 0
        if trap is None:
            self.engine.post.sleep()
            if deadline is not None or wake_fds:
                if self._watcher is None:
                    self._watcher = threads.Watcher(_thread.get_ident())
                self._watcher.arm(deadline, wake_fds)
            if not self._signals.held:
                self._signals.hold()
            failure = self._enter_here(vcpu)
            trap = stops.trap(self.engine, vcpu, failure)
        if trap is not None:
            self._here = None
            return vcpu, trap
        if failure:
            self._signals.let()
            return None
        return ()

    def sleep(self, timeout_s: float | None, wake_fds: tuple) -> bool | None:
        """Until a processor has stopped. Whether it was something else that ended it; None: the time is over."""
        if self._signals.held:
            self._signals.let()
        wake, self._sleeping = self._wake, True
        self._meter.enters()
        try:
            if self._stopped:
                return False
            ready = select.select((wake, *wake_fds), (), (), timeout_s)[0]
        finally:
            self._sleeping = False
            self._meter.left()
        if wake not in ready:
            return True if ready else None
        os.eventfd_read(wake)           # perhaps of one that has been looked at since
        return len(ready) > 1 and not self._stopped

    def _rests(self, processor) -> None:
        if processor.working:
            processor.working = False
            self._busy -= 1

    # ---- stopping them ----

    def interrupt(self, vcpu) -> None:
        """End its KVM_RUN, if there is one beside us."""
        if vcpu.processor.working:
            threads.kick(vcpu.processor.worker.ident)

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
        wake, self._sleeping = self._wake, True
        try:
            while any(processor.inside for processor in running):
                if select.select((wake,), (), (), 1)[0]:
                    os.eventfd_read(wake)
        finally:
            self._sleeping = False

    def end(self, vcpus: list) -> None:
        """End these threads and wait until they have stopped."""
        for vcpu in vcpus:
            vcpu.ended = True
            self.interrupt(vcpu)
        others = []
        while True:
            while self._stopped:
                vcpu, failure = self._stopped.popleft()
                if vcpu in vcpus:
                    self._rests(vcpu.processor)
                else:
                    others.append((vcpu, failure))
            if not any(vcpu.processor.working for vcpu in vcpus):
                break
            self.sleep(1, ())
        self._stopped.extend(others)
        if self._here in vcpus:
            self._here = None

    # ---- processor time ----

    def running_ns(self, vcpu) -> int:
        """Processor time since a thread was let go, as far as it is not in its used_ns yet, to which this may add."""
        if vcpu is self._meter.vcpu:
            # Our own time passes on while we are preempted, so on a busy host the guest is charged too little, for a piece even
            # less than nothing. What is asked for is put down, lest a clock stand still until the guest has made up for it.
            self._meter.charge(vcpu)
            return 0
        processor = vcpu.processor
        if not processor.entered or vcpu.ended:
            return 0
        now = clock_gettime_ns(pthread_getcpuclockid(processor.worker.ident))
        return max(0, now - processor.entered_ns)

    def release(self, vcpu) -> None:
        """This thread has ended: what it used is in its used_ns."""
        if vcpu is self._meter.vcpu:
            self._meter.charge(None)

    def close(self) -> None:
        """Nothing runs any more, and no processor has a host thread."""
        if self._watcher is not None:
            self._watcher.close()
        os.close(self._wake)
        self._signals.close()


def _given(vcpu, given):
    if isinstance(given, BaseException):
        raise given
    vcpu.running = vcpu.kicked = False
    return given


def _refused(error: OSError) -> int:
    """KVM_RUN was interrupted. EngineError for anything else."""
    if error.errno not in (errno.EINTR, errno.EAGAIN):
        raise EngineError(f"KVM_RUN: {error.strerror}") from None
    threads.take_kicks()
    return errno.EINTR
