"""IOCB_CMD_POLL: an operation of asynchronous I/O that ends when a descriptor is ready, once.

The descriptors of one context that are waited for stand in an epoll instance of the host, which the scheduler watches.
"""
from __future__ import annotations

import os
from errno import EAGAIN
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM, epoll, poll

from skete.kernel.files.fdtable import host_limit

__all__ = ["Polls"]

#: what a file that is always ready is ready for
_ALWAYS = EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM


class Polls:
    """What one context waits for. own: {duplicate of a host descriptor: (Description, struct iocb's address, ended)}

    copies: such duplicates in all contexts, each of which the monitor has to have
    """
    copies = 0
    __slots__ = ("scheduler", "host", "own")

    def __init__(self, scheduler):
        self.scheduler, self.host, self.own = scheduler, None, {}

    def __len__(self):
        return len(self.own)

    def begin(self, file, wanted: int, iocb: int, ended) -> None:
        """Call ``ended(events)`` when the file is ready for one of the events, perhaps at once. EAGAIN"""
        wanted |= EPOLLERR | EPOLLHUP
        if file.poll_fd < 0:
            return ended(wanted & _ALWAYS) if wanted & _ALWAYS else None
        look = poll()
        look.register(file.poll_fd, wanted)
        found = look.poll(0)
        if found:
            return ended(found[0][1])
        if Polls.copies >= host_limit() // 8:
            raise OSError(EAGAIN, f"{Polls.copies} descriptors are waited for")
        if self.host is None:
            self.host = epoll()
            self.scheduler.watch(self.host.fileno(), self._look)
        own = os.dup(file.poll_fd)
        Polls.copies += 1
        self.own[own] = file.hold(), iocb, ended
        self.host.register(own, wanted)
        return None

    def _look(self) -> None:
        for own, events in self.host.poll(0):
            self._end(own)(events)

    def _end(self, own: int):
        """Wait no more for one; what to call then."""
        file, _, ended = self.own.pop(own)
        self.host.unregister(own)
        os.close(own)
        Polls.copies -= 1
        if not self.own:
            self.scheduler.unwatch(self.host.fileno())
            self.host.close()
            self.host = None
        file.drop()
        return ended

    def cancel(self, iocb: int) -> bool:
        """io_cancel(2): it ends with no event. Whether it was under way."""
        for own, (_, address, _) in self.own.items():
            if address == iocb:
                self._end(own)(0)
                return True
        return False

    def close(self) -> None:
        """The context is gone: nobody is told."""
        for own in list(self.own):
            self._end(own)
