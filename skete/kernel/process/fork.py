"""Threads and processes begin: clone(2), clone3(2), fork(2), vfork(2)."""
from __future__ import annotations

from errno import EAGAIN, EINVAL, ENOSYS, EPERM
from time import monotonic_ns

from skete.abi.sched import (CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_CLEAR_SIGHAND, CLONE_DETACHED, CLONE_FILES,
                             CLONE_FS, CLONE_NAMESPACES, CLONE_NEWNS, CLONE_NEWTIME, CLONE_NEWUSER, CLONE_PARENT,
                             CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_SETTLS, CLONE_SIGHAND, CLONE_SYSVSEM,
                             CLONE_THREAD, CLONE_VFORK, CLONE_VM, CSIGNAL)
from skete.abi.signal import NSIG, SIG_IGN, SIGCHLD
from skete.kernel.memory import mm_fork
from skete.kernel.outcome import SIGNAL, Wait
from skete.kernel.process.process import Process
from skete.kernel.process.threads import put_tid, start_thread
from skete.kernel.row import ADDR, U64, Row
from skete.kernel.scheduler import Queue
from skete.kernel.service import count
from skete.kernel.signals import pending

__all__ = ["ROWS", "begin"]



def clone(task, flags: int, stack: int, parent_tid: int, child_tid: int, tls: int):
    """clone(2), the raw call of x86-64: start a thread or a process. Returns its number. EINVAL EPERM EAGAIN ENOMEM"""
    signo, flags = flags & CSIGNAL, flags & ~CSIGNAL & 0xffff_ffff
    if flags & CLONE_PIDFD and flags & (CLONE_PARENT_SETTID | CLONE_DETACHED):
        raise OSError(EINVAL, "two results for one word")
    return begin(task, flags, signo if signo <= NSIG else 0, stack, parent_tid, child_tid, tls, parent_tid)


def begin(task, flags: int, signo: int, stack: int, parent_tid: int, child_tid: int, tls: int, pidfd: int):
    """Start a thread or a process. Flags are CLONE_*, addresses the guest's.
    EINVAL EPERM EAGAIN ENOMEM EFAULT EMFILE"""
    _check(task, flags)
    if flags & CLONE_THREAD:
        return start_thread(task, flags, stack, parent_tid, child_tid, tls)
    if flags & CLONE_PIDFD:         # found out before there is a process
        task.files.room()
        task.mm.write(pidfd, task.mm.read(pidfd, 4))
    child = _start_process(task, flags, signo, stack, tls if flags & CLONE_SETTLS else task.vcpu.fs_base)
    if flags & CLONE_CHILD_CLEARTID:
        child.clear_child_tid = child_tid
    # Linux ignores a bad address in both: the process exists by now.
    if flags & CLONE_PARENT_SETTID:
        put_tid(task, parent_tid, child.tid)
    if flags & CLONE_CHILD_SETTID:
        put_tid(child, child_tid, child.tid)
    if flags & CLONE_PIDFD:
        from skete.kernel.process.pidfd import install
        put_tid(task, pidfd, install(task, child.process))
    child.vcpu.resume()
    if flags & CLONE_VFORK:
        return _until_released(child.process)
    return child.tid


def fork(task) -> int:
    """fork(2): a process that is a copy of this one. Returns its pid, 0 in the child. EAGAIN ENOMEM"""
    return clone(task, SIGCHLD, 0, 0, 0, 0)


def vfork(task):
    """vfork(2): a process in the same memory; this thread waits until it executes a program or ends. EAGAIN"""
    return clone(task, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)


def _check(task, flags: int) -> None:
    """The combinations that copy_process() refuses. EINVAL EPERM"""
    if flags & CLONE_SIGHAND and not flags & CLONE_VM or flags & CLONE_THREAD and not flags & CLONE_SIGHAND \
            or flags & CLONE_FS and flags & (CLONE_NEWNS | CLONE_NEWUSER) \
            or flags & CLONE_PIDFD and flags & CLONE_THREAD \
            or flags & CLONE_SIGHAND and flags & CLONE_CLEAR_SIGHAND \
            or flags & CLONE_PARENT and task.process.parent is None:
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & CLONE_THREAD and flags & CLONE_NEWUSER:
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & (CLONE_NAMESPACES | CLONE_NEWTIME):
        raise OSError(EPERM, "namespaces need CAP_SYS_ADMIN")


def _start_process(task, flags: int, signo: int, stack: int, fs_base: int):
    """Make a process like this one; its first thread, which does not run yet. EAGAIN ENOMEM EPERM ENOSYS"""
    kernel, process = task.kernel, task.process
    fork_space = process.space.fork
    if fork_space is None:
        count(kernel, 56)
        raise OSError(ENOSYS, "this engine has one process")
    if fs_base >= process.mm.high:
        raise OSError(EPERM, f"thread pointer {fs_base:#x}")
    limit = kernel.config.processes
    if process.rlimits is not None:
        from skete.kernel.process.rlimits import check_threads
        check_threads(task)
    if len(kernel.processes) + len(kernel.zombies) >= limit:
        raise OSError(EAGAIN, f"{limit} processes")
    if len(kernel.tasks) >= kernel.config.threads:
        raise OSError(EAGAIN, f"{kernel.config.threads} threads")
    if flags & CLONE_VM:
        mm, mappings, left_out = process.mm, mm_fork.shown(process.mm), ()
    else:
        mm, mappings, left_out = mm_fork.fork(process.mm, kernel.engine)
    regs = task.vcpu.regs
    regs.rax = 0
    if stack:
        regs.rsp = stack
    try:
        vcpu = fork_space(task.vcpu, regs, fs_base, mappings)
    except OSError:
        if mm is not process.mm:
            mm.clear()
            mm.close()
        raise
    if flags & CLONE_VM:
        mm_fork.join(mm, vcpu.space)
    else:
        mm.space = vcpu.space
        for start, length in left_out:
            mm.space.unmap(start, length)
    child = _process_like(task, kernel.new_tid(), vcpu.space, mm, flags)
    child.exit_signal = process.exit_signal if flags & CLONE_PARENT else signo
    child.borrowed = Queue() if flags & CLONE_VFORK else None
    first = _thread_like(task, kernel.add(child, vcpu, task.name, child.pid), flags)
    if kernel.answers is not None:
        kernel.answers.publish(child)
    return first


def _process_like(task, pid: int, space, mm, flags: int) -> Process:
    kernel, process = task.kernel, task.process
    files, fs = task.files, task.fs
    if files is not None:
        if flags & CLONE_FILES:
            files.share()
        else:
            files = files.fork()
    if fs is not None:
        if flags & CLONE_FS:
            fs.refs += 1
        else:
            fs = fs.fork()
    child = Process(kernel, pid, space, mm, files, fs, process.parent if flags & CLONE_PARENT else process)
    child.creds = task.creds
    child.pgid, child.sid, child.tty = process.pgid, process.sid, process.tty
    child.program = process.program.hold() if process.program is not None else None
    child.exe, child.argv, child.envp = process.exe, process.argv, process.envp
    child.strings_at = process.strings_at
    child.auxv, child.envp_at, child.bias = process.auxv, process.envp_at, process.bias
    child.signals = pending.ProcessSignals()
    actions = process.signals.actions
    if flags & CLONE_CLEAR_SIGHAND:         # what is ignored stays so
        actions = {signo: action for signo, action in actions.items() if action.handler == SIG_IGN}
    child.signals.actions = actions if flags & CLONE_SIGHAND else dict(actions)
    if process.rlimits is not None:
        from skete.kernel.process.rlimits import inherit
        inherit(child, process)
    child.prctl = {key: value for key, value in process.prctl.items() if key not in ("pdeathsig", "subreaper")}
    child.persona = process.persona
    if flags & CLONE_SYSVSEM:
        from skete.kernel.ipc.sysv_sem import share
        share(process, child)
    child.started_ns = monotonic_ns()
    child.parent.children[pid] = child
    kernel.processes[pid] = child
    return child


def _thread_like(task, child, flags: int):
    """What the thread that forks passes on to the first thread of the child."""
    mine, its = task.signals, child.signals
    its.mask = mine.mask if mine.saved is None else mine.saved
    if not flags & CLONE_VM or flags & CLONE_VFORK:
        its.stack, its.stack_flags = mine.stack, mine.stack_flags
    child.affinity, child.nice, child.policy, child.ioprio = task.affinity, task.nice, task.policy, task.ioprio
    child.seccomp, child.mempolicy = task.seccomp, task.mempolicy
    child.restarts = dict(task.restarts)
    return child


def _until_released(child):
    """vfork(2) in the parent: nothing but the child's exec or end, or a fatal signal, wakes it."""
    queue = child.borrowed
    while child.borrowed is not None:
        if (yield Wait(queue, interruptible=False)) is SIGNAL:
            break
    return child.pid


ROWS = (
    Row(56, clone, (U64, ADDR, ADDR, ADDR, ADDR), "namespaces: EPERM; ENOSYS for a process where the engine has "
                                                  "one only"),
    Row(57, fork, (), "as clone"),
    Row(58, vfork, (), "as clone"),
)
