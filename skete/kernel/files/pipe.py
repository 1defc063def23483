"""pipe2(2): host pipes.

The host's pipe brings Linux's rules with it (atomic up to PIPE_BUF, 64 KiB, EOF, packets with O_DIRECT, poll,
F_SETPIPE_SZ, splice, epoll and passing over sockets), and its buffer is the host kernel's memory, not ours.

Both ends are ours and nobody else's, so who blocks at one is woken by what is done at the other, and the host is not
asked: that would be four calls each time.
"""
from __future__ import annotations

import os
from errno import EINVAL

from skete.abi.fcntl import F_SETPIPE_SZ, O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY
from skete.kernel.files.stream import Fifo
from skete.kernel.outcome import Wait
from skete.kernel.scheduler import Queue

__all__ = ["make_pipe"]


class End(Fifo):
    """One end of a pipe. waiting: who blocks here;  other: the queue of those who block at the other end"""
    __slots__ = ("waiting", "other")

    def __init__(self, host_fd: int, flags: int, path: bytes, waiting: Queue, other: Queue):
        super().__init__(host_fd, flags, path)
        self.waiting, self.other = waiting, other

    def waits(self, events: int) -> Wait:
        return Wait(self.waiting)

    def read(self, buffers: list) -> int:
        done = super().read(buffers)
        if self.other.tasks:
            self.other.wake()
        return done

    def write(self, buffers: list) -> int:
        done = super().write(buffers)
        if self.other.tasks:
            self.other.wake()
        return done

    def moved(self) -> None:
        self.other.wake()

    def release(self) -> None:
        super().release()
        self.other.wake()       # to the end of the file, or to EPIPE

    def fcntl(self, command: int, arg):
        result = super().fcntl(command, arg)
        if command == F_SETPIPE_SZ:
            self.waiting.wake()     # there may be room now
            self.other.wake()
        return result


def make_pipe(flags: int) -> tuple:
    """The two ends as (reader, writer) descriptions. EINVAL for unknown flags, EMFILE"""
    if flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT):
        raise OSError(EINVAL, f"pipe2 flags {flags:#x}")
    reader, writer = os.pipe2(O_CLOEXEC | O_NONBLOCK | flags & O_DIRECT)
    path = b"pipe:[%d]" % os.fstat(reader).st_ino
    flags &= O_NONBLOCK | O_DIRECT
    readers, writers = Queue(), Queue()
    return (End(reader, O_RDONLY | flags, path, readers, writers),
            End(writer, O_WRONLY | flags, path, writers, readers))
