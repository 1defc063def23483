"""Guest-physical memory that is a memory file: frames are copied through the file."""
from __future__ import annotations

import os

__all__ = ["copy"]

#: bytes in one host call, which cannot be ended: those of a process of gigabytes take seconds
_PIECE = 16 << 20


def copy(fd: int, ram: memoryview, base: int, frame: int, to: int, length: int) -> None:
    """Copy frames; those that nobody has touched stay so. Written through the file: it costs half of what the page faults
    of our own mapping would.

    base: where ``ram`` begins in the file. All in bytes; what is copied to is zero so far
    """
    at, end = base + frame, base + frame + length
    while at < end:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return              # ENXIO: no data from here to the end of the file
        if at >= end:
            return
        stop = min(os.lseek(fd, at, os.SEEK_HOLE), end)
        while at < stop:
            at += os.pwrite(fd, ram[at - base:min(stop, at + _PIECE) - base], to + at - frame)
