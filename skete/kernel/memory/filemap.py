"""Private mappings of files, and what becomes of mappings when their file is made shorter.

Guest memory is frames of ours, so a private mapping of a file is a copy of it. A small one is made at once, of a large
one each piece when it is first touched (skete.kernel.memory.pagefault). Pages past the file's end are left absent, and
whoever touches them gets SIGBUS, unless the file has grown by then. It is asked for its size only then; what makes a
file shorter has to come here.
"""
from __future__ import annotations

from skete.kernel.memory.mm import page_up
from skete.kernel.memory.pagefault import CHUNK, bring
from skete.kernel.memory.vma import NO_FRAME, Vma

__all__ = ["MOST", "Source", "copy", "cut", "remember", "truncated"]

#: so many files that were mapped are remembered before somebody looks which of them still are
MOST = 4096


class Source:
    """The file of a private mapping. It stays open until the last vma that is of it is gone, and with that, this.

    key: (device, inode), as fstat(2) shows them
    """
    __slots__ = ("file", "key")

    def __init__(self, file, st):
        self.file, self.key = file.hold(), (st.st_dev, st.st_ino)

    def __del__(self):
        self.file.drop()

    def __eq__(self, other) -> bool:
        return type(other) is Source and other.file is self.file

    def size_now(self) -> int:
        """The file's size now."""
        return self.file.stat().st_size

    def bring(self, offset: int, view) -> None:
        """Copy the file's bytes from ``offset`` on; past its end there are zeros."""
        done = 0
        while done < len(view):
            n = self.file.pread([view[done:]], offset + done)
            if not n:
                view[done:] = bytes(len(view) - done)
                break
            done += n


def copy(task, start: int, length: int, prot: int, file, st, offset: int) -> None:
    """Map a file privately at a free range. st: its stat. ENOMEM, and those of reading it"""
    kernel, mm = task.kernel, task.mm
    source = Source(file, st)
    remember(kernel, source.key)
    name = file.path.decode("utf-8", "surrogateescape")
    vma = mm.put(Vma(start, start + length, prot, NO_FRAME, False, False, True, name, source=source,
                     shift=offset - start, absent=True))
    end = start + min(length, page_up(max(0, st.st_size - offset)))
    if end - start > CHUNK and not prot & 4:        # text is looked through: skete.kernel.answers
        return
    while start < end and bring(mm, mm.vmas.at(start), start, st.st_size) is not None:
        start = (start & -CHUNK) + CHUNK


def remember(kernel, key: tuple) -> None:
    """A file is mapped: who makes it shorter is to come here. Those that are mapped no more are forgotten now and then."""
    keys = kernel.mapped_files
    if keys is None:
        keys = kernel.mapped_files = set()
    elif len(keys) >= kernel.mapped_most:
        keys.clear()
        for process in kernel.processes.values():
            keys.update(file.key for vma in process.mm.vmas if (file := vma.source or vma.backing) is not None)
        kernel.mapped_most = max(MOST, 2 * len(keys))
    keys.add(key)


def truncated(kernel, st, size: int) -> None:
    """A file of which something may be mapped has this size now. st: its stat, before or after"""
    key = st.st_dev, st.st_ino
    if key not in kernel.mapped_files:
        return
    cut(kernel, lambda vma: vma.source is not None and vma.source.key == key, size)
    for backing in {vma.backing for process in kernel.processes.values() for vma in process.mm.vmas
                    if vma.backing is not None and vma.backing.key == key}:
        backing.cut(size)


def cut(kernel, chosen, size: int) -> None:
    """The pages of a file past its end are not there any more in mappings of it, which ``chosen(vma)`` knows."""
    done, current = set(), kernel.current.process if kernel.current is not None else None
    for process in list(kernel.processes.values()):
        mm = process.mm
        lost = [(max(vma.start, page_up(size) - _shift(vma)), vma.end) for vma in mm.vmas
                if not vma.absent and chosen(vma) and _shift(vma) + vma.end > page_up(size)]
        for first, last in lost:
            mm.lose(first, last)
        if lost:
            done.add(mm)
        if mm in done and process is not current:
            # Its own threads go on seeing the pages until one of them has come by.
            for task in process.tasks.values():
                if task.call is None:
                    task.vcpu.kick()


def _shift(vma: Vma) -> int:
    """Offset in the file minus address."""
    return vma.shift if vma.backing is None else vma.backing.offset_of(vma.start + vma.delta) - vma.start
