"""Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), CLONE_PIDFD.

Behind each stands an event counter of the host, which becomes readable when the process has ended: so poll, select
and epoll are the host's own.
"""
from __future__ import annotations

import os
from errno import EBADF, EINVAL, EPERM, ESRCH

from skete.abi.fcntl import O_NONBLOCK, O_RDWR
from skete.abi.signal import SI_TKILL, SI_USER
from skete.kernel.files.description import Description
from skete.kernel.files.pseudo import Stat
from skete.kernel.row import ADDR, FD, I32, U32, Row
from skete.kernel.signals import pending
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.signals.signals import send

__all__ = ["ROWS", "install", "process_of", "tell"]


class PidFd(Description):
    """One open pidfd."""
    __slots__ = ("process",)

    def __init__(self, process, flags: int):
        host_fd = os.eventfd(1 if process.status is not None else 0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        super().__init__(flags, b"anon_inode:[pidfd]", -1, host_fd)
        self.process = process
        if process.pidfds is None:
            process.pidfds = set()
        process.pidfds.add(self)

    def release(self) -> None:
        self.process.pidfds.discard(self)
        os.close(self.poll_fd)

    def stat(self):
        return Stat(0o600, 1)

    def details(self) -> str:
        process = self.process
        there = process.pid in process.kernel.processes or process.pid in process.kernel.zombies
        pid = process.pid if there else -1
        return f"Pid:\t{pid}\nNSpid:\t{pid}\n"


def tell(process) -> None:
    """It has ended: whoever polls one of its descriptors is to know."""
    for pidfd in process.pidfds:
        os.eventfd_write(pidfd.poll_fd, 1)


def install(task, process, flags: int = 0) -> int:
    """A new descriptor of a process, close-on-exec. EMFILE"""
    task.files.room()
    return task.files.install(PidFd(process, O_RDWR | flags), 0, True)


def process_of(task, fd: int):
    """The process behind a descriptor. EBADF"""
    description = task.files.get(fd)
    if type(description) is not PidFd:
        raise OSError(EBADF, "no pidfd")
    return description.process


def pidfd_open(task, pid: int, flags: int) -> int:
    """pidfd_open(2): a descriptor of a process. EINVAL ESRCH EMFILE"""
    if flags & ~O_NONBLOCK or pid <= 0:
        raise OSError(EINVAL, f"pid {pid}, flags {flags:#x}")
    kernel = task.kernel
    process = kernel.processes.get(pid) or kernel.zombies.get(pid)
    if process is None:
        if any(pid in other.tasks for other in kernel.processes.values()):
            raise OSError(EINVAL, "a thread that leads no process")
        raise OSError(ESRCH, f"no process {pid}")
    return install(task, process, flags)


def pidfd_send_signal(task, fd: int, signo: int, info: int, flags: int) -> int:
    """pidfd_send_signal(2): signal a process. EBADF EINVAL EPERM ESRCH EAGAIN EFAULT"""
    if flags:
        raise OSError(EINVAL, f"flags {flags:#x}")
    process = process_of(task, fd)
    sent = SigInfo.sent(signo, SI_USER, task.process.pid, task.creds.uid)
    if info:
        sent = SigInfo.unpack(task.mm.read(info, 128))
        if sent.signo != signo:
            raise OSError(EINVAL, f"signal {signo}, and {sent.signo} in the siginfo")
        if process is not task.process and (sent.code >= 0 or sent.code == SI_TKILL):
            raise OSError(EPERM, "only the kernel says so")
    kernel = task.kernel
    if process is not kernel.processes.get(process.pid) and process is not kernel.zombies.get(process.pid):
        raise OSError(ESRCH, "it was waited for")
    return send(task, process, signo, pending.send_process, process, sent)


def pidfd_getfd(task, fd: int, target: int, flags: int) -> int:
    """pidfd_getfd(2): a descriptor of another process, as long as it is dumpable. EBADF EINVAL EMFILE EPERM ESRCH"""
    if flags:
        raise OSError(EINVAL, f"flags {flags:#x}")
    process = process_of(task, fd)
    if process.status is not None:
        raise OSError(ESRCH, "it has ended")
    from skete.kernel.memory.process_vm import traceable
    traceable(task, process)
    return task.files.install(process.files.get(target), 0, True)


ROWS = (
    Row(424, pidfd_send_signal, (FD, I32, ADDR, U32)),
    Row(434, pidfd_open, (I32, U32)),
    Row(438, pidfd_getfd, (FD, I32, U32), "descriptors of the first thread, where a process's threads have different ones"),
)
