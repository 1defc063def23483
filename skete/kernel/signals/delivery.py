"""Signals that arrive: on the way back to the guest, pending ones are acted upon (Linux: get_signal, handle_signal).

Interrupted calls. A call that raises ``Restart`` (Linux's ERESTARTSYS) is made again: at once where no handler runs,
after the handler where it has SA_RESTART, and else it is EINTR. "Again, after the handler" is what Linux does: the
frame's rip points to the syscall instruction and its rax is the call's number, so that whoever inspects the frame
sees the truth (musl's cancellation compares rip). Where there is no ``syscall`` instruction before rip, because the
guest came in by a jump, the frame says rax = -EINTR and the call is kept here, to be made by rt_sigreturn.
"""
from __future__ import annotations

from errno import EINTR

from skete.abi.signal import (SA_NODEFER, SA_RESETHAND, SA_RESTART, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, SIG_DFL,
                              SIG_IGN, SIGSEGV, SIGSTOP, STOPS_BY_DEFAULT, bit)
from skete.kernel.outcome import KEEP, Restart, Wait
from skete.kernel.process import exits
from skete.kernel.process.children import orphaned, stopped
from skete.kernel.signals import pending, sigframes
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["deliver", "fault"]

_SYSCALL = b"\x0f\x05"
#: frames of one thread whose call is kept: a handler that never returns (siglongjmp) leaves its own behind
_KEPT = 256


def fault(task, trap) -> None:
    """Turn a faulting instruction into its signal, if it is not just to be executed again."""
    signo, code = trap.signo, trap.code
    if signo == SIGSEGV and code in (SEGV_MAPERR, SEGV_ACCERR):
        # What is mapped is known here; an engine may not have shown a PROT_NONE range to its processor.
        from skete.kernel.memory import pagefault
        found = pagefault.happened(task, trap)
        if found is None:
            return
        signo, code = found
    task.signals.fault = (trap.error, trap.trapno, trap.addr)
    task.process.fault = trap, task.vcpu.regs.rip
    pending.force(task, SigInfo.fault(signo, code, trap.addr))


def deliver(task, trap, result):
    """Act on what is pending. Returns what the guest goes back with: an int, None (registers as they are), Restart
    (make the call again), or a generator (it is stopped, and goes on with what that returns)."""
    signals, process = task.signals, task.process
    if signals.saved is not None and result != -EINTR:
        # A call that was not interrupted has its old mask back before any signal is looked at.
        pending.restore_mask(task)
    while True:
        info = pending.take(task, ~signals.mask)
        if info is None:
            break
        signo = info.signo
        action = process.signals.action(signo)
        if action.handler == SIG_IGN or pending.effective(process, signo) == SIG_IGN:
            continue
        for observer in task.kernel.observers:
            if result is Restart:
                observer.left(task, trap.nr, trap.words, Restart)
            observer.signalled(task, signo, info)
        if action.handler == SIG_DFL:
            if bit(signo) & STOPS_BY_DEFAULT:
                if signo != SIGSTOP and orphaned(task.kernel, process.pgid):
                    continue        # nobody would let it go on: POSIX has the terminal's stop signals do nothing
                return _stop(process, result, signo)
            exits.end_process(process, ("signalled", signo))
            return None
        if not _handle(task, info, action, trap, result):
            # No room for the frame: SIGSEGV, and no second try for its own handler.
            if signo == SIGSEGV:
                process.signals.actions.pop(SIGSEGV, None)
            pending.force(task, SigInfo(SIGSEGV, SI_KERNEL, bytes(8)))
            continue
        result, trap = KEEP, None
    if signals.saved is not None:
        pending.restore_mask(task)
    task.notify = process.signals.stopped or \
        bool((signals.pending.bits | process.signals.pending.bits) & ~signals.mask)
    if process.signals.stopped:
        return _stopped(process, result)
    return result


def _handle(task, info: SigInfo, action, trap, result) -> bool:
    """Put the handler's frame in place. False where the stack does not take it."""
    signals, signo = task.signals, info.signo
    regs = task.vcpu.regs
    again = None
    if result is Restart:
        if not action.flags & SA_RESTART and not (task.waited is not None and task.waited.always):
            result = -EINTR
        elif _executed_syscall(task, regs.rip):
            regs.rip -= 2
            result = trap.nr & 0xffff_ffff
        else:
            result, again = -EINTR, trap
    if type(result) is int:
        regs.rax = result & 0xffff_ffff_ffff_ffff
    mask = signals.mask if signals.saved is None else signals.saved
    frame = sigframes.push(task, regs, info, action, mask)
    if frame is None:
        task.vcpu.regs = regs
        return False
    signals.saved = None
    if again is None:
        task.restarts.pop(frame, None)
    else:
        task.restarts.pop(frame, None)
        while len(task.restarts) >= _KEPT:
            del task.restarts[next(iter(task.restarts))]
        task.restarts[frame] = again
    blocked = signals.mask | action.mask
    if not action.flags & SA_NODEFER:
        blocked |= bit(signo)
    if action.flags & SA_RESETHAND:
        task.process.signals.actions.pop(signo, None)
    pending.set_mask(task, blocked)
    return True


def _executed_syscall(task, rip: int) -> bool:
    try:
        return task.mm.read(rip - 2, 2) == _SYSCALL
    except OSError:
        return False


def _stop(process, result, signo: int):
    process.signals.stopped = True
    stopped(process, signo)
    for task in process.tasks.values():
        task.notify = True
        if task.call is None and task is not task.kernel.current:
            task.vcpu.kick()
    return _stopped(process, result)


def _stopped(process, result):
    """A stopped thread: sleeps until SIGCONT or SIGKILL, then goes on with ``result``."""
    while process.signals.stopped:
        yield Wait(process.signals.stop_queue, interruptible=False)
    return result
