"""Parents and children: what a process that ends leaves, who is told, and who inherits.

A process that has ended is a zombie until its parent has waited for it: nothing of it is left but its number, its
status and what it has used. A parent that ignores SIGCHLD, or says SA_NOCLDWAIT, leaves no zombies. Orphans become
children of the nearest ancestor that is a subreaper (prctl(2)), else of the machine's first process. The machine
ends with its first process, whatever else runs then: as a container does with its init.
"""
from __future__ import annotations

from struct import pack

from skete.abi.signal import (CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, SA_NOCLDSTOP, SA_NOCLDWAIT, SIG_IGN,
                              SIGCHLD, SIGCONT, SIGHUP)
from skete.abi.time import NSEC_PER_SEC, USER_HZ
from skete.kernel.identity import credentials
from skete.kernel.signals import pending
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.time.clock import process_cpu_ns

__all__ = ["continued", "ended", "members", "orphaned", "reap", "release", "stopped", "told"]


def members(kernel, group: int) -> list:
    """The processes of a group, zombies included: until one is waited for, its number stands for the group."""
    return [p for p in (*kernel.processes.values(), *kernel.zombies.values()) if p.pgid == group]


def release(process) -> None:
    """It does not live in its parent's memory any more: a parent in vfork(2) goes on."""
    queue, process.borrowed = process.borrowed, None
    if queue is not None:
        queue.wake()


def ended(process) -> None:
    """A process other than the first has its status: its children find a new parent, its own is told."""
    kernel = process.kernel
    _orphan(process)
    if process.pidfds:
        from skete.kernel.process.pidfd import tell
        tell(process)
    parent = process.parent
    kernel.zombies[process.pid] = process
    if parent is None or parent.status is not None:
        del kernel.zombies[process.pid]
        return
    _tell_parent(process)


def _tell_parent(process) -> None:
    parent, signo = process.parent, process.exit_signal
    kind, code = process.status
    action = parent.signals.action(SIGCHLD)
    forget = signo == SIGCHLD and (action.handler == SIG_IGN or action.flags & SA_NOCLDWAIT)
    if forget:
        del process.kernel.zombies[process.pid], parent.children[process.pid]
    if signo and not (signo == SIGCHLD and action.handler == SIG_IGN):
        _send(parent, told(process, CLD_EXITED if kind == "exited" else CLD_KILLED, code, signo))
    parent.child_queue.wake()


def _send(process, info: SigInfo) -> None:
    """A signal of the kernel's own. Real-time ones may be asked for too, and are lost where their queue is full."""
    try:
        pending.send_process(process, info)
    except OSError:
        pass


def told(process, code: int, status: int, signo: int = SIGCHLD) -> SigInfo:
    """SIGCHLD's siginfo_t: si_pid, si_uid, si_status, si_utime, si_stime."""
    ticks = process_cpu_ns(process) // (NSEC_PER_SEC // USER_HZ)
    return SigInfo(signo, code, pack("<iIi4xqq", process.pid, credentials.of(process).uid, status, ticks, 0))


def reap(process) -> None:
    """It was waited for: forget it."""
    parent = process.parent
    parent.children_ns += process_cpu_ns(process) + process.children_ns
    parent.children_peak = max(parent.children_peak, process.mm.peak, process.children_peak)
    del process.kernel.zombies[process.pid], parent.children[process.pid]


def _orphan(process) -> None:
    """Give a process's children to whoever inherits them."""
    kernel = process.kernel
    heir = _heir(process)
    children, process.children = process.children, {}
    for child in children.values():
        child.parent = heir
        if heir is None:
            kernel.zombies.pop(child.pid, None)
            continue
        child.ppid = heir.pid
        if kernel.answers is not None:
            kernel.answers.adopted(child)
        heir.children[child.pid] = child
        signo = child.prctl.get("pdeathsig", 0)
        if signo and child.status is None:
            _send(child, SigInfo.sent(signo, 0, process.pid, credentials.of(process).uid))
        if child.status is not None:
            child.exit_signal = SIGCHLD
            _tell_parent(child)
    for group in {child.pgid for child in children.values()} | {process.pgid}:
        _hang_up(kernel, group, process)


def _heir(process):
    ancestor = process.parent
    while ancestor is not None:
        if ancestor.prctl.get("subreaper") and ancestor.status is None:
            return ancestor
        ancestor = ancestor.parent
    first = process.kernel.first
    return first if first is not process and first.status is None else None


def orphaned(kernel, group: int, gone=None) -> bool:
    """Whether nobody of the session outside of a group cares for it, setpgid(2). The first process has its parent
    outside of the machine."""
    return not any(p is kernel.first or p.parent is not None and p.parent.pgid != group and p.parent.sid == p.sid
                   for p in kernel.processes.values() if p.pgid == group and p is not gone)


def _hang_up(kernel, group: int, gone) -> None:
    """A group that has become orphaned, and of which somebody is stopped, is woken to end."""
    if not orphaned(kernel, group, gone):
        return
    living = [p for p in kernel.processes.values() if p.pgid == group and p is not gone]
    if any(p.signals.stopped for p in living):
        for process in living:
            pending.send_process(process, SigInfo(SIGHUP))
            pending.send_process(process, SigInfo(SIGCONT))


def stopped(process, signo: int) -> None:
    """A stop signal has stopped it: its parent may want to know."""
    process.stop_report, process.went_on = signo, False
    _tell_job(process, CLD_STOPPED, signo)


def continued(process) -> None:
    """SIGCONT has let it go on."""
    process.stop_report, process.went_on = 0, True
    _tell_job(process, CLD_CONTINUED, SIGCONT)


def _tell_job(process, code: int, signo: int) -> None:
    parent = process.parent
    if parent is None or parent.status is not None:
        return
    if not parent.signals.action(SIGCHLD).flags & SA_NOCLDSTOP:
        pending.send_process(parent, told(process, code, signo))
    parent.child_queue.wake()
