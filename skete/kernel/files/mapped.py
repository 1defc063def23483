"""Host files that are mapped shared.

The guest's memory is frames of ours, not the host's page cache. So a mapped file has its pages in frames, the same for
everybody in the machine who maps it, and these frames are what the file says as long as a mapping lasts: descriptions
of the file become :class:`MappedFile`, which brings the host's file up to date before it is read, and the frames after
it is written. A page that has been changed by a store is found by comparing its hash; it is written to the host before
a read, at msync(2), at munmap(2) and when a process ends.

What is not seen: changes that other programs of the host make to pages that are mapped here, until the last mapping is
gone. They are not overwritten either, unless the guest changes the same page.
"""
from __future__ import annotations

import os
from errno import EACCES, EROFS

from skete.abi.fcntl import FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
from skete.engine import PAGE
from skete.kernel.files.host import HostFile
from skete.kernel.files.ram import Content, page_up, store_of
from skete.kernel.memory.filemap import remember
from skete.kernel.process.sharing import held_files

__all__ = ["HostPages", "MappedFile", "flush", "share", "wrap"]


class HostPages(Content):
    """The pages of one host file. hashes: {page: its content's hash when it was last the host's}

    reach: the page behind the last that was mapped.  Pages past the file's end have no hash, and nothing is done about
    them, until the file has grown to have them.
    """
    __slots__ = ("host_fd", "writable", "hashes", "reach", "key")

    def __init__(self, store, host_fd: int, writable: bool, key: tuple):
        super().__init__(store)
        self.host_fd, self.writable, self.hashes, self.reach, self.key = host_fd, writable, {}, 0, key

    def map(self, offset: int, length: int) -> list:
        self._resized(os.fstat(self.host_fd).st_size)
        found = super().map(offset, length)
        self.reach = max(self.reach, offset + length >> 12)
        self._bring(offset >> 12, min(offset + length, page_up(self.size)) >> 12)
        return found

    def _bring(self, first: int, last: int) -> None:
        """Load those of the pages [first, last) that are not here."""
        missing = [page for page in range(first, last) if page not in self.hashes]
        at = 0
        while at < len(missing):            # runs of pages, each one read
            run = at + 1
            while run < len(missing) and missing[run] == missing[run - 1] + 1 and run - at < 256:
                run += 1
            self._load(missing[at], run - at)
            at = run

    def _resized(self, size: int) -> None:
        """The file's size now. Where it has grown into what was mapped past its end, that has content."""
        first, last = page_up(self.size) >> 12, min(page_up(size) >> 12, self.reach)
        self.size = size
        if last > first:
            try:
                self._write(first << 12, last << 12)
            except OSError:
                return          # no memory for it: the mapping goes on without, as it does past the end
            self._bring(first, last)

    def _load(self, page: int, count: int) -> None:
        """Read pages from the host; past its end they are zero."""
        offset, length = page << 12, count << 12
        views = [self.store.engine.ram[frame:frame + n] for frame, n in self.extents(offset, length)]
        done = os.preadv(self.host_fd, views, offset) if offset < self.size else 0
        if done < length:
            self._blank(offset + done, offset + length)
        for n in range(page, page + count):
            self.hashes[n] = self._hash(n)

    def _hash(self, page: int) -> int:
        (frame, _), = self.extents(page << 12, PAGE)
        return hash(self.store.engine.ram[frame:frame + PAGE].tobytes())

    def flush(self, offset: int = 0, length: int = 1 << 62) -> None:
        """Write the pages of a range that stores have changed to the host."""
        if not self.writable or not self.store.alive():
            return
        size = -1
        for page in self._here(offset, length):
            now = self._hash(page)
            if now == self.hashes[page]:
                continue
            size = os.fstat(self.host_fd).st_size if size < 0 else size
            (frame, _), = self.extents(page << 12, PAGE)
            n = min(PAGE, size - (page << 12))
            if n > 0:
                os.pwrite(self.host_fd, self.store.engine.ram[frame:frame + n], page << 12)
            self.hashes[page] = now

    def _here(self, offset: int, length: int) -> list:
        """The pages of a range of the file that are here."""
        first, last = offset >> 12, offset + length + PAGE - 1 >> 12
        if last - first > len(self.hashes):
            return [page for page in self.hashes if first <= page < last]
        return [page for page in range(first, last) if page in self.hashes]

    def reload(self, offset: int, length: int) -> None:
        """The host's file has changed there, by a call of ours: so do the frames."""
        pages = self._here(offset, length)
        self._resized(os.fstat(self.host_fd).st_size)
        for page in pages:
            self._load(page, 1)

    def size_now(self) -> int:
        self._resized(os.fstat(self.host_fd).st_size)
        return self.size

    def bring(self, offset: int, view) -> None:
        super().bring(offset, view)
        self._bring(offset >> 12, offset + len(view) >> 12)

    def cut(self, size: int) -> None:
        """The file has a new size: pages past its end are zero, and not there."""
        if size < self.size:
            self._cut(size)
        self._resized(size)
        for page in [p for p in self.hashes if (p + 1) << 12 > size]:
            self._load(page, 1)

    # the mapping's side

    def sync(self, frame: int, length: int) -> None:
        self.flush(self.offset_of(frame), length)

    def punch(self, frame: int, length: int) -> None:
        from skete.kernel.files import hostcall
        if not self.writable:
            raise OSError(EACCES, "not open for writing")
        offset = self.offset_of(frame)
        hostcall.fallocate(self.host_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length)
        self.reload(offset, length)

    def unmapped(self, frame: int, length: int) -> None:
        try:
            self.flush(self.offset_of(frame), length)
        except OSError:
            pass        # the host's disk is full, say: who wants to know asks msync(2), as on Linux

    def release(self) -> None:
        super().release()
        self.hashes = {}
        os.close(self.host_fd)


def _key(host_fd: int) -> tuple:
    st = os.fstat(host_fd)
    return st.st_dev, st.st_ino


def _shown_key(file: HostFile, key: tuple) -> tuple:
    """As programs see it."""
    if type(file) in (HostFile, MappedFile):
        return key
    st = file.stat()
    return st.st_dev, st.st_ino


def wrap(file: HostFile) -> HostFile:
    """A description that has just been opened, while something in the machine is mapped: maybe it is this file."""
    namespace = file.mount.namespace
    tidy(namespace)
    if _key(file.host_fd) in namespace.mapped:
        file.map_through()
    return file


def tidy(namespace) -> None:
    """Let go of files whose last mapping is gone."""
    for key, pages in list(namespace.mapped.items()):
        if pages.idle():
            del namespace.mapped[key]
            pages.release()


def flush(namespace) -> None:
    """Write everything that is mapped: the machine ends."""
    for pages in namespace.mapped.values():
        try:
            pages.flush()
        except OSError:
            pass        # as in unmapped()


def share(file: HostFile) -> HostPages:
    """The pages behind an open file; from now on its descriptions go through them."""
    namespace = file.mount.namespace
    tidy(namespace)
    key = _key(file.host_fd)
    pages = namespace.mapped.get(key)
    if pages is None:
        fd, writable = _open_again(file)
        kernel = namespace.task.kernel
        pages = namespace.mapped[key] = HostPages(store_of(namespace.task), fd, writable, _shown_key(file, key))
        remember(kernel, pages.key)
        for process in pages.store.kernel.processes.values():
            for other in [file for table in held_files(process) for file in table.slots]:
                if isinstance(other, HostFile) and other.mount is not None and _key(other.host_fd) == key:
                    other.map_through()
        file.map_through()
    elif file.writable and not pages.writable:
        fd, pages.writable = _open_again(file)
        os.dup2(fd, pages.host_fd, False)
        os.close(fd)
    return pages


def _open_again(file: HostFile) -> tuple:
    """A description of our own of the same file, for writing if the guest's is; and whether it is."""
    if file.writable:
        try:
            return os.open(b"/proc/self/fd/%d" % file.host_fd, os.O_RDWR | os.O_CLOEXEC), True
        except OSError as e:
            if e.errno not in (EACCES, EROFS):
                raise
    return os.open(b"/proc/self/fd/%d" % file.host_fd, os.O_RDONLY | os.O_CLOEXEC), False


class MappedFile(HostFile):
    """A HostFile of which something is mapped shared."""
    __slots__ = ()
    in_frames = True

    def _pages(self) -> HostPages | None:
        return self.mount.namespace.mapped.get(_key(self.host_fd)) if self.mount is not None else None

    def read(self, buffers: list) -> int:
        pages = self._pages()
        if pages is not None:
            pages.flush(os.lseek(self.host_fd, 0, os.SEEK_CUR), sum(map(len, buffers)))
        return super().read(buffers)

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        pages = self._pages()
        if pages is not None:
            pages.flush(offset, sum(map(len, buffers)))
        return super().pread(buffers, offset, flags)

    def write(self, buffers: list) -> int:
        pages = self._pages()
        if pages is None:
            return super().write(buffers)
        pages.flush()           # where O_APPEND will put it is not known yet
        done = super().write(buffers)
        pages.reload(os.lseek(self.host_fd, 0, os.SEEK_CUR) - done, done)
        return done

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        pages = self._pages()
        if pages is None:
            return super().pwrite(buffers, offset, flags)
        pages.flush()
        done = super().pwrite(buffers, offset, flags)
        pages.reload(max(0, os.fstat(self.host_fd).st_size - done), done)       # Linux appends here too
        pages.reload(offset, done)
        return done

    def truncate(self, length: int) -> None:
        pages = self._pages()
        if pages is not None:
            pages.flush()
        super().truncate(length)
        if pages is not None:
            pages.cut(length)

    def allocate(self, mode: int, offset: int, length: int) -> None:
        pages = self._pages()
        if pages is not None:
            pages.flush()
        super().allocate(mode, offset, length)
        if pages is not None:
            pages.reload(0, page_up(os.fstat(self.host_fd).st_size))

    def sync(self, data_only: bool = False) -> None:
        pages = self._pages()
        if pages is not None:
            pages.flush()
        super().sync(data_only)
