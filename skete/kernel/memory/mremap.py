"""mremap(2): grow, shrink or move a mapping. Frames move along: nothing is copied."""
from __future__ import annotations

from errno import EFAULT, EINVAL, ENOMEM

from skete.abi.mman import MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE
from skete.engine import PAGE
from skete.kernel.memory.mm import MAP_COUNT, page_up
from skete.kernel.memory.vma import LOCKED, NO_FRAME, Vma
from skete.kernel.row import ADDR, SIZE, U64, Row

__all__ = ["ROWS"]


def mremap(task, old: int, old_length: int, new_length: int, flags: int, new: int) -> int:
    """mremap(2): resize, and move where allowed. Returns the address. EINVAL EFAULT ENOMEM"""
    mm = task.mm
    if flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP):
        raise OSError(EINVAL, f"flags {flags:#x}")
    if flags & MREMAP_FIXED and not flags & MREMAP_MAYMOVE:
        raise OSError(EINVAL, "MREMAP_FIXED without MREMAP_MAYMOVE")
    if old & PAGE - 1:
        raise OSError(EINVAL, f"address {old:#x} is not whole pages")
    old_length, new_length = page_up(old_length), page_up(new_length) & (1 << 64) - 1
    if not new_length:
        raise OSError(EINVAL, "new length 0")
    if flags & MREMAP_DONTUNMAP and (not flags & MREMAP_MAYMOVE or old_length != new_length):
        raise OSError(EINVAL, "MREMAP_DONTUNMAP without MREMAP_MAYMOVE, or of another length")
    if mm.vmas.at(old) is None:
        raise OSError(EFAULT, f"nothing mapped at {old:#x}")
    if len(mm.vmas) >= MAP_COUNT - 3:       # as many as moving may add
        raise OSError(ENOMEM, f"{MAP_COUNT} mappings")
    if flags & (MREMAP_FIXED | MREMAP_DONTUNMAP):
        return _move_to(task, old, old_length, new_length, new, flags)
    if old_length >= new_length:
        if old_length > new_length:
            mm.remove(old + new_length, old_length - new_length)
        return old
    if not old_length:
        return _again(task, old, new_length, flags)
    last = _check_alike(mm, old, old_length)
    _check_limits(task, last, new_length - old_length)
    end, more = old + old_length, new_length - old_length
    if last.end == end and end + more <= mm.high and mm.is_free(end, end + more):
        _extend(mm, last, end, end, more)
        return old
    if not flags & MREMAP_MAYMOVE:
        raise OSError(ENOMEM, "no room to grow in place")
    return _move(mm, old, old_length, mm.place(new_length), new_length)


def _check_limits(task, vma: Vma, more: int) -> None:
    """ENOMEM EAGAIN"""
    if task.process.bounded or vma.on_fork & LOCKED:
        from skete.kernel.memory.sizes import before_growing
        before_growing(task, vma, more)


def _check_alike(mm, old: int, length: int) -> Vma:
    """Check that what Linux would have as one vma covers the old range; the last of ours in it. EINVAL EFAULT

    Ours may be several where their frames are not neighbours.
    """
    vmas = mm.vmas.within(old, old + length)
    if not mm.vmas.covers(old, old + length) or any(not vma.alike(vmas[0]) for vma in vmas):
        raise OSError(EFAULT, "the range spans more than one mapping")
    return vmas[-1]


def _move_to(task, old: int, old_length: int, new_length: int, new: int, flags: int) -> int:
    mm = task.mm
    if new & PAGE - 1 or new_length > mm.high or new > mm.high - new_length:
        raise OSError(EINVAL, f"new range {new:#x}+{new_length:#x}")
    if old + old_length > new and new + new_length > old:
        raise OSError(EINVAL, "the ranges overlap")
    if not flags & MREMAP_FIXED:
        # With MREMAP_DONTUNMAP alone the address is a hint.
        hint = max(new, mm.low) if new else 0
        new = hint if hint and mm.is_free(hint, hint + new_length, True) else mm.place(new_length)
    if mm.is_reserved(new, new + new_length):
        raise OSError(ENOMEM, f"{new:#x}+{new_length:#x} is the engine's or below mmap_min_addr")
    if not old_length:
        _check_shared(mm, old, new_length)
    else:
        _check_alike(mm, old, min(old_length, new_length))
    more = new_length if flags & MREMAP_DONTUNMAP else new_length - old_length
    if more > 0:
        _check_limits(task, mm.vmas.at(old), more)
    if flags & MREMAP_DONTUNMAP:
        return _copy_out(mm, old, new, old_length)
    mm.remove(new, new_length)
    if not old_length:
        from skete.kernel.memory.shared import again
        again(mm, old, new, new_length)
        return new
    if old_length > new_length:
        mm.remove(old + new_length, old_length - new_length)
        old_length = new_length
    return _move(mm, old, old_length, new, new_length)


def _again(task, old: int, length: int, flags: int) -> int:
    """Old length 0: a second mapping of the same shared memory. EINVAL ENOMEM"""
    mm = task.mm
    _check_shared(mm, old, length)
    if not flags & MREMAP_MAYMOVE:
        raise OSError(ENOMEM, "no room in place")
    _check_limits(task, mm.vmas.at(old), length)
    from skete.kernel.memory.shared import again
    new = mm.place(length)
    again(mm, old, new, length)
    return new


def _check_shared(mm, old: int, length: int) -> None:
    vmas = mm.vmas.within(old, old + length)
    if any(not v.shared or v.delta is NO_FRAME for v in vmas) or not mm.vmas.covers(old, old + length):
        raise OSError(EINVAL, "no shared memory as long as that")


def _copy_out(mm, old: int, new: int, length: int) -> int:
    """MREMAP_DONTUNMAP: what is private moves and leaves fresh pages behind; what is shared is seen at both. ENOMEM"""
    vmas = mm.vmas.within(old, old + length)
    first = vmas[0]
    if any(v.delta is NO_FRAME and not v.absent for v in vmas):
        raise OSError(ENOMEM, "a reservation is not kept twice")
    if not first.shared and first.charged:
        mm.charge(length)       # before anything changes
        mm.charged -= length
    mm.remove(new, length)
    if first.shared:
        from skete.kernel.memory.shared import again
        again(mm, old, new, length)
        return new
    left = first.piece(old, old + length)
    left.absent = left.source is not None
    left.delta, left.shown = mm.frames.take(length) - old, bool(left.prot) and not left.absent
    _move(mm, old, length, new, length)
    mm.put(left)
    return new


def _extend(mm, last: Vma, end: int, at: int, more: int) -> None:
    """Map at ``at`` what would follow on a mapping that ends at ``end``: pages like it, which may go on growing. ENOMEM"""
    if last.backing is not None:
        from skete.kernel.memory.shared import grow
        return grow(mm, last, end, at, more)
    added = last.piece(at, at + more)
    added.delta, added.absent, added.shift = NO_FRAME, last.source is not None, last.shift + end - at
    added.shown = bool(last.prot) and not added.absent
    mm.put(added, False, True, -1 if last.delta is NO_FRAME else end + last.delta)


def _move(mm, old: int, old_length: int, new: int, new_length: int) -> int:
    """Put the frames of [old, old + old_length) behind ``new``, and fresh ones behind what it is longer. ENOMEM, and then
    nothing has moved"""
    if new_length > old_length:
        end = old + old_length
        _extend(mm, mm.vmas.at(end - 1), end, new + old_length, new_length - old_length)
    pieces = mm.vmas.cut(old, old + old_length)
    mm.forget()
    mm.hide(pieces)
    shift = new - old
    for piece in pieces:
        moved = piece.piece(piece.start + shift, piece.end + shift)
        moved.shift -= shift
        if piece.delta is not NO_FRAME:
            moved.delta -= shift
        if moved.shown:
            mm.space.map(moved.start, moved.end - moved.start, moved.prot, moved.start + moved.delta)
        mm.vmas.insert(moved)
    return new


ROWS = (
    Row(25, mremap, (ADDR, SIZE, SIZE, U64, ADDR)),
)
