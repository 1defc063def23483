"""Resource limits: getrlimit(2), setrlimit(2), prlimit(2), and those that act on a process as a whole.

What memory is left is ``sizes``' to say, how large a file may grow ``files.filelimit``'s, how many descriptors there
are the table's. Here is the rest: processor time, queued signals, and how large a new program's stack is.
"""
from __future__ import annotations

from errno import EAGAIN, EINVAL, EPERM, ESRCH
from struct import Struct
from time import monotonic_ns

from skete.abi.resource import (RLIM_INFINITY, RLIM_NLIMITS, RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA,
                                RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RTPRIO,
                                RLIMIT_SIGPENDING, RLIMIT_STACK)
from skete.abi.signal import SI_KERNEL, SIGKILL, SIGXCPU
from skete.abi.time import NSEC_PER_SEC
from skete.engine import PAGE
from skete.kernel.identity.credentials import of
from skete.kernel.memory.mm import STACK_SIZE
from skete.kernel.process.sharing import held_files
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.signals.pending import QUEUE_MAX
from skete.kernel.time.timespec import FOREVER_NS

__all__ = ["ROWS", "check_queue", "check_threads", "inherit", "limits", "queued", "stack_size"]

_PAIR = Struct("<QQ")
#: RLIMIT_NPROC of a first process; what there can be is limited by the configuration
_THREADS = 4096
#: how late processor time is looked at: Linux itself is a tick late
_TICK_NS = 4_000_000
#: the largest stack that a program begins with: half of what lies between its top and where mmap begins
_LARGEST_STACK = 64 << 20


def limits(process) -> list:
    """The resource limits of a process, [soft, hard] by number: Linux's for a first process, with what holds here."""
    if process.rlimits is None:
        limits = [[RLIM_INFINITY, RLIM_INFINITY] for _ in range(RLIM_NLIMITS)]
        limits[RLIMIT_STACK][0] = STACK_SIZE
        limits[RLIMIT_CORE][0] = 0
        limits[RLIMIT_NPROC] = [_THREADS, _THREADS]
        limits[RLIMIT_MEMLOCK] = [8 << 20, 8 << 20]
        limits[RLIMIT_SIGPENDING] = [QUEUE_MAX, QUEUE_MAX]
        limits[RLIMIT_MSGQUEUE] = [819_200, 819_200]
        limits[RLIMIT_NICE] = [0, 0]
        limits[RLIMIT_RTPRIO] = [0, 0]
        files = process.files
        if files is not None:
            limits[RLIMIT_NOFILE] = [files.limit, files.ceiling]
        process.rlimits = limits
        if process.mm.users == 1:
            process.mm.rlimits = limits
    return process.rlimits


def inherit(child, parent) -> None:
    """A new process has its parent's limits; its processor time begins at 0."""
    if parent.rlimits is None:
        return
    child.rlimits = [list(limit) for limit in parent.rlimits]
    child.bounded = parent.bounded
    if child.mm is not parent.mm:
        child.mm.rlimits = child.rlimits
    if min(child.rlimits[RLIMIT_CPU]) != RLIM_INFINITY:
        child.timers["cpu"] = CpuLimit(child)


def prlimit64(task, pid: int, resource: int, new: int, old: int) -> int:
    """prlimit64(2): get and set a limit. EINVAL EPERM ESRCH EFAULT"""
    process = task.process
    if pid:
        process = task.kernel.processes.get(pid)
        if process is None and pid in task.process.tasks:
            process = task.process
    if not 0 <= resource < RLIM_NLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    given = _PAIR.unpack(task.mm.read(new, 16)) if new else None
    if process is None:
        raise OSError(ESRCH, f"no process {pid}")
    if process is not task.process:
        mine, its = task.creds, of(process)
        if {its.uid, its.euid, its.suid} != {mine.uid} or {its.gid, its.egid, its.sgid} != {mine.gid}:
            raise OSError(EPERM, "another user's")
    before = tuple(limits(process)[resource])
    if given:
        _set_limit(process, resource, *given)
    if old:
        task.mm.write(old, _PAIR.pack(*before))
    return 0


def _set_limit(process, resource: int, soft: int, hard: int) -> None:
    limit = limits(process)[resource]
    if soft > hard:
        raise OSError(EINVAL, f"soft limit {soft} above hard limit {hard}")
    if hard > limit[1]:
        raise OSError(EPERM, f"hard limit {hard} above {limit[1]}")
    limit[:] = soft, hard
    if resource == RLIMIT_NOFILE:
        for files in held_files(process):
            files.limit = soft
    elif resource in (RLIMIT_AS, RLIMIT_DATA):
        process.bounded = process.rlimits[RLIMIT_AS][0] != RLIM_INFINITY \
            or process.rlimits[RLIMIT_DATA][0] != RLIM_INFINITY
    elif resource == RLIMIT_CPU:
        before = process.timers.pop("cpu", None)
        if before is not None:
            before.stop()
        if soft != RLIM_INFINITY or hard != RLIM_INFINITY:
            process.timers["cpu"] = CpuLimit(process)


def getrlimit(task, resource: int, addr: int) -> int:
    """getrlimit(2). EINVAL EFAULT"""
    if not 0 <= resource < RLIM_NLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    task.mm.write(addr, _PAIR.pack(*limits(task.process)[resource]))
    return 0


def setrlimit(task, resource: int, addr: int) -> int:
    """setrlimit(2). EINVAL EPERM EFAULT"""
    given = _PAIR.unpack(task.mm.read(addr, 16))
    if not 0 <= resource < RLIM_NLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    _set_limit(task.process, resource, *given)
    return 0


class CpuLimit:
    """RLIMIT_CPU of a process. It sleeps for as long as the limit cannot have been reached, and looks.

    It stands in ``Process.timers`` as "cpu".
    """
    __slots__ = ("process", "_timer")

    def __init__(self, process):
        self.process, self._timer = process, None
        self._sleep()

    def stop(self) -> None:
        if self._timer is not None:
            self.process.kernel.scheduler.cancel(self._timer)
            self._timer = None

    def _sleep(self) -> None:
        from skete.kernel.time.clock import process_cpu_ns
        process = self.process
        left_ns = min(process.rlimits[RLIMIT_CPU]) * NSEC_PER_SEC - process_cpu_ns(process)
        left_ns = max(left_ns // max(1, len(process.tasks)), _TICK_NS)
        self._timer = process.kernel.scheduler.at(min(monotonic_ns() + left_ns, FOREVER_NS), self._look)

    def _look(self) -> None:
        from skete.kernel.time.clock import process_cpu_ns
        from skete.kernel.signals.pending import send_process
        from skete.kernel.signals.siginfo import SigInfo
        self._timer = None
        process = self.process
        limit = process.rlimits[RLIMIT_CPU]
        used_s = process_cpu_ns(process) // NSEC_PER_SEC
        if used_s >= limit[1]:
            send_process(process, SigInfo(SIGKILL, SI_KERNEL))
            return
        if used_s >= limit[0]:
            limit[0] += 1               # as Linux has it, and shows it: the next one comes in a second
            send_process(process, SigInfo(SIGXCPU, SI_KERNEL))
        self._sleep()


def queued(kernel) -> int:
    """What counts against RLIMIT_SIGPENDING: signals that are pending for anybody, and the timers of timer_create."""
    total = 0
    for process in kernel.processes.values():
        for signals in (process.signals, *(task.signals for task in process.tasks.values())):
            total += sum(map(len, signals.pending.infos.values()))
        total += sum(type(key) is tuple for key in process.timers)
    return total


def check_queue(process) -> None:
    """Before another signal is queued for a process, or a timer made that will. EAGAIN"""
    limit = process.rlimits[RLIMIT_SIGPENDING][0]
    if limit < QUEUE_MAX and queued(process.kernel) >= limit:      # else signals.pending counts what is too much
        raise OSError(EAGAIN, f"{limit} signals are queued")


def check_threads(task) -> None:
    """Before a thread, or the first one of a process, is made: RLIMIT_NPROC counts those of the user, the dead that nobody
    has waited for too. User 0 has no such limit. EAGAIN"""
    limit, uid = task.process.rlimits[RLIMIT_NPROC][0], task.creds.uid
    if limit >= _THREADS or not uid:
        return
    kernel = task.kernel
    if sum(other.creds.uid == uid for other in kernel.tasks.values()) \
            + sum(process.creds.uid == uid for process in kernel.zombies.values()) >= limit:
        raise OSError(EAGAIN, f"RLIMIT_NPROC is {limit}")


def stack_size(process) -> tuple:
    """(bytes of stack that a new program begins with, RLIMIT_STACK by which execve measures its arguments)"""
    soft = process.rlimits[RLIMIT_STACK][0]
    memory = process.kernel.config.memory
    most = _LARGEST_STACK if memory is None else max(STACK_SIZE, memory // 4)
    return min(soft & -PAGE, most), soft


ROWS = (
    Row(97, getrlimit, (U32, ADDR)),
    Row(160, setrlimit, (U32, ADDR), "no core file is ever written; RLIMIT_STACK says what a program begins with, up to 64 MiB, "
        "and how far it grows"),
    Row(302, prlimit64, (I32, U32, ADDR, ADDR), "as setrlimit"),
)
