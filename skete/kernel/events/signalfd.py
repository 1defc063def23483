"""signalfd(2): reading signals instead of handling them.

Which signals a signalfd can read depends on who reads, and changes when a signal is taken elsewhere. Its host eventfd
therefore is a hint: raised when a signal is sent, and put right for the asking thread (``Signalfds.refresh``) before
every call that looks at readiness. A thread that the hint wakes for nothing goes to sleep again.
"""
from __future__ import annotations

import os
from errno import EAGAIN, EINVAL

from skete.abi.epoll import SFD_CLOEXEC, SFD_NONBLOCK, SIGNALFD_SIGINFO
from skete.abi.signal import SI_MESGQ, SI_QUEUE, SI_TIMER, SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGIO, SIGSEGV, SIGTRAP, \
    UNBLOCKABLE
from skete.kernel.events.anonymous import Anonymous, fill, install
from skete.kernel.row import ADDR, FD, I32, SIZE, Row
from skete.kernel.signals import pending

__all__ = ["ROWS", "SignalFd", "Signalfds"]


class Signalfds(set):
    """All signalfds of a machine (kernel.signalfds)."""

    def sent(self, flag: int) -> None:
        """A signal, as a bit, has become pending somewhere."""
        for file in self:
            if file.mask & flag:
                file.raise_()

    def refresh(self, task) -> None:
        """Make each show what this thread could read from it."""
        bits = task.signals.pending.bits | task.process.signals.pending.bits
        for file in self:
            if not file.mask & bits:
                file.lower()
            elif not file.raised:
                file.raise_()


class SignalFd(Anonymous):
    """mask: the signals it reads, as bits;  raised: what its eventfd shows"""
    __slots__ = ("mask", "kernel", "raised")
    kind = b"[signalfd]"

    def __init__(self, kernel, mask: int, flags: int):
        self.kernel, self.mask, self.raised = kernel, mask, False
        super().__init__(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), flags)
        if kernel.signalfds is None:
            kernel.signalfds = Signalfds()
        kernel.signalfds.add(self)

    def release(self) -> None:
        self.kernel.signalfds.discard(self)
        super().release()

    def details(self) -> str:
        return f"sigmask:\t{self.mask:016x}\n"

    def raise_(self) -> None:
        # Again even if it is up: an edge-triggered watcher counts every signal.
        if self.raised:
            self.lower()
        os.eventfd_write(self.host_fd, 1)
        self.raised = True

    def lower(self) -> None:
        if self.raised:
            os.eventfd_read(self.host_fd)
            self.raised = False

    def read(self, buffers: list) -> int:
        room = sum(map(len, buffers)) // SIGNALFD_SIGINFO.size
        if not room:
            raise OSError(EINVAL, "no room for a signal")
        task = self.kernel.current
        found = []
        while len(found) < room:
            info = pending.take(task, self.mask)
            if info is None:
                break
            found.append(_pack(info))
        self.kernel.signalfds.refresh(task)
        if not found:
            raise BlockingIOError(EAGAIN, "no signal is pending")
        return fill(buffers, b"".join(found))


def _pack(info) -> bytes:
    """struct signalfd_siginfo: what the code says is in the union."""
    signo, code = info.signo, info.code
    pid = uid = tid = overrun = status = value = utime = stime = addr = band = trapno = 0
    fd = 0
    if code == SI_TIMER:
        tid, overrun, value = info.words("<iiQ")
    elif code > 0 and code != 0x80 and signo in (SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP):
        addr, = info.words("<Q")
    elif code > 0 and code != 0x80 and signo == SIGCHLD:
        pid, uid, status, utime, stime = info.words("<iIi4xqq")
    elif code > 0 and code != 0x80 and signo == SIGIO:
        band, fd = info.words("<qi")
    else:
        pid, uid = info.words("<iI")
        if code in (SI_QUEUE, SI_MESGQ) or code < 0 and code != -6:
            value, = info.words("<8xQ")
    integer = value & 0xffff_ffff
    integer -= (integer & 0x8000_0000) << 1
    return SIGNALFD_SIGINFO.pack(signo, info.errno, code, pid & 0xffff_ffff, uid, fd, tid & 0xffff_ffff,
                                 band & 0xffff_ffff, overrun & 0xffff_ffff, trapno, status, integer, value,
                                 utime & 0xffff_ffff_ffff_ffff, stime & 0xffff_ffff_ffff_ffff, addr, 0)


def signalfd4(task, fd: int, mask: int, size: int, flags: int) -> int:
    """signalfd4(2): a descriptor that reads these signals, or (fd not -1) another set for one. EBADF EFAULT EINVAL"""
    if size != 8 or flags & ~(SFD_CLOEXEC | SFD_NONBLOCK):
        raise OSError(EINVAL, f"{size} bytes, flags {flags:#x}")
    signals = task.mm.read_u64(mask) & ~UNBLOCKABLE
    if fd == -1:
        task.files.room()
        fd = install(task, SignalFd(task.kernel, signals, flags), flags)
    else:
        file = task.files.get(fd)
        if not isinstance(file, SignalFd):
            raise OSError(EINVAL, "no signalfd")
        file.mask = signals
    task.kernel.signalfds.refresh(task)
    return fd


def signalfd(task, fd: int, mask: int, size: int) -> int:
    """signalfd(2), the raw call without flags."""
    return signalfd4(task, fd, mask, size, 0)


ROWS = (
    Row(282, signalfd, (FD, ADDR, SIZE)),
    Row(289, signalfd4, (FD, ADDR, SIZE, I32)),
)
