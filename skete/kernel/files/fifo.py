"""Opening a FIFO: each side waits for the other. fifo(7).

The host cannot be asked to wait, for it would hold up the whole machine, so both sides open without blocking. A reader is
one at once, that a writer finds it; a writer, which is refused then, opens when there is a reader. They wait here, in one
queue for each FIFO, and whoever in the machine opens it wakes them to look. A program of the host does not: for its sake
they look every 10 ms.

Whether there is a writer is not asked by opening it for writing, which would wake readers of the host for nothing, nor
by reading, which could take something from others: tee(2) answers 0 where there is none, and takes nothing.
"""
from __future__ import annotations

import os
from errno import EAGAIN
from select import EPOLLHUP, EPOLLIN, POLLHUP, POLLIN, poll
from time import monotonic_ns

from skete.abi.fcntl import O_ACCMODE, O_NONBLOCK, O_RDONLY, SPLICE_F_NONBLOCK
from skete.kernel.outcome import SIGNAL, Restart, Wait
from skete.kernel.scheduler import Queue

__all__ = ["open_fifo", "opened"]

#: how soon those who wait look again: a program of the host may have come
_AGAIN_NS = 10_000_000


def _key(st) -> tuple:
    return st.st_dev, st.st_ino


def opened(kernel, st) -> None:
    """A FIFO has been opened: whoever waits for that looks."""
    queue = kernel.fifos.get(_key(st))
    if queue is not None:
        queue.wake()


def open_fifo(task, flags: int, attempt):
    """Open a FIFO for reading or writing alone, without O_NONBLOCK, and wait for the other side. The file, held.

    attempt: () -> (file, st), with a walk of its own, as names change while we wait; None for a writer without a reader
    """
    kernel = task.kernel
    while True:
        file, st = attempt()
        if file is not None:
            break
        if (yield from _wait(kernel, st, -1)) is SIGNAL:
            raise Restart
    file.hold()
    try:
        opened(kernel, st)
        if flags & O_ACCMODE == O_RDONLY:
            reason = None
            while not _has_writer(file.host_fd):
                if reason is SIGNAL:        # but a writer that came with it has opened, and may be gone already
                    raise Restart
                reason = yield from _wait(kernel, st, file.poll_fd)
    except BaseException:
        file.drop()
        raise
    return file


def _wait(kernel, st, host_fd: int):
    key = _key(st)
    queue = kernel.fifos.get(key)
    if queue is None:
        queue = kernel.fifos[key] = Queue()
    try:
        return (yield Wait(queue, monotonic_ns() + _AGAIN_NS, host_fd, EPOLLIN | EPOLLHUP))
    finally:
        if not queue.tasks and kernel.fifos.get(key) is queue:
            del kernel.fifos[key]


def _has_writer(host_fd: int) -> bool:
    """Whether a writer is there, or was."""
    poller = poll()
    poller.register(host_fd, POLLIN)
    if any(events & (POLLIN | POLLHUP) for _, events in poller.poll(0)):
        return True
    from skete.kernel.files.hostcall import tee
    ends = os.pipe2(os.O_CLOEXEC | O_NONBLOCK)
    try:
        return tee(host_fd, ends[1], 1, SPLICE_F_NONBLOCK) > 0
    except OSError as e:
        if e.errno != EAGAIN:
            raise
        return True
    finally:
        for end in ends:
            os.close(end)
