"""The halves of a directory of a copy-on-write mount, each a directory of the host."""
from __future__ import annotations

import os
from functools import partial

from skete.abi.stat import DT_DIR
from skete.kernel.files.cowfile import CowFile, CowPath
from skete.kernel.files.hostdir import HostDirectory
from skete.kernel.files.layer import OPAQUE, open_below, quietly
from skete.kernel.identity.worn import as_monitor

__all__ = ["Below", "Part", "dup_part", "enter_part", "entries_of", "opaque", "sweep"]


class Part(HostDirectory):
    """The half that is in the layer."""
    __slots__ = ()
    file_type, path_type = CowFile, CowPath
    is_below = False


class Below(Part):
    """The half that is below."""
    __slots__ = ()
    file_type, path_type = partial(CowFile, below=True), partial(CowPath, below=True)
    is_below = True

    def _host_open(self, name: bytes, flags: int) -> int:
        return open_below(name, flags, self.fd)


def dup_part(part: Part) -> Part:
    return type(part)(part.mount, part.path, os.dup(part.fd), True)


@as_monitor
def enter_part(part: Part, name: bytes) -> Part:
    fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=part.fd)
    return type(part)(part.mount, part.path + (name,), fd, True)


@as_monitor
def _readable(part: Part) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return open_below(b".", flags, part.fd) if type(part) is Below else os.open(b".", flags, dir_fd=part.fd)
    except PermissionError:
        if type(part) is Below:
            raise
        with quietly(part.fd):
            return os.open(b".", flags, dir_fd=part.fd)


def entries_of(part: Part):
    """What HostDirectory lists, whether or not the descriptor is one that can be read."""
    fd = _readable(part)
    try:
        yield from HostDirectory(part.mount, part.path, fd, True).entries()
    finally:
        os.close(fd)


@as_monitor
def opaque(folder: Part, name: bytes) -> None:
    """Let a directory in the layer hide all of the one below."""
    inner = enter_part(folder, name)
    try:
        with quietly(inner.fd):
            os.close(os.open(OPAQUE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=inner.fd))
    finally:
        inner.drop()


@as_monitor
def sweep(folder: Part, name: bytes) -> None:
    """Remove the marks from a directory in the layer that shows the guest nothing."""
    inner = enter_part(folder, name)
    try:
        with quietly(inner.fd):
            for mark, _, kind in list(entries_of(inner)):
                (os.rmdir if kind == DT_DIR else os.unlink)(mark, dir_fd=inner.fd)
    finally:
        inner.drop()
