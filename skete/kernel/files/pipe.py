"""pipe2(2): host pipes.

The host's pipe brings Linux's rules with it (atomic up to PIPE_BUF, 64 KiB, EOF, packets with O_DIRECT, poll,
F_SETPIPE_SZ, and later splice, epoll and passing over sockets), and its buffer is the host kernel's memory, not ours.
"""
from __future__ import annotations

import os
from errno import EINVAL

from skete.abi.fcntl import O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY
from skete.kernel.files.stream import Stream

__all__ = ["make_pipe"]


def make_pipe(flags: int) -> tuple:
    """The two ends as (reader, writer) descriptions. EINVAL for unknown flags, EMFILE"""
    if flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT):
        raise OSError(EINVAL, f"pipe2 flags {flags:#x}")
    reader, writer = os.pipe2(O_CLOEXEC | O_NONBLOCK | flags & O_DIRECT)
    path = b"pipe:[%d]" % os.fstat(reader).st_ino
    flags &= O_NONBLOCK | O_DIRECT
    return Stream(reader, O_RDONLY | flags, path), Stream(writer, O_WRONLY | flags, path)
