"""The KVM engine: one machine, the spaces in it, and the loop over what its processors stop for."""
from __future__ import annotations

from _collections import deque        # collections itself costs 1 ms
from time import monotonic

from skete.engine import Died, Engine, EngineError, Syscall
from skete.engines import faults
from skete.engines.gate.layout import RESERVED_END, RING_NR, STUB_BASE
from skete.engines.gate.post import TURN, Post
from skete.engines.kvm import layout
from skete.engines.kvm.device import Device
from skete.engines.kvm.gates import Gates
from skete.engines.kvm.memory import Memory
from skete.engines.kvm.processor import Processor
from skete.engines.kvm.runner import Runner
from skete.engines.kvm.space import KvmSpace
from skete.engines.kvm.tables import SharedTables
from skete.engines.kvm.trial import choose, reads_fs

__all__ = ["KvmEngine"]

#: how long a thread may take up to the trap it has been told to make, in s
_SOON_S = 5


class KvmEngine(Engine):
    name = "kvm"
    yields = False                  # there is no host to do it in there
    user_range = (0x1_0000, faults.TASK_SIZE)
    reserved = [(STUB_BASE, RESERVED_END)]
    in_monitor = True

    def __init__(self):
        self.device = Device()
        self._open = True
        self.memory = None
        self.runner = Runner(self)
        self._idle = []                 # processors without a thread
        self._processors = []
        self.spaces = []
        self.limit = min(self.device.processors, layout.MAX_PROCESSORS)
        self.threads = 0                # guest threads that have not ended
        self._queued = []               # events for the next wait
        self.answered = {}              # see Engine
        self._used_ns = 0               # of threads that have ended
        self.recent = deque(maxlen=8)   # (vcpu, Syscall), for last words
        self._open_port = self._by_frame = False
        self._reads_fs = None           # whether programs can execute rdfsbase; None: not tried yet
        try:
            self.memory = Memory(self.device)
            self.ram, self.copy = self.memory.ram, self.memory.copy
            self._lay_out()
            self.gates = Gates(self.memory)
            self.post = Post(self, self.gates.parts)
            self.follow = self.post.follow
            self._open_port, self._by_frame, self._counter = choose(self)
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
        stale = [space for space in self.spaces if space.orders and space.is_stale(frame, frame + length)]
        for space in stale:
            self.runner.pause(space)
        self.memory.discard(layout.RAM_AT + frame, length)
        for space in stale:
            space.discarded(frame, frame + length)

    def begin_clocks(self):
        return self.gates.begin_clocks(self._counter)

    def space(self) -> KvmSpace:
        space = KvmSpace(self)
        self.spaces.append(space)
        return space

    # ---- the loop ----

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        deadline = None if timeout_s is None else monotonic() + timeout_s
        post, runner = self.post, self.runner
        while True:
            while self._queued:         # since before, or by what a turn has found
                source, trap = self._queued.pop(0)
                if type(trap) is Died or not source.ended:
                    return source, trap
            event = self._turn(deadline, wake_fds)
            if event is None:
                return None
            if event:
                return event
            if self._queued or not runner.quiet():
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
                if not runner.quiet():
                    continue
                post.sleep()
            ready = runner.sleep(pause_s, wake_fds)
            if ready or ready is None and pause_s == timeout_s:
                return None

    def until(self, space, done) -> bool:
        """Take what the processors stop for until ``done()``; whether it came to that in time. Nothing is served
        meanwhile: what comes is kept for :meth:`wait`."""
        deadline = monotonic() + _SOON_S
        while not done():
            event = self._turn(deadline, ())
            if event:
                self._queued.append(event)
            elif monotonic() > deadline:
                return False
            elif self.runner.quiet() and not done():
                self.runner.sleep(max(0, deadline - monotonic()), ())
        return True

    def _turn(self, deadline: float | None, wake_fds: tuple) -> tuple | None:
        """What to report of a thread that has stopped; () for nothing; None where something else ended the wait."""
        stop = self.runner.turn(deadline, wake_fds)
        if not stop:
            return stop
        vcpu, trap = stop
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

    def reads_fs(self) -> bool:
        if self._reads_fs is None:
            self._reads_fs = reads_fs(self)
        return self._reads_fs

    def give_back(self, processor) -> None:
        self._idle.append(processor)

    def posting(self, vcpu, pays: bool) -> None:
        """See :meth:`Runner.run`: from now on its processor has a host thread of its own, or not."""

    def foul(self, vcpu, why: str = "it interferes with its own system calls") -> None:
        """Its slot has been overwritten."""
        self.note(f"a process was killed, since {why}")
        space = vcpu.space
        space.kill()
        self._queued.append((space, Died(9)))

    def release(self, vcpu) -> None:
        """A thread has ended: its processor is free. It has stopped."""
        self.runner.release(vcpu)
        used_ns = vcpu.cpu_ns()
        self._used_ns += used_ns
        vcpu.space.used_ns += used_ns
        vcpu.space.left(vcpu)
        vcpu.running = False
        self.give_back(vcpu.processor)
        self.threads -= 1

    def stop(self, space) -> None:
        """End all threads of a space and wait until they have stopped."""
        self.runner.end(space.vcpus)
        for vcpu in list(space.vcpus):
            self.release(vcpu)
        self.spaces.remove(space)
        self.post.forget(space)

    def close(self) -> int:
        if not self._open:
            return self._used_ns
        self._open = False
        for space in list(self.spaces):
            space.kill()
        for processor in self._processors:
            processor.close()
        self.runner.close()
        self.device.close()
        if self.memory is not None:
            self.memory.close()
        return self._used_ns
