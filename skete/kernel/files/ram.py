"""Files whose content is guest-physical memory: tmpfs, memfd_create(2), SysV shared memory.

The content stands in frames of ``engine.ram``, so mapping a file shared is mapping its frames: every process that
does sees the same bytes, and so do read(2) and write(2), which copy from and to them. The file holds its frames once
and each mapping once more (:meth:`Frames.hold`), and whoever lets go last frees them.

Frames are reserved generously and cost nothing until they are touched. What counts against the limit is the pages that
have been written, or could be because they are mapped.
"""
from __future__ import annotations

from _bisect import bisect_right
from errno import EFBIG, ENOMEM, ENOSPC, ENXIO, EPERM

from skete.abi.fcntl import SEEK_DATA
from skete.engine import PAGE
from skete.kernel.memory.mm import PIECE

__all__ = ["Content", "Memory", "Store", "page_up", "store_of"]

#: pages in one entry of the map of written pages
_CHUNK = 512
#: what a file gets at first, in bytes
_FIRST = 1 << 14
#: the largest file: frames are finite
_LARGEST = 1 << 38


def page_up(n: int) -> int:
    """n, rounded up to whole pages."""
    return n + PAGE - 1 & -PAGE


class Store:
    """What all of them in a machine share. used: bytes of pages that count;  limit: of ``used``, in bytes

    With a memory limit, files and processes live in it together: a page in a file is none for a process's heap.
    """

    def __init__(self, kernel):
        self.kernel, self.engine, self.frames = kernel, kernel.engine, kernel.frames
        self.used = 0
        self.limit = kernel.config.memory or kernel.config.physical() // 2
        self.ino = 1
        self.orphans = []           # contents without a file, but perhaps mapped
        self.segments = 0           # how many SysV segments there have been: the next one's id
        self._zeros = memoryview(bytes(1 << 16))

    def charge(self, size: int) -> None:
        """Account for pages about to be written. ENOSPC"""
        if self.orphans:
            self.sweep()
        used = self.used + size
        if self.kernel.config.memory is not None:
            used += sum(process.mm.charged for process in self.kernel.processes.values())
        if used > self.limit:
            raise OSError(ENOSPC, f"{size} bytes more than the limit leaves")
        self.used += size

    def sweep(self) -> None:
        """Free the orphans that are mapped no more."""
        orphans, self.orphans = self.orphans, []
        if not self.alive():
            return
        for content in orphans:
            if content.idle():
                content.free()
            else:
                self.orphans.append(content)

    def number(self) -> int:
        """A new inode number."""
        self.ino += 1
        return self.ino

    def alive(self) -> bool:
        """False once the engine is closed, and all frames with it."""
        try:
            return len(self.engine.ram) > 0
        except ValueError:
            return False


def store_of(task) -> Store:
    """The machine's, made when first needed."""
    kernel = task.kernel
    if kernel.store is None:
        kernel.store = Store(kernel)
    return kernel.store


class Quota:
    """A limit of one mount, in bytes of pages; None: the machine's alone."""
    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None = None):
        self.limit, self.used = limit, 0


class Content:
    """The bytes of one file. size: as stat(2) shows it;  pages: bytes of pages that count, for st_blocks.

    sealed: against writing, memfd_create(2);  key: (device, inode) as fstat(2) shows them, where others change its size
    """
    __slots__ = ("store", "quota", "size", "pages", "_offsets", "_extents", "_capacity", "_written", "sealed")

    key = None

    def __init__(self, store: Store, quota: Quota | None = None, size: int = 0):
        self.store, self.quota, self.size, self.pages = store, quota or Quota(), size, 0
        self._offsets, self._extents = [], []       # where an extent begins in the file; its [frame, length]
        self._capacity, self.sealed = 0, False
        self._written = {}                          # {page // _CHUNK: a byte for each page}

    # frames

    def _reserve(self, end: int) -> None:
        """Have frames up to here. EFBIG ENOSPC"""
        if end > _LARGEST:
            raise OSError(EFBIG, f"{end} bytes")
        need = page_up(end) - self._capacity
        if need <= 0:
            return
        length = max(need, min(self._capacity, 1 << 30) or _FIRST)
        last = self._extents[-1] if self._extents else None
        try:
            frame = self.store.frames.take(length, False, last[0] + last[1] if last else -1, True)
        except OSError:
            raise OSError(ENOSPC, "guest-physical memory is used up") from None
        if last is not None and frame == last[0] + last[1]:
            last[1] += length
        else:
            self._offsets.append(self._capacity)
            self._extents.append([frame, length])
        self._capacity += length

    def extents(self, offset: int, length: int):
        """Iterate (frame, length) of what stands behind [offset, offset + length), which has been reserved."""
        i = bisect_right(self._offsets, offset) - 1
        end = offset + length
        while offset < end:
            frame, size = self._extents[i]
            skip = offset - self._offsets[i]
            n = min(size - skip, end - offset)
            yield frame + skip, n
            offset += n
            i += 1

    def offset_of(self, frame: int) -> int:
        """Which offset of the file a frame holds."""
        for at, (start, length) in zip(self._offsets, self._extents):
            if start <= frame < start + length:
                return at + frame - start
        raise KeyError(frame)

    def map(self, offset: int, length: int) -> list:
        """[(frame, length), ...] for a mapping of a part of the file. ENOMEM"""
        try:
            self._reserve(offset + length)
            stop = min(offset + length, page_up(self.size))
            if stop > offset:
                self._write(offset, stop)
        except OSError as e:
            raise OSError(ENOMEM, e.strerror) from None
        return list(self.extents(offset, length))

    # which pages count

    def _write(self, start: int, end: int) -> None:
        """Account for [start, end). ENOSPC"""
        first, last = start >> 12, end + PAGE - 1 >> 12
        for chunk, a, b, flags in self._chunks(first, last, True):
            fresh = flags.count(0, a, b) << 12
            if fresh:
                quota = self.quota
                if quota.limit is not None and quota.used + fresh > quota.limit:
                    raise OSError(ENOSPC, "the file system is full")
                self.store.charge(fresh)
                quota.used += fresh
                self.pages += fresh
                flags[a:b] = b"\1" * (b - a)

    def _chunks(self, first: int, last: int, make: bool):
        while first < last:
            chunk = first // _CHUNK
            stop = min(last, (chunk + 1) * _CHUNK)
            flags = self._written.get(chunk)
            if flags is None and make:
                flags = self._written[chunk] = bytearray(_CHUNK)
            if flags is not None:
                yield chunk, first - chunk * _CHUNK, stop - chunk * _CHUNK, flags
            first = stop

    def _forget(self, start: int, end: int) -> None:
        """Whole pages are dropped: their frames are zero again."""
        end = min(end, self._capacity)
        if start >= end:
            return
        for frame, length in self.extents(start, end - start):
            self.store.frames.discard(frame, length)
        for chunk in sorted(c for c in self._written if start >> 12 < (c + 1) * _CHUNK and c * _CHUNK < end >> 12):
            a, b = max(start >> 12, chunk * _CHUNK), min(end >> 12, (chunk + 1) * _CHUNK)
            flags, a, b = self._written[chunk], a - chunk * _CHUNK, b - chunk * _CHUNK
            size = flags.count(1, a, b) << 12
            flags[a:b] = bytes(b - a)
            self.pages -= size
            self.quota.used -= size
            self.store.used -= size
            if 1 not in flags:
                del self._written[chunk]

    # data

    def read(self, buffers: list, offset: int) -> int:
        """Copy out from ``offset`` on; bytes moved, 0 at or past the end."""
        left = self.size - offset
        done = 0
        for view in buffers:
            n = min(len(view), left - done)
            if n <= 0:
                break
            self._out(view[:n], offset + done)
            done += n
        return done

    def _out(self, view, offset: int) -> None:
        ram, at = self.store.engine.ram, 0
        have = min(len(view), max(0, self._capacity - offset))
        if have:
            for frame, length in self.extents(offset, have):
                for skip in range(0, length, PIECE):
                    n = min(PIECE, length - skip)
                    view[at:at + n] = ram[frame + skip:frame + skip + n]
                    at += n
        zeros = self.store._zeros
        while at < len(view):
            n = min(len(zeros), len(view) - at)
            view[at:at + n] = zeros[:n]
            at += n

    def write(self, buffers: list, offset: int) -> int:
        """Copy in at ``offset``; bytes moved: fewer where memory runs out. EFBIG ENOSPC"""
        done, step = 0, 1 << 20
        for view in buffers:
            at = 0
            while at < len(view):
                piece = view[at:at + step - (offset + done) % step]
                try:
                    self._in(piece, offset + done)
                except OSError:
                    if step > PAGE:
                        step = PAGE     # fill what is left page by page
                        continue
                    if done:
                        return done
                    raise
                at += len(piece)
                done += len(piece)
                self.size = max(self.size, offset + done)
        return done

    def _in(self, view, offset: int) -> None:
        self._reserve(offset + len(view))
        self._write(offset, offset + len(view))
        ram, at = self.store.engine.ram, 0
        for frame, length in self.extents(offset, len(view)):
            ram[frame:frame + length] = view[at:at + length]
            at += length

    def zero(self, start: int, end: int) -> None:
        """Punch a hole: whole pages are dropped, the rest is zeroed."""
        end = min(end, self._capacity)
        if start >= end:
            return
        first, last = page_up(start), end & -PAGE
        if first > last:
            return self._blank(start, end)
        self._blank(start, min(first, end))
        self._forget(first, last)
        self._blank(max(last, start), end)

    def _blank(self, start: int, end: int) -> None:
        if start < end:
            for frame, length in self.extents(start, end - start):
                self.store.engine.ram[frame:frame + length] = bytes(length)

    def truncate(self, length: int) -> None:
        """Set the size. What is cut off is gone; what comes is zero."""
        if length < self.size:
            self.zero(length, page_up(self.size))
            self._cut(length)
        self.size = length

    def _cut(self, size: int) -> None:
        """Whoever has pages mapped that are past this end has them no more."""
        if not self.idle():
            from skete.kernel.memory.filemap import cut
            cut(self.store.kernel, lambda vma: vma.backing is self, size)

    def allocate(self, start: int, end: int) -> None:
        """Have pages for [start, end). ENOSPC"""
        self._reserve(end)
        self._write(start, end)

    def seek(self, offset: int, whence: int) -> int:
        """SEEK_DATA, SEEK_HOLE: by pages. ENXIO"""
        if not 0 <= offset < self.size:
            raise OSError(ENXIO, f"offset {offset}")
        data = whence == SEEK_DATA
        page = offset >> 12
        while page << 12 < self.size:
            flags = self._written.get(page // _CHUNK)
            if flags is None:
                if not data:
                    return max(offset, page << 12)
                # Not chunk by chunk: a hole may be as large as numbers go.
                later = min((chunk for chunk in self._written if chunk > page // _CHUNK), default=None)
                if later is None:
                    break
                page = later * _CHUNK
                continue
            if bool(flags[page % _CHUNK]) == data:
                return max(offset, page << 12)
            page += 1
        if data:
            raise OSError(ENXIO, "no data after it")
        return self.size

    def idle(self) -> bool:
        """Whether nobody has it mapped any more: who has holds its frames as well."""
        return not any(self.store.frames.held_twice(frame, length) for frame, length in self._extents)

    def release(self) -> None:
        """The file is gone. While it is mapped it stays all the same: a mapping may still grow."""
        self.store.orphans.append(self)
        self.store.sweep()

    def free(self) -> None:
        """Give back what it has."""
        self.store.used -= self.pages
        self.quota.used -= self.pages
        for frame, length in self._extents:
            self.store.frames.give(frame, length)
        self._extents, self._offsets, self._written, self._capacity, self.size = [], [], {}, 0, 0

    # a mapping's other end: skete.kernel.memory.shared

    def size_now(self) -> int:
        """The file's size now."""
        return self.size

    def bring(self, offset: int, view) -> None:
        """These pages of the file, which a mapping had past its end, are about to be shown. ENOSPC"""
        self._write(offset, offset + len(view))

    def sync(self, frame: int, length: int) -> None:
        """msync(2): there is nothing behind memory."""

    def punch(self, frame: int, length: int) -> None:
        """MADV_REMOVE: a hole where these frames stand. EPERM"""
        if self.sealed:
            raise OSError(EPERM, "sealed")
        offset = self.offset_of(frame)
        self.zero(offset, offset + length)

    def unmapped(self, frame: int, length: int) -> None:
        """A mapping has let go of these frames."""
        if self.store.orphans:
            self.store.sweep()

    def let_go(self) -> None:
        """A process has let go of all that it had mapped: whoever was the last to have it may be gone."""


class Memory(Content):
    """What is mapped with MAP_SHARED and MAP_ANONYMOUS: as long as the first mapping was, and there while a page of it is
    mapped. It counts where it is mapped, as private memory does."""
    __slots__ = ()

    def __init__(self, store: Store, size: int):
        super().__init__(store, size=size)
        self._offsets, self._extents, self._capacity = [0], [[store.frames.take(size, True), size]], size

    def _write(self, start: int, end: int) -> None:
        """It is counted already."""

    def unmapped(self, frame: int, length: int) -> None:
        super().unmapped(frame, length)
        self.let_go()

    def let_go(self) -> None:
        if self._extents and self.store.alive() and self.idle():
            self.free()
