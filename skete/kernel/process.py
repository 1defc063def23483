"""A process as the kernel sees it: what its threads share."""
from __future__ import annotations

__all__ = ["Process"]


class Process:
    """A thread group.

    pid, parent (a Process or None: the machine started it), pgid, sid;  space: the engine's address space
    mm, files, fs: shared by all its threads;  tasks: {tid: Task}, living threads
    exe: bytes, the program's path;  argv, envp: lists of bytes
    auxv: bytes; envp_at: address of the first environment pointer; bias: where a position-independent exe was put
    fault: (Fault, rip) of the instruction that faulted last, or None
    status: None while it lives, then ("exited", code) or ("signalled", signo)
    """

    def __init__(self, kernel, pid: int, space, mm, files, fs, parent=None):
        self.kernel, self.pid, self.space = kernel, pid, space
        self.mm, self.files, self.fs = mm, files, fs
        self.parent = parent
        self.ppid = parent.pid if parent else 0
        self.pgid = self.sid = pid
        self.tasks = {}
        self.exe, self.argv, self.envp = b"", [], []
        self.auxv, self.envp_at, self.bias = b"", 0, 0
        self.fault = None
        self.status = None
        self.signals = None         # skete.kernel.pending.ProcessSignals
        self.timers = {}            # setitimer's, by which
        self.rlimits = None
        self.prctl = {}             # what prctl(2) set, by name
        self.persona = 0
        self.auxv = b""
        self.started_ns = 0
        self.cpu_ns = 0             # used by threads that have ended

    def __repr__(self):
        return f"Process({self.pid})"

    @property
    def leader(self):
        """The task whose tid is the pid, or None once it has ended."""
        return self.tasks.get(self.pid)
