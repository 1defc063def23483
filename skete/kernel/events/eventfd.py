"""eventfd(2), on an eventfd of the host."""
from __future__ import annotations

import os
from errno import EINVAL
from select import EPOLLIN, EPOLLOUT

from skete.abi.epoll import EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE
from skete.kernel.events.anonymous import Anonymous, fill, install
from skete.kernel.outcome import Wait
from skete.kernel.row import I32, U32, Row
from skete.kernel.scheduler import Queue

__all__ = ["ROWS", "EventFd"]

_MAX = 0xffff_ffff_ffff_ffff


class EventFd(Anonymous):
    """room: writers whose number does not fit. They cannot wait for EPOLLOUT, which only promises room for 1."""
    __slots__ = ("room",)
    kind = b"[eventfd]"

    def __init__(self, initial: int, flags: int):
        self.room = Queue()
        super().__init__(os.eventfd(initial, os.EFD_CLOEXEC | os.EFD_NONBLOCK | flags & EFD_SEMAPHORE),
                         flags & EFD_NONBLOCK)

    def read(self, buffers: list) -> int:
        if sum(map(len, buffers)) < 8:
            raise OSError(EINVAL, "less than 8 bytes")
        value = os.read(self.host_fd, 8)
        self.room.wake()
        return fill(buffers, value)

    def write(self, buffers: list) -> int:
        data = b"".join([view[:8] for view in buffers[:8]])[:8]
        if len(data) < 8 or data == _MAX.to_bytes(8, "little"):
            raise OSError(EINVAL, "no number")
        os.write(self.host_fd, data)
        return 8

    def details(self) -> str:
        # The host's own file says it, and takes nothing.
        with open(f"/proc/self/fdinfo/{self.host_fd}") as host:
            return "".join(line for line in host if line.startswith("eventfd-"))

    def count(self) -> None:
        """One more, from an operation that has ended; it stays where it is once nothing goes in."""
        try:
            os.eventfd_write(self.host_fd, 1)
        except BlockingIOError:
            pass

    def waits(self, events: int) -> Wait:
        return Wait(queue=self.room) if events == EPOLLOUT else Wait(host_fd=self.host_fd, events=EPOLLIN)


def eventfd2(task, initial: int, flags: int) -> int:
    """eventfd2(2): a counter. EINVAL EMFILE"""
    if flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE):
        raise OSError(EINVAL, f"flags {flags:#x}")
    task.files.room()
    return install(task, EventFd(initial, flags), flags)


def eventfd(task, initial: int) -> int:
    """eventfd(2), the raw call, which has no flags. EMFILE"""
    return eventfd2(task, initial, 0)


ROWS = (
    Row(284, eventfd, (U32,)),
    Row(290, eventfd2, (U32, I32)),
)
