"""Guest-physical memory: one sparse memory file, mapped here and given to KVM piece by piece.

A memory file rather than anonymous memory, because MADV_DONTNEED on a shared mapping drops what points to the pages
and not the pages. That is how a translation which the processor may still use is taken away (``forget``): KVM's
MMU notifier removes it, in whatever form that KVM keeps it. It is the only way that works for shadow page tables too,
which do not see that page tables in memory have been written by us. Its second use: the mapping's address is found
in /proc/self/maps by the file's inode, without ctypes.

KVM keeps some bytes for each page of a slot, touched or not, so slots are made when something in them is mapped.
"""
from __future__ import annotations

import fcntl
import mmap
import os
import struct

from skete.abi import kvm
from skete.engine import EngineError
from skete.engines import ramfile
from skete.engines.kvm.layout import HUGE, OWN_SIZE, RAM_AT, RAM_TAIL

__all__ = ["Memory"]

RAM_MAX = 1 << 40
_GRANULE = 64 << 20
_MADV_HUGEPAGE, _MADV_REMOVE, _MADV_DONTNEED = 14, 9, 4
_MAP_NORESERVE = 0x4000


class Memory:
    """own: the engine's part, own64 the same as 64-bit words;  ram: the frames. All are views of one mapping."""

    def __init__(self, device):
        size = min(RAM_AT + RAM_MAX, 1 << device.address_bits) - RAM_TAIL
        if size < RAM_AT + (1 << 30):
            raise EngineError(f"guest-physical addresses of {device.address_bits} bits are too few; "
                              "use --engine process")
        self.vm = device.vm
        self._fd = fd = os.memfd_create("skete-kvm", os.MFD_CLOEXEC)
        try:
            os.ftruncate(fd, size + 2 * HUGE)
            huge = _huge_pages()
            self._map, offset = _mapping(fd, size + HUGE, huge)
            address = _address(fd)
        except BaseException:
            os.close(fd)
            raise
        self._skip = -address % HUGE        # so that guest-physical 0 is at a multiple of 2 MiB here too
        self.address = address + self._skip
        self._ram_in_file = offset + self._skip + RAM_AT
        self._whole = whole = memoryview(self._map)[self._skip:self._skip + size]
        self.own, self.ram = whole[:OWN_SIZE], whole[RAM_AT:]
        self.own64 = self.own.cast("Q")
        self.size = size
        self.granule = _GRANULE
        while size // self.granule > device.slots - 8:
            self.granule *= 2
        self._covered = set()       # granules that KVM has
        self._slots = 0
        # Huge pages cost memory where only a little of each is touched: no more of them than a quarter of what there is.
        self._huge_left = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 if huge else 0

    def cover(self, start: int, length: int) -> None:
        """Let KVM have this memory. Guest-physical addresses, as everywhere here."""
        granule = self.granule
        for number in range(start // granule, (start + length - 1) // granule + 1):
            if number not in self._covered:
                at = number * granule
                region = struct.pack(kvm.MEMORY_REGION, self._slots, 0, at, min(granule, self.size - at),
                                     self.address + at)
                try:
                    fcntl.ioctl(self.vm, kvm.KVM_SET_USER_MEMORY_REGION, region)
                except OSError as error:
                    raise EngineError(f"KVM_SET_USER_MEMORY_REGION for {at:#x}: {error.strerror}") from None
                self._covered.add(number)
                self._slots += 1

    def discard(self, start: int, length: int) -> None:
        """Back to the host; it reads as zero from now on."""
        self._map.madvise(_MADV_REMOVE, self._skip + start, length)

    def copy(self, frame: int, to: int, length: int) -> None:
        ramfile.copy(self._fd, self.ram, self._ram_in_file, frame, to, length)

    def forget(self, start: int, length: int) -> None:
        """No processor has a translation to this memory any more; it finds a new one in the page tables, or none."""
        self._map.madvise(_MADV_DONTNEED, self._skip + start, length)

    def close(self) -> None:
        os.close(self._fd)
        for view in (self.own64, self.own, self.ram, self._whole):
            view.release()
        try:
            self._map.close()
        except BufferError:
            pass                    # somebody still has a view of it; it goes with the last one

    def huge(self, start: int, length: int) -> None:
        """Large pages may stand behind this, if the host has any. Whole ones."""
        if length > self._huge_left:
            return
        self._huge_left -= length
        self._map.madvise(_MADV_HUGEPAGE, self._skip + start, length)


def _huge_pages() -> bool:
    """Whether this host gives a memory file large pages where they are asked for."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "rb") as file:
            return b"[advise]" in file.read()
    except OSError:
        return False


def _mapping(fd: int, size: int, huge: bool) -> tuple:
    """(mapping, offset): the file from an offset on, mapped so that a place in it and its address are alike modulo 2 MiB,
    as large pages need it.

    We cannot say where; but the host gives the same place to the same request twice.
    """
    flags = mmap.MAP_SHARED | _MAP_NORESERVE
    if not huge:
        return mmap.mmap(fd, size, flags), 0
    first = mmap.mmap(fd, size, flags)
    offset = _address(fd) % HUGE
    first.close()
    return mmap.mmap(fd, size, flags, offset=offset), offset


def _address(fd: int) -> int:
    """Where in our address space the file is mapped. In its lines: range, permissions, offset, device, inode, name."""
    inode = os.fstat(fd).st_ino
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            if b"skete-kvm" in line and int(line.split()[4]) == inode:
                return int(line.split(b"-", 1)[0], 16)
    raise EngineError("/proc/self/maps does not show guest memory; is /proc mounted?")


assert RAM_AT % HUGE == 0
