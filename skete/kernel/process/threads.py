"""Threads begin and end: clone(2)'s half of threads, exit(2), exit_group(2), set_tid_address(2), robust lists, arch_prctl(2)."""
from __future__ import annotations

from errno import EAGAIN, EINVAL, EPERM, ESRCH

from skete.abi.futex import ROBUST_LIST_HEAD_SIZE
from skete.abi.sched import (ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_FS, ARCH_SET_GS, CLONE_CHILD_CLEARTID,
                             CLONE_CHILD_SETTID, CLONE_FILES, CLONE_FS, CLONE_PARENT_SETTID, CLONE_SETTLS)
from skete.kernel.outcome import GONE
from skete.kernel.process import exits
from skete.kernel.process.sharing import own_files, own_fs
from skete.kernel.row import ADDR, I32, SIZE, Row

__all__ = ["ROWS", "put_tid", "start_thread"]

def start_thread(task, flags: int, stack: int, parent_tid: int, child_tid: int, tls: int) -> int:
    """clone(2) with CLONE_THREAD. Returns the new thread's tid. EPERM EAGAIN"""
    if flags & CLONE_SETTLS and tls >= task.mm.high:
        raise OSError(EPERM, f"thread pointer {tls:#x}")
    kernel, process, vcpu = task.kernel, task.process, task.vcpu
    if len(kernel.tasks) >= kernel.config.threads:
        raise OSError(EAGAIN, f"{kernel.config.threads} threads")
    if process.rlimits is not None:
        from skete.kernel.process.rlimits import check_threads
        check_threads(task)
    regs = vcpu.regs
    regs.rax = 0
    if stack:
        regs.rsp = stack
    tid = kernel.new_tid()
    if kernel.answers is not None:
        kernel.answers.threads(process)
    child = process.space.vcpu(regs, tls if flags & CLONE_SETTLS else vcpu.fs_base, vcpu)
    thread = kernel.add(process, child, task.name, tid)
    thread.signals.mask = task.signals.mask
    thread.creds = task.creds
    thread.files, thread.fs = task.files, task.fs
    if not flags & CLONE_FILES:
        own_files(thread)
    if not flags & CLONE_FS:
        own_fs(thread)
    thread.affinity, thread.nice, thread.ioprio = task.affinity, task.nice, task.ioprio
    thread.seccomp, thread.mempolicy = task.seccomp, task.mempolicy
    if flags & CLONE_CHILD_CLEARTID:
        thread.clear_child_tid = child_tid
    # Linux ignores a bad address in both: the thread exists by now.
    if flags & CLONE_PARENT_SETTID:
        put_tid(task, parent_tid, tid)
    if flags & CLONE_CHILD_SETTID:
        put_tid(task, child_tid, tid)
    return tid


def put_tid(task, addr: int, tid: int) -> None:
    try:
        task.mm.write_u32(addr, tid)
    except OSError:
        pass


def exit(task, code: int):
    """exit(2), the raw call: end this thread; with the last one, the process."""
    _leave(task, 60, code)
    exits.end_thread(task, code & 0xff)
    return GONE


def exit_group(task, code: int):
    """exit_group(2): end every thread."""
    _leave(task, 231, code)
    exits.end_process(task.process, ("exited", code & 0xff))
    return GONE


def _leave(task, nr: int, code: int) -> None:
    for observer in task.kernel.observers:
        observer.left(task, nr, (code & 0xffff_ffff, 0, 0, 0, 0, 0), None)


def set_tid_address(task, addr: int) -> int:
    """set_tid_address(2): the word to clear and wake when this thread ends. Returns the tid."""
    task.clear_child_tid = addr
    return task.tid


def set_robust_list(task, head: int, size: int) -> int:
    """set_robust_list(2). EINVAL"""
    if size != ROBUST_LIST_HEAD_SIZE:
        raise OSError(EINVAL, f"size {size}")
    task.robust_list = head
    return 0


def get_robust_list(task, tid: int, head: int, size: int) -> int:
    """get_robust_list(2). ESRCH EFAULT"""
    other = task.process.tasks.get(tid) if tid else task
    if other is None:
        raise OSError(ESRCH, f"no thread {tid}")
    task.mm.write_u64(size, ROBUST_LIST_HEAD_SIZE)
    task.mm.write_u64(head, other.robust_list)
    return 0


def arch_prctl(task, code: int, addr: int) -> int:
    """arch_prctl(2): set or get the FS or GS base. EPERM EFAULT; EINVAL for what else there is (CET, CPUID faulting)"""
    vcpu = task.vcpu
    if code in (ARCH_SET_FS, ARCH_SET_GS):
        if addr >= task.mm.high:
            raise OSError(EPERM, f"base {addr:#x}")
        if code == ARCH_SET_FS:
            vcpu.fs_base = addr
        else:
            vcpu.gs_base = addr
    elif code == ARCH_GET_FS:
        task.mm.write_u64(addr, vcpu.fs_base)
    elif code == ARCH_GET_GS:
        task.mm.write_u64(addr, vcpu.gs_base)
    else:
        raise OSError(EINVAL, f"code {code:#x}")
    return 0


ROWS = (
    Row(60, exit, (I32,)),
    Row(158, arch_prctl, (I32, ADDR), "FS and GS base; the rest is EINVAL, as on a processor without it"),
    Row(218, set_tid_address, (ADDR,)),
    Row(231, exit_group, (I32,)),
    Row(273, set_robust_list, (ADDR, SIZE)),
    Row(274, get_robust_list, (I32, ADDR, ADDR), "threads of the same process"),
)
