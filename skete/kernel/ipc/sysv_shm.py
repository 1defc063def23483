"""SysV shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is memory, as a tmpfs file is."""
from __future__ import annotations

from errno import EEXIST, EIDRM, EINVAL, ENOENT, ENOSPC
from struct import Struct
from time import time

from skete.engine import PAGE
from skete.kernel.files.ram import Content, page_up, store_of
from skete.kernel.ipc.sysv import Owned
from skete.kernel.memory.shared import attach
from skete.kernel.row import ADDR, I32, SIZE, Row

__all__ = ["ROWS"]

IPC_PRIVATE, IPC_CREAT, IPC_EXCL = 0, 0o1000, 0o2000
IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO = 0, 1, 2, 3, 11, 12, 13, 14
SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC = 0o10000, 0o20000, 0o40000, 0o100000
_SHM_HUGETLB, _SHM_DEST = 0o4000, 0o1000
_MOST, _LARGEST = 4096, 1 << 38
_NOBODY = 0xffff_ffff
#: struct shmid64_ds: key uid gid cuid cgid mode seq; two spare; segsz; atime dtime ctime; cpid lpid; nattch; two spare
_DS = Struct("<iIIIII H2x4xQQ QqqqiiQQQ")


class Segment(Content, Owned):
    """One segment. It is gone when it has been removed and nobody has it attached. maker, last: pids"""
    __slots__ = ("key", "id", "mode", "length", "maker", "last", "times", "removed", "uid", "gid", "creator")

    def __init__(self, store, key: int, number: int, mode: int, length: int, task):
        super().__init__(store, size=length)
        self.key, self.id, self.mode, self.length = key, number, mode, length
        self.maker, self.last, self.removed = task.process.pid, 0, False
        self.uid, self.gid = self.creator = task.creds.euid, task.creds.egid
        self.times = [0, 0, int(time())]

    def mappings(self, kernel) -> list:
        """[(process, first vma)] of its attachments, or of what munmap(2) has left of them."""
        found = []
        for process in kernel.processes.values():
            end = -1
            for vma in process.mm.vmas:
                if vma.backing is self:
                    if vma.start != end or not self.offset_of(vma.start + vma.delta):
                        found.append((process, vma))
                    end = vma.end
        return found

    def tidy(self, kernel) -> None:
        """Free it if that is due."""
        if self.removed and not self.mappings(kernel):
            _segments(kernel).pop(self.id, None)
            self.release()


def _segments(kernel) -> dict:
    """{id: Segment} of the machine."""
    return kernel.segments


def _find(task, number: int) -> Segment:
    for segment in list(_segments(task.kernel).values()):
        segment.tidy(task.kernel)
    segment = _segments(task.kernel).get(number)
    if segment is None:
        raise OSError(EINVAL, f"no segment {number}")
    return segment


def shmget(task, key: int, size: int, flags: int) -> int:
    """shmget(2): a segment's number. EACCES EEXIST EINVAL ENOENT ENOMEM ENOSPC"""
    kernel = task.kernel
    segments = _segments(kernel)
    for segment in list(segments.values()):
        segment.tidy(kernel)
    if key != IPC_PRIVATE:
        for segment in segments.values():
            if segment.key == key and not segment.removed:
                if flags & IPC_CREAT and flags & IPC_EXCL:
                    raise OSError(EEXIST, f"key {key:#x}")
                if size > segment.length:
                    raise OSError(EINVAL, f"{size} bytes of {segment.length}")
                segment.may(task.creds, (flags >> 6 | flags >> 3 | flags) & 0o7)
                return segment.id
        if not flags & IPC_CREAT:
            raise OSError(ENOENT, f"no key {key:#x}")
    if not 0 < size <= _LARGEST or flags & _SHM_HUGETLB:
        raise OSError(EINVAL, f"{size} bytes")
    if len(segments) >= _MOST:
        raise OSError(ENOSPC, "too many segments")
    store = store_of(task)
    number = store.segments
    store.segments += 1
    segments[number] = Segment(store, key, number, flags & 0o777, size, task)
    return number


def shmat(task, number: int, addr: int, flags: int) -> int:
    """shmat(2): where it is. EACCES EIDRM EINVAL ENOMEM"""
    segment, mm = _find(task, number), task.mm
    if segment.removed and not segment.mappings(task.kernel):
        raise OSError(EIDRM, "removed")
    prot = 1 if flags & SHM_RDONLY else 3
    if flags & SHM_EXEC:
        prot |= 4
    segment.may(task.creds, 4 | prot & 2 | (1 if prot & 4 else 0))
    size = page_up(segment.length)
    if addr:
        if addr & PAGE - 1:
            if not flags & SHM_RND:
                raise OSError(EINVAL, f"address {addr:#x}")
            addr &= -PAGE
        if mm.is_reserved(addr, addr + size):
            raise OSError(EINVAL, f"address {addr:#x}")
        if not mm.is_free(addr, addr + size):
            if not flags & SHM_REMAP:
                raise OSError(EINVAL, "something is mapped there")
            mm.remove(addr, size)
    elif flags & SHM_REMAP:
        raise OSError(EINVAL, "SHM_REMAP without an address")
    if task.process.bounded:
        from skete.kernel.memory.sizes import before_shared
        before_shared(task, size)
    start = addr or mm.place(size)
    attach(mm, start, size, prot, f"/SYSV{segment.key & 0xffff_ffff:08x} (deleted)", segment, 0)
    segment.times[0], segment.last = int(time()), task.process.pid
    return start


def shmdt(task, addr: int) -> int:
    """shmdt(2). EINVAL"""
    mm = task.mm
    first = mm.vmas.at(addr)
    segment = first.backing if first is not None else None
    if first is None or first.start != addr or not isinstance(segment, Segment):
        raise OSError(EINVAL, f"nothing attached at {addr:#x}")
    size = page_up(segment.length)
    for vma in mm.vmas.within(addr, addr + size):
        if vma.backing is segment:
            mm.remove(vma.start, vma.end - vma.start)
    segment.times[1], segment.last = int(time()), task.process.pid
    segment.tidy(task.kernel)
    return 0


def shmctl(task, number: int, command: int, addr: int) -> int:
    """shmctl(2). EACCES EINVAL EFAULT EPERM"""
    command &= ~0x100       # IPC_64: the only form here
    if command in (IPC_INFO, SHM_INFO):
        return _info(task, command, addr)
    segment = _find(task, number)
    if command in (IPC_STAT, SHM_STAT):
        segment.may(task.creds, 4)
        task.mm.write(addr, _described(task.kernel, segment))
        return segment.id if command == SHM_STAT else 0
    if command == IPC_SET:
        _, uid, gid, _, _, mode, *_ = _DS.unpack(task.mm.read(addr, _DS.size))
        segment.own(task.creds)
        if _NOBODY in (uid, gid):
            raise OSError(EINVAL, "an owner of -1")
        segment.uid, segment.gid, segment.mode = uid, gid, mode & 0o777
        segment.times[2] = int(time())
        return 0
    if command == IPC_RMID:
        segment.own(task.creds)
        segment.removed, segment.key = True, IPC_PRIVATE
        segment.tidy(task.kernel)
        return 0
    if command in (SHM_LOCK, SHM_UNLOCK):
        segment.own(task.creds)
        return 0
    raise OSError(EINVAL, f"command {command}")


def _described(kernel, segment: Segment) -> bytes:
    mode = segment.mode | (_SHM_DEST if segment.removed else 0)
    return _DS.pack(segment.key, segment.uid, segment.gid, *segment.creator, mode, segment.id & 0xffff, 0, 0, segment.length, *segment.times,
                    segment.maker, segment.last, len(segment.mappings(kernel)), 0, 0)


def _info(task, command: int, addr: int) -> int:
    segments = _segments(task.kernel)
    if command == IPC_INFO:
        task.mm.write(addr, Struct("<9Q").pack(_LARGEST, 1, _MOST, _MOST, _LARGEST >> 12, 0, 0, 0, 0))
    else:
        pages = sum(page_up(segment.length) for segment in segments.values()) >> 12
        used = sum(segment.pages for segment in segments.values()) >> 12
        task.mm.write(addr, Struct("<i4x5Q").pack(len(segments), pages, used, 0, 0, 0))
    return max(segments, default=0)


ROWS = (
    Row(29, shmget, (I32, SIZE, I32), "SHM_HUGETLB: EINVAL"),
    Row(30, shmat, (I32, ADDR, I32)),
    Row(31, shmctl, (I32, I32, ADDR), "SHM_STAT takes an id; a removed segment that ended processes held is freed "
        "at the next call"),
    Row(67, shmdt, (ADDR,)),
)
