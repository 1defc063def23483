"""A process as the kernel sees it: what its threads share."""
from __future__ import annotations

from skete.abi.signal import SIGCHLD
from skete.kernel.scheduler import Queue

__all__ = ["Process"]


class Process:
    """A thread group.

    pid, parent (a Process or None: the machine started it), pgid, sid;  space: the engine's address space
    mm: shared by all its threads; files, fs: the same, or the first thread's (skete.kernel.process.sharing)
    tasks: {tid: Task}, living threads
    creds: its first thread's (skete.kernel.identity.credentials.of says them at any time)
    exe: bytes, the program's path;  argv, envp: lists of bytes
    auxv: bytes; envp_at: address of the first environment pointer; bias: where a position-independent exe was put
    strings_at: addresses of the arguments' bytes, of the environment's behind them, and of the end; None: nothing was put there
    program: the Description of the program's file, which /proc/PID/exe opens, or None;  program_key: its inode and
        device, once somebody has asked
    children: {pid: Process}, living and zombies;  child_queue: who waits for them;  exit_signal: to its parent
    borrowed: a Queue while it lives in its parent's memory (vfork) and the parent waits there, else None
    stop_report: the signal that has stopped it, until a wait(2) has told;  went_on: SIGCONT has, likewise
    fault: (Fault, rip) of the instruction that faulted last, or None
    status: None while it lives, then ("exited", code) or ("signalled", signo)
    """

    def __init__(self, kernel, pid: int, space, mm, files, fs, parent=None):
        self.kernel, self.pid, self.space = kernel, pid, space
        self.mm, self.files, self.fs = mm, files, fs
        self.tables = self.systems = None   # all of them, where its threads have different ones: process.sharing
        self.parent = parent
        self.creds = parent.creds if parent is not None else kernel.creds
        self.ppid = parent.pid if parent else 0
        self.pgid = self.sid = pid
        self.tty = None             # the controlling terminal: skete.kernel.process.tty.Control
        self.tasks = {}
        self.program, self.program_key = None, None
        self.children = {}
        self.child_queue = Queue()
        self.exit_signal = SIGCHLD
        self.borrowed = None
        self.stop_report, self.went_on = 0, False
        self.has_executed = False   # another program, since it was forked
        self.exe, self.argv, self.envp = b"", [], []
        self.name = b""             # its first thread's, once that has ended
        self.auxv, self.envp_at, self.bias = b"", 0, 0
        self.strings_at = None
        self.fault = None
        self.status = None
        self.signals = None         # skete.kernel.signals.pending.ProcessSignals
        self.timers = {}            # setitimer's by which, timer_create's, "cpu": RLIMIT_CPU's
        self.rlimits = None         # skete.kernel.process.rlimits
        self.bounded = False        # RLIMIT_AS or RLIMIT_DATA is set: skete.kernel.memory.sizes
        self.prctl = {}             # what prctl(2) set, by name
        self.persona = 0
        self.semundo = None         # skete.kernel.ipc.sysv_sem: {Set: {index: what its end adds}}
        self.auxv = b""
        self.started_ns = 0
        self.cpu_ns = 0             # used by threads that have ended
        self.before_ns = 0          # used in address spaces it has left (execve of a program with threads)
        self.children_ns = self.children_peak = 0   # used by children that were waited for; the largest, in bytes
        self.pidfds = None          # host descriptors to tell of its end: skete.kernel.process.pidfd

    def __repr__(self):
        return f"Process({self.pid})"

    @property
    def leader(self):
        """The task whose tid is the pid, or None once it has ended."""
        return self.tasks.get(self.pid)
