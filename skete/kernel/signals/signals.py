"""The calls about signals: sigaction(2), sigprocmask(2), sigsuspend(2), sigtimedwait(2), kill(2), sigaltstack(2)."""
from __future__ import annotations

from errno import EAGAIN, EINTR, EINVAL, EPERM, ESRCH
from struct import Struct
from time import monotonic_ns

from skete.abi.signal import (NSIG, SA_KNOWN, SI_KERNEL, SI_TKILL, SI_USER, SIG_BLOCK, SIG_IGN, SIG_SETMASK,
                              SIG_UNBLOCK, SIGCONT, SIGKILL, SIGSEGV, SIGSTOP, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK,
                              UNBLOCKABLE)
from skete.kernel.identity.credentials import of
from skete.kernel.outcome import KEEP, SIGNAL, TIMEOUT, Restart, Wait
from skete.kernel.row import ADDR, I32, SIZE, Row
from skete.kernel.signals import pending, sigframes
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.time.timespec import read_timespec

__all__ = ["ROWS", "send"]

_SIGACTION = Struct("<4Q")      # struct kernel_sigaction: handler, flags, restorer, mask
_STACK_T = Struct("<QI4xQ")     # ss_sp, ss_flags, ss_size
_SIGSET_SIZE = 8


def _check_size(size: int) -> None:
    if size != _SIGSET_SIZE:
        raise OSError(EINVAL, f"sigset_t of {size} bytes")


def rt_sigaction(task, signo: int, new: int, old: int, size: int) -> int:
    """rt_sigaction(2): set and get what a signal does. EINVAL EFAULT"""
    _check_size(size)
    mm, signals = task.mm, task.process.signals
    given = _SIGACTION.unpack(mm.read(new, 32)) if new else None
    if not 1 <= signo <= NSIG or new and signo in (SIGKILL, SIGSTOP):
        raise OSError(EINVAL, f"signal {signo}")
    before = signals.action(signo)
    if given:
        handler, flags, restorer, mask = given
        signals.actions[signo] = pending.Action(handler, flags & SA_KNOWN, restorer, mask & ~UNBLOCKABLE)
        if pending.effective(task.process, signo) == SIG_IGN:
            # POSIX: ignoring a signal forgets the one that is pending, blocked or not.
            pending.drop_everywhere(task.process, 1 << signo - 1)
    if old:
        mm.write(old, _SIGACTION.pack(before.handler, before.flags, before.restorer, before.mask))
    return 0


def rt_sigprocmask(task, how: int, new: int, old: int, size: int) -> int:
    """rt_sigprocmask(2): change this thread's mask. EINVAL EFAULT"""
    _check_size(size)
    before = task.signals.mask
    if new:
        given = task.mm.read_u64(new)
        if how == SIG_BLOCK:
            pending.set_mask(task, before | given)
        elif how == SIG_UNBLOCK:
            pending.set_mask(task, before & ~given)
        elif how == SIG_SETMASK:
            pending.set_mask(task, given)
        else:
            raise OSError(EINVAL, f"how {how}")
    if old:
        task.mm.write_u64(old, before)
    return 0


def rt_sigpending(task, addr: int, size: int) -> int:
    """rt_sigpending(2): which blocked signals are pending. EINVAL EFAULT"""
    if size > _SIGSET_SIZE:
        raise OSError(EINVAL, f"sigset_t of {size} bytes")
    bits = (task.signals.pending.bits | task.process.signals.pending.bits) & task.signals.mask
    task.mm.write(addr, bits.to_bytes(8, "little")[:size])
    return 0


def rt_sigsuspend(task, mask: int, size: int):
    """rt_sigsuspend(2): sleep under another mask until a handler has run. EINTR, always; EINVAL EFAULT"""
    _check_size(size)
    pending.borrow_mask(task, task.mm.read_u64(mask))
    return pause(task)


def pause(task):
    """pause(2): sleep until a handler has run. EINTR, always"""
    while (yield Wait()) is not SIGNAL:
        pass
    raise OSError(EINTR, "")


def rt_sigtimedwait(task, these: int, info: int, timeout: int, size: int):
    """rt_sigtimedwait(2): take a pending signal, or wait for one. Returns its number. EAGAIN EINTR EINVAL EFAULT"""
    _check_size(size)
    wanted = task.mm.read_u64(these) & ~UNBLOCKABLE
    deadline_ns = monotonic_ns() + read_timespec(task.mm, timeout) if timeout else None
    return _wait_for(task, wanted, info, deadline_ns)


def _wait_for(task, wanted: int, info: int, deadline_ns: int | None):
    signals = task.signals
    found = pending.take(task, wanted)
    while found is None:
        if deadline_ns is not None and deadline_ns <= monotonic_ns():
            raise OSError(EAGAIN, "none is pending")
        signals.waiting = wanted
        try:
            reason = yield Wait(deadline_ns=deadline_ns)
        finally:
            signals.waiting = 0
        found = pending.take(task, wanted)
        if found is None and reason is SIGNAL:
            raise OSError(EINTR, "")
        if found is None and reason is TIMEOUT:
            raise OSError(EAGAIN, "none came")
    if info:
        task.mm.write(info, found.pack())
    return found.signo


def rt_sigreturn(task):
    """rt_sigreturn(2): back from a handler to where its frame says. SIGSEGV where there is no such frame"""
    try:
        frame = sigframes.pop(task)
    except OSError:
        pending.force(task, SigInfo(SIGSEGV, SI_KERNEL, bytes(8)))
        return KEEP
    task.again = task.restarts.pop(frame, None)
    return Restart if task.again is not None else KEEP


def sigaltstack(task, new: int, old: int) -> int:
    """sigaltstack(2): set and get this thread's alternate stack. EPERM on it, EINVAL ENOMEM EFAULT"""
    signals = task.signals
    rsp = task.vcpu.regs.rsp
    (sp, size), flags = signals.stack, signals.stack_flags & SS_AUTODISARM
    flags |= SS_DISABLE if not size else SS_ONSTACK if sigframes.on_stack(task, rsp) else 0
    if new:
        sigframes.set_stack(task, *_stack(task, new), rsp)
    if old:
        task.mm.write(old, _STACK_T.pack(sp, flags, size))
    return 0


def _stack(task, addr: int) -> tuple:
    return _STACK_T.unpack(task.mm.read(addr, 24))


def kill(task, pid: int, signo: int) -> int:
    """kill(2): signal a process, or a group of them. EPERM ESRCH EINVAL"""
    kernel, process = task.kernel, task.process
    if pid > 0:
        targets = [_process_of(kernel, pid)]
    elif pid == -1:
        # Everybody but oneself and init.
        targets = [p for p in kernel.processes.values() if p is not process and p.pid != 1]
    else:
        from skete.kernel.process.children import members
        targets = members(kernel, -pid if pid else process.pgid)
    if not targets:
        raise OSError(ESRCH, f"nobody is {pid}")
    if not 0 <= signo <= NSIG:
        raise OSError(EINVAL, f"signal {signo}")
    allowed = [target for target in targets if _may(task, target, signo)]
    if not allowed and pid != -1:       # of everybody it reaches those whom it may
        raise OSError(EPERM, "another user's")
    if signo:
        for target in allowed:
            pending.send_process(target, SigInfo.sent(signo, SI_USER, process.pid, task.creds.uid))
    return 0


def _may(task, process, signo: int) -> bool:
    """Whether a thread may signal a process."""
    return process is task.process or task.creds.may_signal(of(process)) \
        or signo == SIGCONT and process.sid == task.process.sid


def send(task, process, signo: int, deliver, *to) -> int:
    """Call ``deliver(*to)``, which sends a signal to a process or a thread of it, where the task may; nothing for signal 0.
    0, EAGAIN EINVAL EPERM"""
    if not 0 <= signo <= NSIG:
        raise OSError(EINVAL, f"signal {signo}")
    if not _may(task, process, signo):
        raise OSError(EPERM, "another user's process")
    if signo:
        deliver(*to)
    return 0


def _process_of(kernel, pid: int):
    """The process with this number, or with a thread of this number, as kill(2) takes it. ESRCH"""
    process = kernel.processes.get(pid) or kernel.zombies.get(pid)
    if process is not None:
        return process
    for process in kernel.processes.values():
        if pid in process.tasks:
            return process
    raise OSError(ESRCH, f"no process {pid}")


def _thread(kernel, tgid: int, tid: int):
    """A thread by number, of any process where tgid is 0. ESRCH"""
    processes = kernel.processes.values() if not tgid else filter(None, (kernel.processes.get(tgid),))
    for process in processes:
        if tid in process.tasks:
            return process.tasks[tid]
    raise OSError(ESRCH, f"no thread {tid}")


def tgkill(task, tgid: int, tid: int, signo: int) -> int:
    """tgkill(2): signal one thread. EINVAL EPERM ESRCH EAGAIN"""
    if tgid <= 0 or tid <= 0:
        raise OSError(EINVAL, f"thread {tid} of {tgid}")
    return _signal_thread(task, tgid, tid, signo)


def tkill(task, tid: int, signo: int) -> int:
    """tkill(2): signal one thread. EINVAL EPERM ESRCH EAGAIN"""
    if tid <= 0:
        raise OSError(EINVAL, f"thread {tid}")
    return _signal_thread(task, 0, tid, signo)


def _signal_thread(task, tgid: int, tid: int, signo: int, info: SigInfo | None = None) -> int:
    target = _thread(task.kernel, tgid, tid)
    return send(task, target.process, signo, pending.send_task, target,
                info or SigInfo.sent(signo, SI_TKILL, task.process.pid, task.creds.uid))


def rt_sigqueueinfo(task, pid: int, signo: int, addr: int) -> int:
    """rt_sigqueueinfo(2): signal a process and say why. EPERM EINVAL ESRCH EAGAIN EFAULT"""
    info = _queued(task, pid, signo, addr)
    target = _process_of(task.kernel, pid)
    return send(task, target, signo, pending.send_process, target, info)


def rt_tgsigqueueinfo(task, tgid: int, tid: int, signo: int, addr: int) -> int:
    """rt_tgsigqueueinfo(2): signal a thread and say why. EPERM EINVAL ESRCH EAGAIN EFAULT"""
    if tgid <= 0 or tid <= 0:
        raise OSError(EINVAL, f"thread {tid} of {tgid}")
    return _signal_thread(task, tgid, tid, signo, _queued(task, tid, signo, addr))


def _queued(task, target: int, signo: int, addr: int) -> SigInfo:
    info = SigInfo.unpack(task.mm.read(addr, 128))
    info.signo = signo
    if (info.code >= 0 or info.code == SI_TKILL) and target != task.process.pid:
        raise OSError(EPERM, "only the kernel says so")
    return info


def restart_syscall(task) -> int:
    """restart_syscall(2): nothing is ever left to be restarted this way. EINTR"""
    raise OSError(EINTR, "no call to restart")


ROWS = (
    Row(13, rt_sigaction, (I32, ADDR, ADDR, SIZE)),
    Row(14, rt_sigprocmask, (I32, ADDR, ADDR, SIZE)),
    Row(15, rt_sigreturn),
    Row(34, pause),
    Row(62, kill, (I32, I32), "processes of this machine"),
    Row(127, rt_sigpending, (ADDR, SIZE)),
    Row(128, rt_sigtimedwait, (ADDR, ADDR, ADDR, SIZE)),
    Row(129, rt_sigqueueinfo, (I32, I32, ADDR)),
    Row(130, rt_sigsuspend, (ADDR, SIZE)),
    Row(131, sigaltstack, (ADDR, ADDR)),
    Row(200, tkill, (I32, I32)),
    Row(219, restart_syscall),
    Row(234, tgkill, (I32, I32, I32)),
    Row(297, rt_tgsigqueueinfo, (I32, I32, I32, ADDR)),
)
