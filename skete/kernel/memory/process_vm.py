"""process_vm_readv(2), process_vm_writev(2): copying between this process's memory and another's.

All of a machine's memory is one buffer, so a copy is one, whoever's the two sides are. A process can be looked into by
the same user, if it is dumpable (prctl) and has no more capabilities.
"""
from __future__ import annotations

from errno import EFAULT, EINVAL, EPERM, ESRCH
from struct import Struct

from skete.abi.fcntl import IOV_MAX
from skete.kernel.files.transfer import iovec
from skete.kernel.identity.credentials import of
from skete.kernel.memory.mm import PIECE
from skete.kernel.row import ADDR, I32, SIZE, Row

__all__ = ["ROWS", "traceable"]

_IOVEC = Struct("<QQ")
#: what one call copies at most: the rest of the machine waits meanwhile
_MOST = 128 << 20


def traceable(task, process) -> None:
    """Whether a thread may look into a process, as ptrace_may_access() has it. EPERM"""
    if process is task.process:
        return
    mine, its = task.creds, of(process)
    if {its.uid, its.euid, its.suid} != {mine.uid} or {its.gid, its.egid, its.sgid} != {mine.gid} \
            or its.permitted & ~mine.permitted:
        raise OSError(EPERM, "another user's, or one with more capabilities")
    if process.prctl.get("dumpable", 1) != 1:
        raise OSError(EPERM, "it is not dumpable")


def process_vm_readv(task, pid: int, local: int, local_count: int, remote: int, remote_count: int, flags: int) -> int:
    """process_vm_readv(2): bytes copied from the other process. EFAULT EINVAL EPERM ESRCH"""
    ours, other, theirs = _sides(task, pid, local, local_count, remote, remote_count, flags)
    return _copy(other.mm, theirs, task.mm, ours) if other is not None else 0


def process_vm_writev(task, pid: int, local: int, local_count: int, remote: int, remote_count: int, flags: int) -> int:
    """process_vm_writev(2): bytes copied to the other process. EFAULT EINVAL EPERM ESRCH"""
    ours, other, theirs = _sides(task, pid, local, local_count, remote, remote_count, flags)
    return _copy(task.mm, ours, other.mm, theirs) if other is not None else 0


def _sides(task, pid: int, local: int, local_count: int, remote: int, remote_count: int, flags: int) -> tuple:
    """(our pieces, the other process or None where nothing is asked for, its pieces), checked in Linux's order."""
    if flags:
        raise OSError(EINVAL, f"flags {flags:#x}")
    ours = iovec(task, local, local_count)
    if not any(length for _, length in ours):
        return ours, None, []
    if remote_count > IOV_MAX:
        raise OSError(EINVAL, f"{remote_count} pieces")
    theirs = list(_IOVEC.iter_unpack(task.mm.read(remote, remote_count * _IOVEC.size)))
    if any(length >> 63 for _, length in theirs):
        raise OSError(EINVAL, "a negative length")
    if not any(length for _, length in theirs):
        return ours, None, []
    for process in task.kernel.processes.values():
        if process.pid == pid or pid in process.tasks:
            traceable(task, process)
            return ours, process, theirs
    raise OSError(ESRCH, f"no process {pid}")


def _copy(source, read: list, target, written: list) -> int:
    """As much as can be; EFAULT where that is nothing."""
    reads, writes = _views(source, read, False), _views(target, written, True)
    done = 0
    from_view = to_view = memoryview(b"")
    while True:
        if not from_view:
            from_view = next(reads, None)
        if not to_view:
            to_view = next(writes, None)
        if from_view is None or to_view is None or done == _MOST:
            break
        n = min(len(from_view), len(to_view), PIECE, _MOST - done)
        to_view[:n] = from_view[:n]
        from_view, to_view = from_view[n:], to_view[n:]
        done += n
    if not done:
        raise OSError(EFAULT, "nothing there can be accessed")
    return done


def _views(mm, pieces: list, into: bool):
    """The views of a side, up to what cannot be accessed."""
    for base, length in pieces:
        if not length:
            continue
        try:
            found = mm.views(base, length, into)
        except OSError:
            return
        yield from found
        if sum(map(len, found)) < length:
            return


ROWS = (
    Row(310, process_vm_readv, (I32, ADDR, SIZE, ADDR, SIZE, SIZE), "at most 128 MiB a call"),
    Row(311, process_vm_writev, (I32, ADDR, SIZE, ADDR, SIZE, SIZE), "at most 128 MiB a call"),
)
