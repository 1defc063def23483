"""System calls that wait for several descriptors: poll, ppoll, select, pselect6.

What can make one wait has a host descriptor, so looking is one poll(2) of the host, and waiting is one host epoll
over the lot, which the scheduler watches as it would any single descriptor. All else is always ready.
"""
from __future__ import annotations

from errno import EBADF, EFAULT, EINTR, EINVAL
from select import EPOLLIN, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, epoll, poll as host_poll
from struct import Struct
from time import monotonic_ns

from skete.abi.fcntl import O_PATH
from skete.kernel.outcome import SIGNAL, TIMEOUT, Wait
from skete.kernel.row import ADDR, I32, SIZE, U32, Row

__all__ = ["ROWS"]

_POLLFD = Struct("<ihH")
_PAIR = Struct("<qq")
_RDNORM, _RDBAND, _WRNORM, _WRBAND = 0x40, 0x80, 0x100, 0x200
#: What a file that never waits is ready for.
_ALWAYS = POLLIN | POLLOUT | _RDNORM | _WRNORM
#: How often to look where waiting on the descriptors would return at once, for nothing; ns
_INTERVAL_NS = 20_000_000


def _look(task, wanted: list) -> tuple:
    """({index: events}, {host_fd: events}) for [(fd, events)]: what is ready now, and what else may become it."""
    ready, waiting, by_fd = {}, {}, {}
    files = task.files
    if task.kernel.signalfds:
        task.kernel.signalfds.refresh(task)
    for index, (fd, events) in enumerate(wanted):
        if fd < 0:
            continue
        try:
            file = files.get(fd)
        except OSError:
            ready[index] = POLLNVAL
            continue
        if file.flags & O_PATH:
            ready[index] = POLLNVAL
        elif file.poll_fd < 0:
            if events & _ALWAYS:
                ready[index] = events & _ALWAYS
        else:
            waiting[file.poll_fd] = waiting.get(file.poll_fd, 0) | events
            by_fd.setdefault(file.poll_fd, []).append(index)
    if waiting:
        look = host_poll()
        for host_fd, events in waiting.items():
            look.register(host_fd, events)
        for host_fd, events in look.poll(0):
            for index in by_fd[host_fd]:
                seen = events & (wanted[index][1] | POLLERR | POLLHUP | POLLNVAL)
                if seen:
                    ready[index] = seen
    return ready, waiting


def _wait(task, wanted: list, waiting: dict, deadline_ns: int | None, enough=bool):
    """Wait until what is ready of ``wanted`` is ``enough``; what is so far at the deadline. EINTR"""
    # The files must stay open meanwhile: a descriptor closed by another thread would leave a stale number behind.
    held = [task.files.get(fd).hold() for fd, _ in wanted if fd >= 0]
    several = soon_ns = None
    try:
        if any(getattr(file, "too_deep", bool)() for file in held):
            host_fd, events = -1, 0
            soon_ns = monotonic_ns() + _INTERVAL_NS
            soon_ns = soon_ns if deadline_ns is None else min(soon_ns, deadline_ns)
        elif len(waiting) == 1:
            (host_fd, events), = waiting.items()
        elif waiting:
            several = epoll()
            for host_fd, events in waiting.items():
                several.register(host_fd, events & 0x3fff)
            host_fd, events = several.fileno(), EPOLLIN
        else:
            host_fd, events = -1, 0
        while True:
            why = yield Wait(host_fd=host_fd, events=events, deadline_ns=soon_ns or deadline_ns)
            if why is SIGNAL:
                raise OSError(EINTR, "")
            ready, _ = _look(task, wanted)
            over = deadline_ns is not None and monotonic_ns() >= deadline_ns
            if over or enough(ready):
                return ready
            if why is not TIMEOUT and ready:
                # Only a hang-up that select was not asked for: it stays, so look at intervals from now on.
                host_fd, events = -1, 0
            if host_fd < 0 and waiting:
                soon_ns = monotonic_ns() + _INTERVAL_NS
                soon_ns = soon_ns if deadline_ns is None else min(soon_ns, deadline_ns)
    finally:
        if several is not None:
            several.close()
        for file in held:
            file.drop()


def _pollfds(task, addr: int, count: int) -> list:
    if count > task.files.limit:
        raise OSError(EINVAL, f"{count} descriptors")
    return [(fd, events & 0xffff) for fd, events, _ in _POLLFD.iter_unpack(task.mm.read(addr, count * _POLLFD.size))]


def _report(task, addr: int, wanted: list, ready: dict) -> int:
    for index in range(len(wanted)):
        task.mm.write(addr + 8 * index + 6, ready.get(index, 0).to_bytes(2, "little"))
    return len(ready)


def poll(task, addr: int, count: int, timeout_ms: int):
    """poll(2): how many are ready. EFAULT EINTR EINVAL"""
    return _poll(task, addr, count, None if timeout_ms < 0 else timeout_ms * 1_000_000)


def _poll(task, addr: int, count: int, timeout_ns: int | None):
    wanted = _pollfds(task, addr, count)
    ready, waiting = _look(task, wanted)
    if ready or timeout_ns == 0:
        return _report(task, addr, wanted, ready)
    return _poll_later(task, addr, wanted, waiting, timeout_ns)


def _poll_later(task, addr: int, wanted: list, waiting: dict, timeout_ns: int | None):
    deadline_ns = None if timeout_ns is None else monotonic_ns() + timeout_ns
    ready = yield from _wait(task, wanted, waiting, deadline_ns)
    return _report(task, addr, wanted, ready)


def _timespec(task, addr: int, unit_ns: int = 1) -> int | None:
    """A timeout in ns from a timespec or timeval (``unit_ns`` 1000); None where there is none. EFAULT EINVAL"""
    if not addr:
        return None
    seconds, part = _PAIR.unpack(task.mm.read(addr, 16))
    if seconds < 0 or part < 0 or unit_ns == 1 and part >= 1_000_000_000:
        raise OSError(EINVAL, f"{seconds} seconds and {part}")
    return seconds * 1_000_000_000 + part * unit_ns


def _borrow(task, addr: int, size: int) -> None:
    """Run the rest of the call under the signal mask at addr."""
    if not addr:
        return
    if size != 8:
        raise OSError(EINVAL, f"a signal set of {size} bytes")
    mask = task.mm.read_u64(addr)
    from skete.kernel.signals.pending import borrow_mask
    borrow_mask(task, mask)


def _timed(task, call, addr: int, timeout_ns: int | None, unit_ns: int = 1):
    """Run ``call`` and write to the guest's timeout what remains of it, as Linux does."""
    begun = monotonic_ns()
    try:
        return (yield from call) if hasattr(call, "send") else call
    finally:
        if addr and timeout_ns is not None:
            left = max(0, timeout_ns - (monotonic_ns() - begun))
            try:
                task.mm.write(addr, _PAIR.pack(left // 1_000_000_000, left % 1_000_000_000 // unit_ns))
            except OSError as e:
                if e.errno != EFAULT:
                    raise       # a constant in read-only memory is no error


def ppoll(task, addr: int, count: int, timeout: int, mask: int, size: int):
    """ppoll(2), the raw call: the timeout takes what remains. EFAULT EINTR EINVAL"""
    timeout_ns = _timespec(task, timeout)
    _borrow(task, mask, size)
    return _timed(task, _poll(task, addr, count, timeout_ns), timeout, timeout_ns)


# What select's three sets ask of poll, and which answers count: fs/select.c
_READ = POLLIN | _RDNORM | _RDBAND | POLLHUP | POLLERR
_WRITE = POLLOUT | _WRNORM | _WRBAND | POLLERR
_EXCEPT = POLLPRI
_ASK = (POLLIN | _RDNORM | _RDBAND, POLLOUT | _WRNORM | _WRBAND, POLLPRI)


def _select(task, count: int, sets: tuple, timeout_ns: int | None):
    """The bits of each set that are ready, counted, in place. EBADF EFAULT EINVAL"""
    if count < 0:
        raise OSError(EINVAL, f"{count} descriptors")
    files = task.files
    count = min(count, len(files.slots) + 63 & -64)
    size = count + 63 >> 6 << 3
    bits = [int.from_bytes(task.mm.read(addr, size), "little") & (1 << count) - 1 if addr else 0 for addr in sets]
    wanted = []
    for fd in range(count):
        events = 0
        for one, ask in zip(bits, _ASK):
            if one >> fd & 1:
                events |= ask
        if events:
            if files.get(fd).flags & O_PATH:
                raise OSError(EBADF, "opened with O_PATH")
            wanted.append((fd, events))
    ready, waiting = _look(task, wanted)
    if _count(wanted, ready, bits) or timeout_ns == 0:
        return _give(task, sets, size, wanted, ready, bits)
    return _select_later(task, sets, size, wanted, waiting, bits, timeout_ns)


def _select_later(task, sets: tuple, size: int, wanted: list, waiting: dict, bits: list, timeout_ns: int | None):
    deadline_ns = None if timeout_ns is None else monotonic_ns() + timeout_ns
    ready = yield from _wait(task, wanted, waiting, deadline_ns, lambda ready: _count(wanted, ready, bits) > 0)
    return _give(task, sets, size, wanted, ready, bits)


def _results(wanted: list, ready: dict, bits: list) -> list:
    results = [0, 0, 0]
    for index, events in ready.items():
        fd = wanted[index][0]
        for which, counts in enumerate((_READ, _WRITE, _EXCEPT)):
            if events & counts and bits[which] >> fd & 1:
                results[which] |= 1 << fd
    return results


def _count(wanted: list, ready: dict, bits: list) -> int:
    return sum(result.bit_count() for result in _results(wanted, ready, bits))


def _give(task, sets: tuple, size: int, wanted: list, ready: dict, bits: list) -> int:
    results = _results(wanted, ready, bits)
    for addr, result in zip(sets, results):
        if addr:
            task.mm.write(addr, result.to_bytes(size, "little"))
    return sum(result.bit_count() for result in results)


def select(task, count: int, reads: int, writes: int, excepts: int, timeout: int):
    """select(2), the raw call: the timeout takes what remains. EBADF EFAULT EINTR EINVAL"""
    timeout_ns = _timespec(task, timeout, 1000)
    return _timed(task, _select(task, count, (reads, writes, excepts), timeout_ns), timeout, timeout_ns, 1000)


def pselect6(task, count: int, reads: int, writes: int, excepts: int, timeout: int, packed: int):
    """pselect6(2), the raw call: the sixth argument points to {mask address, size}. EBADF EFAULT EINTR EINVAL"""
    timeout_ns = _timespec(task, timeout)
    if packed:
        _borrow(task, task.mm.read_u64(packed), task.mm.read_u64(packed + 8))
    return _timed(task, _select(task, count, (reads, writes, excepts), timeout_ns), timeout, timeout_ns)


_MADE_UP = "what has no host descriptor is always ready"
ROWS = (
    Row(7, poll, (ADDR, U32, I32), _MADE_UP),
    Row(23, select, (I32, ADDR, ADDR, ADDR, ADDR), _MADE_UP),
    Row(270, pselect6, (I32, ADDR, ADDR, ADDR, ADDR, ADDR), _MADE_UP),
    Row(271, ppoll, (ADDR, U32, ADDR, ADDR, SIZE), _MADE_UP),
)
