"""The process engine: the loop over seccomp notifications, and who made which."""
from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time

from skete.abi import seccomp, sigframe
from skete.engine import Died, Engine, EngineError, Fault, Kicked, Syscall
from skete.engines.gate import code
from skete.engines.gate.layout import MAX_SLOTS, RESERVED_END, RING_NR, SLOT_SIZE, SLOTS_BASE, STUB_BASE
from skete.engines.gate.post import LOOKED, TURN, Post
from skete.engines.process import stub
from skete.engines.process.apart import Apart
from skete.engines.process.family import Family
from skete.engines.process.layout import (
    KICK_SIGNAL, KIND_BORN, KIND_DONE, KIND_HELLO, KIND_SIGNAL, KIND_SYSCALL, ORDER_SIZE, SLOT_FAILED,
    SLOT_ORDER_LIST, SLOT_STACK, TASK_SIZE)
from skete.engines.process.memory import Memory
from skete.engines.process.space import ProcessSpace

__all__ = ["ProcessEngine"]

#: how long a host may take to fork a process whose pages it does not copy, or to run a thread up to its trap, in s
SOON_S = 5

_NOTIF = struct.Struct(seccomp.NOTIF)
_EMPTY = bytes(seccomp.NOTIF_SIZE)
_RESP = struct.Struct(seccomp.RESP)
_SLOT = struct.Struct("<8QQQ")              # kind, nr, six words, context, siginfo
_INFO = struct.Struct("<iiiiQ")             # siginfo_t of a fault: si_signo, si_errno, si_code, padding, si_addr
_FAULTS = frozenset((4, 5, 7, 8, 11))       # SIGILL SIGTRAP SIGBUS SIGFPE SIGSEGV

#: lowest and highest place that a stopped thread's ucontext can have in its slot
_CONTEXT_FROM, _CONTEXT_TO = SLOT_STACK, SLOT_SIZE - sigframe.FRAME_SIZE


#: descriptors that select(2) can be asked about: FD_SETSIZE
_SELECTABLE = 1024


def _look_at(*fds: int):
    look = select.poll()
    for fd in fds:
        look.register(fd, select.POLLIN)
    return look


class ProcessEngine(Engine):
    name = "process"
    yields = True
    user_range = (0x1_0000, TASK_SIZE)
    reserved = [(STUB_BASE, RESERVED_END)]

    def __init__(self):
        self.stub = stub.find()
        self._gate = code.gate(self.stub)       # what is executed, whatever becomes of the file
        self.post = Post(self, self._gate[1])
        self.follow = self.post.follow
        self.memory = memory = Memory()
        self.ram, self.discard, self.clear = memory.ram, memory.discard, memory.clear
        self.populate, self.copy = memory.populate, memory.copy
        self._buffer = bytearray(seccomp.NOTIF_SIZE)
        self._spaces = []
        self._watched = {}              # descriptor -> family, for a listener; space, for a pidfd
        # select(2) ends at 1023, and poll(2) as Python has it counts in ms. So pidfds, and listeners of a high number,
        # stand behind one descriptor that is made while numbers are low.
        self._others = select.epoll()
        self._fds = [self._others.fileno()]
        self.by_tid = {}                # host thread id -> vcpu
        self.forking = None            # the vcpu that carries out a fork
        self.newborn = None            # the vcpu that a fork in progress makes
        self._queued = []               # events that came meanwhile
        self._apart = Apart()
        self._kicks = []                # vcpus to kick that have no tid yet
        self._used_ns = 0               # processor time of spaces that are gone
        self.answered = {}              # number -> (calls, errors) that the fast gate has answered, in spaces that are gone

    @property
    def posted(self) -> int:
        return self.post.served

    def begin_clocks(self):
        from skete.engines.gate.clocks import begin
        return begin(*self._gate, self.memory.clocks())

    def space(self) -> ProcessSpace:
        space = ProcessSpace(self, self.stub)
        self._spaces.append(space)
        return space

    # ---- the loop ----

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        while self._queued:
            source, trap = self._queued.pop(0)
            if not source.space.dead:
                return source, trap
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        fds = [*self._fds, *wake_fds]
        post = self.post
        while True:
            pause_s = timeout_s
            if post.turn >= TURN:
                post.turn, pause_s = 0, 0.0
            elif timeout_s != 0.0:
                if post.credit > 0:
                    posted = post.look()
                    if posted is not None:
                        return posted
                if post.polled and not post.order_due():
                    post.sleep()
            if self._kicks:
                pause_s = self._kick_again(pause_s)
            ready = select.select(fds, (), (), pause_s)[0]
            for fd in ready:
                family = self._watched.get(fd)
                if family is not None:
                    trap = self._receive(family)
                    if trap is not None:
                        return trap
                elif fd == fds[0]:
                    event = self._other()
                    if event is not None:
                        return event
                else:
                    return None         # the caller's descriptor
            if deadline is not None:
                timeout_s = deadline - time.monotonic()
                if timeout_s <= 0:
                    return None

    def _other(self) -> tuple | None:
        ready = self._others.poll(0, 1)
        if not ready:
            return None
        watched = self._watched[ready[0][0]]
        return self._receive(watched) if type(watched) is Family else (watched, self._death(watched))

    def _receive(self, family) -> tuple | None:
        """Take one notification. None where it was only an order on its way."""
        buffer = self._buffer
        buffer[:] = _EMPTY
        try:
            fcntl.ioctl(family.listener, seccomp.SECCOMP_IOCTL_NOTIF_RECV, buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None             # the thread died between its ring and our reading
            raise EngineError(f"SECCOMP_IOCTL_NOTIF_RECV: {error.strerror}") from None
        notification, tid, _, nr, _, rip, *words = _NOTIF.unpack(buffer)
        vcpu = self.by_tid.get(tid) or self._newcomer(family, tid, nr, words)
        if vcpu is None:
            self._refuse(family, notification, errno.EPERM)
            return None
        guess = nr != RING_NR
        if guess and (vcpu.expected or vcpu.guess != (nr, *words)):
            self._order(family, vcpu, notification, nr, words)
            return None
        if rip == self.post.rang_at:
            return self.post.rung(vcpu, notification)
        if words[1] and not guess:
            if not self.post.late(vcpu, notification):
                return None
        elif vcpu.stopped is LOOKED:
            return self.foul(vcpu)      # somebody else said that it had trapped
        before, vcpu.stopped = vcpu.stopped, notification
        return self.report(vcpu, guess, before)

    def report(self, vcpu, guess: bool = False, before=None) -> tuple | None:
        """What a thread tells in its slot. before: what it stopped with, if it is stopped twice"""
        kind, nr, a, b, c, d, e, f, context, info = _SLOT.unpack_from(vcpu.slots, vcpu.base)
        context -= SLOTS_BASE + vcpu.base
        if not _CONTEXT_FROM <= context <= _CONTEXT_TO:
            context = _CONTEXT_TO       # the guest has overwritten its slot; its registers are what it made them
        vcpu.context = vcpu.base + context
        if kind == KIND_SIGNAL:
            trap = self._signal(vcpu, info)
            if not (self.post.kicked(vcpu) if type(trap) is Kicked else self.post.faulted(vcpu)):
                return self._stopped(vcpu, trap)
            vcpu.keep()
            vcpu.stopped = before          # of its ring at the fast gate; interrupted, so stale
            return None
        if kind == KIND_SYSCALL:
            vcpu.guessed, vcpu.call = guess, (nr, a, b, c, d, e, f)
            if vcpu.stopped is not LOOKED and vcpu is self.post.poster:
                self.post.soon(vcpu)
            trap = Syscall(nr, (a, b, c, d, e, f))
            return (vcpu, trap) if not vcpu.posted else self.post.trapped(vcpu)
        if kind == KIND_DONE:
            self._done(vcpu)
            return None
        if kind == KIND_BORN and vcpu is self.newborn:
            self.newborn = None
            return None
        return vcpu, Fault(11, 1, 0)    # a kind that does not exist: the guest's own doing

    def _stopped(self, vcpu, trap) -> tuple | None:
        if not vcpu.posted:
            return vcpu, trap
        return self.post.trapped(vcpu)

    def _newcomer(self, family, tid: int, nr: int, words: list):
        """Who is this thread that we do not know? Nobody, unless a thread or a process has been started that has no
        tid yet. A thread's first ring says which slot it has. A process that is forked begins with its first order."""
        newborn = self.newborn
        if newborn is not None and not newborn.tid and newborn.expected[-1] == (nr, *words) \
                and newborn.space.family is family:
            newborn.space.pid = tid
            return self._meet(newborn, tid)
        index, rest = divmod(words[0] - SLOTS_BASE, SLOT_SIZE)
        if nr != RING_NR or rest or not 0 <= index < MAX_SLOTS:
            return None
        # Threads of several processes may be on their way, and slots have the same addresses in each.
        found = [vcpu for space in family.spaces if (vcpu := space.vcpus[index]) is not None and not vcpu.tid
                 and (len(family.spaces) == 1 or os.path.exists(f"/proc/{space.pid}/task/{tid}"))]
        return self._meet(found[0], tid) if len(found) == 1 else None

    def _meet(self, vcpu, tid: int):
        vcpu.tid = tid
        vcpu.space.tids.add(tid)
        self.by_tid[tid] = vcpu
        self._apart.free(tid)
        return vcpu

    def _order(self, family, vcpu, notification: int, nr: int, words: list) -> None:
        """A thread carries out an order: let it pass if it is the very one that is due, else refuse it."""
        due = vcpu.expected.pop() if vcpu.expected else ()
        if due != (nr, *words):
            if due:
                vcpu.expected.append(due)
            self._refuse(family, notification, errno.ENOSYS)
            return
        if vcpu.ended and not vcpu.expected and not vcpu.waiting:
            del self.by_tid[vcpu.tid]
            vcpu.space.tids.discard(vcpu.tid)
        self.send(family, _RESP.pack(notification, 0, 0, seccomp.SECCOMP_USER_NOTIF_FLAG_CONTINUE))

    def _refuse(self, family, notification: int, errno_: int) -> None:
        self.send(family, _RESP.pack(notification, 0, -errno_, 0))

    def _signal(self, vcpu, info: int):
        info -= SLOTS_BASE
        if not vcpu.base <= info <= vcpu.base + SLOT_SIZE - sigframe.SIGINFO_SIZE:
            return Fault(11, 1, 0)
        signo, _, code, _, address = _INFO.unpack_from(vcpu.slots, info)
        if signo not in _FAULTS:
            return Kicked()
        error, trapno = struct.unpack_from("<QQ", vcpu.slots, vcpu.context + sigframe.UC_ERR)
        return Fault(signo, code, address, error, trapno)

    def _done(self, vcpu) -> None:
        """The gate has carried out an answer's orders and wants more, or one of them failed."""
        failed, = struct.unpack_from("<Q", vcpu.slots, vcpu.base + SLOT_FAILED)
        if self.forking is vcpu:
            self.forking, self.newborn = None, self.newborn if not failed else None
            return
        if failed:
            at = vcpu.base + SLOT_ORDER_LIST + (failed - 1) % 64 * ORDER_SIZE
            *order, result = struct.unpack_from("<7Qq", vcpu.slots, at)
            # All this stands in the guest's memory: it may be a lie, which is not to be the others' end.
            if not vcpu.was_told(tuple(order)) or not -4096 < result < 0 or result == -errno.ENOSYS:     # which is ours
                return self.foul(vcpu)
            why = (f"the host refused the guest's process system call {order[0]}"
                   f"({', '.join(map(hex, order[1:]))}): {os.strerror(-result)}; "
                   "is one of its limits (ulimit -a, vm.max_map_count) too low?")
            if len(self._spaces) == 1:
                raise EngineError(why)
            self.note(f"a process was killed, since {why}")
            return os.kill(vcpu.space.pid, 9)
        vcpu.resume_orders()

    # ---- for spaces and vcpus ----

    def hello(self, space: ProcessSpace, vcpu) -> int:
        """Wait for a new stub's first ring, which says where the gate's parts are; the number of the listener's
        descriptor in the stub."""
        family = space.family
        family.wake_here(True)
        self._watched[family.listener] = family
        if family.listener < _SELECTABLE:
            self._fds.append(family.listener)
        else:
            self._others.register(family.listener, select.EPOLLIN)
        self._watch(space)
        look = _look_at(family.listener, space.pidfd)
        ready = [fd for fd, _ in look.poll(30_000)]
        if space.pidfd in ready:
            raise EngineError(f"the guest process died at start-up, signal {self._death(space).signo}")
        if ready:
            self._receive(family)
        kind, family.restorer, listener, family.newborn, family.born = struct.unpack_from("<5Q", vcpu.slots, vcpu.base)
        if kind != KIND_HELLO:
            raise EngineError("the guest process did not start up")
        return listener

    def _watch(self, space: ProcessSpace) -> None:
        self._watched[space.pidfd] = space
        self._others.register(space.pidfd, select.EPOLLIN)

    def until(self, space: ProcessSpace, done) -> bool:
        """Take what the threads of a space report until ``done()``; whether it came to that in time, with the process
        alive. Nothing is served meanwhile: what comes is kept for :meth:`wait`."""
        deadline = time.monotonic() + SOON_S
        self.post.sleep()           # whoever looks for an answer rings
        look = _look_at(space.family.listener, space.pidfd)
        while not done():
            ready = look.poll(max(0, deadline - time.monotonic()) * 1000)
            if not ready or any(fd == space.pidfd for fd, _ in ready):
                return False
            event = self._receive(space.family)
            if event is not None:
                self._queued.append(event)
        return True

    def posting(self, vcpu, pays: bool) -> None:
        vcpu.space.family.wake_here(not pays)
        if not pays:
            self._apart.end()

    def take_turns(self, *vcpus) -> None:
        """These, of processes with one thread each, are looked at together."""
        for vcpu in vcpus:
            self._apart.keep(vcpu.space.pid)

    def foul(self, vcpu) -> None:
        """Its slot has been overwritten."""
        self.note("a process was killed, since it interferes with its own system calls")
        os.kill(vcpu.space.pid, 9)

    def adopt(self, child: ProcessSpace) -> None:
        """A forked process is one of ours from now on."""
        child.family.spaces.add(child)
        self._spaces.append(child)
        self._watch(child)

    def send(self, family, response: bytes) -> None:
        """Answer a notification."""
        try:
            fcntl.ioctl(family.listener, seccomp.SECCOMP_IOCTL_NOTIF_SEND, response)
        except OSError as error:
            if error.errno != errno.ENOENT:     # it died meanwhile: an outcome, not an error
                raise EngineError(f"SECCOMP_IOCTL_NOTIF_SEND: {error.strerror}") from None

    def kick(self, vcpu) -> None:
        """Interrupt guest code, where the thread runs any. The gate blocks signals, so one that comes
        while it rings is taken when it returns to the guest, and reported then."""
        from skete.engines.process.tgkill import tgkill
        tid = vcpu.tid or vcpu.host_tid
        if tid > 0:
            tgkill(vcpu.space.pid, tid, KICK_SIGNAL)
        elif vcpu not in self._kicks:
            self._kicks.append(vcpu)

    def _kick_again(self, timeout_s: float | None) -> float:
        """Threads that were kicked before they existed on the host. How long to wait at most now."""
        waiting, self._kicks = self._kicks, []
        for vcpu in waiting:
            if vcpu.stopped is None and not vcpu.ended and not vcpu.space.dead:
                self.kick(vcpu)
        if not self._kicks:
            return timeout_s
        return 0.001 if timeout_s is None else min(timeout_s, 0.001)

    def forget(self, space: ProcessSpace) -> None:
        self._spaces.remove(space)
        self.post.forget(space)
        self._apart.forget(space.pid)
        self._used_ns += space.cpu_ns()
        self.forget_tids(space)
        if self._watched.pop(space.pidfd, None):
            self._others.unregister(space.pidfd)
        family = space.family
        if family is not None and family.leave(space) and self._watched.pop(family.listener, None) \
                and family.listener < _SELECTABLE:
            self._fds.remove(family.listener)

    def forget_tids(self, space: ProcessSpace) -> None:
        for tid in space.tids:
            self.by_tid.pop(tid, None)
        space.tids.clear()

    def _death(self, space: ProcessSpace) -> Died:
        code = os.waitstatus_to_exitcode(space.reap())
        return Died(-code, 0) if code < 0 else Died(0, code)

    def close(self) -> int:
        self._apart.end()
        for space in list(self._spaces):
            space.kill()
        if self.memory.fd >= 0:
            self.memory.close()
            self._others.close()
        return self._used_ns
