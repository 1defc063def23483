"""Guest-physical memory that is a memory file: frames are copied through the file."""
from __future__ import annotations

import os

__all__ = ["clear", "copy"]

#: bytes in one host call, which cannot be ended: those of a process of gigabytes take seconds
_PIECE = 16 << 20


def copy(fd: int, ram: memoryview, base: int, frame: int, to: int, length: int) -> None:
    """Copy frames; those that nobody has touched stay so. Written through the file: it costs half of what the page faults
    of our own mapping would.

    base: where ``ram`` begins in the file. All in bytes; what is copied to is zero so far
    """
    for at, stop in _data(fd, base + frame, base + frame + length):
        while at < stop:
            at += os.pwrite(fd, ram[at - base:min(stop, at + _PIECE) - base], to + at - frame)


def clear(fd: int, ram: memoryview, base: int, frame: int, length: int) -> None:
    """Write zeros where somebody has touched frames. They stay the host's to give: whoever touches them next has them for
    less than new ones."""
    for at, stop in _data(fd, base + frame, base + frame + length):
        ram[at - base:stop - base] = bytes(stop - at)


def _data(fd: int, at: int, end: int):
    """(start, end) of what is not a hole, in the file."""
    while at < end:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return              # ENXIO: no data from here to the end of the file
        if at >= end:
            return
        stop = min(os.lseek(fd, at, os.SEEK_HOLE), end)
        yield at, stop
        at = stop
