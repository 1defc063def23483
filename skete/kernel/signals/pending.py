"""Signals on their way: who blocks what, what is pending where, and how one finds its thread. signal(7).

A signal is pending for a thread or for the process. Standard signals are pending once, real-time ones queue in
order. Sending chooses a thread that does not block it and makes it look: a thread in the guest is kicked, one in an
interruptible wait is woken with SIGNAL, one being served looks on its way back (skete.kernel.signals.delivery).
"""
from __future__ import annotations

from errno import EAGAIN

from skete.abi.signal import (IGNORED_BY_DEFAULT, SI_TIMER, SI_USER, SIG_DFL, SIG_IGN, SIGCONT, SIGKILL, SIGRTMIN,
                              SS_DISABLE, STOPS_BY_DEFAULT, SYNCHRONOUS, UNBLOCKABLE)
from skete.kernel.outcome import READY, SIGNAL
from skete.kernel.scheduler import Queue
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["Action", "DEFAULT", "Pending", "ProcessSignals", "TaskSignals", "attract", "borrow_mask", "deliverable",
           "drop_everywhere", "effective", "force", "restore_mask", "send_process", "send_task", "set_mask", "take"]

#: RLIMIT_SIGPENDING's default here: real-time signals queued for one process
QUEUE_MAX = 4096


class Action:
    """struct sigaction: handler (SIG_DFL, SIG_IGN or an address), flags, restorer, mask."""
    __slots__ = ("handler", "flags", "restorer", "mask")

    def __init__(self, handler: int = SIG_DFL, flags: int = 0, restorer: int = 0, mask: int = 0):
        self.handler, self.flags, self.restorer, self.mask = handler, flags, restorer, mask


DEFAULT = Action()


class Pending:
    """A set of pending signals. bits: which; infos: {signo: [SigInfo, ...]} in the order sent."""
    __slots__ = ("bits", "infos")

    def __init__(self):
        self.bits, self.infos = 0, {}

    def add(self, info: SigInfo, limit: int = QUEUE_MAX) -> bool:
        """Whether it was added: a standard signal that is already pending is not. EAGAIN where the queue is full."""
        signo = info.signo
        flag = 1 << signo - 1
        if self.bits & flag:
            if signo < SIGRTMIN:
                return False
            if sum(map(len, self.infos.values())) >= limit:
                raise OSError(EAGAIN, "too many signals are queued")
            self.infos[signo].append(info)
        else:
            self.bits |= flag
            self.infos[signo] = [info]
        return True

    def take(self, signo: int) -> SigInfo:
        """Remove and return the oldest instance of a pending signal."""
        infos = self.infos[signo]
        info = infos.pop(0)
        if not infos:
            self.drop(1 << signo - 1)
        return info

    def drop(self, bits: int) -> None:
        """Forget all instances of these signals."""
        gone = self.bits & bits
        self.bits &= ~bits
        while gone:
            signo = (gone & -gone).bit_length()
            del self.infos[signo]
            gone &= gone - 1


class ProcessSignals:
    """What the threads share. actions: {signo: Action} where not the default; stopped: by a stop signal."""
    __slots__ = ("actions", "pending", "stopped", "stop_queue")

    def __init__(self):
        self.actions = {}
        self.pending = Pending()
        self.stopped = False
        self.stop_queue = Queue()

    def action(self, signo: int) -> Action:
        return self.actions.get(signo, DEFAULT)


class TaskSignals:
    """What each thread has.

    mask: blocked signals;  saved: the mask to come back to after rt_sigsuspend and its kin, or None
    waiting: what rt_sigtimedwait waits for, and the queue it sleeps in
    stack: (sp, size), stack_flags: the alternate stack;  fault: (error, trapno, addr) of the last fault
    """
    __slots__ = ("mask", "saved", "pending", "waiting", "queue", "stack", "stack_flags", "fault")

    def __init__(self, mask: int = 0):
        self.mask, self.saved = mask, None
        self.pending = Pending()
        self.waiting, self.queue = 0, Queue()
        self.stack, self.stack_flags = (0, 0), SS_DISABLE
        self.fault = (0, 0, 0)


def effective(process, signo: int) -> int:
    """What a signal that arrives does: SIG_IGN for ignored, by default or by choice, SIG_DFL, or a handler."""
    handler = process.signals.action(signo).handler
    if handler == SIG_DFL and IGNORED_BY_DEFAULT >> signo - 1 & 1:
        return SIG_IGN
    return handler


def deliverable(task) -> int:
    """The signals that would be taken on the way back to the guest and do more than nothing, as bits."""
    found = 0
    bits = (task.signals.pending.bits | task.process.signals.pending.bits) & ~task.signals.mask
    while bits:
        flag = bits & -bits
        if effective(task.process, flag.bit_length()) != SIG_IGN:
            found |= flag
        bits ^= flag
    return found


def take(task, among: int) -> SigInfo | None:
    """Dequeue the next of these signals, as Linux orders them: the thread's before the process's, faults first, then
    the lowest number."""
    for pending in (task.signals.pending, task.process.signals.pending):
        bits = pending.bits & among
        if bits:
            bits = bits & SYNCHRONOUS or bits
            return pending.take((bits & -bits).bit_length())
    return None


def send_task(task, info: SigInfo) -> None:
    """tgkill(2)'s way: for this thread alone. EAGAIN where a real-time queue is full"""
    _send(task.process, info, (task,), task.signals.pending)


def send_process(process, info: SigInfo) -> None:
    """kill(2)'s way: for whichever thread does not block it, the first thread where possible. EAGAIN as above"""
    tasks = process.tasks.values()
    leader = process.leader
    if leader is not None and len(tasks) > 1:
        tasks = (leader, *(t for t in tasks if t is not leader))
    _send(process, info, tasks, process.signals.pending)


def _send(process, info: SigInfo, tasks, pending: Pending) -> None:
    if process.status is not None:
        return
    signo = info.signo
    flag = 1 << signo - 1
    shared = process.signals
    if flag & STOPS_BY_DEFAULT:
        drop_everywhere(process, 1 << SIGCONT - 1)
    elif signo in (SIGCONT, SIGKILL):
        drop_everywhere(process, STOPS_BY_DEFAULT)
        if shared.stopped:
            shared.stopped = False
            shared.stop_queue.wake()
            if signo == SIGCONT:
                from skete.kernel.process.children import continued
                continued(process)
    target = None
    for task in tasks:
        if not task.signals.mask & flag or task.signals.waiting & flag or flag & UNBLOCKABLE:
            target = task
            break
    if target is not None and not target.signals.waiting & flag and effective(process, signo) == SIG_IGN:
        if not target.signals.mask & flag:
            return
    if process.rlimits is not None and signo >= SIGRTMIN and info.code not in (SI_USER, SI_TIMER):
        from skete.kernel.process.rlimits import check_queue
        check_queue(process)
    if not pending.add(info):
        return
    if process.kernel.signalfds:
        process.kernel.signalfds.sent(flag)
    if target is None:
        return
    if target.signals.waiting & flag:
        target.kernel.scheduler.wake(target, READY)
    else:
        attract(target, signo == SIGKILL)


def drop_everywhere(process, bits: int) -> None:
    process.signals.pending.drop(bits)
    for task in process.tasks.values():
        task.signals.pending.drop(bits)


def attract(task, always: bool = False) -> None:
    """Make a thread look at what is pending; ``always``: even out of an uninterruptible wait."""
    task.notify = True
    if task.wait is not None:
        if always or task.wait.interruptible:
            task.kernel.scheduler.wake(task, SIGNAL)
    elif task.call is None and task is not task.kernel.current:
        task.vcpu.kick()


def force(task, info: SigInfo) -> None:
    """A fault's signal, which cannot wait: blocked or ignored it takes its default action. Linux's force_sig_info."""
    signo = info.signo
    flag = 1 << signo - 1
    if task.signals.mask & flag or task.process.signals.action(signo).handler == SIG_IGN:
        task.process.signals.actions.pop(signo, None)
        task.signals.mask &= ~flag
    task.signals.pending.drop(flag)
    task.signals.pending.add(info)
    task.notify = True


def set_mask(task, mask: int) -> None:
    """Change what a thread blocks. What it blocks now and was the process's may be another thread's to take."""
    signals = task.signals
    mask &= ~UNBLOCKABLE
    blocked, signals.mask = mask & ~signals.mask, mask
    shared = task.process.signals.pending.bits
    if (signals.pending.bits | shared) & ~mask:
        task.notify = True
    left = shared & blocked
    if left:
        for other in task.process.tasks.values():
            if other is not task and left & ~other.signals.mask:
                attract(other)
                left &= other.signals.mask


def borrow_mask(task, mask: int) -> None:
    """Block ``mask`` until the end of this call, as rt_sigsuspend, ppoll, pselect6 and epoll_pwait do.

    A signal that interrupts the call (EINTR) is delivered under it; otherwise the old mask is back first.
    """
    if task.signals.saved is None:
        task.signals.saved = task.signals.mask
    set_mask(task, mask)
    # The way back to the guest must pass through delivery, which restores it.
    task.notify = True


def restore_mask(task) -> None:
    """End what :func:`borrow_mask` began."""
    saved, task.signals.saved = task.signals.saved, None
    if saved is not None:
        set_mask(task, saved)
