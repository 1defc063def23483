"""epoll_create(2), epoll_ctl(2), epoll_wait(2) and its kin."""
from __future__ import annotations

from errno import EBADF, EFAULT, EINTR, EINVAL, EPERM
from select import EPOLLERR, EPOLLHUP, EPOLLIN
from time import monotonic_ns

from skete.abi.epoll import EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_EVENT, EPOLL_MAX_EVENTS
from skete.abi.fcntl import O_PATH
from skete.kernel.events.anonymous import install
from skete.kernel.events.epoll import Epoll
from skete.kernel.outcome import SIGNAL, TIMEOUT, Wait
from skete.kernel.row import ADDR, FD, I32, SIZE, Row
from skete.kernel.time.timespec import FOREVER_NS, read_timespec

__all__ = ["ROWS"]

#: how often to look at what the host cannot be asked to wait for, in ns
_INTERVAL_NS = 2_000_000


def epoll_create(task, size: int) -> int:
    """epoll_create(2): a new instance; the size is no longer a limit, but must be positive. EINVAL EMFILE"""
    if size <= 0:
        raise OSError(EINVAL, f"size {size}")
    return epoll_create1(task, 0)


def epoll_create1(task, flags: int) -> int:
    """epoll_create1(2): a new instance. EINVAL EMFILE"""
    if flags & ~EPOLL_CLOEXEC:
        raise OSError(EINVAL, f"flags {flags:#x}")
    task.files.room()
    return install(task, Epoll(), flags)


def _open(task, fd: int):
    file = task.files.get(fd)
    if file.flags & O_PATH:
        raise OSError(EBADF, "opened with O_PATH")
    return file


def epoll_ctl(task, epfd: int, operation: int, fd: int, addr: int) -> int:
    """epoll_ctl(2): watch, watch otherwise, or no longer. EBADF EEXIST EFAULT EINVAL ELOOP ENOENT EPERM ENOSPC"""
    events = data = 0
    if operation != EPOLL_CTL_DEL:
        events, data = EPOLL_EVENT.unpack(task.mm.read(addr, EPOLL_EVENT.size))
    instance = _open(task, epfd)
    file = _open(task, fd)
    if file.poll_fd < 0:
        raise OSError(EPERM, f"descriptor {fd} is always ready")
    if file is instance or not isinstance(instance, Epoll):
        raise OSError(EINVAL, f"descriptor {epfd} in {fd}, or no epoll instance")
    events |= 0 if operation == EPOLL_CTL_DEL else EPOLLERR | EPOLLHUP
    if operation == EPOLL_CTL_ADD:
        instance.add(fd, file, events, data)
    elif operation == EPOLL_CTL_MOD:
        instance.modify(fd, file, events, data)
    elif operation == EPOLL_CTL_DEL:
        instance.remove(fd, file)
    else:
        raise OSError(EINVAL, f"operation {operation}")
    return 0


def epoll_wait(task, epfd: int, addr: int, most: int, timeout_ms: int):
    """epoll_wait(2): how many are ready. EBADF EFAULT EINTR EINVAL"""
    return _wait(task, epfd, addr, most, None if timeout_ms < 0 else timeout_ms * 1_000_000)


def epoll_pwait(task, epfd: int, addr: int, most: int, timeout_ms: int, mask: int, size: int):
    """epoll_pwait(2): the same under another signal mask. EBADF EFAULT EINTR EINVAL"""
    _borrow(task, mask, size)
    return epoll_wait(task, epfd, addr, most, timeout_ms)


def epoll_pwait2(task, epfd: int, addr: int, most: int, timeout: int, mask: int, size: int):
    """epoll_pwait2(2): the same with a timespec. EBADF EFAULT EINTR EINVAL"""
    timeout_ns = read_timespec(task.mm, timeout) if timeout else None
    _borrow(task, mask, size)
    return _wait(task, epfd, addr, most, timeout_ns)


def _borrow(task, addr: int, size: int) -> None:
    if addr:
        if size != 8:
            raise OSError(EINVAL, f"a signal set of {size} bytes")
        from skete.kernel.signals.pending import borrow_mask
        borrow_mask(task, task.mm.read_u64(addr))


def _wait(task, epfd: int, addr: int, most: int, timeout_ns: int | None):
    if not 0 < most <= EPOLL_MAX_EVENTS:
        raise OSError(EINVAL, f"{most} events")
    if addr + most * EPOLL_EVENT.size > 1 << 47:
        raise OSError(EFAULT, f"{addr:#x}")
    instance = task.files.get(epfd)
    if not isinstance(instance, Epoll):
        raise OSError(EINVAL if not instance.flags & O_PATH else EBADF, "no epoll instance")
    count = _collect(task, instance, addr, most)
    if count or timeout_ns == 0:
        return count
    deadline_ns = None if timeout_ns is None else min(monotonic_ns() + timeout_ns, FOREVER_NS)
    return _later(task, instance, addr, most, deadline_ns)


def _later(task, instance: Epoll, addr: int, most: int, deadline_ns: int | None):
    instance.hold()
    try:
        while True:
            deep = instance.too_deep()
            if deep:
                soon_ns = monotonic_ns() + _INTERVAL_NS
                why = yield Wait(deadline_ns=soon_ns if deadline_ns is None else min(soon_ns, deadline_ns))
            else:
                why = yield Wait(host_fd=instance.poll_fd, events=EPOLLIN, deadline_ns=deadline_ns)
            count = _collect(task, instance, addr, most)
            if count or why is TIMEOUT and (not deep or deadline_ns is not None and monotonic_ns() >= deadline_ns):
                return count
            if why is SIGNAL:
                raise OSError(EINTR, "")
    finally:
        instance.drop()


def _collect(task, instance: Epoll, addr: int, most: int) -> int:
    """Write what is ready; how many. EFAULT where the first one cannot be written"""
    if task.kernel.signalfds:
        task.kernel.signalfds.refresh(task)
    size = EPOLL_EVENT.size
    most = min(most, max(1, len(instance.by_host)))
    try:
        room = sum(map(len, task.mm.views(addr, most * size, True))) // size
    except OSError:
        room = 0
    if not room:
        # An event that cannot be delivered stays.
        if instance.ready():
            raise OSError(EFAULT, f"{addr:#x}")
        return 0
    found = instance.collect(room)
    if found:
        task.mm.write(addr, b"".join([EPOLL_EVENT.pack(events, data) for events, data in found]))
    return len(found)


_NESTED = "four and five instances in a row are looked at every 2 ms; EPOLLWAKEUP without effect"
ROWS = (
    Row(213, epoll_create, (I32,)),
    Row(232, epoll_wait, (FD, ADDR, I32, I32)),
    Row(233, epoll_ctl, (FD, I32, FD, ADDR), _NESTED),
    Row(281, epoll_pwait, (FD, ADDR, I32, I32, ADDR, SIZE)),
    Row(291, epoll_create1, (I32,)),
    Row(441, epoll_pwait2, (FD, ADDR, I32, ADDR, ADDR, SIZE)),
)
