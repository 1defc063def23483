"""Processors and priorities: sched(7), getpriority(2), getcpu(2), membarrier(2), rseq(2).

Guest threads are host threads, so the host schedules them; what a guest asks for is checked, kept and shown again.
"""
from __future__ import annotations

import os
from errno import EACCES, EINVAL, ENOSYS, EPERM, ESRCH

from skete.abi.sched import (MEMBARRIER_CMD_QUERY, PRIO_PGRP, PRIO_PROCESS, PRIO_USER,
                             SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER, SCHED_RESET_ON_FORK,
                             SCHED_RR)
from skete.kernel.row import ADDR, I32, U32, Row
from skete.kernel.time.timespec import write_timespec

__all__ = ["KEPT", "ROWS", "find_thread", "processors", "ranked", "scheduled"]

_CPU_BITS = 8192        # NR_CPUS of distributions' kernels: the mask never needs more
#: CFS's time slice, which sched_rr_get_interval shows for SCHED_OTHER
_SLICE_NS = 4_000_000


def processors() -> int:
    """The processors that the monitor, and so its guests, may use: a bit each."""
    mask = 0
    for cpu in os.sched_getaffinity(0):
        mask |= 1 << cpu
    return mask


def find_thread(task, tid: int):
    """A thread of this machine, 0 for oneself. ESRCH EINVAL"""
    if tid < 0:
        raise OSError(EINVAL, f"thread {tid}")
    if not tid:
        return task
    for process in task.kernel.processes.values():
        if tid in process.tasks:
            return process.tasks[tid]
    raise OSError(ESRCH, f"no thread {tid}")


def scheduled(task, tid: int):
    """A thread that may be scheduled otherwise. EPERM ESRCH EINVAL"""
    other = find_thread(task, tid)
    if not task.creds.may_schedule(other.creds):
        raise OSError(EPERM, "another user's")
    return other


def sched_yield(task) -> int:
    """sched_yield(2): coming here was the yielding."""
    return 0


def sched_getaffinity(task, tid: int, size: int, addr: int) -> int:
    """sched_getaffinity(2), the raw call: write the mask, return its size in bytes. EINVAL ESRCH EFAULT"""
    available = processors()
    needed = max(8, (available.bit_length() + 63) // 64 * 8)
    if size < needed or size & 7:
        raise OSError(EINVAL, f"{size} bytes for {needed}")
    if tid < 0:
        raise OSError(ESRCH, f"no thread {tid}")
    mask = find_thread(task, tid).affinity or available
    task.mm.write(addr, mask.to_bytes(needed, "little"))
    return needed


def sched_setaffinity(task, tid: int, size: int, addr: int) -> int:
    """sched_setaffinity(2): keep and show the mask. EINVAL for no processor that is there; ESRCH EFAULT"""
    mask = int.from_bytes(task.mm.read(addr, min(size, _CPU_BITS // 8)), "little") & processors()
    if tid < 0:
        raise OSError(ESRCH, f"no thread {tid}")
    other = scheduled(task, tid)
    if not mask:
        raise OSError(EINVAL, "no such processor")
    other.affinity = mask
    return 0


def getcpu(task, cpu: int, node: int, unused: int) -> int:
    """getcpu(2): a processor and a node the caller might be on. EFAULT"""
    mask = task.affinity or processors()
    if cpu:
        task.mm.write_u32(cpu, (mask & -mask).bit_length() - 1)
    if node:
        task.mm.write_u32(node, 0)
    return 0


def sched_getscheduler(task, tid: int) -> int:
    """sched_getscheduler(2). EINVAL ESRCH"""
    return find_thread(task, tid).policy


def sched_setscheduler(task, tid: int, policy: int, param: int) -> int:
    """sched_setscheduler(2): the ordinary policies are kept, the real-time ones are EPERM. EINVAL ESRCH EFAULT"""
    reset, policy = policy & SCHED_RESET_ON_FORK, policy & ~SCHED_RESET_ON_FORK
    if tid < 0 or not param:
        raise OSError(EINVAL, f"thread {tid}, parameters at {param:#x}")
    priority = _signed32(task.mm.read_u32(param))
    other = find_thread(task, tid)
    if policy in (SCHED_FIFO, SCHED_RR):
        if not 1 <= priority <= 99:
            raise OSError(EINVAL, f"priority {priority}")
        raise OSError(EPERM, "RLIMIT_RTPRIO is 0")
    if policy not in (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE) or priority:
        raise OSError(EINVAL, f"policy {policy}, priority {priority}")
    scheduled(task, tid)
    other.policy = policy | reset
    return 0


def sched_getparam(task, tid: int, param: int) -> int:
    """sched_getparam(2): the priority, 0 for every policy there is here. EINVAL ESRCH EFAULT"""
    if not param:
        raise OSError(EINVAL, "no parameters")
    find_thread(task, tid)
    task.mm.write_u32(param, 0)
    return 0


def sched_setparam(task, tid: int, param: int) -> int:
    """sched_setparam(2). EINVAL ESRCH EFAULT"""
    if not param or tid < 0:
        raise OSError(EINVAL, f"thread {tid}, parameters at {param:#x}")
    priority = _signed32(task.mm.read_u32(param))
    find_thread(task, tid)
    if priority:
        raise OSError(EINVAL, f"priority {priority}")
    scheduled(task, tid)
    return 0


def sched_get_priority_max(task, policy: int) -> int:
    """sched_get_priority_max(2). EINVAL"""
    return _priority_limit(policy, 99)


def sched_get_priority_min(task, policy: int) -> int:
    """sched_get_priority_min(2). EINVAL"""
    return _priority_limit(policy, 1)


def _priority_limit(policy: int, realtime: int) -> int:
    if policy in (SCHED_FIFO, SCHED_RR):
        return realtime
    if policy in (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE):
        return 0
    raise OSError(EINVAL, f"policy {policy}")


def sched_rr_get_interval(task, tid: int, addr: int) -> int:
    """sched_rr_get_interval(2): the time slice. EINVAL ESRCH EFAULT"""
    find_thread(task, tid)
    write_timespec(task.mm, addr, _SLICE_NS)
    return 0


def getpriority(task, which: int, who: int) -> int:
    """getpriority(2), the raw call: 20 minus the nice value of the keenest. EINVAL ESRCH"""
    return 20 - min(other.nice for other in ranked(task, which, who))


def setpriority(task, which: int, who: int, nice: int) -> int:
    """setpriority(2): be nicer; EACCES for less nice, EPERM for another user's. EINVAL ESRCH"""
    nice = max(-20, min(19, nice))
    error = 0
    for other in ranked(task, which, who):     # those that can be are, whatever becomes of the rest
        if not task.creds.may_schedule(other.creds):
            error = EPERM
        elif nice < other.nice:
            error = EACCES
        else:
            other.nice = nice
    if error:
        raise OSError(error, "another user's" if error == EPERM else "RLIMIT_NICE is 0")
    return 0


def ranked(task, which: int, who: int) -> list:
    """The threads that getpriority(2)'s two words name. EINVAL ESRCH"""
    kernel = task.kernel
    if which == PRIO_PROCESS:
        found = [task] if not who else [t for p in kernel.processes.values() for t in p.tasks.values() if t.tid == who]
    elif which == PRIO_PGRP:
        group = who or task.process.pgid
        found = [t for p in kernel.processes.values() if p.pgid == group for t in p.tasks.values()]
    elif which == PRIO_USER:
        uid = who or task.creds.uid
        found = [t for p in kernel.processes.values() for t in p.tasks.values() if t.creds.uid == uid]
    else:
        raise OSError(EINVAL, f"which {which}")
    if not found:
        raise OSError(ESRCH, f"nobody is {who}")
    return found


def membarrier(task, command: int, flags: int, cpu: int) -> int:
    """membarrier(2): MEMBARRIER_CMD_QUERY says that nothing is served. EINVAL"""
    if command == MEMBARRIER_CMD_QUERY and not flags:
        return 0
    raise OSError(EINVAL, f"command {command}, flags {flags:#x}")


def rseq(task, addr: int, size: int, flags: int, signature: int) -> int:
    """rseq(2): ENOSYS, as a kernel built without CONFIG_RSEQ."""
    raise OSError(ENOSYS, "restartable sequences")


def _signed32(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


KEPT = "kept and shown, without effect"

ROWS = (
    Row(24, sched_yield),
    Row(140, getpriority, (I32, I32)),
    Row(141, setpriority, (I32, I32, I32), KEPT),
    Row(142, sched_setparam, (I32, ADDR)),
    Row(143, sched_getparam, (I32, ADDR)),
    Row(144, sched_setscheduler, (I32, I32, ADDR), KEPT + "; real-time policies: EPERM"),
    Row(145, sched_getscheduler, (I32,)),
    Row(146, sched_get_priority_max, (I32,)),
    Row(147, sched_get_priority_min, (I32,)),
    Row(148, sched_rr_get_interval, (I32, ADDR)),
    Row(203, sched_setaffinity, (I32, U32, ADDR), KEPT),
    Row(204, sched_getaffinity, (I32, U32, ADDR)),
    Row(309, getcpu, (ADDR, ADDR, ADDR), "the first processor of the thread's mask"),
    Row(324, membarrier, (I32, U32, I32), "MEMBARRIER_CMD_QUERY answers that no command is available"),
    Row(334, rseq, (ADDR, U32, I32, U32), "ENOSYS, as without CONFIG_RSEQ", refused=True),
)
