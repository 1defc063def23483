"""Access to a process's memory from our side: what every guest pointer comes down to.

Every address and length a guest gave is checked here, against the vma list, before it becomes a slice of ``ram``. What a
page fault of the guest's would bring about, an access of ours does as well (skete.kernel.memory.pagefault).
"""
from __future__ import annotations

from errno import EFAULT, ENAMETOOLONG

from skete.engine import PAGE
from skete.kernel.memory.vma import Vma

__all__ = ["Access", "LARGE", "NOWHERE"]

#: a buffer of so many bytes is worth a call of ``Engine.populate`` before it is copied from
LARGE = 64 << 10

NOWHERE = Vma(0, 0, 0, 0)


class Access:
    """The reading and writing half of an Mm. ram, ram32, ram64: guest-physical memory;  vmas: what is mapped
    last: the vma of the last access: most accesses hit it again;  populate: the engine's"""

    def read(self, addr: int, n: int) -> bytes:
        """n bytes from guest memory. EFAULT"""
        vma = self.last
        if vma.start <= addr and addr + n <= vma.end:
            at = addr + vma.delta
            return self.ram[at:at + n].tobytes()
        return b"".join(self._all(addr, n, False))

    def write(self, addr: int, data) -> None:
        """Write bytes to guest memory, all or nothing. EFAULT"""
        vma = self.last
        n = len(data)
        if vma.start <= addr and addr + n <= vma.end and vma.prot & 2:
            at = addr + vma.delta
            self.ram[at:at + n] = data
            return
        done = 0
        for view in self._all(addr, n, True):
            view[:] = data[done:done + len(view)]
            done += len(view)

    def views(self, addr: int, n: int, writable: bool = False) -> list:
        """The n bytes at addr as memoryviews of guest memory, as few as possible; [] for n == 0.

        Stops at the first page that cannot be accessed, as Linux transfers partially. EFAULT only where the first
        byte is bad.
        """
        vma = self.last
        if not (vma.start <= addr < vma.end):
            if n == 0:
                return []
            vma = self._find(addr)
        if writable and not vma.prot & 2:
            if n == 0:
                return []
            raise OSError(EFAULT, f"{addr:#x} is not writable")
        at = addr + vma.delta
        if addr + n <= vma.end:
            if n >= LARGE and not writable and self.populate is not None:
                self.populate(at, n)
            return [self.ram[at:at + n]] if n else []
        return self._pieces(addr, n, writable)

    def _pieces(self, addr: int, n: int, writable: bool) -> list:
        views, end, wanted = [], addr + n, 2 if writable else 7
        while addr < end:
            vma = self.vmas.at(addr)
            if vma is None or vma.absent:
                from skete.kernel.memory.pagefault import resolve
                vma = resolve(self, addr)
            if vma is None or not vma.prot & wanted:
                break
            stop = min(end, vma.end)
            views.append(self.ram[addr + vma.delta:stop + vma.delta])
            addr = stop
        return views

    def _all(self, addr: int, n: int, writable: bool) -> list:
        if n == 0:
            return []
        if not writable or self._find(addr).prot & 2:
            self._find(addr)
            views = self._pieces(addr, n, writable)
            if sum(map(len, views)) == n:
                return views
        raise OSError(EFAULT, f"{addr:#x}+{n:#x} is not all {'writable' if writable else 'readable'}")

    def _find(self, addr: int) -> Vma:
        """The accessible vma at addr, remembered for the next access. EFAULT"""
        vma = self.vmas.at(addr)
        if vma is None or vma.absent:
            from skete.kernel.memory.pagefault import resolve
            vma = resolve(self, addr)
        if vma is None or not vma.prot:
            raise OSError(EFAULT, f"nothing accessible at {addr:#x}")
        self.last = vma
        return vma

    def cstr(self, addr: int, limit: int = PAGE) -> bytes:
        """The NUL-terminated string at addr, without the NUL. EFAULT; ENAMETOOLONG from ``limit`` bytes on."""
        text, left = b"", limit
        while True:
            vma = self.last
            if not vma.start <= addr < vma.end:
                vma = self._find(addr)
            at = addr + vma.delta
            # Names are short: look at a little first, then at all that is left.
            n = min(left, vma.end - addr, 128 if not text else left)
            piece = self.ram[at:at + n].tobytes()
            end = piece.find(0)
            if end >= 0:
                return text + piece[:end]
            text += piece
            addr += n
            left -= n
            if not left:
                raise OSError(ENAMETOOLONG, f"no end within {limit} bytes")

    def read_u32(self, addr: int) -> int:
        """One load where aligned. EFAULT"""
        vma = self.last
        if vma.start <= addr and addr + 4 <= vma.end and not addr & 3:
            return self.ram32[addr + vma.delta >> 2]
        if addr & 3:
            return int.from_bytes(self.read(addr, 4), "little")
        return self.ram32[addr + self._find(addr).delta >> 2]

    def read_u64(self, addr: int) -> int:
        """One load where aligned. EFAULT"""
        vma = self.last
        if vma.start <= addr and addr + 8 <= vma.end and not addr & 7:
            return self.ram64[addr + vma.delta >> 3]
        if addr & 7:
            return int.from_bytes(self.read(addr, 8), "little")
        return self.ram64[addr + self._find(addr).delta >> 3]

    def write_u32(self, addr: int, value: int) -> None:
        """One store where aligned. EFAULT"""
        if addr & 3:
            return self.write(addr, (value & 0xffff_ffff).to_bytes(4, "little"))
        self.ram32[self.writable(addr) >> 2] = value & 0xffff_ffff

    def write_u64(self, addr: int, value: int) -> None:
        """One store where aligned. EFAULT"""
        if addr & 7:
            return self.write(addr, (value & 0xffff_ffff_ffff_ffff).to_bytes(8, "little"))
        self.ram64[self.writable(addr) >> 3] = value & 0xffff_ffff_ffff_ffff

    def writable(self, addr: int) -> int:
        """The frame address of a writable guest address. EFAULT"""
        vma = self.last
        if not vma.start <= addr < vma.end:
            vma = self._find(addr)
        if not vma.prot & 2:
            raise OSError(EFAULT, f"{addr:#x} is not writable")
        return addr + vma.delta

    def frame(self, addr: int) -> int:
        """The offset in ``ram`` behind a guest address: the same for everyone who shares the page. EFAULT"""
        vma = self.last
        if not vma.start <= addr < vma.end:
            vma = self._find(addr)
        return addr + vma.delta
