"""clone3(2): clone(2) with its arguments in a struct, which may grow."""
from __future__ import annotations

from errno import E2BIG, EBADF, EINVAL, EPERM

from skete.abi.sched import (CLONE_ARGS, CLONE_ARGS_SIZE_VER0, CLONE_ARGS_SIZE_VER2, CLONE_CLEAR_SIGHAND,
                             CLONE_DETACHED, CLONE_INTO_CGROUP, CLONE_NEWTIME, CLONE_PARENT, CLONE_PARENT_SETTID,
                             CLONE_PIDFD, CLONE_SIGHAND, CLONE_THREAD, CSIGNAL, MAX_PID_NS_LEVEL)
from skete.abi.signal import NSIG
from skete.engine import PAGE
from skete.kernel.process.fork import begin
from skete.kernel.row import ADDR, SIZE, Row

__all__ = ["ROWS"]

_KNOWN = 0xffff_ffff | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP
_NOT_HERE = CLONE_DETACHED | CSIGNAL & ~CLONE_NEWTIME
_PID_MAX = 1 << 22


def clone3(task, args: int, size: int):
    """clone3(2): start a thread or a process. Returns its number.
    E2BIG EINVAL EFAULT; EPERM for a number of one's choice, EBADF for a cgroup; those of clone"""
    fields = _read(task, args, size)
    flags, pidfd, child_tid, parent_tid, signo, stack, stack_size, tls, tids, tids_size, cgroup = fields
    if tids_size > MAX_PID_NS_LEVEL or bool(tids) != bool(tids_size) or signo > NSIG \
            or flags & CLONE_INTO_CGROUP and (cgroup > 0x7fff_ffff or size < CLONE_ARGS_SIZE_VER2):
        raise OSError(EINVAL, f"set_tid_size {tids_size}, exit_signal {signo}, flags {flags:#x}")
    wanted = task.mm.read(tids, 4 * tids_size) if tids else b""
    if flags & ~_KNOWN or flags & _NOT_HERE or flags & CLONE_SIGHAND and flags & CLONE_CLEAR_SIGHAND \
            or flags & (CLONE_THREAD | CLONE_PARENT) and signo \
            or flags & CLONE_PIDFD and flags & CLONE_PARENT_SETTID and pidfd == parent_tid:
        raise OSError(EINVAL, f"flags {flags:#x}, exit_signal {signo}")
    if bool(stack) != bool(stack_size) or stack + stack_size > task.mm.high:
        raise OSError(EINVAL, f"a stack of {stack_size} bytes at {stack:#x}")
    if flags & CLONE_INTO_CGROUP:
        raise OSError(EBADF, "no descriptor is one of a cgroup")
    if wanted:
        tid = int.from_bytes(wanted[:4], "little", signed=True)
        if tids_size > 1 or not 0 < tid < _PID_MAX:
            raise OSError(EINVAL, f"{tids_size} numbers, the first {tid}")
        raise OSError(EPERM, "a number of one's choice takes CAP_CHECKPOINT_RESTORE")
    return begin(task, flags, signo, stack + stack_size, parent_tid, child_tid, tls, pidfd)


def _read(task, args: int, size: int) -> tuple:
    """struct clone_args; what a shorter one lacks is 0. E2BIG EINVAL EFAULT"""
    if size > PAGE:
        raise OSError(E2BIG, f"{size} bytes")
    if size < CLONE_ARGS_SIZE_VER0:
        raise OSError(EINVAL, f"{size} bytes")
    data = task.mm.read(args, size)
    if any(data[CLONE_ARGS.size:]):
        raise OSError(E2BIG, "fields that are not known here")
    return CLONE_ARGS.unpack(data[:CLONE_ARGS.size].ljust(CLONE_ARGS.size, b"\0"))


ROWS = (
    Row(435, clone3, (ADDR, SIZE), "as clone; set_tid: EPERM; CLONE_INTO_CGROUP: EBADF"),
)
