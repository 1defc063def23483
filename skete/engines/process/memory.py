"""Guest-physical memory: one sparse memory file, which the monitor maps whole and guests by pieces.

Behind the frames it has room for the slots of each process, and a page of clocks for all of them.
"""
from __future__ import annotations

import errno
import mmap
import os

from skete.engines import ramfile
from skete.engines.process.extents import Extents
from skete.engines.process.layout import SLOTS_SIZE

__all__ = ["Memory"]

#: frames that can be addressed; what is not touched costs nothing
RAM_SIZE = 1 << 40
#: processes at once
MAX_SPACES = 1024

#: maps the pages, untouched ones too, and copies nothing; since Linux 5.14
_MADV_POPULATE_READ = 22
_MAP_NORESERVE = 0x4000


class Memory:
    """fd: the file's, -1 once it is closed;  ram: the frames;  clocks_at: where the page of clocks is in the file"""

    def __init__(self):
        self.fd = os.memfd_create("skete-ram", os.MFD_CLOEXEC)
        self.clocks_at = size = RAM_SIZE + MAX_SPACES * SLOTS_SIZE
        os.ftruncate(self.fd, size + mmap.PAGESIZE)
        self._map = mmap.mmap(self.fd, size + mmap.PAGESIZE, mmap.MAP_SHARED | _MAP_NORESERVE)
        self._all = memoryview(self._map)
        self.ram = self._all[:RAM_SIZE]
        self._free_slots = list(range(size - SLOTS_SIZE, RAM_SIZE - 1, -SLOTS_SIZE))
        self._populated = Extents()

    def discard(self, frame: int, length: int) -> None:
        self._map.madvise(mmap.MADV_REMOVE, frame, length)
        self._populated.drop(frame, frame + length)

    def clear(self, frame: int, length: int) -> None:
        ramfile.clear(self.fd, self.ram, 0, frame, length)

    def populate(self, frame: int, length: int) -> None:
        """Guest pages that a write(2) of the host meets without a mapping of ours end its attempt to copy a large folio
        at once: it goes on in small ones, and the file's page cache stays made of these."""
        start, end = frame & -4096, frame + length + 4095 & -4096
        if not self._populated.has(start, end):
            try:
                self._map.madvise(_MADV_POPULATE_READ, start, end - start)
            except OSError:
                pass                # an older host, or no memory left: whoever copies will see
            self._populated.add(start, end)

    def copy(self, frame: int, to: int, length: int) -> None:
        ramfile.copy(self.fd, self.ram, 0, frame, to, length)

    def take_slots(self) -> tuple:
        """(offset in the file, view) of zeroed slots for a new space. OSError(EAGAIN)"""
        if not self._free_slots:
            raise OSError(errno.EAGAIN, f"{MAX_SPACES} processes")
        at = self._free_slots.pop()
        return at, self._all[at:at + SLOTS_SIZE]

    def give_slots(self, at: int) -> None:
        self.discard(at, SLOTS_SIZE)
        self._free_slots.append(at)

    def clocks(self) -> memoryview:
        """The page of clocks, as 64-bit words."""
        return self._all[self.clocks_at:].cast("Q")

    def close(self) -> None:
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        self.ram.release()
        self._all.release()
        try:
            self._map.close()
        except BufferError:
            pass                    # somebody still has a view of it; it goes with the last one
