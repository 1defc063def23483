"""SysV semaphores: semget(2), semop(2), semtimedop(2), semctl(2).

A call that has to wait tries again whenever its set has changed. The scheduler lets those that were woken go on in
the order in which they came, and before the next trap is served: so nobody overtakes them.
"""
from __future__ import annotations

from errno import E2BIG, EAGAIN, EFBIG, EIDRM, EINTR, EINVAL, ENOSPC, ERANGE
from struct import Struct
from time import monotonic_ns, time

from skete.kernel.ipc.sysv import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, PERM, Object, Registry
from skete.kernel.outcome import SIGNAL, TIMEOUT, Wait
from skete.kernel.row import ADDR, I32, U32, U64, Row
from skete.kernel.scheduler import Queue
from skete.kernel.time.timespec import FOREVER_NS, read_timespec

__all__ = ["ROWS", "undo"]

GETPID, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL, SEM_STAT, SEM_INFO, SEM_STAT_ANY = range(11, 21)
SEM_UNDO = 0o10000
#: semaphores in a set, in all, calls in one semop, sets, a semaphore's highest value
SEMMSL, SEMMNS, SEMOPM, SEMMNI, SEMVMX = 32000, 256_000, 500, 1024, 32767
_OP = Struct("<Hhh")
#: struct semid64_ds after its perm: otime, spare, ctime, spare, nsems, two spare
_TIMES = Struct("<q8xq8xQ16x")
_INFO = Struct("<10i")


class Set(Object):
    """values, pids: of each semaphore; waiting: {task: the operation that holds it up}; queue: those tasks."""
    __slots__ = ("values", "pids", "operated", "waiting", "queue")

    def __init__(self, key: int, mode: int, creds, count: int):
        super().__init__(key, mode, creds)
        self.values, self.pids = [0] * count, [0] * count
        self.operated, self.waiting, self.queue = 0, {}, Queue()

    def described(self) -> bytes:
        return self.perm() + _TIMES.pack(self.operated, self.changed, len(self.values))


def _sets(kernel) -> Registry:
    if kernel.semaphores is None:
        kernel.semaphores = Registry(SEMMNI)
    return kernel.semaphores


def _total(sets: Registry) -> int:
    return sum(len(one.values) for one in sets.objects.values())


def semget(task, key: int, count: int, flags: int) -> int:
    """semget(2): the number of a set. EACCES EEXIST EINVAL ENOENT ENOSPC"""
    sets = _sets(task.kernel)
    if not 0 <= count <= SEMMSL:
        raise OSError(EINVAL, f"{count} semaphores")

    def make():
        if not count:
            raise OSError(EINVAL, "a set of no semaphores")
        if _total(sets) + count > SEMMNS:
            raise OSError(ENOSPC, f"{SEMMNS} semaphores")
        return Set(key, flags, task.creds, count)

    def fits(found):
        if count > len(found.values):
            raise OSError(EINVAL, f"{count} semaphores of {len(found.values)}")

    return sets.get(task.creds, key, flags, make, fits)


def semop(task, number: int, addr: int, count: int):
    """semop(2). E2BIG EACCES EAGAIN EFAULT EFBIG EIDRM EINTR EINVAL ERANGE"""
    return semtimedop(task, number, addr, count, 0)


def semtimedop(task, number: int, addr: int, count: int, timeout: int):
    """semtimedop(2): all of the operations at once, or wait. EAGAIN when the time is over"""
    deadline_ns = None
    if timeout:
        ns = read_timespec(task.mm, timeout)
        deadline_ns = min(FOREVER_NS, monotonic_ns() + ns)
    if count < 1 or number < 0:
        raise OSError(EINVAL, f"{count} operations on set {number}")
    if count > SEMOPM:
        raise OSError(E2BIG, f"{count} operations")
    operations = list(_OP.iter_unpack(task.mm.read(addr, count * _OP.size)))
    found = _sets(task.kernel).find(number)
    if max(operation[0] for operation in operations) >= len(found.values):
        raise OSError(EFBIG, f"{len(found.values)} semaphores")
    found.may(task.creds, 2 if any(operation[1] for operation in operations) else 4)
    blocking = _attempt(task.process, found, operations)
    if blocking is None:
        return 0
    if blocking[2] & IPC_NOWAIT:
        raise OSError(EAGAIN, f"semaphore {blocking[0]}")
    return _until_done(task, found, operations, blocking, deadline_ns)


def _until_done(task, found: Set, operations: list, blocking: tuple, deadline_ns):
    try:
        while blocking is not None:
            if blocking[2] & IPC_NOWAIT:        # another operation holds it up by now
                raise OSError(EAGAIN, f"semaphore {blocking[0]}")
            found.waiting[task] = blocking
            why = yield Wait(found.queue, deadline_ns)
            if found.removed:
                raise OSError(EIDRM, f"set {found.id}")
            blocking = _attempt(task.process, found, operations)
            if blocking is not None and why is TIMEOUT:
                raise OSError(EAGAIN, "timed out")
            if blocking is not None and why is SIGNAL:
                raise OSError(EINTR, "")
        return 0
    finally:
        found.waiting.pop(task, None)


def _attempt(process, found: Set, operations: list):
    """Do all or none; the operation that has to wait, or None. ERANGE"""
    values, adjusted = {}, {}
    mine = process.semundo.get(found, {}) if process.semundo is not None else {}
    for operation in operations:
        index, change, flags = operation
        value = values.get(index, found.values[index])
        if value if not change else value + change < 0:
            return operation
        value += change
        if value > SEMVMX:
            raise OSError(ERANGE, f"semaphore {index} at {value}")
        values[index] = value
        if change and flags & SEM_UNDO:
            adjust = adjusted.get(index, mine.get(index, 0)) - change
            if not -SEMVMX - 1 <= adjust <= SEMVMX:
                raise OSError(ERANGE, f"undo of semaphore {index}")
            adjusted[index] = adjust
    changed = False
    for index, value in values.items():
        changed |= found.values[index] != value
        found.values[index], found.pids[index] = value, process.pid
    if adjusted:
        if process.semundo is None:
            process.semundo = Undo()
        process.semundo.setdefault(found, {}).update(adjusted)
    found.operated = int(time())
    if changed:
        found.queue.wake()
    return None


class Undo(dict):
    """{Set: {index: what is added in the end}} of one process, or of several (CLONE_SYSVSEM). users: how many"""
    __slots__ = ("users",)

    def __init__(self):
        self.users = 1


def share(process, child) -> None:
    """CLONE_SYSVSEM: what either does is taken back when the last of them ends."""
    if process.semundo is None:
        process.semundo = Undo()
    child.semundo = process.semundo
    child.semundo.users += 1


def undo(process) -> None:
    """The process ends, or shares no longer: what was done with SEM_UNDO is taken back by the last one."""
    undone, process.semundo = process.semundo, None
    undone.users -= 1
    if undone.users:
        return
    for found, adjusted in undone.items():
        for index, adjust in adjusted.items():
            if adjust:
                found.values[index] = max(0, min(SEMVMX, found.values[index] + adjust))
                found.pids[index] = process.pid
        found.operated = int(time())
        found.queue.wake()


def _forget(kernel, found: Set, index: int | None) -> None:
    """The value of a semaphore (None: of all) was set, or the set is gone: nothing is left to undo."""
    for process in kernel.processes.values():
        if process.semundo is not None and found in process.semundo:
            if index is None:
                del process.semundo[found]
            else:
                process.semundo[found].pop(index, None)


def semctl(task, number: int, index: int, command: int, argument: int) -> int:
    """semctl(2). EACCES EFAULT EINVAL ERANGE"""
    kernel, mm = task.kernel, task.mm
    sets = _sets(kernel)
    if number < 0:
        raise OSError(EINVAL, f"set {number}")
    if command in (IPC_INFO, SEM_INFO):
        last = (len(sets.objects), _total(sets)) if command == SEM_INFO else (20, SEMVMX)
        mm.write(argument, _INFO.pack(SEMMNS, SEMMNI, SEMMNS, SEMMNS, SEMMSL, SEMOPM, SEMOPM, last[0], SEMVMX, last[1]))
        return sets.highest()
    if command in (SEM_STAT, SEM_STAT_ANY):
        found = sets.at(number)
        if command == SEM_STAT:
            found.may(task.creds, 4)
        mm.write(argument, found.described())
        return found.id
    if not (command in (IPC_RMID, IPC_SET, IPC_STAT) or GETPID <= command <= SETALL):
        raise OSError(EINVAL, f"command {command}")
    found = sets.find(number)
    if command == IPC_RMID:
        found.own(task.creds)
        sets.remove(found)
        _forget(kernel, found, None)
        found.queue.wake()
        return 0
    if command == IPC_SET:
        found.set(task.creds, mm.read(argument, PERM.size))
        return 0
    found.may(task.creds, 2 if command in (SETVAL, SETALL) else 4)
    if command == IPC_STAT:
        mm.write(argument, found.described())
    elif command == GETALL:
        mm.write(argument, Struct(f"<{len(found.values)}H").pack(*found.values))
    elif command == SETALL:
        _set(task, found, dict(enumerate(Struct(f"<{len(found.values)}H").unpack(
            mm.read(argument, 2 * len(found.values))))))
        _forget(kernel, found, None)
    else:
        return _one(task, found, index, command, argument)
    return 0


def _one(task, found: Set, index: int, command: int, argument: int) -> int:
    """The commands about one semaphore. EINVAL ERANGE"""
    if not 0 <= index < len(found.values):
        raise OSError(EINVAL, f"semaphore {index}")
    if command == GETVAL:
        return found.values[index]
    if command == GETPID:
        return found.pids[index]
    if command == SETVAL:
        value = argument & 0xffff_ffff
        _set(task, found, {index: value})
        _forget(task.kernel, found, index)
        return 0
    return sum(one[0] == index and (one[1] < 0 if command == GETNCNT else not one[1])
               for one in found.waiting.values())


def _set(task, found: Set, values: dict) -> None:
    """ERANGE"""
    if max(values.values()) > SEMVMX:
        raise OSError(ERANGE, "a value above SEMVMX")
    for index, value in values.items():
        found.values[index], found.pids[index] = value, task.process.pid
    found.changed = int(time())
    found.queue.wake()


_UNDO = "SEM_UNDO belongs to the process, also of threads without CLONE_SYSVSEM: it is undone when the process ends"

ROWS = (
    Row(64, semget, (I32, I32, I32)),
    Row(65, semop, (I32, ADDR, U32), _UNDO),
    Row(66, semctl, (I32, I32, I32, U64)),
    Row(220, semtimedop, (I32, ADDR, U32, ADDR), _UNDO),
)
