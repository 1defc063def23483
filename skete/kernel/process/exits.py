"""The end of a thread, and of a process."""
from __future__ import annotations

from skete.kernel.process.sharing import held_files, let_go, settle

__all__ = ["died", "end_process", "end_thread", "leave_memory", "release"]


def end_thread(task, code: int) -> None:
    """exit(2): end this thread, which is stopped. The last one takes the process along, with its own code.

    Before Linux 6.0 the process had the first thread's code, whichever thread was last.
    """
    process, kernel = task.process, task.kernel
    if len(process.tasks) == 1:
        end_process(process, ("exited", code))
        return
    release(task)
    process.cpu_ns += _cpu_ns(task)
    task.dead = True
    if task is process.leader:
        process.name = task.name
    del process.tasks[task.tid], kernel.tasks[task.vcpu]
    task.vcpu.end()
    if process.tables is not None or process.systems is not None:
        settle(process)
    for observer in kernel.observers:
        observer.exited(task, ("exited", code))
    # Another thread may have to look now at what was pending for all of them.
    if process.signals.pending.bits:
        from skete.kernel.signals.pending import attract
        for other in process.tasks.values():
            if process.signals.pending.bits & ~other.signals.mask:
                attract(other)


def end_process(process, status: tuple) -> None:
    """End every thread. status: ("exited", code) or ("signalled", signo). What it held is given back."""
    if process.status is not None:
        return
    kernel, mm = process.kernel, process.mm
    process.status = status
    process.space.kill()
    others = len(kernel.processes) > 1
    for task in list(process.tasks.values()):
        task.dead = True
        if others and (task.robust_list or mm.users > 1 or kernel.pi):
            release(task)      # others share memory with it, or may do so
        kernel.scheduler.forget(task)
        call, task.call = task.call, None
        if call is not None:
            call.close()
        del kernel.tasks[task.vcpu]
        for observer in kernel.observers:
            observer.exited(task, status)
    if process.leader is not None:
        process.name = process.leader.name
    process.tasks.clear()
    if process.tty is not None and process.sid == process.pid:
        from skete.kernel.process.tty import leader_ended
        leader_ended(process)
    for timer in process.timers.values():
        timer.stop()
    process.timers.clear()
    if process.semundo is not None:
        from skete.kernel.ipc.sysv_sem import undo
        undo(process)
    for files in held_files(process):
        files.close_all()
    del kernel.processes[process.pid]
    leave_memory(process)
    let_go(process)
    if process is kernel.first:
        kernel.status = status
        return
    from skete.kernel.process import children
    if process.program is not None:
        process.program.drop()
    children.release(process)
    children.ended(process)


def leave_memory(process) -> None:
    """The process does not use its memory any more; whoever is the last to do so gives it back."""
    mm = process.mm
    if mm.users > 1:
        from skete.kernel.memory.mm_fork import leave
        leave(mm, process.space)
        return
    if process.kernel.processes:
        mm.clear()              # the last one's frames go with the engine
    mm.close()


def died(kernel, space, trap) -> None:
    """The engine lost an address space: its process ended as the host says."""
    for process in list(kernel.processes.values()):
        if process.space is space:
            end_process(process, ("signalled", trap.signo) if trap.signo else ("exited", trap.status))


def release(task) -> None:
    """What other threads may be waiting for: robust futexes, then the word that pthread_join sleeps on."""
    from skete.kernel.futex import robust
    robust.walk(task)
    if task.kernel.pi:
        from skete.kernel.futex import futex_pi
        futex_pi.release(task)
    robust.clear_tid(task)


def _cpu_ns(task) -> int:
    measure = getattr(task.vcpu, "cpu_ns", None)
    return measure() if measure is not None else 0
