"""The process engine: guest memory in a memfd, and the loop over seccomp notifications."""
from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import struct
import time

from skete.abi import seccomp, sigframe
from skete.engine import Died, Engine, EngineError, Fault, Kicked, Syscall
from skete.engines.process import stub
from skete.engines.process.layout import (
    KICK_SIGNAL, KIND_DONE, KIND_HELLO, KIND_SIGNAL, KIND_SYSCALL, RESERVED_END, RING_NR, SLOT_FAILED, SLOT_ORDER_LIST,
    SLOT_SIZE, SLOT_STACK, SLOTS_BASE, STUB_BASE, TASK_SIZE, ORDER_SIZE)
from skete.engines.process.space import ProcessSpace

__all__ = ["ProcessEngine"]

#: guest-physical memory that can be addressed; a sparse file, so what is not touched costs nothing
RAM_SIZE = 1 << 40

_NOTIF = struct.Struct(seccomp.NOTIF)
_EMPTY = bytes(seccomp.NOTIF_SIZE)
_RESP = struct.Struct(seccomp.RESP)
_SLOT = struct.Struct("<8QQQ")              # kind, nr, six words, context, siginfo
_INFO = struct.Struct("<iiiiQ")             # siginfo_t of a fault: si_signo, si_errno, si_code, padding, si_addr
_FAULTS = frozenset((4, 5, 7, 8, 11))       # SIGILL SIGTRAP SIGBUS SIGFPE SIGSEGV

#: lowest and highest place that a stopped thread's ucontext can have in its slot
_CONTEXT_FROM, _CONTEXT_TO = SLOT_STACK, SLOT_SIZE - sigframe.FRAME_SIZE


class ProcessEngine(Engine):
    name = "process"
    user_range = (0x1_0000, TASK_SIZE)
    reserved = [(STUB_BASE, RESERVED_END)]

    def __init__(self):
        self.stub = stub.find()
        self.ram_fd = os.memfd_create("skete-ram", os.MFD_CLOEXEC)
        os.ftruncate(self.ram_fd, RAM_SIZE)
        self._ram = mmap.mmap(self.ram_fd, RAM_SIZE, mmap.MAP_SHARED | 0x4000)     # MAP_NORESERVE
        self.ram = memoryview(self._ram)
        self._buffer = bytearray(seccomp.NOTIF_SIZE)
        self._spaces = []
        self._watched = {}              # descriptor -> space: a listener, or a pidfd
        self._fds = []
        self._kicks = []                # vcpus to kick that have no tid yet
        self._used_ns = 0               # processor time of spaces that are gone

    def discard(self, frame: int, length: int) -> None:
        self._ram.madvise(mmap.MADV_REMOVE, frame, length)

    def space(self) -> ProcessSpace:
        space = ProcessSpace(self, self.stub)
        self._spaces.append(space)
        return space

    # ---- the loop ----

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        fds = [*self._fds, *wake_fds]
        while True:
            if self._kicks:
                timeout_s = self._kick_again(timeout_s)
            ready = select.select(fds, (), (), timeout_s)[0]
            for fd in ready:
                space = self._watched.get(fd)
                if space is None:
                    return None         # the caller's descriptor
                if fd == space.pidfd:
                    return space, self._death(space)
                trap = self._receive(space)
                if trap is not None:
                    return trap
            if deadline is not None:
                timeout_s = deadline - time.monotonic()
                if timeout_s <= 0:
                    return None

    def _receive(self, space: ProcessSpace) -> tuple | None:
        """Take one notification. None where it was only an order on its way."""
        buffer = self._buffer
        buffer[:] = _EMPTY
        try:
            fcntl.ioctl(space.listener, seccomp.SECCOMP_IOCTL_NOTIF_RECV, buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None             # the thread died between its ring and our reading
            raise EngineError(f"SECCOMP_IOCTL_NOTIF_RECV: {error.strerror}") from None
        notification, tid, _, nr, _, _, *words = _NOTIF.unpack(buffer)
        vcpu = space.by_tid.get(tid) or self._newcomer(space, tid, words[0])
        if vcpu is None:
            self._refuse(space, notification, errno.EPERM)
            return None
        if nr != RING_NR:
            self._order(space, vcpu, notification, nr, words)
            return None
        vcpu.notification = notification
        kind, nr, a, b, c, d, e, f, context, info = _SLOT.unpack_from(vcpu.slots, vcpu.base)
        context -= SLOTS_BASE + vcpu.base
        if not _CONTEXT_FROM <= context <= _CONTEXT_TO:
            context = _CONTEXT_TO       # the guest has overwritten its slot; its registers are what it made them
        vcpu.context = vcpu.base + context
        if kind == KIND_SYSCALL:
            return vcpu, Syscall(nr, (a, b, c, d, e, f))
        if kind == KIND_SIGNAL:
            return vcpu, self._signal(vcpu, info)
        if kind == KIND_DONE:
            self._done(vcpu)
            return None
        return vcpu, Fault(11, 1, 0)    # a kind that does not exist: the guest's own doing

    def _newcomer(self, space: ProcessSpace, tid: int, slot: int):
        """A thread's first ring says which slot it has; believed only of one that was started and has no tid."""
        index, rest = divmod(slot - SLOTS_BASE, SLOT_SIZE)
        if rest or not 0 <= index < len(space.vcpus):
            return None
        vcpu = space.vcpus[index]
        if vcpu is None or vcpu.tid:
            return None
        vcpu.tid = tid
        space.by_tid[tid] = vcpu
        return vcpu

    def _order(self, space, vcpu, notification: int, nr: int, words: list) -> None:
        """A thread carries out an order: let it pass if it is the very one that is due, else refuse it."""
        if not vcpu.expected or vcpu.expected[-1] != (nr, *words):
            self._refuse(space, notification, errno.ENOSYS)
            return
        vcpu.expected.pop()
        if vcpu.ended and not vcpu.expected and not vcpu.waiting:
            del space.by_tid[vcpu.tid]
        self.send(space, _RESP.pack(notification, 0, 0, seccomp.SECCOMP_USER_NOTIF_FLAG_CONTINUE))

    def _refuse(self, space, notification: int, errno_: int) -> None:
        self.send(space, _RESP.pack(notification, 0, -errno_, 0))

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
        if failed:
            at = vcpu.base + SLOT_ORDER_LIST + (failed - 1) % 64 * ORDER_SIZE
            *order, result = struct.unpack_from("<7Qq", vcpu.slots, at)
            raise EngineError(f"the host refused the guest's process system call {order[0]}"
                              f"({', '.join(map(hex, order[1:]))}): {os.strerror(-result & 0xfff)}; "
                              "is one of its limits (ulimit -a, vm.max_map_count) too low?")
        vcpu.resume_orders()

    # ---- for spaces and vcpus ----

    def hello(self, space: ProcessSpace, vcpu) -> tuple:
        """Wait for a new stub's first ring. The guest address of the gate's way back, and the number
        of the listener's descriptor in the stub."""
        try:        # a wake-up without preemption is right while we sleep in select (Linux 6.6; else no loss)
            fcntl.ioctl(space.listener, seccomp.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                        seccomp.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
        except OSError:
            pass
        self._watched[space.listener] = self._watched[space.pidfd] = space
        self._fds = list(self._watched)
        ready = select.select((space.listener, space.pidfd), (), (), 30)[0]
        if space.pidfd in ready:
            raise EngineError(f"the guest process died at start-up, signal {self._death(space).signo}")
        if ready:
            self._receive(space)
        kind, restorer, listener = struct.unpack_from("<QQQ", vcpu.slots, vcpu.base)
        if kind != KIND_HELLO:
            raise EngineError("the guest process did not start up")
        return restorer, listener

    def send(self, space: ProcessSpace, response: bytes) -> None:
        try:
            fcntl.ioctl(space.listener, seccomp.SECCOMP_IOCTL_NOTIF_SEND, response)
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
            if vcpu.notification is None and not vcpu.ended:
                self.kick(vcpu)
        if not self._kicks:
            return timeout_s
        return 0.001 if timeout_s is None else min(timeout_s, 0.001)

    def forget(self, space: ProcessSpace) -> None:
        self._spaces.remove(space)
        self._used_ns += space.cpu_ns()
        for fd in (space.listener, space.pidfd):
            self._watched.pop(fd, None)
        self._fds = list(self._watched)

    def _death(self, space: ProcessSpace) -> Died:
        code = os.waitstatus_to_exitcode(space.reap())
        return Died(-code, 0) if code < 0 else Died(0, code)

    def close(self) -> int:
        for space in list(self._spaces):
            space.kill()
        if self.ram_fd >= 0:
            os.close(self.ram_fd)
            self.ram_fd = -1
            self.ram.release()
            try:
                self._ram.close()
            except BufferError:
                pass            # somebody still has a view of it; it goes with the last one
        return self._used_ns
