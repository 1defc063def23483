"""link(2) and rename(2) in a copy-on-write mount."""
from __future__ import annotations

import os
from errno import EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV

from skete.abi.fcntl import RENAME_EXCHANGE, RENAME_NOREPLACE
from skete.abi.stat import DT_DIR, S_IFDIR, S_IFMT
from skete.kernel.files.cowdir import CowDirectory
from skete.kernel.files.cowpart import opaque, sweep
from skete.kernel.identity.worn import as_monitor

__all__ = ["link", "rename"]


def link(node: CowDirectory, name: bytes, other: CowDirectory, new: bytes) -> None:
    """One more name for a file."""
    if other.mount is not node.mount:
        raise OSError(EXDEV, "another mount")
    other.changing(new)
    upper = node.copy_up(name)
    st = upper.stat(name)
    os.link(name, new, src_dir_fd=upper.fd, dst_dir_fd=other.upper.fd, follow_symlinks=False)
    other.uncover(new)
    mount = node.mount
    number = mount.number(st)
    if number in mount.links.counts:
        mount.links.count(number, 1, 0)


def rename(node: CowDirectory, name: bytes, other: CowDirectory, new: bytes, flags: int) -> None:
    """Move a name, RENAME_NOREPLACE and RENAME_EXCHANGE included.
    EACCES EEXIST EINVAL EISDIR ENOTDIR ENOTEMPTY EXDEV"""
    mount = node.mount
    if other.mount is not mount:
        raise OSError(EXDEV, "another mount")
    part, st = node.find(name)
    there = _there(other, new)
    source, target = node.path + (name,), other.path + (new,)
    folder = _is_folder(st)
    if flags & RENAME_EXCHANGE:
        if there is None:
            raise OSError(ENOENT, new.decode(errors="replace"))
        if mount.number(there) == mount.number(st):
            return
        if folder and _beneath(target, source) or _is_folder(there) and _beneath(source, target):
            raise OSError(EINVAL, "into itself")
    else:
        if there is not None and flags & RENAME_NOREPLACE:
            raise OSError(EEXIST, "is there")
        if folder and target != source and _beneath(target, source):
            raise OSError(EINVAL, "into itself")
        if there is not None and target != source and _beneath(source, target):
            raise OSError(ENOTEMPTY, "is below it")
        if there is not None and mount.number(there) == mount.number(st):
            return
        _may_replace(folder, there, other, new)
    node.changing()
    other.changing(new)
    if part.is_below:
        node.may_take(st)
    _lift(node, name, st)
    if flags & RENAME_EXCHANGE:
        _lift(other, new, there)
        _exchange(node, name, other, new)
    else:
        _move(node, name, other, new, there)
    if folder or there is not None and _is_folder(there):
        mount.changes += 1


def _there(other: CowDirectory, new: bytes):
    try:
        return other.find(new)[1]
    except FileNotFoundError:
        return None


def _is_folder(st) -> bool:
    return st.st_mode & S_IFMT == S_IFDIR


def _beneath(path: tuple, folder: tuple) -> bool:
    return path[:len(folder)] == folder


def _may_replace(folder: bool, there, other: CowDirectory, new: bytes) -> None:
    if there is None:
        return
    if _is_folder(there) and not folder:
        raise OSError(EISDIR, "a directory")
    if folder and not _is_folder(there):
        raise OSError(ENOTDIR, "no directory")
    if folder:
        inner = other.enter(new)
        try:
            if not inner.empty():
                raise OSError(ENOTEMPTY, "not empty")
        finally:
            inner.close()


@as_monitor
def _lift(node: CowDirectory, name: bytes, st) -> None:
    """Copy up a name with everything under it, and let a directory hide what is below: it will be moved."""
    node.copy_up(name)
    if not _is_folder(st):
        return
    mount = node.mount
    pending = [node.path + (name,)]
    while pending:
        path = pending.pop()
        inner = mount.node(path)
        try:
            for entry, _, kind in list(inner.entries()):
                inner.copy_up(entry)
                if kind == DT_DIR:
                    pending.append(path + (entry,))
        finally:
            inner.close()
    opaque(node.upper, name)


def _exchange(node: CowDirectory, name: bytes, other: CowDirectory, new: bytes) -> None:
    from skete.kernel.files import hostcall
    hostcall.rename(node.upper.fd, name, other.upper.fd, new, RENAME_EXCHANGE)


def _move(node: CowDirectory, name: bytes, other: CowDirectory, new: bytes, there) -> None:
    mount = node.mount
    replaced = None
    if there is not None:
        replaced = other.find(new)[0].is_below
        if _is_folder(there):
            if not replaced:
                sweep(other.upper, new)
            mount.removed(other.path + (new,))
    # Hidden first: until it has moved, the name in the layer is before what it hides.
    covers = node.below(name)
    if covers:
        node.cover(name)
    try:
        os.rename(name, new, src_dir_fd=node.upper.fd, dst_dir_fd=other.upper.fd)
    except OSError:
        if covers:
            node.uncover(name)
        raise
    other.uncover(new)
    if there is not None:
        mount.unlinked(there, replaced)
