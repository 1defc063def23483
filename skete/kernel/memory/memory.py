"""The calls that map memory: mmap(2), munmap(2), mprotect(2), brk(2). Checks in Linux's order; Mm does the work."""
from __future__ import annotations

from errno import EACCES, EBADF, EEXIST, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EOVERFLOW, EPERM

from skete.abi.mman import (MAP_32BIT, MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_HUGETLB,
                            MAP_LOCKED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_SYNC, MAP_TYPE,
                            PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_SEM, PROT_WRITE)
from skete.engine import PAGE
from skete.kernel.memory.mm import MAP_COUNT, RESERVATION, page_up
from skete.kernel.memory.vma import LOCKED
from skete.kernel.row import ADDR, FD, SIZE, U64, Row

__all__ = ["ROWS"]

_PROT = PROT_READ | PROT_WRITE | PROT_EXEC
_UNINITIALIZED = 0x400_0000     # MAP_UNINITIALIZED
#: what MAP_SHARED_VALIDATE accepts: LEGACY_MAP_MASK of linux/mman.h
_LEGACY = (0x1f_ffff | _UNINITIALIZED) & ~(MAP_SYNC | MAP_FIXED_NOREPLACE)
_32BIT_TOP = 0x8000_0000


def mmap(task, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int:
    """mmap(2): map zeroed memory or a copy of a file's. Returns the address.
    EINVAL ENOMEM EEXIST EPERM EBADF EACCES ENODEV EOVERFLOW"""
    mm = task.mm
    if offset & PAGE - 1:
        raise OSError(EINVAL, f"offset {offset:#x} is not whole pages")
    anonymous = flags & MAP_ANONYMOUS
    file = None if anonymous else task.file(fd)
    if flags & MAP_HUGETLB:
        raise OSError(ENOMEM if anonymous else EINVAL, "no huge pages are reserved")
    if not length:
        raise OSError(EINVAL, "length 0")
    size = page_up(length)
    if size > mm.high - mm.low:
        raise OSError(ENOMEM, f"length {length:#x}")
    if len(mm.vmas) >= MAP_COUNT:
        raise OSError(ENOMEM, f"{MAP_COUNT} mappings")
    if (offset >> 12) + (size >> 12) >= 1 << 52:
        raise OSError(EOVERFLOW, f"offset {offset:#x} + length {length:#x}")
    start = _choose(mm, addr, size, flags)
    kind = flags & MAP_TYPE
    if file is not None:
        st = _check_file(file, kind, prot, flags)
    elif kind not in (MAP_SHARED, MAP_PRIVATE):
        raise OSError(EINVAL, f"flags {flags:#x}: neither shared nor private")
    elif kind == MAP_SHARED and flags & MAP_GROWSDOWN:
        raise OSError(EINVAL, "what is shared does not grow down")
    prot &= _PROT
    lock = flags & MAP_LOCKED or mm.locks_future
    if lock or task.process.bounded:
        from skete.kernel.memory.sizes import before_mmap
        before_mmap(task, start, size, prot, flags)
    backing = file.backing(prot, True) if file is not None and kind != MAP_PRIVATE else None
    copy = file is not None and backing is None
    charge = (mm.limit is not None or not flags & MAP_NORESERVE) and backing is None
    if copy or charge and (kind == MAP_SHARED or mm.counts(prot)):
        # Before anything is unmapped: a refusal must leave everything as it was.
        mm.charge(size)
        mm.charged -= size
    if flags & MAP_FIXED:
        mm.remove(start, size)
    if backing is not None:
        from skete.kernel.memory.shared import attach
        attach(mm, start, size, prot, file.path.decode("utf-8", "surrogateescape"), backing, offset, not file.writable)
    elif file is not None:
        from skete.kernel.memory import filemap
        filemap.copy(task, start, size, prot, file, st, offset)
    elif kind == MAP_SHARED and size < RESERVATION:
        from skete.kernel.memory.shared import anonymous as share
        share(task, start, size, prot, charge)
    else:
        down = bool(flags & MAP_GROWSDOWN)
        mm.add(start, size, prot, kind == MAP_SHARED, charge=charge, grows=down, grows_down=down)
    if lock:
        mm.mark(start, start + size, LOCKED)
    return start


def _choose(mm, addr: int, size: int, flags: int) -> int:
    """Where the mapping goes. EINVAL ENOMEM EPERM EEXIST"""
    if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE):
        if addr + size > mm.high:
            raise OSError(ENOMEM, f"{addr:#x}+{size:#x} is beyond user space")
        if addr & PAGE - 1:
            raise OSError(EINVAL, f"address {addr:#x} is not whole pages")
        if addr < mm.low:
            raise OSError(EPERM, f"{addr:#x} is below mmap_min_addr")
        if flags & MAP_FIXED_NOREPLACE and not mm.is_free(addr, addr + size):
            raise OSError(EEXIST, f"{addr:#x}+{size:#x} is not free")
        if mm.is_reserved(addr, addr + size):
            raise OSError(ENOMEM, f"{addr:#x}+{size:#x} is the engine's")
        return addr
    hint = max(addr & -PAGE, mm.low) if addr >= PAGE else 0
    if hint and hint <= mm.high - size and mm.is_free(hint, hint + size, True):
        return hint
    return mm.place(size, _32BIT_TOP if flags & MAP_32BIT else 0)


def _check_file(file, kind: int, prot: int, flags: int):
    """Check that a file can be mapped like this; its stat. EBADF EACCES ENODEV EINVAL"""
    if kind == MAP_SHARED_VALIDATE:
        if flags & ~_LEGACY:
            raise OSError(EOPNOTSUPP, f"flags {flags:#x}")
        kind = MAP_SHARED
    if kind not in (MAP_SHARED, MAP_PRIVATE):
        raise OSError(EINVAL, f"flags {flags:#x}: neither shared nor private")
    if not (file.readable or file.writable):
        raise OSError(EBADF, "open with O_PATH")
    if kind == MAP_SHARED and prot & PROT_WRITE and not (file.writable and file.readable) or not file.readable:
        raise OSError(EACCES, "not open for that")
    st = file.stat()
    if st.st_mode & 0o17_0000 != 0o10_0000:
        raise OSError(ENODEV, "no regular file")
    if flags & MAP_GROWSDOWN:
        raise OSError(EINVAL, "a file does not grow down")
    return st


def munmap(task, addr: int, length: int) -> int:
    """munmap(2): unmap whole pages; holes are fine. EINVAL"""
    mm = task.mm
    if addr & PAGE - 1 or not length or length > mm.high or addr > mm.high - length:
        raise OSError(EINVAL, f"{addr:#x}+{length:#x}")
    mm.check_count(addr, addr + page_up(length))
    mm.remove(addr, page_up(length))
    return 0


def mprotect(task, addr: int, length: int, prot: int) -> int:
    """mprotect(2): change the protection of mapped pages. EINVAL ENOMEM EACCES"""
    grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP)
    prot &= ~grows
    if grows == PROT_GROWSDOWN | PROT_GROWSUP or addr & PAGE - 1:
        raise OSError(EINVAL, f"address {addr:#x}, protection {prot | grows:#x}")
    if not length:
        return 0
    mm, size = task.mm, page_up(length)
    if addr + size > 1 << 64:
        raise OSError(ENOMEM, "wraps around")
    if prot & ~(_PROT | PROT_SEM):
        raise OSError(EINVAL, f"protection {prot | grows:#x}")
    if grows:
        end, addr = addr + size, _grown(mm, addr, addr + size, grows)
        size = end - addr
    vmas = mm.vmas
    if prot & PROT_WRITE and any(vma.sealed for vma in vmas.within(addr, addr + size)):
        raise OSError(EACCES, "a shared mapping of a file that is not open for writing")
    mm.check_count(addr, addr + size)
    if not vmas.covers(addr, addr + size):
        # Linux changes what comes before the hole, then says so.
        end = addr
        for vma in vmas.within(addr, addr + size):
            if vma.start > end:
                break
            end = vma.end
        if end > addr:
            mm.protect(addr, end - addr, prot & _PROT)
        raise OSError(ENOMEM, f"a hole at {end:#x}")
    if task.process.bounded and prot & PROT_WRITE:
        from skete.kernel.memory.sizes import before_protect
        before_protect(task, addr, addr + size)
    mm.protect(addr, size, prot & _PROT)
    return 0


def _grown(mm, start: int, end: int, grows: int) -> int:
    """Where PROT_GROWSDOWN begins: with the mapping that is there. ENOMEM; EINVAL where that does not grow"""
    found = mm.vmas.within(start, end)
    if not found or grows == PROT_GROWSUP and found[0].start > start:
        raise OSError(ENOMEM, f"nothing at {start:#x}")
    if grows == PROT_GROWSUP or not found[0].grows_down:
        raise OSError(EINVAL, "it does not grow this way")
    return mm.vmas.mapping(found[0])[0]


def brk(task, addr: int) -> int:
    """brk(2), the raw call: try to move the break, return the break now in force."""
    mm = task.mm
    if addr < mm.brk_start:
        return mm.brk
    try:
        if task.process.bounded or mm.locks_future:
            from skete.kernel.memory.sizes import before_break
            before_break(task, addr)
        before = mm.brk
        mm.set_break(addr)
        if mm.locks_future and page_up(addr) > page_up(before):
            mm.mark(page_up(before), page_up(addr), LOCKED)
        return addr
    except OSError:
        return mm.brk       # Linux answers with the old break, never an errno


ROWS = (
    Row(9, mmap, (ADDR, SIZE, U64, U64, FD, U64),
        "of files, a private mapping is a copy, read by pieces of 2 MiB as they are touched, and counts as memory used; "
        "a shared one does not see what other programs of the host write meanwhile; MAP_HUGETLB: ENOMEM"),
    Row(10, mprotect, (ADDR, SIZE, U64)),
    Row(11, munmap, (ADDR, SIZE)),
    Row(12, brk, (ADDR,)),
)
