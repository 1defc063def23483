"""Waiting for children: wait4(2), waitid(2)."""
from __future__ import annotations

from errno import ECHILD, EINVAL, ESRCH
from struct import pack

from skete.abi.signal import CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, SIGCHLD, SIGCONT
from skete.abi.wait import (P_ALL, P_PGID, P_PID, P_PIDFD, WALL, WCLONE, WCONTINUED, WEXITED, WNOHANG, WNOTHREAD,
                            WNOWAIT, WSTOPPED, WUNTRACED)
from skete.kernel.identity.credentials import of
from skete.kernel.outcome import SIGNAL, Restart, Wait
from skete.kernel.process import children
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.time.clock import process_cpu_ns, rusage

__all__ = ["ROWS"]


class _Report:
    """What a wait found: child, si_code, si_status."""
    __slots__ = ("child", "code", "status")

    def __init__(self, child, code: int, status: int):
        self.child, self.code, self.status = child, code, status

    def word(self) -> int:
        """The status as wait4(2) writes it."""
        if self.code == CLD_EXITED:
            return (self.status & 0xff) << 8
        if self.code == CLD_STOPPED:
            return self.status << 8 | 0x7f
        return 0xffff if self.code == CLD_CONTINUED else self.status


def _look(process, wanted, options: int) -> tuple:
    """(a Report or None, whether there is a child that a report could come of)"""
    any_child = False
    for child in list(process.children.values()):
        if not wanted(child):
            continue
        if not options & WALL and (child.exit_signal != SIGCHLD) != bool(options & WCLONE):
            continue
        if child.status is not None:
            if options & WEXITED:       # nothing else can come of one that has ended
                kind, code = child.status
                report = _Report(child, CLD_EXITED if kind == "exited" else CLD_KILLED, code)
                if not options & WNOWAIT:
                    children.reap(child)
                return report, True
            continue
        any_child = True
        if child.stop_report and options & WSTOPPED:
            report = _Report(child, CLD_STOPPED, child.stop_report)
            if not options & WNOWAIT:
                child.stop_report = 0
            return report, True
        elif child.went_on and options & WCONTINUED:
            if not options & WNOWAIT:
                child.went_on = False
            return _Report(child, CLD_CONTINUED, SIGCONT), True
    return None, any_child


def _wait(process, wanted, options: int):
    """The next Report, or None with WNOHANG. ECHILD"""
    reason = None
    while True:
        report, any_child = _look(process, wanted, options)
        if report is not None:
            return report
        if not any_child:
            raise OSError(ECHILD, "no such child")
        if options & WNOHANG:
            return None
        if reason is SIGNAL:
            raise Restart       # looked first: SIGCHLD of the very child that was waited for interrupts nothing
        reason = yield Wait(process.child_queue)


def _used(report) -> bytes:
    child = report.child
    return rusage(process_cpu_ns(child) + child.children_ns, max(child.mm.peak, child.children_peak))


def wait4(task, pid: int, status: int, options: int, usage: int):
    """wait4(2): wait for a child. Returns its pid, 0 with WNOHANG while there is nothing to tell.
    ECHILD EINTR EINVAL ESRCH EFAULT"""
    if options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL):
        raise OSError(EINVAL, f"options {options:#x}")
    if pid == -0x8000_0000:
        raise OSError(ESRCH, "no such group")
    process = task.process
    if pid > 0:
        wanted = lambda child: child.pid == pid         # noqa: E731
    elif pid == -1:
        wanted = lambda child: True                     # noqa: E731
    else:
        group = -pid if pid else process.pgid
        wanted = lambda child: child.pgid == group      # noqa: E731
    report = yield from _wait(process, wanted, options | WEXITED)
    if report is None:
        return 0
    if status:
        task.mm.write_u32(status, report.word())
    if usage:
        task.mm.write(usage, _used(report))
    return report.child.pid


def waitid(task, kind: int, which: int, info: int, options: int, usage: int):
    """waitid(2), the raw call: wait for a child and say what became of it in a siginfo_t. ECHILD EINTR EINVAL EFAULT"""
    process = task.process
    try:
        if options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL) \
                or not options & (WEXITED | WSTOPPED | WCONTINUED):
            raise OSError(EINVAL, f"options {options:#x}")
        report = yield from _wait(process, _chosen(task, kind, which), options)
    except OSError:
        if info:
            task.mm.write(info, _NOTHING)
            task.mm.write(info + 16, _NOTHING)
        raise
    if report is not None and usage:
        task.mm.write(usage, _used(report))
    if info:
        found = (SIGCHLD, report.code, report.child.pid, of(report.child).uid, report.status) if report else (0,) * 5
        signo, code, pid, uid, status = found
        task.mm.write(info, pack("<iii", signo, 0, code))
        task.mm.write(info + 16, pack("<iIi", pid, uid, status))
    return 0


#: what stands in a siginfo_t when there was an error
_NOTHING = bytes(12)


def _chosen(task, kind: int, which: int):
    """Whether a child is one that waitid(2) waits for. EINVAL EBADF"""
    if kind == P_ALL:
        return lambda child: True
    if kind == P_PID:
        if which <= 0:
            raise OSError(EINVAL, f"pid {which}")
        return lambda child: child.pid == which
    if kind == P_PGID:
        if which < 0:
            raise OSError(EINVAL, f"group {which}")
        group = which or task.process.pgid
        return lambda child: child.pgid == group
    if kind == P_PIDFD:
        from skete.kernel.process.pidfd import process_of
        target = process_of(task, which)
        return lambda child: child is target
    raise OSError(EINVAL, f"kind {kind}")


ROWS = (
    Row(61, wait4, (I32, ADDR, U32, ADDR), "__WNOTHREAD without effect: any thread may wait for any child"),
    Row(247, waitid, (U32, I32, ADDR, U32, ADDR), "__WNOTHREAD without effect"),
)
