"""A thread as the kernel sees it (Linux's task_struct, what is per thread of it)."""
from __future__ import annotations

__all__ = ["Task"]


class Task:
    """One guest thread. The objects it shares with others hang on ``process`` and are repeated here for speed.

    tid, name (bytes, at most 15);  process, kernel, vcpu, mm, files (descriptor table), fs (namespace, cwd, umask)
    call:    the generator of the call in progress, while it waits or stands in the scheduler's ready list
    wait:    what it waits for, while it does;  waited: what it waited for last
    trap:    the Syscall in progress, while ``call`` is set;  told: observers know its result (it is stopped)
    notify:  something is to be done before it goes back to the guest (Linux's TIF_SIGPENDING)
    restarts: {frame address: Syscall to make again when rt_sigreturn comes from it};  again: the one to make now
    creds: whose power it has (skete.kernel.identity.credentials)
    seccomp: what it has given up (skete.kernel.identity.seccomp: a Filter, or STRICT), or None
    signals: its mask, pending signals and alternate stack (skete.kernel.signals.pending.TaskSignals)
    refault: where it last was let go on after a fault for which no reason was found (skete.kernel.memory.pagefault)
    """
    __slots__ = ("tid", "process", "kernel", "vcpu", "mm", "files", "fs", "name", "call", "wait", "waited", "trap",
                 "told", "notify", "dead", "signals", "clear_child_tid", "robust_list", "restarts", "again",
                 "affinity", "nice", "policy", "ioprio", "started_ns", "creds", "seccomp", "refault",
                 "mempolicy")

    def __init__(self, tid: int, process, vcpu=None, name: bytes = b""):
        self.tid, self.process, self.vcpu, self.name = tid, process, vcpu, name
        self.kernel, self.mm, self.files, self.fs = process.kernel, process.mm, process.files, process.fs
        self.creds = process.creds
        self.call = self.wait = self.waited = self.trap = None
        self.notify = self.dead = self.told = False
        self.signals = None
        self.clear_child_tid = self.robust_list = 0
        self.restarts = {}
        self.again = self.refault = None
        self.affinity = self.seccomp = self.mempolicy = None
        self.nice = self.policy = self.ioprio = 0
        self.started_ns = 0

    def __repr__(self):
        return f"Task({self.process.pid}/{self.tid})"

    @property
    def sigmask(self) -> int:
        """The blocked signals; bit n-1 is signal n."""
        return self.signals.mask

    def file(self, fd: int):
        """The open file behind a descriptor. EBADF"""
        return self.files.get(fd)
