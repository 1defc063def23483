"""seccomp(2): a thread that gives up system calls, by the strict mode or by filters.

What a thread has (``Task.seccomp``) is asked before every call of it; the others have None. The chain of filters is
never changed, only added to, so threads and children share it. A filter mostly looks at the call's number alone; then
what it said is remembered for that number.
"""
from __future__ import annotations

from errno import EACCES, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, ESRCH
from struct import Struct, pack

from skete.abi.seccomp import (AUDIT_ARCH_X86_64, BPF_MAXINSNS, SECCOMP_FILTER_FLAG_LOG,
                               SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC,
                               SECCOMP_FILTER_FLAG_TSYNC_ESRCH, SECCOMP_GET_ACTION_AVAIL, SECCOMP_GET_NOTIF_SIZES,
                               SECCOMP_MODE_FILTER, SECCOMP_MODE_STRICT, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ALLOW,
                               SECCOMP_RET_DATA, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                               SECCOMP_RET_LOG, SECCOMP_RET_TRACE, SECCOMP_RET_TRAP, SECCOMP_RET_USER_NOTIF,
                               SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT, SYS_SECCOMP)
from skete.abi.signal import SIGKILL, SIGSYS
from skete.kernel.identity import bpf
from skete.kernel.outcome import GONE
from skete.kernel.process import exits
from skete.kernel.row import ADDR, U32, Row
from skete.kernel.signals.pending import force
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["ROWS", "STRICT", "Filter", "judge", "set_mode"]

_MASK = 0xffff_ffff
#: instructions that all filters of a thread may have together, each filter counting as four more
_PATH = 32768
_MAX_ERRNO = 4095
#: struct seccomp_data of a call that looks at its arguments begins here
_POINTER, _ARGUMENTS = 8, 16
#: numbers below which answers are remembered: there is no call beyond
_REMEMBERED = 512
_FPROG = Struct("<H6xQ")
_SIZES = Struct("<3H")
_FLAGS = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW \
    | SECCOMP_FILTER_FLAG_TSYNC_ESRCH
_ACTIONS = (SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE,
            SECCOMP_RET_LOG, SECCOMP_RET_ALLOW)
#: read write rt_sigreturn exit
_STRICTLY = frozenset((0, 1, 15, 60))


class _Strict:
    """The strict mode, as a thread has it."""
    mode, depth = SECCOMP_MODE_STRICT, 0


STRICT = _Strict()


class Filter:
    """The newest filter of a chain, as a thread has it. before: the one that was there already, or None

    depth: filters in the chain;  cost: instructions, as Linux counts them;  known: {number: what the chain says of it}
    points: whether one of them asks where the call was made
    """
    __slots__ = ("program", "before", "depth", "cost", "known", "points")
    mode = SECCOMP_MODE_FILTER

    def __init__(self, program, before: "Filter | None"):
        self.program, self.before, self.known = program, before, {}
        if before is not None:
            before.known.clear()        # threads may be left that have only that; chains are long, threads few
        self.depth = 1 + (before.depth if before is not None else 0)
        self.cost = len(program) + 4 + (before.cost if before is not None else 0)
        self.points = any(word & 0xffff == 0x20 and _POINTER <= word >> 32 < _ARGUMENTS for word in program) \
            or before is not None and before.points

    def ask(self, task, nr: int, words: tuple) -> int:
        """The strictest answer of the chain; of two alike, the newest filter's."""
        rip = task.vcpu.regs.rip if self.points else 0
        data = [nr, AUDIT_ARCH_X86_64, rip & _MASK, rip >> 32]
        for word in words:
            data += word & _MASK, word >> 32
        answer, furthest, one = SECCOMP_RET_ALLOW, 0, self
        while one is not None:
            found, seen = bpf.run(one.program, data)
            furthest = max(furthest, seen)
            if _rank(found) < _rank(answer):
                answer = found
            one = one.before
        if furthest < _POINTER and nr < _REMEMBERED:
            self.known[nr] = answer
        return answer

    def follows(self, other: "Filter | None") -> bool:
        """Whether the other is a part of this chain."""
        one = self
        while one is not None and one is not other:
            one = one.before
        return one is other


def _rank(answer: int) -> int:
    """The action, as a signed number: the smaller, the stricter."""
    action = answer & SECCOMP_RET_ACTION_FULL
    return action - (action >> 31 << 32)


def judge(task, nr: int, words: tuple):
    """What becomes of a call of a thread that has given some up: None where it is served, else what it comes to."""
    mine, nr = task.seccomp, nr & _MASK
    if mine is STRICT:
        return None if nr in _STRICTLY else _end(task, SIGKILL)
    answer = mine.known.get(nr)
    if answer is None:
        answer = mine.ask(task, nr, words)
    action, data = answer & SECCOMP_RET_ACTION_FULL, answer & SECCOMP_RET_DATA
    if action in (SECCOMP_RET_ALLOW, SECCOMP_RET_LOG):
        return None
    if action == SECCOMP_RET_ERRNO:
        return -min(data, _MAX_ERRNO)
    if action in (SECCOMP_RET_TRACE, SECCOMP_RET_USER_NOTIF):
        return -ENOSYS          # nobody traces or listens
    if action == SECCOMP_RET_TRAP:
        where = pack("<QiI", task.vcpu.regs.rip, nr - (nr >> 31 << 32), AUDIT_ARCH_X86_64)
        force(task, SigInfo(SIGSYS, SYS_SECCOMP, where, data))
        return nr - (nr >> 31 << 32)            # what the handler's frame has in rax
    return _end(task, SIGSYS, action != SECCOMP_RET_KILL_THREAD)


def _end(task, signo: int, all_threads: bool = False):
    if all_threads or len(task.process.tasks) == 1:
        exits.end_process(task.process, ("signalled", signo))
    else:
        exits.end_thread(task, signo)
    return GONE


def seccomp(task, operation: int, flags: int, addr: int) -> int:
    """seccomp(2). EACCES EFAULT EINVAL ENOMEM EOPNOTSUPP ESRCH; the number of a thread that cannot follow"""
    if operation == SECCOMP_SET_MODE_FILTER:
        return _add(task, flags, addr)
    if flags or operation == SECCOMP_SET_MODE_STRICT and addr:
        raise OSError(EINVAL, f"operation {operation}, flags {flags:#x}")
    if operation == SECCOMP_SET_MODE_STRICT:
        _may_have(task, SECCOMP_MODE_STRICT)
        return _have(task, STRICT)
    if operation == SECCOMP_GET_ACTION_AVAIL:
        action = task.mm.read_u32(addr)
        if action not in _ACTIONS:
            raise OSError(EOPNOTSUPP, f"action {action:#x}")
        return 0
    if operation == SECCOMP_GET_NOTIF_SIZES:
        task.mm.write(addr, _SIZES.pack(80, 24, 64))
        return 0
    raise OSError(EINVAL, f"operation {operation}")


def set_mode(task, mode: int, addr: int) -> int:
    """prctl(2)'s PR_SET_SECCOMP. EACCES EFAULT EINVAL ENOMEM"""
    if mode == SECCOMP_MODE_STRICT:
        return seccomp(task, SECCOMP_SET_MODE_STRICT, 0, 0)
    if mode == SECCOMP_MODE_FILTER:
        return seccomp(task, SECCOMP_SET_MODE_FILTER, 0, addr)
    raise OSError(EINVAL, f"mode {mode}")


def _may_have(task, mode: int) -> None:
    if task.seccomp is not None and task.seccomp.mode != mode:
        raise OSError(EINVAL, f"mode {task.seccomp.mode} is for good")


def _have(task, what) -> int:
    """From now on; the gate answers nothing for this process any more."""
    task.seccomp = what
    if task.kernel.answers is not None:
        task.kernel.answers.withhold(task.process)
    return 0


def _add(task, flags: int, addr: int) -> int:
    if flags & ~_FLAGS:
        raise OSError(EINVAL, f"flags {flags:#x}")
    length, at = _FPROG.unpack(task.mm.read(addr, _FPROG.size))
    if not 0 < length <= BPF_MAXINSNS:
        raise OSError(EINVAL, f"{length} instructions")
    if not task.process.prctl.get("no_new_privs"):
        raise OSError(EACCES, "takes PR_SET_NO_NEW_PRIVS first")
    program = bpf.checked(task.mm.read(at, 8 * length))
    _may_have(task, SECCOMP_MODE_FILTER)
    others = [other for other in task.process.tasks.values() if other is not task]
    if flags & SECCOMP_FILTER_FLAG_TSYNC:
        for other in others:
            if other.seccomp is not None and (other.seccomp is STRICT or task.seccomp is None
                                              or not task.seccomp.follows(other.seccomp)):
                if flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH:
                    raise OSError(ESRCH, f"thread {other.tid} has filters of its own")
                return other.tid
    added = Filter(program, task.seccomp)
    if added.cost > _PATH + 4:
        raise OSError(ENOMEM, f"{added.cost} instructions in all filters")
    if flags & SECCOMP_FILTER_FLAG_TSYNC:
        for other in others:
            other.seccomp = added
    return _have(task, added)


ROWS = (
    Row(317, seccomp, (U32, U32, ADDR), "no user notification: SECCOMP_FILTER_FLAG_NEW_LISTENER is EINVAL; nothing is "
        "logged"),
)
